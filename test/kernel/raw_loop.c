// SPDX-License-Identifier: LGPL-2.1-or-later
/* raw_loop.c - read a request, answer it */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "rawfuse.h"

const raw_handler raw_default[RAW_OPCODES] = {
	[FUSE_INIT] = raw_init,
	[FUSE_LOOKUP] = raw_lookup,
	[FUSE_FORGET] = raw_forget,
	[FUSE_BATCH_FORGET] = raw_batch_forget,
	[FUSE_GETATTR] = raw_getattr,
	[FUSE_STATX] = raw_statx,
	[FUSE_SETATTR] = raw_setattr,
	[FUSE_READLINK] = raw_readlink,
	[FUSE_ACCESS] = raw_access,
	[FUSE_STATFS] = raw_statfs,
	[FUSE_MKNOD] = raw_mknod,
	[FUSE_MKDIR] = raw_mkdir,
	[FUSE_SYMLINK] = raw_symlink,
	[FUSE_LINK] = raw_link,
	[FUSE_CREATE] = raw_create,
	[FUSE_TMPFILE] = raw_tmpfile,
	[FUSE_UNLINK] = raw_unlink,
	[FUSE_RMDIR] = raw_rmdir,
	[FUSE_RENAME] = raw_rename,
	[FUSE_RENAME2] = raw_rename2,
	[FUSE_OPEN] = raw_open,
	[FUSE_READ] = raw_read,
	[FUSE_WRITE] = raw_write,
	[FUSE_FLUSH] = raw_flush,
	[FUSE_FSYNC] = raw_fsync,
	[FUSE_RELEASE] = raw_release_file,
	[FUSE_FALLOCATE] = raw_fallocate,
	[FUSE_LSEEK] = raw_lseek,
	[FUSE_COPY_FILE_RANGE] = raw_copy_file_range,
	[FUSE_OPENDIR] = raw_opendir,
	[FUSE_READDIR] = raw_readdir,
	[FUSE_READDIRPLUS] = raw_readdirplus,
	[FUSE_READDIR_PASSTHROUGH] = raw_readdirplus,
	[FUSE_RELEASEDIR] = raw_release_file,
	[FUSE_FSYNCDIR] = raw_fsync,
	[FUSE_SETXATTR] = raw_setxattr,
	[FUSE_GETXATTR] = raw_getxattr,
	[FUSE_LISTXATTR] = raw_listxattr,
	[FUSE_REMOVEXATTR] = raw_removexattr,
};

/* 0 or -errno of the device; ENOENT: nobody waits for that answer any more */
int raw_send(struct raw *r, uint64_t unique, int err, const void *data, size_t len)
{
	struct fuse_out_header h = {
		.len = (uint32_t)(sizeof(h) + len),
		.error = err,
		.unique = unique,
	};
	struct iovec iov[] = {
		{ .iov_base = &h, .iov_len = sizeof(h) },
		{ .iov_base = (void *)data, .iov_len = len },
	};

	if (writev(r->fd, iov, len ? 2 : 1) >= 0)
		return 0;
	return -errno;
}

/* A hook that keeps the request waiting until raw_release() */
int raw_hold(struct raw_req *q)
{
	atomic_store(&q->r->held[q->in->opcode], q->in->unique);
	raw_post(q->r);
	return RAW_NO_REPLY;
}

void raw_release(struct raw *r, int opcode, int err)
{
	uint64_t unique = atomic_exchange(&r->held[opcode], 0);

	if (unique)
		raw_send(r, unique, err, NULL, 0);
}

static bool no_reply(uint32_t opcode)
{
	return opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET ||
	       opcode == FUSE_INTERRUPT;
}

/* Hands the request to hook and handler; the answer, or RAW_NO_REPLY */
static int answer(struct raw_req *q)
{
	uint32_t op = q->in->opcode;
	int err = RAW_DEFAULT;

	if (op >= RAW_OPCODES)
		return -ENOSYS;
	if (q->r->before[op])
		err = q->r->before[op](q);
	if (err == RAW_DEFAULT)
		err = raw_default[op] ? raw_default[op](q) : -ENOSYS;
	if (err != RAW_NO_REPLY && q->r->after[op])
		err = q->r->after[op](q, err);
	return err;
}

static void finish(struct raw_req *q, int err)
{
	struct raw *r = q->r;
	int ret;

	/* before the answer: the FORGET may be here right after it */
	atomic_fetch_add(&r->nlookup, q->entries);
	ret = raw_send(r, q->in->unique, err, q->out, err ? 0 : q->out_len);
	/* refused, or nobody waits for it any more: the kernel took no count */
	if (ret && q->n_listed)
		raw_listed_drop(q, 0);
	else if (ret && q->entries)
		raw_node_forget(r, q->entry, (uint64_t)q->entries);
	if (ret)
		atomic_store(&r->write_errno, -ret);
	/* a header that the kernel does not take ends no request */
	if (ret == -EINVAL)
		raw_send(r, q->in->unique, -EIO, NULL, 0);
}

/* One request; false when the connection is gone */
bool raw_step(struct raw *r)
{
	const struct fuse_in_header *in = (const void *)r->in_buf;
	struct raw_req q = { .r = r, .in = in, .out = r->out_buf };
	ssize_t n = read(r->fd, r->in_buf, sizeof(r->in_buf));
	int err;

	if (n < 0)
		return errno == EINTR || errno == EAGAIN || errno == ENOENT;
	if ((size_t)n < sizeof(*in))
		return false;
	q.arg = in + 1;
	q.arg_len = (size_t)n - sizeof(*in);
	q.node = raw_node_get(r, in->nodeid);
	if (in->opcode < RAW_OPCODES)
		atomic_fetch_add(&r->count[in->opcode], 1);
	atomic_fetch_add(&r->total, 1);
	if (in->nodeid && !q.node && !no_reply(in->opcode))
		err = -ESTALE;
	else
		err = answer(&q);
	if (!no_reply(in->opcode) && err != RAW_NO_REPLY)
		finish(&q, err);
	if (q.close_id > 0)
		raw_backing_close(r->fd, q.close_id);
	if (in->opcode == FUSE_INIT)
		raw_init_done(r);
	raw_post(r);
	return true;
}

void raw_loop(struct raw *r)
{
	while (raw_step(r))
		;
	raw_post(r);
}
