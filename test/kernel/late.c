// SPDX-License-Identifier: LGPL-2.1-or-later
/* late.c - what is changed while a call waits for the locks below */
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

static const struct who other = { .name = "other", .uid = 2001, .gid = 2001 };

/* Reads a folder into memory that the daemon of @second has not filled yet */
static pid_t read_folder(const char *dir, struct raw *second)
{
	pid_t pid = (pid_t)CHECK_OK(fork());
	int fd, mem;
	void *p;

	if (pid)
		return pid;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mem = open(M(second, "good"), O_RDONLY | O_CLOEXEC);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, mem, 0);
	if (fd >= 0 && p != MAP_FAILED)
		getdents64(fd, p, 4096);
	_exit(EXIT_SUCCESS);
}

static pid_t rename_in_child(const char *from, const char *to,
			     const struct who *who)
{
	pid_t pid = (pid_t)CHECK_OK(fork());

	if (pid)
		return pid;
	if (who && (setresgid(who->gid, who->gid, who->gid) ||
		    setresuid(who->uid, who->uid, who->uid)))
		_exit(EXIT_FAILURE);
	_exit(rename(from, to) ? errno : 0);
}

/* Writes to a file from memory that the daemon of @second has not filled yet */
static pid_t write_file(const char *file, struct raw *second)
{
	pid_t pid = (pid_t)CHECK_OK(fork());
	int fd, mem;
	void *p;

	if (pid)
		return pid;
	fd = open(file, O_WRONLY | O_CLOEXEC);
	mem = open(M(second, "good"), O_RDONLY | O_CLOEXEC);
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, mem, 0);
	if (fd < 0 || p == MAP_FAILED)
		_exit(EXIT_FAILURE);
	_exit(write(fd, p, 10) > 10);
}

/* Of a file of the process in /proc; "" if there is none */
static const char *proc_text(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	n = get_file(path, text, size - 1);
	text[n > 0 ? n : 0] = 0;
	return text;
}

/*
 * Until the process sleeps in that function of the kernel; nothing tells of it. What
 * waits for a lock is not in the trace, and cannot be interrupted.
 */
static void wait_in(pid_t pid, const char *function)
{
	char stack[8192], stat[1024];

	while (!strstr(proc_text(pid, "stat", stat, sizeof(stat)), ") D ") ||
	       !strstr(proc_text(pid, "stack", stack, sizeof(stack)), function)) {
		CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
		sched_yield();
	}
}

static int status_of(pid_t pid)
{
	int status;

	CHECK_OK(waitpid(pid, &status, 0));
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/*
 * One process holds a folder below, another one waits for it and holds the lock
 * of all renames there, for which the third one waits, through the mount.
 */
static int rename_late(struct raw *r, void (*meanwhile)(struct raw *r))
{
	static const struct raw_options none = { .wide = true };
	struct raw *second = frame_second(r, r->src, &none);
	pid_t reader, holder, late;
	int err;

	CHECK_OK(mkdir(S(r, "z"), 0755));
	put_file(S(r, "z/x"), "x", 1);
	CHECK_OK(mkdir(S(r, "mine"), 0777));
	CHECK_OK(chmod(S(r, "mine"), 0777));
	CHECK_OK(access(M(r, "mine"), F_OK));
	second->before[FUSE_READ] = raw_hold;
	reader = read_folder(S(r, "z"), second);
	CHECK(raw_wait_count(second, FUSE_READ, 1));
	holder = rename_in_child(S(r, "z/x"), S(r, "dir/x"), NULL);
	wait_in(holder, "lock_two_directories");
	late = rename_in_child(M(r, "sticky/theirs"), M(r, "mine/moved"), &other);
	wait_in(late, "fuse_backing_rename");
	meanwhile(r);
	second->before[FUSE_READ] = NULL;
	raw_release(second, FUSE_READ, -EIO);
	CHECK_EQ(status_of(reader), 0);
	CHECK_EQ(status_of(holder), 0);
	err = status_of(late);
	frame_second_end(second);
	return err;
}

static void put_theirs(struct raw *r)
{
	put_file(S(r, "sticky/theirs"), "x", 1);
	CHECK_OK(chown(S(r, "sticky/theirs"), other.uid, other.gid));
}

static void nothing(struct raw *r)
{
	(void)r;
}

static void close_folder(struct raw *r)
{
	CHECK_OK(chmod(S(r, "sticky"), 0700));
}

static void take_file(struct raw *r)
{
	CHECK_OK(chown(S(r, "sticky/theirs"), 0, 0));
}

KTEST(late, allowed, .opt.ops = RAW_ALL, .opt.wide = true)
{
	put_theirs(r);
	CHECK_EQ(rename_late(r, nothing), 0);
	CHECK_OK(access(S(r, "mine/moved"), F_OK));
}

KTEST(late, folder_closed, .opt.ops = RAW_ALL, .opt.wide = true)
{
	put_theirs(r);
	CHECK_EQ(rename_late(r, close_folder), EACCES);
	CHECK_OK(access(S(r, "sticky/theirs"), F_OK));
}

KTEST(late, file_taken, .opt.ops = RAW_ALL, .opt.wide = true)
{
	put_theirs(r);
	CHECK_EQ(rename_late(r, take_file), EPERM);
	CHECK_OK(access(S(r, "sticky/theirs"), F_OK));
}

static pid_t set_flag_in_child(const char *path, int flag, const struct who *who)
{
	pid_t pid = (pid_t)CHECK_OK(fork());
	int fd, flags;

	if (pid)
		return pid;
	if (who && (setresgid(who->gid, who->gid, who->gid) ||
		    setresuid(who->uid, who->uid, who->uid)))
		_exit(EXIT_FAILURE);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags))
		_exit(errno);
	flags |= flag;
	_exit(ioctl(fd, FS_IOC_SETFLAGS, &flags) ? errno : 0);
}

