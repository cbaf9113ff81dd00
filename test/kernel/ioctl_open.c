// SPDX-License-Identifier: LGPL-2.1-or-later
/* ioctl_open.c - BACKING_OPEN and BACKING_CLOSE: each refusal by its errno */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "diff.h"

KTEST(ioctl_open, bad_fd)
{
	int fd = (int)CHECK_OK(open(S(r, "good"), O_PATH | O_CLOEXEC));

	close(fd);
	CHECK_EQ(raw_backing_open(r->fd, -1, r->supported), -EBADF);
	CHECK_EQ(raw_backing_open(r->fd, fd, r->supported), -EBADF);
	CHECK_EQ(raw_backing_open(r->fd, INT_MAX, r->supported), -EBADF);
	CHECK_EQ(raw_backing_open(r->fd, -1, 0), -EBADF);
}

KTEST(ioctl_open, flags)
{
	int fd = (int)CHECK_OK(open(S(r, "good"), O_PATH | O_CLOEXEC));
	struct fuse_backing_map map = { .fd = fd, .ops_mask = r->supported };

	for (int bit = 0; bit < 32; bit++) {
		map.flags = 1U << bit;
		CHECK_EQ(raw_ioctl(r->fd, FUSE_DEV_IOC_BACKING_OPEN, &map),
			 -EINVAL);
	}
	close(fd);
}

KTEST(ioctl_open, bad_address)
{
	CHECK_EQ(raw_ioctl(r->fd, FUSE_DEV_IOC_BACKING_OPEN, NULL), -EFAULT);
	CHECK_EQ(raw_ioctl(r->fd, FUSE_DEV_IOC_BACKING_CLOSE, NULL), -EFAULT);
	CHECK_EQ(raw_ioctl(r->fd, FUSE_DEV_IOC_BACKING_OPS, NULL), -EFAULT);
	CHECK_EQ(raw_ioctl(r->fd, FUSE_DEV_IOC_BACKING_BIND, NULL), -EFAULT);
	CHECK_EQ(raw_ioctl(r->fd, FUSE_DEV_IOC_BACKING_MASK, NULL), -EFAULT);
}

KTEST(ioctl_open, unknown_number)
{
	char arg[64] = { 0 };

	CHECK_EQ(raw_ioctl(r->fd, _IOW(FUSE_DEV_IOC_MAGIC, 67, uint64_t), arg),
		 -ENOTTY);
	CHECK_EQ(raw_ioctl(r->fd, _IOW(FUSE_DEV_IOC_MAGIC, 63, uint64_t), arg),
		 -ENOTTY);
}

KTEST(ioctl_open, unknown_bits)
{
	for (int bit = 0; bit < 64; bit++) {
		uint64_t one = UINT64_C(1) << bit;

		if (one & r->every)
			continue;
		CHECK_EQ(raw_backing_path(r, "good", r->supported | one),
			 -EOPNOTSUPP);
		CHECK_EQ(raw_backing_path(r, "good", OP(GETATTR) | one),
			 -EOPNOTSUPP);
	}
}

KTEST(ioctl_open, everything_needs_getattr)
{
	for (int bit = 0; bit < 64; bit++) {
		uint64_t mask = raw_complete(UINT64_C(1) << bit) & ~OP(GETATTR);

		if (mask && !(mask & ~r->supported))
			CHECK_EQ(raw_backing_path(r, "good", mask), -EDOM);
	}
}

KTEST(ioctl_open, readdirplus_needs_readdir)
{
	uint64_t mask = r->supported & ~OP(READDIR);

	CHECK(r->supported & OP(READDIRPLUS));
	CHECK_EQ(raw_backing_path(r, "dir", mask), -EDOM);
	CHECK(raw_backing_path(r, "dir", mask & ~OP(READDIRPLUS)) > 0);
}

