// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * daemon.c - the daemon dies, or is cut off, in the middle of an operation
 *
 * For each opcode: a caller waits for an answer that the daemon keeps back; then
 * the daemon is killed, the connection is aborted, or the mount is torn away. The
 * caller must come back with an error, and nothing may stay.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

struct action {
	int opcode;
	int (*run)(struct raw *r);	/* as a call: -1 and errno */
	uint64_t leave;		/* operations to leave to the daemon */
	bool unasked;		/* nobody waits for the answer */
};

static int do_lookup(struct raw *r)
{
	return access(M(r, "dir/a"), F_OK);
}

static int do_getattr(struct raw *r)
{
	struct stat st;

	return stat(M(r, "good"), &st);
}

static int do_statx(struct raw *r)
{
	struct statx stx;

	return statx(AT_FDCWD, M(r, "good"), 0, STATX_BTIME, &stx);
}

static int do_open_close(struct raw *r)
{
	return close(open(M(r, "good"), O_RDONLY | O_CLOEXEC));
}

static int do_opendir_close(struct raw *r)
{
	return close(open(M(r, "dir"), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int do_splice_read(struct raw *r)
{
	int fd = (int)CHECK_OK(open(M(r, "good"), O_RDONLY | O_CLOEXEC)), p[2];

	CHECK_OK(pipe2(p, O_CLOEXEC));
	return (int)splice(fd, NULL, p[1], NULL, 10, 0);
}

static int do_splice_write(struct raw *r)
{
	int fd = (int)CHECK_OK(open(M(r, "good"), O_WRONLY | O_CLOEXEC)), p[2];

	CHECK_OK(pipe2(p, O_CLOEXEC));
	CHECK_EQ(write(p[1], "spliced", 7), 7);
	return (int)splice(p[0], NULL, fd, NULL, 7, 0);
}

static int do_setattr(struct raw *r)
{
	return chmod(M(r, "good"), 0600);
}

static int do_readlink(struct raw *r)
{
	char buf[64];

	return (int)readlink(M(r, "link"), buf, sizeof(buf));
}

static int do_symlink(struct raw *r)
{
	return symlink("to", M(r, "made"));
}

static int do_mknod(struct raw *r)
{
	return mknod(M(r, "made"), S_IFIFO | 0600, 0);
}

static int do_mkdir(struct raw *r)
{
	return mkdir(M(r, "made"), 0700);
}

static int do_unlink(struct raw *r)
{
	return unlink(M(r, "good"));
}

static int do_rmdir(struct raw *r)
{
	return rmdir(M(r, "dir/sub"));
}

static int do_rename(struct raw *r)
{
	return rename(M(r, "good"), M(r, "bad"));
}

static int do_rename2(struct raw *r)
{
	return renameat2(AT_FDCWD, M(r, "good"), AT_FDCWD, M(r, "bad"),
			 RENAME_NOREPLACE);
}

static int do_link(struct raw *r)
{
	return link(M(r, "good"), M(r, "same"));
}

static int do_open(struct raw *r)
{
	return open(M(r, "good"), O_RDWR | O_CLOEXEC);
}

static int do_create(struct raw *r)
{
	return open(M(r, "made"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static int do_tmpfile(struct raw *r)
{
	return open(M(r, "dir"), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
}

static int do_opendir(struct raw *r)
{
	return open(M(r, "dir"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int with_fd(struct raw *r, int opcode)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	char buf[32];

	switch (opcode) {
	case FUSE_READ:
		return (int)pread(fd, buf, sizeof(buf), 0);
	case FUSE_WRITE:
		return (int)pwrite(fd, buf, sizeof(buf), 0);
	case FUSE_FSYNC:
		return fsync(fd);
	case FUSE_FLUSH:
		return close(fd);
	case FUSE_FALLOCATE:
		return fallocate(fd, 0, 0, 100000);
	case FUSE_LSEEK:
		return (int)lseek(fd, 0, SEEK_DATA);
	case FUSE_COPY_FILE_RANGE:
		return (int)copy_file_range(fd, &(loff_t){ 0 }, fd,
					    &(loff_t){ 9000 }, 100, 0);
	}
	return 0;
}

#define WITH_FD(name, op)						\
	static int do_##name(struct raw *r)				\
	{								\
		return with_fd(r, FUSE_##op);				\
	}

WITH_FD(read, READ)
WITH_FD(write, WRITE)
WITH_FD(fsync, FSYNC)
WITH_FD(flush, FLUSH)
WITH_FD(fallocate, FALLOCATE)
WITH_FD(lseek, LSEEK)
WITH_FD(copy, COPY_FILE_RANGE)

static int do_readdir(struct raw *r)
{
	int fd = (int)CHECK_OK(open(M(r, "dir"), O_RDONLY | O_CLOEXEC));
	char buf[4096];

	return (int)getdents64(fd, buf, sizeof(buf));
}

static int do_fsyncdir(struct raw *r)
{
	return fsync((int)CHECK_OK(open(M(r, "dir"), O_RDONLY | O_CLOEXEC)));
}

static int do_setxattr(struct raw *r)
{
	return setxattr(M(r, "good"), "user.x", "1", 1, 0);
}

static int do_getxattr(struct raw *r)
{
	char buf[8];

	return (int)getxattr(M(r, "tagged"), "user.tag", buf, sizeof(buf));
}

static int do_listxattr(struct raw *r)
{
	char buf[256];

	return (int)listxattr(M(r, "tagged"), buf, sizeof(buf));
}

static int do_removexattr(struct raw *r)
{
	return removexattr(M(r, "tagged"), "user.tag");
}

static int do_access(struct raw *r)
{
	return access(M(r, "good"), R_OK);
}

static int do_statfs(struct raw *r)
{
	struct statfs s;

	return statfs(M(r, "good"), &s);
}

#define ACTION(name, op) { .opcode = FUSE_##op, .run = do_##name, .leave = OP(op) }

static const struct action actions[] = {
	ACTION(lookup, LOOKUP),
	/* nothing is bound without GETATTR */
	{ .opcode = FUSE_GETATTR, .run = do_getattr, .leave = RAW_ALL },
	{ .opcode = FUSE_STATX, .run = do_statx, .leave = RAW_ALL },
	{ .opcode = FUSE_RELEASE, .run = do_open_close, .leave = OP(OPEN),
	  .unasked = true },
	{ .opcode = FUSE_RELEASEDIR, .run = do_opendir_close,
	  .leave = OP(OPENDIR), .unasked = true },
	ACTION(setattr, SETATTR), ACTION(readlink, READLINK),
	ACTION(symlink, SYMLINK), ACTION(mknod, MKNOD), ACTION(mkdir, MKDIR),
	ACTION(unlink, UNLINK), ACTION(rmdir, RMDIR), ACTION(rename, RENAME),
	ACTION(rename2, RENAME2), ACTION(link, LINK), ACTION(open, OPEN),
	ACTION(create, CREATE), ACTION(tmpfile, TMPFILE),
	ACTION(opendir, OPENDIR), ACTION(read, READ), ACTION(write, WRITE),
	ACTION(fsync, FSYNC), ACTION(flush, FLUSH),
	ACTION(fallocate, FALLOCATE), ACTION(lseek, LSEEK),
	ACTION(copy, COPY_FILE_RANGE), ACTION(readdir, READDIR),
	ACTION(fsyncdir, FSYNCDIR), ACTION(setxattr, SETXATTR),
	ACTION(getxattr, GETXATTR), ACTION(listxattr, LISTXATTR),
	ACTION(removexattr, REMOVEXATTR), ACTION(access, ACCESS),
	ACTION(statfs, STATFS), ACTION(splice_read, READ),
	ACTION(splice_write, WRITE),
};

static const size_t n_actions = sizeof(actions) / sizeof(*actions);

/* A caller in a process of its own; its exit status is an errno */
static pid_t call(struct raw *r, const struct action *a)
{
	pid_t pid = (pid_t)CHECK_OK(fork());

	if (pid)
		return pid;
	_exit(a->run(r) < 0 ? errno : 0);
}

static int result(pid_t pid)
{
	int status;

	CHECK_OK(waitpid(pid, &status, 0));
	if (!WIFEXITED(status))
		FAIL("the caller died of signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* Mounts anew, lets the action run into the silent daemon, and ends with end() */
static void cut_off(struct raw *r, const struct action *a, bool process,
		    void (*end)(struct raw *second))
{
	struct raw_options opt = { .ops = ~a->leave, .process = process };
	struct raw *second;
	pid_t pid;
	int err;

	if (a->leave & OP(OPEN))
		opt.ops &= ~OP(RELEASE);
	if (a->leave & OP(OPENDIR))
		opt.ops &= ~OP(RELEASEDIR);
	second = frame_second(r, r->src, NULL);
	second->before[a->opcode] = raw_hold;
	raw_start(second, &opt);
	pid = call(second, a);
	if (!raw_wait_count(second, a->opcode, 1))
		FAIL("no %s came", raw_opcode_name(a->opcode));
	end(second);
	err = result(pid);
	if (err != (a->unasked ? 0 : ECONNABORTED))
		FAIL("%s gives %s", raw_opcode_name(a->opcode),
		     err ? strerrorname_np(err) : "success");
	CHECK_ERRNO(do_lookup(second), ENOTCONN);
	frame_second_end(second);
}

static void end_by_kill(struct raw *second)
{
	raw_kill(second);
}

static void end_by_control(struct raw *second)
{
	raw_abort(second);
}

/* Not unmounted, as it is busy, but aborted */
static void end_by_force(struct raw *second)
{
	int fd = (int)CHECK_OK(open(second->mnt, O_PATH | O_CLOEXEC));

	CHECK_ERRNO(umount2(second->mnt, MNT_FORCE), EBUSY);
	close(fd);
}

KTEST(daemon, killed)
{
	for (size_t i = 0; i < n_actions; i++)
		cut_off(r, &actions[i], true, end_by_kill);
}

KTEST(daemon, aborted)
{
	for (size_t i = 0; i < n_actions; i++)
		cut_off(r, &actions[i], false, end_by_control);
}

KTEST(daemon, forced_umount)
{
	for (size_t i = 0; i < n_actions; i++)
		cut_off(r, &actions[i], false, end_by_force);
}
