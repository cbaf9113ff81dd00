// SPDX-License-Identifier: LGPL-2.1-or-later
/* ioctl_mask.c - BACKING_MASK and BACKING_OPS: change a mask, ask for the set */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diff.h"

KTEST(ioctl_mask, arguments)
{
	struct fuse_backing_mask arg = { .ops_mask = r->supported };
	int id = raw_backing_path(r, "good", OP(GETATTR));
	int plain = raw_backing_path(r, "good", 0);

	CHECK_EQ(raw_backing_mask(r->fd, 0, r->supported), -EINVAL);
	CHECK_EQ(raw_backing_mask(r->fd, -1, r->supported), -EINVAL);
	CHECK_EQ(raw_backing_mask(r->fd, INT_MAX, r->supported), -EBADF);
	CHECK_EQ(raw_backing_mask(r->fd, plain, r->supported), -EINVAL);
	/* a mask that is not empty stays so */
	CHECK_EQ(raw_backing_mask(r->fd, id, 0), -EINVAL);
	arg.backing_id = id;
	for (int bit = 0; bit < 32; bit++) {
		arg.flags = 1U << bit;
		CHECK_EQ(raw_ioctl(r->fd, FUSE_DEV_IOC_BACKING_MASK, &arg),
			 -EINVAL);
	}
	CHECK_EQ(raw_backing_close(r->fd, plain), 0);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported), -EBADF);
}

KTEST(ioctl_mask, unsupported)
{
	int id = raw_backing_path(r, "good", r->supported);

	for (int bit = 0; bit < 64; bit++) {
		uint64_t one = UINT64_C(1) << bit;

		if (!(one & r->every))
			CHECK_EQ(raw_backing_mask(r->fd, id, r->supported | one),
				 -EOPNOTSUPP);
	}
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported & ~OP(GETATTR)),
		 -EDOM);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported & ~OP(RELEASE)),
		 -EDOM);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported & ~OP(RELEASEDIR)),
		 -EDOM);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported & ~OP(SETLKW)), -EDOM);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported & ~OP(FLUSH)), -EDOM);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported | OP(MKDIR)), -EDOM);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

/* Free to change while no inode has it */
KTEST(ioctl_mask, unused)
{
	int id = raw_backing_path(r, "good", r->supported);

	CHECK_EQ(raw_backing_mask(r->fd, id, OP(GETATTR)), 0);
	CHECK_EQ(raw_backing_mask(r->fd, id, OP(GETATTR) | OP(READ)), 0);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported), 0);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

static int id_of(struct raw *r, const char *name)
{
	struct raw_node *n;
	struct stat st;

	CHECK_OK(lstat(M(r, name), &st));
	n = raw_node_find(r, name);
	CHECK(n && n->backing_id > 0);
	return n->backing_id;
}

/* What leaves nothing behind may be the daemon's again at any time */
#define STATELESS	(OP(SETATTR) | OP(READLINK) | OP(STATFS) | OP(ACCESS) |	\
			 OP(SETXATTR) | OP(GETXATTR) | OP(LISTXATTR) |		\
			 OP(REMOVEXATTR) | OP(UNLINK) | OP(RMDIR) | OP(LINK) |	\
			 OP(RENAME) | OP(RENAME2) | OP(IOCTL) | OP(SYNCFS) |	\
			 OP(READDIRPLUS))

/* What the daemon holds of open files can't be the kernel's in the middle */
#define LASTING		(OP(GETLK) | OP(SETLK) | OP(SETLKW) | OP(POLL))

KTEST(ioctl_mask, clear_in_use, .opt.ops = RAW_ALL)
{
	int id = id_of(r, "good"), refused = 0;

	for (int bit = 0; bit < 64; bit++) {
		uint64_t one = UINT64_C(1) << bit, less = r->supported & ~one;

		if (less == r->supported || raw_prune(less) != less)
			continue;
		CHECK_EQ(raw_backing_mask(r->fd, id, less), one & STATELESS ? 0 : -EBUSY);
		refused += !(one & STATELESS);
		CHECK_EQ(raw_backing_mask(r->fd, id, r->supported), 0);
	}
	CHECK(refused > 8);
	raw_reset(r);
	same_stat(M(r, "good"), S(r, "good"));
	expect_no_requests(r, r->supported);
}

static void tag(struct raw *r)
{
	CHECK_OK(setxattr(M(r, "good"), "user.n", "1", 1, 0));
	CHECK_OK(chmod(M(r, "good"), 0640));
	same_all(M(r, "good"), S(r, "good"));
}

KTEST(ioctl_mask, clear_and_set_again, .opt.ops = RAW_ALL)
{
	int id = id_of(r, "good");

	raw_reset(r);
	tag(r);
	expect_no_requests(r, r->supported);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported & ~STATELESS), 0);
	tag(r);
	CHECK(raw_count(r, FUSE_SETXATTR) == 1 && raw_count(r, FUSE_SETATTR) == 1);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported), 0);
	raw_reset(r);
	tag(r);
	expect_no_requests(r, r->supported);
}