KTEST(ioctl_open, open_needs_release)
{
	CHECK_EQ(raw_backing_path(r, "good", r->supported & ~OP(RELEASE)),
		 -EDOM);
	CHECK_EQ(raw_backing_path(r, "good", OP(GETATTR) | OP(OPEN)),
		 -EDOM);
}

KTEST(ioctl_open, opendir_needs_releasedir)
{
	CHECK_EQ(raw_backing_path(r, "dir", r->supported & ~OP(RELEASEDIR)),
		 -EDOM);
	CHECK_EQ(raw_backing_path(r, "dir", OP(GETATTR) | OP(OPENDIR)),
		 -EDOM);
}

KTEST(ioctl_open, lseek_needs_read)
{
	CHECK_EQ(raw_backing_path(r, "good", OP(GETATTR) | OP(LSEEK)),
		 -EDOM);
}

KTEST(ioctl_open, copy_needs_read_and_write)
{
	uint64_t mask = OP(GETATTR) | OP(COPY_FILE_RANGE);

	CHECK_EQ(raw_backing_path(r, "good", mask), -EDOM);
	CHECK_EQ(raw_backing_path(r, "good", mask | OP(READ)), -EDOM);
	CHECK_EQ(raw_backing_path(r, "good", mask | OP(WRITE)), -EDOM);
}

/* A link of procfs leads anywhere: nobody could read it for the caller */
KTEST(ioctl_open, magic_link)
{
	int fd = (int)CHECK_OK(open("/proc/self/exe",
				    O_PATH | O_NOFOLLOW | O_CLOEXEC));

	CHECK_EQ(raw_backing_open(r->fd, fd, r->supported), -EOPNOTSUPP);
	close(fd);
}

/* Every bit that the kernel says it has can be had with what it depends on */
KTEST(ioctl_open, each_bit)
{
	for (int bit = 0; bit < 64; bit++) {
		uint64_t one = UINT64_C(1) << bit;
		int id;

		if (!(one & r->supported))
			continue;
		id = raw_backing_path(r, "good", raw_complete(one));
		CHECK(id > 0);
		CHECK_EQ(raw_backing_close(r->fd, id), 0);
	}
}

static const char *const kinds[] = {
	"good", "dir", "link", "dangling", "fifo", "sock", "null",
};

KTEST(ioctl_open, every_type)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int id = raw_backing_path(r, kinds[i], r->supported);

		CHECK(id > 0);
		CHECK_EQ(raw_backing_close(r->fd, id), 0);
	}
}

/* Without a mask it is the stock call, for regular files */
KTEST(ioctl_open, no_mask)
{
	int id = raw_backing_path(r, "good", 0);

	CHECK(id > 0);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	CHECK_EQ(raw_backing_path(r, "dir", 0), -EISDIR);
	for (size_t i = 2; i < sizeof(kinds) / sizeof(*kinds); i++)
		CHECK_EQ(raw_backing_path(r, kinds[i], 0), -EINVAL);
}

KTEST(ioctl_open, open_fds)
{
	static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR | O_APPEND };

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		int fd = (int)CHECK_OK(open(S(r, "good"), flags[i] | O_CLOEXEC));
		int id = raw_backing_open(r->fd, fd, r->supported);

		CHECK(id > 0);
		close(fd);
		CHECK_EQ(raw_backing_close(r->fd, id), 0);
	}
}

/* Files of no file system: whatever the answer is, nothing is left */
KTEST(ioctl_open, odd_files)
{
	int fds[5], p[2];

	CHECK_OK(pipe2(p, O_CLOEXEC));
	fds[0] = p[0];
	fds[1] = p[1];
	fds[2] = (int)CHECK_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	fds[3] = (int)CHECK_OK(memfd_create("odd", MFD_CLOEXEC));
	fds[4] = (int)CHECK_OK(open("/dev/fuse", O_RDWR | O_CLOEXEC));
	for (size_t i = 0; i < 5; i++) {
		int id = raw_backing_open(r->fd, fds[i], r->supported);

		CHECK(id > 0 || id < 0);
		if (id > 0)
			CHECK_EQ(raw_backing_close(r->fd, id), 0);
		close(fds[i]);
	}
}

