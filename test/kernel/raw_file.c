// SPDX-License-Identifier: LGPL-2.1-or-later
/* raw_file.c - open files */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rawfuse.h"

/*
 * A file handle is an fd with a seal, 0 is none: one that a hostile answer has
 * changed must not name an fd of somebody else.
 */
uint64_t raw_fh(int fd)
{
	uint32_t seal = ((uint32_t)fd + 1) * 2654435761U;

	return (uint64_t)seal << 32 | (uint32_t)fd;
}

/* The fd of a handle, or -EBADF */
int raw_fd(uint64_t fh)
{
	int fd = (int)(uint32_t)fh;

	return raw_fh(fd) == fh ? fd : -EBADF;
}

/* The fd of a handle, or without one a new fd of the node; -errno */
static int use(const struct raw_node *n, uint64_t fh, int flags)
{
	return fh ? raw_fd(fh) : raw_node_reopen(n, flags);
}

/* Ends use(); the result to answer with */
static int unuse(uint64_t fh, int fd, ssize_t ret)
{
	int err = ret < 0 ? -errno : 0;

	if (!fh)
		close(fd);
	return err;
}

/* A server that keeps CAP_FSETID would leave suid and sgid set */
void raw_fsetid(bool on)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct d[2];

	syscall(SYS_capget, &h, d);
	if (on)
		d[0].effective |= 1U << CAP_FSETID;
	else
		d[0].effective &= ~(1U << CAP_FSETID);
	syscall(SYS_capset, &h, d);
}

static int open_reply(struct raw_req *q, int fd)
{
	struct fuse_open_out *out = (void *)q->out;

	*out = (struct fuse_open_out){ .open_flags = q->r->opt.open_flags };
	q->out_len = sizeof(*out);
	if (q->node->ops & (OP(RELEASE) | OP(RELEASEDIR)))
		close(fd);
	else
		out->fh = raw_fh(fd);
	if (q->r->opt.open_attach && q->in->opcode == FUSE_OPEN) {
		if (q->node->backing_id <= 0)
			q->node->backing_id =
				raw_backing_open(q->r->fd, q->node->fd, 0);
		if (q->node->backing_id > 0) {
			out->open_flags |= FOPEN_PASSTHROUGH;
			out->backing_id = q->node->backing_id;
		}
	}
	return 0;
}

int raw_open(struct raw_req *q)
{
	const struct fuse_open_in *in = q->arg;
	int flags = (int)in->flags & ~(O_APPEND | O_DIRECT | O_CREAT | O_EXCL);
	bool kill = in->open_flags & FUSE_OPEN_KILL_SUIDGID;
	int fd;

	if (kill)
		raw_fsetid(false);
	fd = raw_node_reopen(q->node, flags);
	if (kill)
		raw_fsetid(true);
	return fd < 0 ? fd : open_reply(q, fd);
}

int raw_opendir(struct raw_req *q)
{
	int fd = raw_node_reopen(q->node, O_RDONLY | O_DIRECTORY);

	return fd < 0 ? fd : open_reply(q, fd);
}

int raw_release_file(struct raw_req *q)
{
	const struct fuse_release_in *in = q->arg;

	if (in->fh)
		close(raw_fd(in->fh));
	return 0;
}

int raw_read(struct raw_req *q)
{
	const struct fuse_read_in *in = q->arg;
	size_t size = in->size < RAW_MAX_WRITE ? in->size : RAW_MAX_WRITE;
	int fd = use(q->node, in->fh, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = pread(fd, q->out, size, (off_t)in->offset);
	q->out_len = n < 0 ? 0 : (size_t)n;
	return unuse(in->fh, fd, n);
}

int raw_write(struct raw_req *q)
{
	const struct fuse_write_in *in = q->arg;
	struct fuse_write_out *out = (void *)q->out;
	bool kill = in->write_flags & FUSE_WRITE_KILL_SUIDGID;
	int fd = use(q->node, in->fh, O_WRONLY);
	ssize_t n;
	int err;

	if (fd < 0)
		return fd;
	if (kill)
		raw_fsetid(false);
	n = pwrite(fd, in + 1, in->size, (off_t)in->offset);
	err = unuse(in->fh, fd, n);
	if (kill)
		raw_fsetid(true);
	*out = (struct fuse_write_out){ .size = n < 0 ? 0 : (uint32_t)n };
	q->out_len = sizeof(*out);
	return err;
}

int raw_flush(struct raw_req *q)
{
	const struct fuse_flush_in *in = q->arg;

	if (!in->fh)
		return 0;
	return close(dup(raw_fd(in->fh))) < 0 ? -errno : 0;
}

int raw_fsync(struct raw_req *q)
{
	const struct fuse_fsync_in *in = q->arg;
	int fd = use(q->node, in->fh, O_RDONLY);

	if (fd < 0)
		return fd;
	if (in->fsync_flags & FUSE_FSYNC_FDATASYNC)
		return unuse(in->fh, fd, fdatasync(fd));
	return unuse(in->fh, fd, fsync(fd));
}

int raw_fallocate(struct raw_req *q)
{
	const struct fuse_fallocate_in *in = q->arg;
	int fd = use(q->node, in->fh, O_RDWR);

	if (fd < 0)
		return fd;
	return unuse(in->fh, fd, fallocate(fd, (int)in->mode,
					   (off_t)in->offset,
					   (off_t)in->length));
}

int raw_lseek(struct raw_req *q)
{
	const struct fuse_lseek_in *in = q->arg;
	struct fuse_lseek_out *out = (void *)q->out;
	int fd = use(q->node, in->fh, O_RDONLY);
	off_t off;

	if (fd < 0)
		return fd;
	off = lseek(fd, (off_t)in->offset, (int)in->whence);
	*out = (struct fuse_lseek_out){ .offset = (uint64_t)off };
	q->out_len = sizeof(*out);
	return unuse(in->fh, fd, off);
}

int raw_copy_file_range(struct raw_req *q)
{
	const struct fuse_copy_file_range_in *in = q->arg;
	struct fuse_write_out *out = (void *)q->out;
	struct raw_node *to = raw_node_get(q->r, in->nodeid_out);
	off_t off_in = (off_t)in->off_in, off_out = (off_t)in->off_out;
	int fd_in, fd_out, err;
	ssize_t n;

	if (!to)
		return -ESTALE;
	fd_in = use(q->node, in->fh_in, O_RDONLY);
	if (fd_in < 0)
		return fd_in;
	fd_out = use(to, in->fh_out, O_WRONLY);
	if (fd_out < 0)
		return unuse(in->fh_in, fd_in, 0) + fd_out;
	n = copy_file_range(fd_in, &off_in, fd_out, &off_out, in->len,
			    (unsigned int)in->flags);
	err = unuse(in->fh_in, fd_in, n);
	unuse(in->fh_out, fd_out, 0);
	*out = (struct fuse_write_out){ .size = n < 0 ? 0 : (uint32_t)n };
	q->out_len = sizeof(*out);
	return err;
}
