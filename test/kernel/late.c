// SPDX-License-Identifier: LGPL-2.1-or-later
/* late.c - what is changed while a call waits for the locks below */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
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

/* Until the process sleeps in that function of the kernel; nothing tells of it */
static void wait_in(pid_t pid, const char *function)
{
	char path[64], stack[8192];

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	for (;;) {
		ssize_t n = CHECK_OK(get_file(path, stack, sizeof(stack) - 1));

		stack[n] = 0;
		if (strstr(stack, function))
			return;
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
