// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * lock_served.c - the daemon keeps the locks of files that the kernel opened by itself:
 * it has to hear of their end
 */
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "diff.h"

#define OWN_LOCKS	(RAW_ALL & ~(OP(GETLK) | OP(SETLK) | OP(SETLKW)))

enum { RELEASE_FLAGS };

static int granted(struct raw_req *q)
{
	(void)q;
	return 0;
}

static int note_release(struct raw_req *q)
{
	const struct fuse_release_in *in = q->arg;

	q->r->u[RELEASE_FLAGS] = in->release_flags;
	return RAW_DEFAULT;
}

static int begin(struct raw *r)
{
	int fd;

	r->before[FUSE_SETLK] = granted;
	r->before[FUSE_SETLKW] = granted;
	r->before[FUSE_RELEASE] = note_release;
	raw_reset(r);
	fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	CHECK_EQ(raw_count(r, FUSE_OPEN), 0);
	return fd;
}

static void end(struct raw *r, int fd, uint64_t releases)
{
	close(fd);
	raw_barrier(r);
	CHECK_EQ(raw_count(r, FUSE_RELEASE), releases);
}

KTEST(lock_served, flock, .opt.ops = OWN_LOCKS, .opt.init_add = FUSE_FLOCK_LOCKS)
{
	int fd = begin(r);

	CHECK_OK(flock(fd, LOCK_EX));
	CHECK_EQ(raw_count(r, FUSE_SETLK) + raw_count(r, FUSE_SETLKW), 1);
	end(r, fd, 1);
	CHECK_EQ(r->u[RELEASE_FLAGS] & FUSE_RELEASE_FLOCK_UNLOCK,
		 FUSE_RELEASE_FLOCK_UNLOCK);
	end(r, begin(r), 0);
}

KTEST(lock_served, of_open_file, .opt.ops = OWN_LOCKS, .opt.init_add = FUSE_POSIX_LOCKS)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = begin(r);

	CHECK_OK(fcntl(fd, F_OFD_SETLK, &lock));
	CHECK_EQ(raw_count(r, FUSE_SETLK), 1);
	end(r, fd, 1);
	end(r, begin(r), 0);
}

/* Without such locks the daemon is not asked, and never told */
KTEST(lock_served, local, .opt.ops = OWN_LOCKS)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = begin(r);

	CHECK_OK(flock(fd, LOCK_EX));
	CHECK_OK(fcntl(fd, F_OFD_SETLK, &lock));
	end(r, fd, 0);
	expect_no_requests(r, r->supported);
}

/* Locks that are held by a file can't be the kernel's from one call to the next */
KTEST(lock_served, in_use, .opt.ops = OWN_LOCKS, .opt.init_add = FUSE_POSIX_LOCKS)
{
	int fd = begin(r);

	CHECK_EQ(raw_backing_mask(r->fd, raw_node_find(r, "file")->backing_id,
				  r->supported), -EBUSY);
	end(r, fd, 0);
}
