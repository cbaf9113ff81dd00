// SPDX-License-Identifier: LGPL-2.1-or-later
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
#include "stack.h"

#include <string.h>

static bool at_level(const struct fusept_stack *s, enum fusept_level level)
{
	return s->session && fusept_session_level(s->session) == level;
}

/*
 * What the author overrides is his, where he cares; so are names, or he would never hear
 * of what is below. A mask that something was taken from is cut to what the rest allows.
 */
static uint64_t ops_left(const struct fusept_stack *s, const struct stat *st)
{
	uint64_t ops = s->opt.ops;

	if (!s->overridden)
		return ops;
	ops &= ~FUSEPT_OPS_NAMES;
	if (s->opt.override_types & FUSEPT_STACK_TYPE(st->st_mode))
		ops &= ~s->overridden;
	return ops ? ops | FUSEPT_OPS_SUPPORTED : ops;
}

/* The author's handlers have what his mask leaves, of what they can; see doc/engine.md. */
struct node_masks pass_masks(struct fusept_stack *s, const struct fusept_node *dir,
			     const struct stat *st)
{
	struct node_masks masks = {.ops = ops_left(s, st)};

	if (s->opt.node_ops) {
		masks.ops = s->opt.node_ops(s->userdata, dir, st, masks.ops);
		masks.own = s->overridden & ~masks.ops;
	} else if (s->opt.override_types & FUSEPT_STACK_TYPE(st->st_mode)) {
		masks.own = s->overridden;
	}
	return masks;
}

/* Once for each node, and without its lock: the author may ask about it. */
static void tell_refused(struct fusept_stack *s, struct fusept_node *node, int err)
{
	bool told;

	if (!err || !s->opt.refused)
		return;
	pthread_mutex_lock(&node->lock);
	told = node->told;
	node->told = true;
	pthread_mutex_unlock(&node->lock);
	if (!told)
		s->opt.refused(s->userdata, node, err);
}

/* The root is never looked up: it is bound before the first request. */
static int bind_root(struct fusept_stack *s, struct fusept_node *root)
{
	struct fusept_backing *backing = pass_entry(s, root);
	int err;

	if (!backing)
		return fusept_node_reason(root);
	err = fusept_backing_bind(backing, FUSE_ROOT_ID);
	if (err) {
		pthread_mutex_lock(&root->lock);
		root->reason = err;
		pass_forget(root);
		pthread_mutex_unlock(&root->lock);
		tell_refused(s, root, err);
	}
	return err;
}

/* What it gives is why the root is not passed through, which is no error. */
int pass_begin(struct fusept_stack *s)
{
	HELD root = hold(s->nodes, FUSE_ROOT_ID);

	/*
	 * A mode that a write has changed must not be trusted, by exec least of all.
	 * If the kernel has not granted it, both take the bits away: no harm done.
	 */
	s->killpriv = s->opt.flags & FUSEPT_STACK_KILLPRIV && !at_level(s, FUSEPT_LEVEL_OPS);
	if (s->killpriv)
		s->opt.attr_timeout = 0;
	return bind_root(s, root.node);
}

/* The backing for a reply that names a held node; NULL: the daemon serves. */
struct fusept_backing *pass_entry(struct fusept_stack *s, struct fusept_node *node)
{
	struct fusept_backing *backing;
	int err = 0;

	if (!pass_entries(s) || !atomic_load(&node->ops))
		return NULL;
	pthread_mutex_lock(&node->lock);
	if (!node->asked) {
		node->asked = true;
		err = fusept_backing_open(s->session, node->fd, atomic_load(&node->ops),
					  &node->backing);
		node->reason = err;
	}
	backing = node->backing;
	pthread_mutex_unlock(&node->lock);
	tell_refused(s, node, err);
	return backing;
}

/* Are the inodes of new names bound to what is below? */
bool pass_entries(const struct fusept_stack *s)
{
	return at_level(s, FUSEPT_LEVEL_OPS);
}

/* Does the kernel do this operation on a node that replies have named? */
bool pass_has(struct fusept_stack *s, struct fusept_node *node, int opcode)
{
	struct fusept_backing *backing = pass_entry(s, node);

	return backing && fusept_backing_ops(backing) & FUSEPT_OP(opcode);
}

/* The level io has both or nothing. */
static bool io_wanted(uint64_t ops)
{
	return (ops & FUSEPT_OPS_IO) == FUSEPT_OPS_IO;
}

static int open_first(struct fusept_stack *s, struct fusept_node *node, int fd)
{
	int err;

	if (node->opens_passed || node->opens_served)
		return 0;
	err = fusept_backing_open(s->session, fd, FUSEPT_OPS_NONE, &node->backing);
	node->reason = err;
	return err;
}

/*
 * The backing for the reply to an open of a held node, file open as @fd.
 * To be undone by pass_release() at the level io.
 */
struct fusept_backing *pass_open(struct fusept_stack *s, struct fusept_node *node, int fd)
{
	struct fusept_backing *backing;
	int err = 0;

	if (!at_level(s, FUSEPT_LEVEL_IO))
		return pass_entry(s, node);
	pthread_mutex_lock(&node->lock);
	/* with a mask that changes, too, all are as the first was */
	if (io_wanted(atomic_load(&node->ops)))
		err = open_first(s, node, fd);
	if (node->backing)
		node->opens_passed++;
	else
		node->opens_served++;
	backing = node->backing;
	pthread_mutex_unlock(&node->lock);
	tell_refused(s, node, err);
	return backing;
}

/* A file that pass_open() was asked about is closed. */
void pass_release(struct fusept_stack *s, struct fusept_node *node)
{
	if (!at_level(s, FUSEPT_LEVEL_IO))
		return;
	pthread_mutex_lock(&node->lock);
	if (node->opens_served)
		node->opens_served--;
	else if (node->opens_passed && !--node->opens_passed)
		pass_forget(node);
	pthread_mutex_unlock(&node->lock);
}

/* Drops the backing of a node that nobody else looks at. */
void pass_forget(struct fusept_node *node)
{
	fusept_backing_close(node->backing);
	node->backing = NULL;
}

/* Does the kernel list every directory by itself? */
bool pass_lists(const struct fusept_stack *s)
{
	return pass_entries(s) && !s->opt.node_ops &&
	       (s->opt.ops & ~s->overridden & fusept_session_ops(s->session) &
		FUSEPT_OP(FUSEPT_READDIR));
}
