// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The library on the kernel that runs here, whatever it is: needs root and
 * /dev/fuse.  Each test has a mount namespace of its own with a tmpfs below.
 */
#define FUSE_USE_VERSION 314
#include "fusept.h"
#include "harness.h"

#include <linux/capability.h>
#include <linux/types.h>

#include "uapi/fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BASE	    "/tmp"
#define DIR	    BASE "/mnt"
#define FILE_PASSED 2 /* node id of DIR/passed, which has the backing */
#define FILE_SERVED 3 /* of DIR/served, which never has */
#define SIZE	    (256 * 1024)

/* A mounted daemon with two names for one file below. */
struct daemon {
	struct fuse_session *se;
	struct fusept_session *session;
	struct fusept_backing *backing;
	int file; /* BASE/below */
	atomic_int reads, writes;
	pthread_t loop;
};

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

static const struct fuse_lowlevel_ops daemon_ops = {
	.lookup = on_lookup,
	.getattr = on_getattr,
	.open = on_open,
	.read = on_read,
	.write_buf = on_write_buf,
};

static void prepare(void)
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

static void mount_daemon(struct daemon *d)
{
	char *argv[] = {(char *)"device", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);

	memset(d, 0, sizeof(*d));
	CHECK_SYS(d->file = open(BASE "/below", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
	fill_file(d->file);
	d->se = fuse_session_new(&args, &daemon_ops, sizeof(daemon_ops), d);
	CHECK(d->se);
	fuse_opt_free_args(&args);
	CHECK_EQ(fuse_session_mount(d->se, DIR), 0);
}

static void *run_loop(void *arg)
{
	struct daemon *d = arg;
	struct fuse_loop_config *config = fuse_loop_cfg_create();

	fuse_loop_cfg_set_clone_fd(config, 1);
	fuse_session_loop_mt(d->se, config);
	fuse_loop_cfg_destroy(config);
	return NULL;
}

static void start(struct daemon *d, const struct fusept_session_options *options)
{
	prepare();
	mount_daemon(d);
	CHECK_EQ(fusept_session_new(d->se, options, &d->session), 0);
	CHECK_EQ(pthread_create(&d->loop, NULL, run_loop, d), 0);
}

static void finish(struct daemon *d)
{
	CHECK_SYS(umount2(DIR, MNT_DETACH));
	CHECK_EQ(pthread_join(d->loop, NULL), 0);
	CHECK_EQ(fusept_backing_close(d->backing), 0);
	fusept_session_free(d->session);
	fuse_session_unmount(d->se);
	fuse_session_destroy(d->se);
	close(d->file);
}

/* What the kernel offers to a daemon that looks at its INIT by itself. */
static uint64_t offered_by_kernel(void)
{
	struct {
		struct fuse_in_header header;
		struct fuse_init_in in;
		char rest[FUSE_MIN_READ_BUFFER];
	} request = {0};
	char options[128];
	uint64_t flags;
	int fd;

	CHECK_SYS(fd = open("/dev/fuse", O_RDWR | O_CLOEXEC));
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	CHECK_SYS(mount("device", DIR, "fuse", 0, options));
	CHECK_SYS(read(fd, &request, sizeof(request)));
	CHECK_EQ(request.header.opcode, FUSE_INIT);
	close(fd);
	CHECK_SYS(umount2(DIR, MNT_DETACH));
	flags = request.in.flags;
	return flags & FUSE_INIT_EXT ? flags | (uint64_t)request.in.flags2 << 32 : 0;
}

static void need_io(const struct daemon *d)
{
	if (fusept_session_level(d->session) < FUSEPT_LEVEL_IO)
		test_skip("this kernel has no passthrough");
}

/* Read, write, map and splice path, and see that below is what path says. */
static void use_file(struct daemon *d, const char *path)
{
	char below[4096], here[4096];
	char *map;
	int fd;

	CHECK_SYS(fd = open(path, O_RDWR | O_CLOEXEC));
	for (off_t off = 0; off < SIZE; off += 65536) {
		CHECK_EQ(pread(fd, here, sizeof(here), off), sizeof(here));
		CHECK_EQ(pread(d->file, below, sizeof(below), off), sizeof(below));
		CHECK_BYTES(here, below, sizeof(here));
	}
	memset(here, 'w', sizeof(here));
	CHECK_EQ(pwrite(fd, here, sizeof(here), 12345), sizeof(here));
	CHECK_EQ(pread(d->file, below, sizeof(below), 12345), sizeof(below));
	CHECK_BYTES(here, below, sizeof(here));
	map = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK_BYTES(map + 12345, below, sizeof(below));
	munmap(map, SIZE);
	close(fd);
}

TEST(level_is_what_the_kernel_offers)
{
	const uint64_t io = FUSE_INIT_EXT | FUSE_PASSTHROUGH, ops = io | FUSE_PASSTHROUGH_MASK;
	enum fusept_level level = FUSEPT_LEVEL_NONE;
	struct daemon d;
	uint64_t offered;

	prepare();
	offered = offered_by_kernel();
	mount_daemon(&d);
	CHECK_EQ(fusept_session_new(d.se, NULL, &d.session), 0);
	CHECK_EQ(pthread_create(&d.loop, NULL, run_loop, &d), 0);
	if ((offered & io) == io)
		level = (offered & ops) == ops ? FUSEPT_LEVEL_OPS : FUSEPT_LEVEL_IO;
	printf("# level %d, operations 0x%llx, reason %d\n", fusept_session_level(d.session),
	       (unsigned long long)fusept_session_ops(d.session), fusept_session_reason(d.session));
	CHECK_EQ(fusept_session_level(d.session), level);
	CHECK_EQ(fusept_session_reason(d.session), level == FUSEPT_LEVEL_OPS ? 0 : -EOPNOTSUPP);
	finish(&d);
}

static void pass_through(int open_flags)
{
	struct daemon d;
	int fd;

	start(&d, NULL);
	need_io(&d);
	CHECK_SYS(fd = open(BASE "/below", open_flags | O_CLOEXEC));
	CHECK_EQ(fusept_backing_open(d.session, fd, FUSEPT_OPS_ALL, &d.backing), 0);
	close(fd); /* the kernel has its own reference */
	use_file(&d, DIR "/passed");
	CHECK_EQ(d.reads, 0);
	CHECK_EQ(d.writes, 0);
	use_file(&d, DIR "/served");
	CHECK(d.reads > 0);
	CHECK(d.writes > 0);
	finish(&d);
}

TEST(data_passes_through_an_open_file)
{
	pass_through(O_RDWR);
}

TEST(data_passes_through_a_path_fd)
{
	pass_through(O_PATH);
}

TEST(daemon_serves_all_at_level_none)
{
	const struct fusept_session_options options = {.size = sizeof(options),
						       .max_level = FUSEPT_LEVEL_NONE};
	struct daemon d;

	start(&d, &options);
	CHECK_EQ(fusept_session_level(d.session), FUSEPT_LEVEL_NONE);
	CHECK(fusept_backing_open(d.session, d.file, FUSEPT_OPS_ALL, &d.backing) < 0);
	use_file(&d, DIR "/passed");
	CHECK(d.reads > 0);
	CHECK(d.writes > 0);
	finish(&d);
}

TEST(daemon_without_cap_sys_admin_serves_all)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct all[2], less[2];
	struct daemon d;

	prepare();
	mount_daemon(&d);
	CHECK_SYS(syscall(SYS_capget, &header, all));
	memcpy(less, all, sizeof(less));
	less[0].effective &= ~(1u << CAP_SYS_ADMIN);
	CHECK_SYS(syscall(SYS_capset, &header, less));
	CHECK_EQ(fusept_session_new(d.se, NULL, &d.session), 0);
	CHECK_EQ(fusept_session_level(d.session), FUSEPT_LEVEL_NONE);
	CHECK(fusept_session_reason(d.session) == -EPERM ||
	      fusept_session_reason(d.session) == -EOPNOTSUPP);
	CHECK_SYS(syscall(SYS_capset, &header, all));
	CHECK_EQ(pthread_create(&d.loop, NULL, run_loop, &d), 0);
	use_file(&d, DIR "/passed");
	CHECK(d.reads > 0);
	finish(&d);
}

TEST(depth_of_stacking_is_respected)
{
	struct fusept_session_options options = {.size = sizeof(options), .max_stack_depth = 1};

	for (int depth = 1; depth <= 2; depth++) {
		struct daemon d;
		int fd;

		options.max_stack_depth = (uint32_t)depth;
		start(&d, &options);
		need_io(&d);
		CHECK_SYS(mkdir(BASE "/lower", 0755));
		CHECK_SYS(mkdir(BASE "/upper", 0755));
		CHECK_SYS(mkdir(BASE "/work", 0755));
		CHECK_SYS(mkdir(BASE "/stacked", 0755));
		if (mount("none", BASE "/stacked", "overlay", 0,
			  "lowerdir=" BASE "/lower,upperdir=" BASE "/upper,workdir=" BASE "/work"))
			test_skip("needs overlayfs");
		CHECK_SYS(fd = open(BASE "/stacked/f", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
		CHECK_EQ(fusept_backing_open(d.session, fd, FUSEPT_OPS_ALL, &d.backing),
			 depth == 1 ? -ELOOP : 0);
		close(fd);
		finish(&d);
	}
}

TEST(files_that_level_io_does_not_have)
{
	const struct fusept_session_options options = {.size = sizeof(options),
						       .max_level = FUSEPT_LEVEL_IO};
	const char *const paths[] = {"/proc/self", BASE, "/dev/null", BASE "/pipe"};
	struct daemon d;

	start(&d, &options);
	need_io(&d);
	CHECK_SYS(mkfifo(BASE "/pipe", 0644));
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd;

		CHECK_SYS(fd = open(paths[i], O_PATH | O_NOFOLLOW | O_CLOEXEC));
		CHECK_EQ(fusept_backing_open(d.session, fd, FUSEPT_OPS_ALL, &d.backing),
			 -EOPNOTSUPP);
		close(fd);
	}
	CHECK_EQ(fusept_backing_open(d.session, -1, FUSEPT_OPS_ALL, &d.backing), -EBADF);
	CHECK_EQ(fusept_backing_open(d.session, 9999, FUSEPT_OPS_ALL, &d.backing), -EBADF);
	finish(&d);
}

TEST(mount_that_is_gone_is_an_error)
{
	struct daemon d;

	prepare();
	mount_daemon(&d);
	CHECK_SYS(umount2(DIR, MNT_FORCE));
	CHECK_EQ(fusept_session_new(d.se, NULL, &d.session), -ENODEV);
	fuse_session_unmount(d.se);
	fuse_session_destroy(d.se);
	close(d.file);
}

static void *open_and_close(void *arg)
{
	struct daemon *d = arg;

	for (int i = 0; i < 200; i++) {
		struct fusept_backing *backing;

		CHECK_EQ(fusept_backing_open(d->session, d->file, FUSEPT_OPS_ALL, &backing), 0);
		CHECK(fusept_backing_id(backing) > 0);
		CHECK_EQ(fusept_backing_close(backing), 0);
	}
	return NULL;
}

TEST(threads_may_register_at_the_same_time)
{
	pthread_t threads[8];
	struct daemon d;

	start(&d, NULL);
	need_io(&d);
	for (size_t i = 0; i < 8; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, open_and_close, &d), 0);
	for (size_t i = 0; i < 8; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	finish(&d);
}

TEST(backing_may_be_closed_after_unmount)
{
	struct daemon d;

	start(&d, NULL);
	need_io(&d);
	CHECK_EQ(fusept_backing_open(d.session, d.file, FUSEPT_OPS_ALL, &d.backing), 0);
	CHECK_SYS(umount2(DIR, MNT_DETACH));
	CHECK_EQ(pthread_join(d.loop, NULL), 0);
	fuse_session_unmount(d.se);
	CHECK_EQ(fusept_backing_open(d.session, d.file, FUSEPT_OPS_ALL,
				     &(struct fusept_backing *){0}),
		 -EBADF);
	CHECK_EQ(fusept_backing_close(d.backing), 0);
	fusept_session_free(d.session);
	fuse_session_destroy(d.se);
	close(d.file);
}
