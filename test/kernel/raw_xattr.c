// SPDX-License-Identifier: LGPL-2.1-or-later
/* raw_xattr.c - extended attributes */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "rawfuse.h"

static void proc_path(char *buf, size_t size, const struct raw_node *n)
{
	snprintf(buf, size, "/proc/self/fd/%d", n->fd);
}

int raw_setxattr(struct raw_req *q)
{
	const struct fuse_setxattr_in *in = q->arg;
	bool ext = q->r->accepted & FUSE_SETXATTR_EXT;
	const char *name = (const char *)q->arg +
			   (ext ? sizeof(*in) : FUSE_COMPAT_SETXATTR_IN_SIZE);
	char path[64];

	proc_path(path, sizeof(path), q->node);
	if (setxattr(path, name, name + strlen(name) + 1, in->size,
		     (int)in->flags) < 0)
		return -errno;
	return 0;
}

/* Size 0 asks for the length alone */
static int xattr_reply(struct raw_req *q, uint32_t size, ssize_t n)
{
	struct fuse_getxattr_out out = { .size = n < 0 ? 0 : (uint32_t)n };

	if (n < 0)
		return -errno;
	q->out_len = (size_t)n;
	if (!size) {
		memcpy(q->out, &out, sizeof(out));
		q->out_len = sizeof(out);
	}
	return 0;
}

int raw_getxattr(struct raw_req *q)
{
	const struct fuse_getxattr_in *in = q->arg;
	uint32_t size = in->size < RAW_MAX_WRITE ? in->size : RAW_MAX_WRITE;
	char path[64];

	proc_path(path, sizeof(path), q->node);
	return xattr_reply(q, size, getxattr(path, (const char *)(in + 1),
					     q->out, size));
}

int raw_listxattr(struct raw_req *q)
{
	const struct fuse_getxattr_in *in = q->arg;
	uint32_t size = in->size < RAW_MAX_WRITE ? in->size : RAW_MAX_WRITE;
	char path[64];

	proc_path(path, sizeof(path), q->node);
	return xattr_reply(q, size, listxattr(path, q->out, size));
}

int raw_removexattr(struct raw_req *q)
{
	char path[64];

	proc_path(path, sizeof(path), q->node);
	return removexattr(path, q->arg) < 0 ? -errno : 0;
}
