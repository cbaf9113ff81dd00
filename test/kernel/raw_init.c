// SPDX-License-Identifier: LGPL-2.1-or-later
/* raw_init.c - the INIT exchange */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "rawfuse.h"

static const uint64_t usual_flags =
	FUSE_INIT_EXT | FUSE_BIG_WRITES | FUSE_MAX_PAGES | FUSE_ASYNC_READ |
	FUSE_ATOMIC_O_TRUNC | FUSE_DONT_MASK | FUSE_PARALLEL_DIROPS |
	FUSE_PASSTHROUGH | FUSE_PASSTHROUGH_MASK;

/* Asks for what the kernel offers, out of what this server can do */
int raw_init(struct raw_req *q)
{
	const struct fuse_init_in *in = q->arg;
	struct fuse_init_out *out = (void *)q->out;
	struct raw *r = q->r;
	uint64_t want = (usual_flags | r->opt.init_add) & ~r->opt.init_drop;

	r->offered = in->flags;
	if (in->flags & FUSE_INIT_EXT)
		r->offered |= (uint64_t)in->flags2 << 32;
	r->accepted = r->offered & want;

	memset(out, 0, sizeof(*out));
	out->major = FUSE_KERNEL_VERSION;
	out->minor = FUSE_KERNEL_MINOR_VERSION;
	out->max_readahead = in->max_readahead;
	out->flags = (uint32_t)r->accepted;
	out->flags2 = (uint32_t)(r->accepted >> 32);
	out->max_background = 16;
	out->congestion_threshold = 12;
	out->max_write = RAW_MAX_WRITE;
	out->max_pages = RAW_MAX_WRITE / 4096;
	out->time_gran = 1;
	out->max_stack_depth = r->opt.max_stack_depth;
	if (!out->max_stack_depth && (r->accepted & FUSE_PASSTHROUGH))
		out->max_stack_depth = 1;
	q->out_len = sizeof(*out);
	return 0;
}

/* What can only be asked once the kernel has the answer */
void raw_init_done(struct raw *r)
{
	struct raw_node *root = raw_node_get(r, FUSE_ROOT_ID);

	r->ops_ioctl = raw_backing_ops(r->fd, &r->every);
	r->supported = r->every & ~OP(FORGET);
	if (!r->opt.subtree)
		r->supported &= ~RAW_SUBTREE;
	if (!r->opt.root_unbound && raw_node_attach(r, root, r->opt.ops) > 0)
		raw_backing_bind(r->fd, FUSE_ROOT_ID, root->backing_id);
	atomic_store(&r->ready, 1);
	raw_post(r);
}
