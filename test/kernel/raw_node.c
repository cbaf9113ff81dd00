// SPDX-License-Identifier: LGPL-2.1-or-later
/* raw_node.c - the table of nodes; a node id is an index into it */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "rawfuse.h"

struct raw_node *raw_node_get(struct raw *r, uint64_t nodeid)
{
	if (!nodeid || nodeid >= RAW_NODES || !r->node[nodeid].used)
		return NULL;
	return &r->node[nodeid];
}

uint64_t raw_nodeid(struct raw *r, const struct raw_node *n)
{
	return (uint64_t)(n - r->node);
}

struct raw_node *raw_node_find(struct raw *r, const char *name)
{
	for (size_t i = FUSE_ROOT_ID; i <= r->top; i++)
		if (r->node[i].used && !strcmp(r->node[i].name, name))
			return &r->node[i];
	return NULL;
}

/*
 * The node of an O_PATH fd, which is taken over: an old one if the file is known,
 * so that two names of one file are one node. NULL: the table is full.
 */
struct raw_node *raw_node_make(struct raw *r, int fd, const char *name)
{
	struct raw_node *n, *empty = NULL;
	struct stat st;

	if (fstatat(fd, "", &st, AT_EMPTY_PATH) < 0)
		goto drop;
	for (n = &r->node[FUSE_ROOT_ID]; n <= &r->node[r->top]; n++) {
		if (!n->used && !empty)
			empty = n;
		if (n->used && n->ino == st.st_ino && n->dev == st.st_dev) {
			close(fd);
			return n;
		}
	}
	if (!empty) {
		if (r->top + 1 == RAW_NODES)
			goto drop;
		empty = &r->node[++r->top];
	}
	*empty = (struct raw_node){
		.used = true, .fd = fd, .dev = st.st_dev, .ino = st.st_ino,
	};
	snprintf(empty->name, sizeof(empty->name), "%s", name);
	return empty;
drop:
	close(fd);
	return NULL;
}

void raw_node_forget(struct raw *r, struct raw_node *n, uint64_t count)
{
	atomic_fetch_sub(&r->nlookup, (int64_t)count);
	if (!n)
		return;
	n->nlookup -= (int64_t)count;
	if (n->nlookup > 0 || n == &r->node[FUSE_ROOT_ID])
		return;
	if (n->backing_id > 0)
		raw_backing_close(r->fd, n->backing_id);
	close(n->fd);
	n->used = false;
}

/* Registers the file with that mask once; its id, 0: nothing to attach, or -errno */
int raw_node_attach(struct raw *r, struct raw_node *n, uint64_t ops)
{
	int id;

	ops = raw_prune(ops & r->supported);
	if (!ops || n->backing_id > 0)
		return n->backing_id;
	id = raw_backing_open(r->fd, n->fd, ops);
	if (id > 0) {
		n->backing_id = id;
		n->ops = ops;
	} else {
		atomic_store(&r->attach_errno, -id);
	}
	return id;
}

/* An open file of the node; an fd or -errno */
int raw_node_reopen(const struct raw_node *n, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", n->fd);
	fd = open(path, (flags & ~O_NOFOLLOW) | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void raw_attr(struct fuse_attr *a, const struct stat *st)
{
	*a = (struct fuse_attr){
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.blocks = (uint64_t)st->st_blocks,
		.atime = (uint64_t)st->st_atim.tv_sec,
		.mtime = (uint64_t)st->st_mtim.tv_sec,
		.ctime = (uint64_t)st->st_ctim.tv_sec,
		.atimensec = (uint32_t)st->st_atim.tv_nsec,
		.mtimensec = (uint32_t)st->st_mtim.tv_nsec,
		.ctimensec = (uint32_t)st->st_ctim.tv_nsec,
		.mode = st->st_mode,
		.nlink = (uint32_t)st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.rdev = (uint32_t)((minor(st->st_rdev) & 0xff) |
				   (major(st->st_rdev) << 8) |
				   ((minor(st->st_rdev) & ~0xffU) << 12)),
		.blksize = (uint32_t)st->st_blksize,
	};
}
