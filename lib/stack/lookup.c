// SPDX-License-Identifier: LGPL-2.1-or-later
/* LOOKUP, FORGET and BATCH_FORGET. */
#include "stack.h"

static void reply_absent(fuse_req_t req, struct fusept_stack *s)
{
	struct fuse_entry_param e = {
		.entry_timeout = s->opt.negative_timeout,
	};

	if (s->opt.negative_timeout > 0)
		fuse_reply_entry(req, &e);
	else
		fuse_reply_err(req, ENOENT);
}

void stack_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fusept_stack *s = stack_of(req);
	HELD dir = hold(s->nodes, parent);
	struct entry entry;
	int err = dir.fd;

	if (dir.fd >= 0)
		err = entry_from_name(s, dir.node, dir.fd, name, &entry);
	if (err == -ENOENT)
		reply_absent(req, s);
	else
		entry_reply(req, s, err, &entry);
}

static void forget_one(struct fusept_stack *s, fuse_ino_t ino, uint64_t nlookup)
{
	if (ino != FUSE_ROOT_ID)
		node_forget(s->nodes, node_from_ino(s->nodes, ino), nlookup);
}

void stack_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	struct fusept_stack *s = stack_of(req);

	forget_one(s, ino, nlookup);
	fuse_reply_none(req);
}

void stack_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct fusept_stack *s = stack_of(req);

	for (size_t i = 0; i < count; i++)
		forget_one(s, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}
