// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FILE_PASSED 2
#define FILE_SERVED 3

static struct daemon *daemon_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void fill_stat(struct daemon *d, fuse_ino_t ino, struct stat *st)
{
	if (ino == FUSE_ROOT_ID)
		*st = (struct stat){.st_mode = S_IFDIR | 0755, .st_nlink = 2};
	else
		fstat(d->file, st);
	st->st_ino = ino;
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct daemon *d = daemon_of(req);
	struct fuse_entry_param e = {.attr_timeout = 0, .entry_timeout = 3600};

	(void)parent;
	e.ino = strcmp(name, "passed") == 0 ? FILE_PASSED : FILE_SERVED;
	fill_stat(d, e.ino, &e.attr);
	fusept_reply_entry(req, &e, e.ino == FILE_PASSED ? d->backing : NULL);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	fill_stat(daemon_of(req), ino, &st);
	fuse_reply_attr(req, &st, 0);
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct daemon *d = daemon_of(req);

	if ((fi->flags & O_TRUNC) && ftruncate(d->file, 0) < 0)
		fuse_reply_err(req, errno);
	else
		fusept_reply_open(req, fi, ino == FILE_PASSED ? d->backing : NULL);
}

/* By splice where libfuse can. */
static void on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct daemon *d = daemon_of(req);
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(size);

	(void)ino;
	(void)fi;
	atomic_fetch_add(&d->reads, 1);
	buf.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	buf.buf[0].fd = d->file;
	buf.buf[0].pos = off;
	fuse_reply_data(req, &buf, FUSE_BUF_SPLICE_MOVE);
}

static void on_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
			 struct fuse_file_info *fi)
{
	struct daemon *d = daemon_of(req);
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(fuse_buf_size(in));
	ssize_t ret;

	(void)ino;
	(void)fi;
	atomic_fetch_add(&d->writes, 1);
	out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	out.buf[0].fd = d->file;
	out.buf[0].pos = off;
	ret = fuse_buf_copy(&out, in, 0);
	if (ret < 0)
		fuse_reply_err(req, (int)-ret);
	else
		fuse_reply_write(req, (size_t)ret);
}

static int set_attributes(int fd, const struct stat *st, int to_set)
{
	const uid_t uid = to_set & FUSE_SET_ATTR_UID ? st->st_uid : (uid_t)-1;
	const gid_t gid = to_set & FUSE_SET_ATTR_GID ? st->st_gid : (gid_t)-1;

	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(fd, uid, gid) < 0)
		return errno;
	if ((to_set & FUSE_SET_ATTR_MODE) && fchmod(fd, st->st_mode & 07777) < 0)
		return errno;
	if ((to_set & FUSE_SET_ATTR_SIZE) && ftruncate(fd, st->st_size) < 0)
		return errno;
	return 0;
}

static void on_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set,
		       struct fuse_file_info *fi)
{
	int err = set_attributes(daemon_of(req)->file, st, to_set);

	if (err)
		fuse_reply_err(req, err);
	else
		on_getattr(req, ino, fi);
}

static void on_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct daemon *d = daemon_of(req);
	char value[256];
	ssize_t ret = fgetxattr(d->file, name, value, size ? sizeof(value) : 0);

	(void)ino;
	atomic_fetch_add(&d->getxattrs, 1);
	if (ret < 0)
		fuse_reply_err(req, errno);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)ret);
	else
		fuse_reply_buf(req, value, (size_t)ret);
}

static void on_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	(void)ino;
	fuse_reply_err(req, fremovexattr(daemon_of(req)->file, name) < 0 ? errno : 0);
}

static void on_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t length,
			 struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, fallocate(daemon_of(req)->file, mode, off, length) < 0 ? errno : 0);
}

static const struct fuse_lowlevel_ops daemon_ops = {
	.setattr = on_setattr,
	.getxattr = on_getxattr,
	.removexattr = on_removexattr,
	.fallocate = on_fallocate,
	.lookup = on_lookup,
	.getattr = on_getattr,
	.open = on_open,
	.read = on_read,
	.write_buf = on_write_buf,
};

/* The process serves the files that it has open: without this it would wait for itself. */
static void abort_connection(void)
{
	umount2(DIR, MNT_FORCE);
}

void daemon_prepare(void)
{
	if (geteuid() != 0)
		test_skip("needs root");
	if (access("/dev/fuse", R_OK | W_OK) < 0)
		test_skip("needs /dev/fuse");
	if (unshare(CLONE_NEWNS) < 0)
		test_skip("needs a mount namespace of its own");
	CHECK_SYS(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	CHECK_SYS(mount("none", BASE, "tmpfs", 0, NULL));
	CHECK_SYS(mkdir(DIR, 0755));
}

static void fill_file(int fd)
{
	static char bytes[SIZE];

	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 7 + i / 256);
	CHECK_EQ(pwrite(fd, bytes, SIZE, 0), SIZE);
}

void daemon_mount(struct daemon *d)
{
	daemon_mount_with(d, &daemon_ops);
}

void daemon_mount_with(struct daemon *d, const struct fuse_lowlevel_ops *ops)
{
	char *argv[] = {(char *)"daemon", (char *)"-oallow_other,default_permissions", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(2, argv);

	memset(d, 0, sizeof(*d));
	CHECK_SYS(d->file = open(BELOW, O_RDWR | O_CREAT | O_CLOEXEC, 0644));
	fill_file(d->file);
	d->se = fuse_session_new(&args, ops, sizeof(*ops), d);
	CHECK(d->se);
	fuse_opt_free_args(&args);
	test_at_failure(abort_connection);
	CHECK_EQ(fuse_session_mount(d->se, DIR), 0);
}

static void *run_loop(void *arg)
{
	struct daemon *d = arg;
	struct fuse_loop_config *config;

	if (d->threads) {
		d->loop_result = fusept_session_loop(d->session, d->threads);
		return NULL;
	}
	config = fuse_loop_cfg_create();
	fuse_loop_cfg_set_clone_fd(config, 1);
	fuse_session_loop_mt(d->se, config);
	fuse_loop_cfg_destroy(config);
	return NULL;
}

void daemon_start(struct daemon *d, const struct fusept_session_options *options)
{
	daemon_prepare();
	daemon_mount(d);
	CHECK_EQ(fusept_session_new(d->se, options, &d->session), 0);
}

void daemon_serve_by(struct daemon *d, unsigned int threads)
{
	d->threads = threads;
	daemon_serve(d);
}

void daemon_serve(struct daemon *d)
{
	CHECK_EQ(pthread_create(&d->loop, NULL, run_loop, d), 0);
	d->serving = true;
}

void daemon_unmount(struct daemon *d)
{
	CHECK_SYS(umount2(DIR, MNT_DETACH));
	if (d->serving)
		CHECK_EQ(pthread_join(d->loop, NULL), 0);
}

void daemon_finish(struct daemon *d)
{
	daemon_unmount(d);
	CHECK_EQ(fusept_backing_close(d->backing), 0);
	fusept_session_free(d->session);
	fuse_session_unmount(d->se);
	fuse_session_destroy(d->se);
	close(d->file);
}
