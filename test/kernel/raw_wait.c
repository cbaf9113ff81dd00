// SPDX-License-Identifier: LGPL-2.1-or-later
/* raw_wait.c - wait for what the server has seen; its counters */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "ktest.h"

enum { WAIT_SECONDS = 60 };

static const char *const names[RAW_OPCODES] = {
#define NAME(op) [FUSE_##op] = #op
	NAME(LOOKUP), NAME(FORGET), NAME(GETATTR), NAME(SETATTR),
	NAME(READLINK), NAME(SYMLINK), NAME(MKNOD), NAME(MKDIR),
	NAME(UNLINK), NAME(RMDIR), NAME(RENAME), NAME(LINK), NAME(OPEN),
	NAME(READ), NAME(WRITE), NAME(STATFS), NAME(RELEASE), NAME(FSYNC),
	NAME(SETXATTR), NAME(GETXATTR), NAME(LISTXATTR), NAME(REMOVEXATTR),
	NAME(FLUSH), NAME(INIT), NAME(OPENDIR), NAME(READDIR),
	NAME(RELEASEDIR), NAME(FSYNCDIR), NAME(GETLK), NAME(SETLK),
	NAME(SETLKW), NAME(ACCESS), NAME(CREATE), NAME(INTERRUPT), NAME(BMAP),
	NAME(DESTROY), NAME(IOCTL), NAME(POLL), NAME(NOTIFY_REPLY),
	NAME(BATCH_FORGET), NAME(FALLOCATE), NAME(READDIRPLUS),
	NAME(RENAME2), NAME(LSEEK), NAME(COPY_FILE_RANGE), NAME(SETUPMAPPING),
	NAME(REMOVEMAPPING), NAME(SYNCFS), NAME(TMPFILE), NAME(STATX),
#undef NAME
};

const char *raw_opcode_name(int opcode)
{
	if (opcode < 0 || opcode >= RAW_OPCODES || !names[opcode])
		return "?";
	return names[opcode];
}

static long futex(_Atomic uint32_t *word, int op, uint32_t val,
		  const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op, val, timeout, NULL, 0);
}

void raw_post(struct raw *r)
{
	atomic_fetch_add(&r->event, 1);
	futex(&r->event, FUTEX_WAKE, INT_MAX, NULL);
}

typedef bool (*condition)(struct raw *r, int opcode, uint64_t n);

static bool wait_for(struct raw *r, condition met, int opcode, uint64_t n)
{
	struct timespec now, left = { .tv_sec = 1 };
	time_t end;

	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + WAIT_SECONDS;
	while (now.tv_sec < end) {
		uint32_t seen = atomic_load(&r->event);

		if (met(r, opcode, n))
			return true;
		futex(&r->event, FUTEX_WAIT, seen, &left);
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	return met(r, opcode, n);
}

static bool count_met(struct raw *r, int opcode, uint64_t n)
{
	return raw_count(r, opcode) >= n;
}

static bool balance_met(struct raw *r, int opcode, uint64_t n)
{
	(void)opcode;
	(void)n;
	return atomic_load(&r->nlookup) == 0;
}

static bool ready_met(struct raw *r, int opcode, uint64_t n)
{
	(void)opcode;
	(void)n;
	return atomic_load(&r->ready) != 0;
}

bool raw_wait_count(struct raw *r, int opcode, uint64_t n)
{
	return wait_for(r, count_met, opcode, n);
}

/* Until the kernel gave back every lookup count that it got */
bool raw_wait_balance(struct raw *r)
{
	return wait_for(r, balance_met, 0, 0);
}

bool raw_wait_ready(struct raw *r)
{
	return wait_for(r, ready_met, 0, 0);
}

uint64_t raw_count(struct raw *r, int opcode)
{
	return atomic_load(&r->count[opcode]);
}

/* The same where the daemon is not asked for names: an ioctl that nobody has */
static void ioctl_barrier(struct raw *r)
{
	uint64_t before = raw_count(r, FUSE_IOCTL);
	int fd = (int)CHECK_OK(open(r->mnt, O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	CHECK_ERRNO(ioctl(fd, _IO('f', 250)), ENOTTY);
	close(fd);
	CHECK(raw_wait_count(r, FUSE_IOCTL, before + 1));
	atomic_fetch_sub(&r->count[FUSE_IOCTL], 1);
	atomic_fetch_sub(&r->total, 1);
}

/* Returns when all that was sent to the daemon before has been answered */
void raw_barrier(struct raw *r)
{
	static _Atomic unsigned int serial;
	char path[PATH_MAX + 32];
	uint64_t before = raw_count(r, FUSE_LOOKUP);

	if (r->opt.subtree) {
		ioctl_barrier(r);
		return;
	}
	snprintf(path, sizeof(path), "%s/.barrier-%u", r->mnt,
		 atomic_fetch_add(&serial, 1));
	CHECK_ERRNO(access(path, F_OK), ENOENT);
	CHECK(raw_wait_count(r, FUSE_LOOKUP, before + 1));
}

/* One name in the root, and all below it: as a daemon does whose tree has changed */
static void invalidate(struct raw *r, const char *name)
{
	struct fuse_notify_inval_entry_out arg = {
		.parent = FUSE_ROOT_ID, .namelen = (uint32_t)strlen(name),
	};
	struct fuse_out_header h = { .error = FUSE_NOTIFY_INVAL_ENTRY };
	struct iovec iov[] = {
		{ .iov_base = &h, .iov_len = sizeof(h) },
		{ .iov_base = &arg, .iov_len = sizeof(arg) },
		{ .iov_base = (void *)name, .iov_len = arg.namelen + 1 },
	};

	h.len = (uint32_t)(sizeof(h) + sizeof(arg) + arg.namelen + 1);
	/* a name that is not cached is as good */
	if (writev(r->fd, iov, 3) < 0)
		CHECK_EQ(errno, ENOENT);
}

/* Makes the kernel let go of every name and inode that nobody uses */
void raw_let_go(struct raw *r)
{
	DIR *d = opendir(r->src);

	CHECK(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			invalidate(r, e->d_name);
	closedir(d);
}

void raw_reset(struct raw *r)
{
	raw_barrier(r);
	for (int op = 0; op < RAW_OPCODES; op++)
		atomic_store(&r->count[op], 0);
	atomic_store(&r->total, 0);
}
