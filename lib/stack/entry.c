// SPDX-License-Identifier: LGPL-2.1-or-later
/* Replies that give the kernel a name of a file, and their undoing. */
#include "stack.h"

#include <string.h>
#include <sys/sysmacros.h>

/*
 * Our own mount, met in the tree, is not entered: each request for it would
 * come back to us. What is asked here is answered without asking a daemon.
 */
static bool is_own_mount(struct fusept_stack *s, int fd)
{
	struct statx st;

	if (!s->guard || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st) < 0)
		return false;
	return makedev(st.stx_dev_major, st.stx_dev_minor) == s->own_dev;
}

static int entry_stat(struct fusept_stack *s, int fd, struct stat *st)
{
	if (is_own_mount(s, fd))
		return -ELOOP;
	if (fstatat(fd, "", st, AT_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

/* Takes @fd, O_PATH. After 0 the entry is to be replied or undone. */
int entry_from_fd(struct fusept_stack *s, const struct fusept_node *dir, int fd, struct entry *out)
{
	struct node_masks masks;
	struct stat st;
	int err = entry_stat(s, fd, &st);

	if (err) {
		close(fd);
		return err;
	}
	masks = pass_masks(s, dir, &st);
	err = node_enter(s->nodes, fd, &st, &masks, &out->node);
	if (err)
		return err;
	memset(&out->e, 0, sizeof(out->e));
	out->e.ino = node_to_ino(s->nodes, out->node);
	out->e.generation = out->node->generation;
	out->e.attr = st;
	out->e.attr_timeout = s->opt.attr_timeout;
	out->e.entry_timeout = s->opt.entry_timeout;
	if (out->e.ino != FUSE_ROOT_ID)
		return 0;
	/* the source inside itself; the kernel wants its root in one place */
	entry_undo(s, out);
	return -ELOOP;
}

int entry_from_name(struct fusept_stack *s, const struct fusept_node *dir, int dirfd,
		    const char *name, struct entry *out)
{
	int fd = nodes_openat(s->nodes, dirfd, name, O_PATH | O_NOFOLLOW, 0);

	if (fd < 0)
		return fd;
	return entry_from_fd(s, dir, fd, out);
}

void fusept_reply_fd(fuse_req_t req, fuse_ino_t parent, int fd)
{
	struct fusept_stack *s = stack_of(req);
	struct entry entry;
	int err = entry_from_fd(s, node_from_ino(s->nodes, parent), fd, &entry);

	entry_reply(req, s, err, &entry);
}

void entry_undo(struct fusept_stack *s, struct entry *entry)
{
	node_forget(s->nodes, entry->node, 1);
	node_put(s->nodes, entry->node);
}

/*
 * Answers with the entry, or with the error. A reply that the kernel does not
 * take (the caller was interrupted) counts no lookup.
 */
void entry_reply(fuse_req_t req, struct fusept_stack *s, int err, struct entry *entry)
{
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	err = fusept_reply_entry(req, &entry->e, pass_entry(s, entry->node));
	if (err)
		node_forget(s->nodes, entry->node, 1);
	node_put(s->nodes, entry->node);
}
