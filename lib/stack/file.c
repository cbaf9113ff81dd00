// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * OPEN, CREATE, TMPFILE, FLUSH and RELEASE.
 *
 * A file handle is the number of a descriptor and 1, so it is never 0.
 * Where the kernel releases files by itself the daemon keeps no descriptor,
 * since nothing would tell it to close: the handle is then 0, and operations
 * that still come here open the file anew by its node. An open file keeps its
 * node, but not the node's descriptor.
 */
#include "stack.h"

/* Of the caller's flags, those that concern a descriptor of ours; see stack_init() on O_TRUNC. */
static int flags_below(int flags)
{
	return flags & (O_ACCMODE | O_APPEND | O_SYNC | O_DSYNC | O_NOATIME);
}

static void open_keep(struct fusept_stack *s, struct fusept_node *node, int fd,
		      struct fuse_file_info *fi)
{
	fi->fh = 0;
	if (pass_has(s, node, FUSEPT_RELEASE)) {
		close(fd);
	} else {
		fi->fh = (uint64_t)fd + 1;
		node_keep(s->nodes, node);
	}
}

/* Undoes open_keep() and pass_open(). */
static void open_drop(struct fusept_stack *s, struct fusept_node *node,
		      const struct fuse_file_info *fi)
{
	if (!fi->fh)
		return;
	pass_release(s, node);
	close(fusept_file_fd(fi));
	node_forget(s->nodes, node, 1);
}

void stack_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);
	HELD at = hold(s->nodes, ino);
	struct fusept_backing *backing;
	int fd = at.fd;

	if (fd >= 0)
		fd = nodes_reopen(s->nodes, at.fd, flags_below(fi->flags));
	if (fd < 0) {
		fuse_reply_err(req, -fd);
		return;
	}
	backing = pass_open(s, at.node, fd);
	open_keep(s, at.node, fd, fi);
	if (fusept_reply_open(req, fi, backing))
		open_drop(s, at.node, fi);
}

/*
 * The kernel believes that there is no such name. If there is one, made below
 * a moment ago, the caller's permission to open it has not been checked:
 * ESTALE makes the kernel look again, and then ask for OPEN.
 */
static int create_in(struct fusept_stack *s, fuse_req_t req, int dirfd, const char *name,
		     mode_t mode, int flags)
{
	int fd, err = caller_become(s, req, true);

	if (err)
		return err;
	fd = nodes_openat(s->nodes, dirfd, name, flags_below(flags) | O_CREAT | O_EXCL, mode);
	caller_leave(s);
	if (fd == -EEXIST && !(flags & O_EXCL))
		return -ESTALE;
	return fd;
}

static int tmpfile_in(struct fusept_stack *s, fuse_req_t req, int dirfd, mode_t mode, int flags)
{
	int fd, err = caller_become(s, req, true);

	if (err)
		return err;
	fd = nodes_openat(s->nodes, dirfd, ".", flags_below(flags) | (flags & O_EXCL) | O_TMPFILE,
			  mode);
	caller_leave(s);
	return fd;
}

/* The entry of an open file, which is closed on failure. */
static int created_entry(struct fusept_stack *s, const struct fusept_node *dir, int fd,
			 struct entry *entry)
{
	int err, path_fd = nodes_reopen(s->nodes, fd, O_PATH);

	err = path_fd < 0 ? path_fd : entry_from_fd(s, dir, path_fd, entry);
	if (err)
		close(fd);
	return err;
}

/* Answers CREATE or TMPFILE with the open file @fd, or the error it is. */
static void created_reply(fuse_req_t req, struct fusept_stack *s, const struct fusept_node *dir,
			  int fd, struct fuse_file_info *fi)
{
	struct fusept_backing *backing;
	struct entry entry;
	int err = fd;

	if (fd >= 0)
		err = created_entry(s, dir, fd, &entry);
	if (err < 0) {
		fuse_reply_err(req, -err);
		return;
	}
	backing = pass_open(s, entry.node, fd);
	open_keep(s, entry.node, fd, fi);
	if (fusept_reply_create(req, &entry.e, fi, backing)) {
		open_drop(s, entry.node, fi);
		node_forget(s->nodes, entry.node, 1);
	}
	node_put(s->nodes, entry.node);
}

void stack_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		  struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);
	HELD dir = hold(s->nodes, parent);
	int fd = dir.fd;

	if (fd >= 0)
		fd = create_in(s, req, dir.fd, name, mode, fi->flags);
	created_reply(req, s, dir.node, fd, fi);
}

void stack_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);
	HELD dir = hold(s->nodes, parent);
	int fd = dir.fd;

	if (fd >= 0)
		fd = tmpfile_in(s, req, dir.fd, mode, fi->flags);
	created_reply(req, s, dir.node, fd, fi);
}

/* What close(2) of the file below would say, which not closing it tells. */
static int flush_below(struct fusept_stack *s, int fd)
{
	int copy;

	do {
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (copy < 0)
			copy = -errno;
	} while (copy < 0 && nodes_make_room(s->nodes, copy));
	if (copy < 0)
		return copy;
	return close(copy) < 0 ? -errno : 0;
}

void stack_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);

	(void)ino;
	fuse_reply_err(req, fi->fh ? -flush_below(s, fusept_file_fd(fi)) : 0);
}

void stack_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);

	open_drop(s, node_from_ino(s->nodes, ino), fi);
	fuse_reply_err(req, 0);
}
