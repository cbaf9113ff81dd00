/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is handed to the kernel.
 *
 * Level ops: each node has one backing from its first reply until it is freed,
 * and every reply that names the node carries it. The kernel may have dropped
 * the inode and be about to say so while a lookup of the same file is being
 * answered; its new inode needs the backing again, and for one that has it
 * the repetition means nothing.
 *
 * Level io: a backing lives while files of the node are open. The kernel wants
 * all opens of an inode alike, so the first decides for those at its time.
 *
 * A file that can't be registered is served by the daemon; the reason is
 * counted.
 */
#include "mirror.h"

#include <string.h>

static gboolean at_level(const struct mirror *m, enum fusept_level level)
{
	return m->session && fusept_session_level(m->session) == level;
}

static void describe_ops(uint64_t ops, char *text, size_t size)
{
	if (fusept_ops_format(ops, text, size) >= (int)size)
		g_strlcpy(text, "(many)", size);
}

/* Operations asked for by name that the kernel does not have. */
static uint64_t ops_missing(const struct mirror *m, uint64_t ops)
{
	return ops & FUSEPT_OPS_SUPPORTED ? 0 : ops & ~fusept_session_ops(m->session);
}

static void warn_missing(struct mirror *m, uint64_t ops, const char *list)
{
	uint64_t missing = ops_missing(m, ops);
	char text[1024];

	if (!missing)
		return;
	describe_ops(missing, text, sizeof(text));
	mirror_complain(m,
			"ops=%s: this kernel can't pass through %s, so the "
			"daemon serves every operation; name fewer, or add "
			"'supported' to the list",
			list, text);
}

static void warn_all_missing(struct mirror *m)
{
	warn_missing(m, m->opt.ops, m->opt.ops_text);
	for (guint i = 0; i < m->opt.dirs->len; i++) {
		const struct dir_ops *dir = &g_array_index(m->opt.dirs, struct dir_ops, i);

		warn_missing(m, dir->ops, dir->text);
	}
}

/* The root is never looked up: it is bound before the first request. */
void pass_begin(struct mirror *m)
{
	struct fusept_backing *backing;
	held root = hold(m->nodes, FUSE_ROOT_ID);
	int err = 0;

	if (at_level(m, FUSEPT_LEVEL_OPS))
		warn_all_missing(m);
	/*
	 * A mode that a write has changed must not be trusted, by exec least of all.
	 * If the kernel has not granted it, both take the bits away: no harm done.
	 */
	m->killpriv = m->opt.killpriv && !at_level(m, FUSEPT_LEVEL_OPS);
	if (m->killpriv)
		m->opt.attr_timeout = 0;
	backing = pass_entry(m, root.node);
	if (backing)
		err = fusept_backing_bind(backing, FUSE_ROOT_ID);
	if (err) {
		stats_refused(m->stats, -err);
		mirror_complain(m,
				"the root can't be passed through: %s; the "
				"daemon serves it",
				strerror(-err));
		pass_forget(root.node);
	}
	held_clear(&root);
}

/* The backing for a reply that names a held node; NULL: the daemon serves. */
struct fusept_backing *pass_entry(struct mirror *m, struct node *node)
{
	struct fusept_backing *backing;
	int err = 0;

	if (!pass_entries(m) || !node->ops)
		return NULL;
	pthread_mutex_lock(&node->lock);
	if (!node->asked) {
		node->asked = TRUE;
		err = fusept_backing_open(m->session, node->fd, node->ops, &node->backing);
	}
	backing = node->backing;
	pthread_mutex_unlock(&node->lock);
	if (err)
		stats_refused(m->stats, -err);
	return backing;
}

/* Are the inodes of new names bound to what is below? */
gboolean pass_entries(const struct mirror *m)
{
	return at_level(m, FUSEPT_LEVEL_OPS);
}

/* Does the kernel do this operation on a node that replies have named? */
gboolean pass_has(struct mirror *m, struct node *node, int opcode)
{
	struct fusept_backing *backing = pass_entry(m, node);

	return backing && fusept_backing_ops(backing) & FUSEPT_OP(opcode);
}

/* The level io has both or nothing. */
static gboolean io_wanted(uint64_t ops)
{
	return (ops & FUSEPT_OPS_IO) == FUSEPT_OPS_IO;
}

static int open_first(struct mirror *m, struct node *node, int fd)
{
	int err;

	if (node->opens_passed || node->opens_served)
		return 0;
	err = fusept_backing_open(m->session, fd, FUSEPT_OPS_NONE, &node->backing);
	if (err)
		stats_refused(m->stats, -err);
	return err;
}

/*
 * The backing for the reply to an open of a held node, file open as @fd.
 * To be undone by pass_release() at the level io.
 */
struct fusept_backing *pass_open(struct mirror *m, struct node *node, int fd)
{
	struct fusept_backing *backing;

	if (!at_level(m, FUSEPT_LEVEL_IO))
		return pass_entry(m, node);
	if (!io_wanted(node->ops))
		return NULL;
	pthread_mutex_lock(&node->lock);
	if (!open_first(m, node, fd) && node->backing)
		node->opens_passed++;
	else
		node->opens_served++;
	backing = node->backing;
	pthread_mutex_unlock(&node->lock);
	return backing;
}

/* A file that pass_open() was asked about is closed. */
void pass_release(struct mirror *m, struct node *node)
{
	if (!at_level(m, FUSEPT_LEVEL_IO))
		return;
	pthread_mutex_lock(&node->lock);
	if (node->opens_served)
		node->opens_served--;
	else if (node->opens_passed && !--node->opens_passed)
		pass_forget(node);
	pthread_mutex_unlock(&node->lock);
}

/* Drops the backing of a node that nobody else looks at. */
void pass_forget(struct node *node)
{
	fusept_backing_close(node->backing);
	node->backing = NULL;
}

static const char *level_name(const struct mirror *m)
{
	if (at_level(m, FUSEPT_LEVEL_OPS))
		return "ops";
	return at_level(m, FUSEPT_LEVEL_IO) ? "io" : "none";
}

/* What the kernel does by itself, but for directories with a mask of their own. */
static uint64_t ops_in_force(const struct mirror *m)
{
	if (pass_entries(m))
		return ops_missing(m, m->opt.ops) ? FUSEPT_OPS_NONE
						  : m->opt.ops & fusept_session_ops(m->session);
	if (at_level(m, FUSEPT_LEVEL_IO) && io_wanted(m->opt.ops))
		return FUSEPT_OPS_IO;
	return FUSEPT_OPS_NONE;
}

static gboolean does_not_list(uint64_t ops)
{
	return !(ops & FUSEPT_OP(FUSEPT_READDIR));
}

/* Does the kernel list all directories by itself? */
gboolean pass_lists(const struct mirror *m)
{
	return (ops_in_force(m) & FUSEPT_OP(FUSEPT_READDIR)) && !dirs_any(&m->opt, does_not_list);
}

void pass_describe(struct mirror *m, struct stats_about *about)
{
	about->level = level_name(m);
	about->reason = m->session ? fusept_session_reason(m->session) : 0;
	describe_ops(ops_in_force(m), about->ops, sizeof(about->ops));
}
