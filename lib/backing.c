// SPDX-License-Identifier: LGPL-2.1-or-later
/* A registered file and its mask. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * As much of a mask as the kernel takes.  At level io it asks for READ and WRITE
 * alone, which need nothing there.
 */
static uint64_t limit(const struct fusept_session *session, uint64_t ops)
{
	ops &= session->ops;
	return session->level < FUSEPT_LEVEL_OPS ? ops : fusept_ops_prune(ops, session->ops);
}

/*
 * What the caller asked for, as the kernel is to be told.  An empty mask passes
 * READ and WRITE, so no other may become empty.
 */
static int resolve(const struct fusept_session *session, uint64_t ops, uint64_t *mask)
{
	const uint64_t asked = ops;

	if (session->level == FUSEPT_LEVEL_NONE)
		return session->reason;
	if (ops & FUSEPT_OPS_SUPPORTED)
		ops = limit(session, ops);
	if (asked != FUSEPT_OPS_NONE && ops == FUSEPT_OPS_NONE)
		return -EOPNOTSUPP;
	if (session->level == FUSEPT_LEVEL_IO) {
		if (ops != FUSEPT_OPS_NONE && ops != FUSEPT_OPS_IO)
			return -EOPNOTSUPP;
		ops = FUSEPT_OPS_NONE;
	}
	*mask = ops;
	return 0;
}

static int session_ioctl(const struct fusept_session *session, unsigned long request, void *arg)
{
	int fd = fuse_session_fd(session->se);

	return fd < 0 ? -EBADF : fusept_sys_ioctl(fd, request, arg);
}

static int register_fd(const struct fusept_session *session, int fd, uint64_t mask)
{
	struct fuse_backing_map map = {.fd = fd, .ops_mask = mask};
	int ret = session_ioctl(session, FUSE_DEV_IOC_BACKING_OPEN, &map);

	return ret == 0 ? -EPROTO : ret;
}

/* Only regular files, for an open of others could wait or do something. */
static int reopen(int fd)
{
	char path[32];
	struct stat st;
	int ret;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EOPNOTSUPP;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (ret < 0 && errno == EACCES)
		ret = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	return ret < 0 ? -errno : ret;
}

static int register_reopened(const struct fusept_session *session, int fd)
{
	int open_fd = reopen(fd), ret;

	if (open_fd < 0)
		return open_fd;
	ret = register_fd(session, open_fd, FUSEPT_OPS_NONE);
	close(open_fd);
	return ret;
}

/* Without a mask kernels want a regular file, and some of them not by O_PATH. */
static int register_regular(struct fusept_session *session, int fd)
{
	int flags = fcntl(fd, F_GETFL), ret;
	bool path_only = flags >= 0 && (flags & O_PATH);

	if (path_only && atomic_load(&session->reopen))
		ret = register_reopened(session, fd);
	else
		ret = register_fd(session, fd, FUSEPT_OPS_NONE);
	if (ret == -EBADF && path_only) {
		ret = register_reopened(session, fd);
		if (ret > 0)
			atomic_store(&session->reopen, true);
	}
	return ret == -EISDIR || ret == -EINVAL ? -EOPNOTSUPP : ret;
}

/*
 * Writes to the file below are done with our credentials, not the caller's.  If
 * the kernel does not clear privileges by itself, the file system below has to,
 * and it does for everybody who does not have CAP_FSETID.
 */
static int register_plain(struct fusept_session *session, int fd)
{
	int dropped = session->killpriv ? fusept_fsetid_drop() : 0, ret;

	if (dropped < 0)
		return dropped;
	ret = register_regular(session, fd);
	if (dropped)
		fusept_fsetid_restore();
	return ret;
}

int fusept_backing_open(struct fusept_session *session, int fd, uint64_t ops,
			struct fusept_backing **out)
{
	struct fusept_backing *backing;
	uint64_t mask = 0;
	int ret = resolve(session, ops, &mask);

	if (ret < 0)
		return ret;
	backing = calloc(1, sizeof(*backing));
	if (!backing)
		return -ENOMEM;
	ret = mask ? register_fd(session, fd, mask) : register_plain(session, fd);
	if (ret < 0) {
		free(backing);
		return ret;
	}
	backing->session = session;
	backing->id = ret;
	atomic_init(&backing->ops, mask);
	*out = backing;
	return 0;
}

int fusept_backing_close(struct fusept_backing *backing)
{
	uint32_t id;
	int fd, ret = 0;

	if (!backing)
		return 0;
	id = (uint32_t)backing->id;
	fd = fuse_session_fd(backing->session->se);
	if (fd >= 0) /* at unmount the kernel drops them all */
		ret = fusept_sys_ioctl(fd, FUSE_DEV_IOC_BACKING_CLOSE, &id);
	free(backing);
	return ret;
}

uint64_t fusept_backing_ops(const struct fusept_backing *backing)
{
	return atomic_load(&backing->ops);
}

int fusept_backing_id(const struct fusept_backing *backing)
{
	return backing->id;
}

int fusept_backing_bind(struct fusept_backing *backing, fuse_ino_t ino)
{
	struct fuse_backing_bind bind = {.nodeid = ino, .backing_id = backing->id};

	if (backing->session->level < FUSEPT_LEVEL_OPS)
		return -EOPNOTSUPP;
	return session_ioctl(backing->session, FUSE_DEV_IOC_BACKING_BIND, &bind);
}

int fusept_backing_set_ops(struct fusept_backing *backing, uint64_t ops)
{
	struct fusept_session *session = backing->session;
	struct fuse_backing_mask arg = {.backing_id = backing->id};
	int ret = resolve(session, ops, &arg.ops_mask);

	if (ret < 0 || session->level < FUSEPT_LEVEL_OPS)
		return ret;
	pthread_mutex_lock(&session->lock);
	ret = session_ioctl(session, FUSE_DEV_IOC_BACKING_MASK, &arg);
	if (ret == 0)
		atomic_store(&backing->ops, arg.ops_mask);
	pthread_mutex_unlock(&session->lock);
	return ret;
}
