/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replies that give the kernel a name of a file, and their undoing. */
#include "mirror.h"

#include <string.h>
#include <sys/sysmacros.h>

/*
 * Our own mount, met below SOURCE, is not entered: each request for it would
 * come back to us. What is asked here is answered without asking a daemon.
 */
static gboolean is_own_mount(struct mirror *m, int fd)
{
	struct statx st;

	if (!m->guard || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st) < 0)
		return FALSE;
	return makedev(st.stx_dev_major, st.stx_dev_minor) == m->own_dev;
}

static int entry_stat(struct mirror *m, int fd, struct stat *st)
{
	if (is_own_mount(m, fd))
		return -ELOOP;
	if (fstatat(fd, "", st, AT_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

/* Takes @fd, O_PATH. After 0 the entry is to be replied or undone. */
int entry_from_fd(struct mirror *m, const struct node *dir, int fd, struct entry *out)
{
	struct stat st;
	int err = entry_stat(m, fd, &st);

	if (!err)
		err = node_enter(m->nodes, fd, &st, dirs_ops(&m->opt, &st, dir->ops), &out->node);
	else
		close(fd);
	if (err)
		return err;
	memset(&out->e, 0, sizeof(out->e));
	out->e.ino = node_to_ino(m->nodes, out->node);
	out->e.generation = out->node->generation;
	out->e.attr = st;
	out->e.attr_timeout = m->opt.attr_timeout;
	out->e.entry_timeout = m->opt.entry_timeout;
	if (out->e.ino != FUSE_ROOT_ID)
		return 0;
	/* the source inside itself; the kernel wants its root in one place */
	entry_undo(m, out);
	return -ELOOP;
}

int entry_from_name(struct mirror *m, const struct node *dir, int dirfd, const char *name,
		    struct entry *out)
{
	int fd = nodes_openat(m->nodes, dirfd, name, O_PATH | O_NOFOLLOW, 0);

	if (fd < 0)
		return fd;
	return entry_from_fd(m, dir, fd, out);
}

void entry_undo(struct mirror *m, struct entry *entry)
{
	node_forget(m->nodes, entry->node, 1);
	node_put(m->nodes, entry->node);
}

/*
 * Answers with the entry, or with the error. A reply that the kernel does not
 * take (the caller was interrupted) counts no lookup.
 */
void entry_reply(fuse_req_t req, struct mirror *m, int err, struct entry *entry)
{
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	err = fusept_reply_entry(req, &entry->e, pass_entry(m, entry->node));
	if (err)
		node_forget(m->nodes, entry->node, 1);
	node_put(m->nodes, entry->node);
}
