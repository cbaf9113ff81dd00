// SPDX-License-Identifier: LGPL-2.1-or-later
/* Binds a libfuse session: options, and what the kernel can do. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int fusept_sized_read(const void *options, void *known, size_t size)
{
	const unsigned char *bytes = options;
	size_t given;

	memset(known, 0, size);
	if (!options)
		return 0;
	memcpy(&given, options, sizeof(given));
	if (given < sizeof(given))
		return -EINVAL;
	for (size_t i = size; i < given; i++) {
		if (bytes[i] != 0)
			return -E2BIG;
	}
	memcpy(known, options, given < size ? given : size);
	return 0;
}

static int read_options(const struct fusept_session_options *options, struct fusept_init_wish *wish)
{
	struct fusept_session_options known;
	int err = fusept_sized_read(options, &known, sizeof(known));

	if (err)
		return err;
	if ((known.flags & ~(FUSEPT_SESSION_KILLPRIV | FUSEPT_SESSION_READDIR)) || known.reserved != 0 ||
	    known.max_stack_depth > 2 || known.max_level > FUSEPT_LEVEL_OPS)
		return -EINVAL;
	wish->killpriv = known.flags & FUSEPT_SESSION_KILLPRIV;
	wish->readdir = known.flags & FUSEPT_SESSION_READDIR;
	wish->max_stack_depth = known.max_stack_depth;
	wish->max_level = known.max_level ? (enum fusept_level)known.max_level : FUSEPT_LEVEL_OPS;
	return 0;
}

static void set_level(struct fusept_session *session, enum fusept_level level, int reason)
{
	session->level = level;
	session->reason = reason;
	if (level == FUSEPT_LEVEL_NONE)
		session->ops = FUSEPT_OPS_NONE;
	else if (level == FUSEPT_LEVEL_IO)
		session->ops = FUSEPT_OPS_IO;
}

/* 0, or what rules FUSEPT_LEVEL_IO out. */
static int probe_io(int fd, const struct fusept_init *init)
{
	struct fuse_backing_map map = {.fd = -1};
	int ret;

	if (!(init->offered & FUSE_INIT_EXT) || !(init->offered & FUSE_PASSTHROUGH))
		return -EOPNOTSUPP;
	if (init->wish.max_level < FUSEPT_LEVEL_IO)
		return -ECANCELED;
	if (init->granted & FUSE_WRITEBACK_CACHE)
		return -EBUSY;
	/* A file that can't exist: the kernel looks at it after it checked our right to ask. */
	ret = fusept_sys_ioctl(fd, FUSE_DEV_IOC_BACKING_OPEN, &map);
	if (ret == -EBADF)
		return 0;
	return ret == -EPERM ? -EPERM : -EPROTO;
}

/* 0, or what rules FUSEPT_LEVEL_OPS out. */
static int probe_ops(int fd, const struct fusept_init *init, uint64_t *mask)
{
	struct fuse_backing_ops ops = {0};

	if (!(init->offered & FUSE_PASSTHROUGH_MASK))
		return -EOPNOTSUPP;
	if (init->wish.max_level < FUSEPT_LEVEL_OPS)
		return -ECANCELED;
	/* The bit is private, so a kernel may mean something else by it. */
	if (fusept_sys_ioctl(fd, FUSE_DEV_IOC_BACKING_OPS, &ops) != 0)
		return -EPROTO;
	*mask = ops.ops_mask & ~FUSEPT_OPS_SUPPORTED;
	return *mask ? 0 : -EPROTO;
}

/* After INIT: learn by asking what was agreed. */
void fusept_session_probe(struct fusept_session *session, const struct fusept_init *init)
{
	int fd = fuse_session_fd(session->se);
	int ret = probe_io(fd, init);

	session->killpriv = init->granted & FUSE_HANDLE_KILLPRIV_V2;
	if (ret < 0) {
		set_level(session, FUSEPT_LEVEL_NONE, ret);
		return;
	}
	ret = probe_ops(fd, init, &session->ops);
	set_level(session, ret < 0 ? FUSEPT_LEVEL_IO : FUSEPT_LEVEL_OPS, ret);
}

int fusept_session_new(struct fuse_session *se, const struct fusept_session_options *options,
		       struct fusept_session **out)
{
	struct fusept_init init = {0};
	struct fusept_session *session;
	int ret = se && out ? read_options(options, &init.wish) : -EINVAL;

	if (ret < 0)
		return ret;
	if (fuse_session_fd(se) < 0)
		return -EBADF;
	session = calloc(1, sizeof(*session));
	if (!session)
		return -ENOMEM;
	session->se = se;
	session->readdir = init.wish.readdir;
	ret = fusept_negotiate(se, &init);
	if (ret == 0) {
		fusept_session_probe(session, &init);
	} else if (ret == -EALREADY) {
		set_level(session, FUSEPT_LEVEL_NONE, ret);
	} else {
		free(session);
		return ret;
	}
	pthread_mutex_init(&session->lock, NULL);
	*out = session;
	return 0;
}

void fusept_session_free(struct fusept_session *session)
{
	if (!session)
		return;
	pthread_mutex_destroy(&session->lock);
	free(session);
}

enum fusept_level fusept_session_level(const struct fusept_session *session)
{
	return session->level;
}

uint64_t fusept_session_ops(const struct fusept_session *session)
{
	return session->ops;
}

int fusept_session_reason(const struct fusept_session *session)
{
	return session->reason;
}
