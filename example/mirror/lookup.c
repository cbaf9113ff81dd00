/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* LOOKUP, FORGET and BATCH_FORGET. */
#include "mirror.h"

static void reply_absent(fuse_req_t req, struct mirror *m)
{
	struct fuse_entry_param e = {
		.entry_timeout = m->opt.negative_timeout,
	};

	if (m->opt.negative_timeout > 0)
		fuse_reply_entry(req, &e);
	else
		fuse_reply_err(req, ENOENT);
}

void mirror_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mirror *m = request_begin(req, FUSEPT_LOOKUP);
	g_auto(held) dir = hold(m->nodes, parent);
	struct entry entry;
	int err = dir.fd;

	if (dir.fd >= 0)
		err = entry_from_name(m, dir.node, dir.fd, name, &entry);
	if (err == -ENOENT)
		reply_absent(req, m);
	else
		entry_reply(req, m, err, &entry);
}

static void forget_one(struct mirror *m, fuse_ino_t ino, uint64_t nlookup)
{
	if (ino != FUSE_ROOT_ID)
		node_forget(m->nodes, node_from_ino(m->nodes, ino), nlookup);
}

void mirror_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	struct mirror *m = request_begin(req, FUSEPT_FORGET);

	forget_one(m, ino, nlookup);
	fuse_reply_none(req);
}

void mirror_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct mirror *m = request_begin(req, STATS_BATCH_FORGET);

	for (size_t i = 0; i < count; i++)
		forget_one(m, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}