KTEST(ioctl_mask, set_in_use, .opt.ops = OP(GETATTR))
{
	uint64_t most = r->supported & ~LASTING;
	int id = id_of(r, "tagged");
	char buf[16];

	raw_reset(r);
	CHECK_EQ(get_file(M(r, "tagged"), buf, sizeof(buf)), sizeof(buf));
	CHECK(raw_count(r, FUSE_OPEN) == 1 && raw_count(r, FUSE_READ) > 0);
	CHECK_OK(access(M(r, "tagged"), R_OK));
	CHECK_EQ(raw_count(r, FUSE_ACCESS), 1);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported), -EBUSY);
	CHECK_EQ(raw_backing_mask(r->fd, id, most | OP(POLL)), -EBUSY);
	CHECK_EQ(raw_backing_mask(r->fd, id, most), 0);
	raw_reset(r);
	CHECK_EQ(get_file(M(r, "tagged"), buf, sizeof(buf)), sizeof(buf));
	CHECK_OK(access(M(r, "tagged"), R_OK));
	expect_no_requests(r, most);
	CHECK_EQ(raw_backing_mask(r->fd, id, OP(GETATTR)), -EBUSY);
}

/*
 * A cache that answers READ while it downloads, then sets READ once the file is
 * whole: also for those who have it open.
 */
KTEST(ioctl_mask, cache_fills, .opt.ops = RAW_ALL & ~OP(READ) & ~OP(OPEN) &
      ~OP(RELEASE))
{
	int id = id_of(r, "file"), fd;
	char buf[4096], want[4096];

	fd = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));
	raw_reset(r);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
	CHECK_EQ(raw_count(r, FUSE_READ), 1);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported), 0);
	raw_reset(r);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 4096), sizeof(buf));
	CHECK_EQ(raw_count(r, FUSE_READ), 0);
	CHECK_EQ(get_file(M(r, "file"), want, sizeof(want)), sizeof(want));
	expect_no_requests(r, r->supported);
	put_file(S(r, "file"), "again", 5);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 5);
	CHECK(!memcmp(buf, "again", 5));
	close(fd);
}

/* A handle from before OPEN and RELEASE were set has an end for the daemon */
KTEST(ioctl_mask, handle_from_before, .opt.ops = OP(GETATTR))
{
	int id = id_of(r, "file"), dir = id_of(r, "dir");
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));
	int dfd = (int)CHECK_OK(open(M(r, "dir"), O_RDONLY | O_CLOEXEC));

	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported & ~LASTING), 0);
	CHECK_EQ(raw_backing_mask(r->fd, dir, r->supported & ~LASTING), 0);
	close(fd);
	close(dfd);
	raw_barrier(r);
	CHECK_EQ(raw_count(r, FUSE_RELEASE), 1);
	CHECK_EQ(raw_count(r, FUSE_RELEASEDIR), 1);
}

/* Masks change while others use the file: no crash, right data */
KTEST(ioctl_mask, while_reading, .opt.ops = OP(GETATTR))
{
	static const uint64_t steps[] = {
		OP(READ), OP(WRITE), OP(LSEEK) | OP(COPY_FILE_RANGE), OP(OPEN) | OP(RELEASE), OP(FLUSH),
		OP(SETATTR), OP(FSYNC), OP(ACCESS),
	};
	char buf[64], want[64];
	uint64_t mask = OP(GETATTR);
	int id = id_of(r, "file");

	CHECK_EQ(get_file(S(r, "file"), want, sizeof(want)), sizeof(want));
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));

		mask |= steps[i];
		CHECK_EQ(raw_backing_mask(r->fd, id, mask), 0);
		CHECK_EQ(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
		CHECK(!memcmp(buf, want, sizeof(buf)));
		want[i]++;
		CHECK_EQ(pwrite(fd, want, sizeof(want), 0), sizeof(want));
		CHECK_OK(fsync(fd));
		close(fd);
	}
}

KTEST(ioctl_mask, operations)
{
	struct fuse_backing_ops out;

	memset(&out, 0xff, sizeof(out));
	CHECK_EQ(raw_ioctl(r->fd, FUSE_DEV_IOC_BACKING_OPS, &out), 0);
	CHECK_EQ(out.ops_mask, r->every);
	CHECK_EQ(out.ops_mask & ~(RAW_SUBTREE | OP(FORGET)), r->supported);
	CHECK_EQ(out.ops_mask & RAW_SUBTREE, RAW_SUBTREE);
	for (size_t i = 0; i < sizeof(out.reserved) / sizeof(*out.reserved); i++)
		CHECK_EQ(out.reserved[i], 0);
	/* as many as this part of the series brings, and none that never can be */
	CHECK_EQ(out.ops_mask & (OP(INIT) | OP(DESTROY) | OP(INTERRUPT) |
				 OP(NOTIFY_REPLY) | OP(SETUPMAPPING) |
				 OP(REMOVEMAPPING)), 0);
	CHECK_EQ(out.ops_mask & (OP(GETATTR) | OP(READ) | OP(READDIR)),
		 OP(GETATTR) | OP(READ) | OP(READDIR));
}