/*
 * The owner sets what he may, and has looked at the flags; before he gets the lock
 * below, root makes the file append-only, which the owner must not take back.
 */
KTEST(late, flags_set, .opt.ops = RAW_ALL, .opt.wide = true)
{
	static const struct raw_options none = { .wide = true };
	struct raw *second = frame_second(r, r->src, &none);
	pid_t writer, root, late;
	int fd, flags = 0;

	CHECK_OK(chown(S(r, "file"), other.uid, other.gid));
	same_stat(M(r, "file"), S(r, "file"));
	second->before[FUSE_READ] = raw_hold;
	writer = write_file(S(r, "file"), second);
	CHECK(raw_wait_count(second, FUSE_READ, 1));
	root = set_flag_in_child(S(r, "file"), FS_APPEND_FL, NULL);
	wait_in(root, "vfs_fileattr_set");
	late = set_flag_in_child(M(r, "file"), FS_NODUMP_FL, &other);
	wait_in(late, "fuse_backing_fileattr_set");
	second->before[FUSE_READ] = NULL;
	raw_release(second, FUSE_READ, -EIO);
	CHECK_EQ(status_of(writer), 0);
	CHECK_EQ(status_of(root), 0);
	CHECK_EQ(status_of(late), EPERM);
	fd = (int)CHECK_OK(open(S(r, "file"), O_RDONLY | O_CLOEXEC));
	CHECK_OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	CHECK(flags & FS_APPEND_FL);
	flags &= ~FS_APPEND_FL;
	CHECK_OK(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	close(fd);
	frame_second_end(second);
}

static pid_t make_in_child(const char *path, mode_t mode, const struct who *who)
{
	pid_t pid = (pid_t)CHECK_OK(fork());

	if (pid)
		return pid;
	umask(0);
	if (setresgid(who->gid, who->gid, who->gid) ||
	    setresuid(who->uid, who->uid, who->uid))
		_exit(EXIT_FAILURE);
	_exit(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode) < 0 ? errno : 0);
}

static pid_t chmod_in_child(const char *path, mode_t mode)
{
	pid_t pid = (pid_t)CHECK_OK(fork());

	if (pid)
		return pid;
	_exit(chmod(path, mode) ? errno : 0);
}

/* The folder gets sgid while a file is to be made: one that a stranger makes does not */
KTEST(late, sgid_folder, .opt.ops = RAW_ALL, .opt.wide = true, .opt.subtree = true)
{
	static const struct raw_options none = { .wide = true };
	struct raw *second = frame_second(r, r->src, &none);
	pid_t reader, root, late;
	struct stat st;

	CHECK_OK(mkdir(S(r, "open"), 0777));
	CHECK_OK(chmod(S(r, "open"), 0777));
	/* known to be missing: looking for it would wait, too */
	CHECK_ERRNO(access(M(r, "open/made"), F_OK), ENOENT);
	second->before[FUSE_READ] = raw_hold;
	reader = read_folder(S(r, "open"), second);
	CHECK(raw_wait_count(second, FUSE_READ, 1));
	root = chmod_in_child(S(r, "open"), 02777);
	wait_in(root, "chmod_common");
	late = make_in_child(M(r, "open/made"), 02770, &other);
	wait_in(late, "fuse_backing_make");
	second->before[FUSE_READ] = NULL;
	raw_release(second, FUSE_READ, -EIO);
	CHECK_EQ(status_of(reader), 0);
	CHECK_EQ(status_of(root), 0);
	CHECK_EQ(status_of(late), 0);
	CHECK_OK(stat(S(r, "open/made"), &st));
	CHECK_EQ(st.st_gid, 0);
	CHECK_EQ(st.st_mode & 07777, 0770);
	frame_second_end(second);
}