struct refused {
	struct raw *r;
	int id;
};

static void all_refused(void *arg)
{
	const struct refused *x = arg;
	uint64_t ops;

	CHECK_EQ(raw_backing_path(x->r, "good", x->r->supported), -EPERM);
	CHECK_EQ(raw_backing_path(x->r, "good", 0), -EPERM);
	CHECK_EQ(raw_backing_close(x->r->fd, x->id), -EPERM);
	CHECK_EQ(raw_backing_bind(x->r->fd, FUSE_ROOT_ID, x->id), -EPERM);
	CHECK_EQ(raw_backing_mask(x->r->fd, x->id, x->r->supported), -EPERM);
	/* what the kernel has is no secret */
	CHECK_EQ(raw_backing_ops(x->r->fd, &ops), 0);
	CHECK_EQ(ops, x->r->every);
}

KTEST(ioctl_open, no_capability, .opt.root_unbound = true)
{
	static const struct who powerless = { .name = "powerless", .no_caps = true };
	static const struct who userns = {
		.name = "userns", .uid = 1000, .gid = 1000, .userns = true,
	};
	struct refused x = { r, raw_backing_path(r, "dir", r->supported) };

	CHECK(x.id > 0);
	run_as(&powerless, all_refused, &x);
	run_as(&userns, all_refused, &x);
	CHECK_EQ(raw_backing_close(r->fd, x.id), 0);
}

KTEST(ioctl_open, close_errors)
{
	int id = raw_backing_path(r, "good", r->supported);

	CHECK_EQ(raw_backing_close(r->fd, 0), -EINVAL);
	CHECK_EQ(raw_backing_close(r->fd, -1), -EINVAL);
	CHECK_EQ(raw_backing_close(r->fd, INT_MIN), -EINVAL);
	CHECK_EQ(raw_backing_close(r->fd, INT_MAX), -ENOENT);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	CHECK_EQ(raw_backing_close(r->fd, id), -ENOENT);
}

/* A device that is not mounted has no table */
KTEST(ioctl_open, not_mounted)
{
	int dev = (int)CHECK_OK(open("/dev/fuse", O_RDWR | O_CLOEXEC));
	int fd = (int)CHECK_OK(open(S(r, "good"), O_PATH | O_CLOEXEC));
	uint64_t ops;

	CHECK_EQ(raw_backing_open(dev, fd, r->supported), -EPERM);
	CHECK_EQ(raw_backing_close(dev, 1), -EPERM);
	CHECK_EQ(raw_backing_ops(dev, &ops), -EPERM);
	CHECK_EQ(raw_backing_bind(dev, FUSE_ROOT_ID, 1), -EPERM);
	CHECK_EQ(raw_backing_mask(dev, 1, r->supported), -EPERM);
	close(fd);
	close(dev);
}

/* Left in the table at unmount: the connection lets go of them */
KTEST(ioctl_open, left_behind)
{
	for (int i = 0; i < 100; i++)
		CHECK(raw_backing_path(r, "dir/sub", r->supported) > 0);
	CHECK(raw_backing_path(r, "good", 0) > 0);
}

KTEST(ioctl_open, clone_fd)
{
	int dev = (int)CHECK_OK(open("/dev/fuse", O_RDWR | O_CLOEXEC));
	uint32_t other = (uint32_t)r->fd;
	int fd = (int)CHECK_OK(open(S(r, "good"), O_PATH | O_CLOEXEC)), id;
	uint64_t ops;

	CHECK_OK(ioctl(dev, FUSE_DEV_IOC_CLONE, &other));
	CHECK_EQ(raw_backing_ops(dev, &ops), 0);
	id = raw_backing_open(dev, fd, r->supported);
	CHECK(id > 0);
	/* one connection, one table */
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	CHECK_EQ(raw_backing_close(dev, id), -ENOENT);
	close(fd);
	close(dev);
}
