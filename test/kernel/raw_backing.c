// SPDX-License-Identifier: LGPL-2.1-or-later
/* raw_backing.c - the ioctls on the fuse device; an id, 0 or -errno */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "rawfuse.h"

int raw_ioctl(int dev, unsigned long cmd, void *arg)
{
	int ret = ioctl(dev, cmd, arg);

	return ret < 0 ? -errno : ret;
}

int raw_backing_open(int dev, int fd, uint64_t ops)
{
	struct fuse_backing_map map = { .fd = fd, .ops_mask = ops };

	return raw_ioctl(dev, FUSE_DEV_IOC_BACKING_OPEN, &map);
}

int raw_backing_close(int dev, int id)
{
	return raw_ioctl(dev, FUSE_DEV_IOC_BACKING_CLOSE, &id);
}

int raw_backing_bind(int dev, uint64_t nodeid, int id)
{
	struct fuse_backing_bind bind = { .nodeid = nodeid, .backing_id = id };

	return raw_ioctl(dev, FUSE_DEV_IOC_BACKING_BIND, &bind);
}

int raw_backing_mask(int dev, int id, uint64_t ops)
{
	struct fuse_backing_mask mask = { .backing_id = id, .ops_mask = ops };

	return raw_ioctl(dev, FUSE_DEV_IOC_BACKING_MASK, &mask);
}

int raw_backing_ops(int dev, uint64_t *ops)
{
	struct fuse_backing_ops out = { 0 };
	int ret = raw_ioctl(dev, FUSE_DEV_IOC_BACKING_OPS, &out);

	*ops = ret < 0 ? 0 : out.ops_mask;
	return ret;
}

/* Registers the file of that name below */
int raw_backing_path(struct raw *r, const char *name, uint64_t ops)
{
	char path[2 * PATH_MAX];
	int fd, id;

	snprintf(path, sizeof(path), "%s/%s", r->src, name);
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	id = raw_backing_open(r->fd, fd, ops);
	close(fd);
	return id;
}

#define LOCKS		(OP(GETLK) | OP(SETLK) | OP(SETLKW))

static const struct {
	uint64_t op;
	uint64_t needs;
} dependencies[] = {
	{ OP(OPEN), OP(RELEASE) },
	{ OP(OPENDIR), OP(RELEASEDIR) },
	{ OP(READDIRPLUS), OP(READDIR) },
	{ OP(LSEEK), OP(READ) },
	{ OP(COPY_FILE_RANGE), OP(READ) | OP(WRITE) },
	{ LOCKS, LOCKS | OP(FLUSH) },
	{ RAW_SUBTREE, OP(LOOKUP) },
};

enum { N_DEPENDENCIES = sizeof(dependencies) / sizeof(*dependencies) };

/* Adds what the bits of a mask depend on */
uint64_t raw_complete(uint64_t ops)
{
	for (int i = 0; i < N_DEPENDENCIES; i++)
		if (ops & dependencies[i].op)
			ops |= dependencies[i].needs;
	return ops ? ops | OP(GETATTR) : 0;
}

/* Takes away the bits that depend on what is not there */
uint64_t raw_prune(uint64_t ops)
{
	for (int i = 0; i < N_DEPENDENCIES; i++)
		if (dependencies[i].needs & ~ops)
			ops &= ~dependencies[i].op;
	return ops & OP(GETATTR) ? ops : 0;
}
