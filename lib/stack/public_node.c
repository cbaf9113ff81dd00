// SPDX-License-Identifier: LGPL-2.1-or-later
/* Nodes as an author sees them. */
#include "stack.h"

#include <stdlib.h>

int fusept_node_get(struct fusept_stack *s, fuse_ino_t ino, struct fusept_node **out)
{
	return node_get(s->nodes, ino, out);
}

void fusept_node_put(struct fusept_stack *s, struct fusept_node *node)
{
	node_put(s->nodes, node);
}

fuse_ino_t fusept_node_ino(struct fusept_stack *s, struct fusept_node *node)
{
	return node_to_ino(s->nodes, node);
}

int fusept_stack_each_node(struct fusept_stack *s,
			   void (*each)(void *arg, struct fusept_node *node), void *arg)
{
	struct fusept_node **all;
	size_t count;

	all = nodes_hold_all(s->nodes, &count);
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		each(arg, all[i]);
		node_put(s->nodes, all[i]);
	}
	free(all);
	return 0;
}

uint64_t fusept_node_ops(const struct fusept_node *node)
{
	return atomic_load(&node->ops);
}

int fusept_node_set_ops(struct fusept_stack *s, struct fusept_node *node, uint64_t ops)
{
	int err = 0;

	pthread_mutex_lock(&node->lock);
	if (node->backing && pass_entries(s))
		err = fusept_backing_set_ops(node->backing, ops);
	if (!err) {
		atomic_store(&node->ops, ops);
		atomic_store(&node->own, s->overridden & ~ops);
	}
	pthread_mutex_unlock(&node->lock);
	return err;
}

int fusept_node_reason(struct fusept_node *node)
{
	int reason;

	pthread_mutex_lock(&node->lock);
	reason = node->reason;
	pthread_mutex_unlock(&node->lock);
	return reason;
}

void *fusept_node_data(const struct fusept_node *node)
{
	return atomic_load(&node->data);
}

void *fusept_node_set_data(struct fusept_node *node, void *data)
{
	void *has = NULL;

	atomic_compare_exchange_strong(&node->data, &has, data);
	return has;
}
