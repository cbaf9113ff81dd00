// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The INIT exchange.
 *
 * libfuse writes the INIT reply itself and knows neither our flags nor, before
 * 3.17, passthrough at all.  So its reply is changed on the way to the kernel,
 * in the writev callback of fuse_session_custom_io().  That callback is given
 * nothing that leads to our session (only the daemon's user data).  Therefore
 * the exchange is not left to the session's loop: INIT, which the mount queued
 * before it returned, is read here and handed to libfuse with
 * fuse_session_process_buf().  libfuse answers in the same thread before that
 * returns, and a thread-local pointer tells the callback whose reply it sees.
 * For every later request the callbacks do what libfuse does without them.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Set while this thread is in an INIT exchange. */
static _Thread_local struct fusept_init *current;

/*
 * Take what we need to know from an INIT request.  -EALREADY: it is another
 * request, -EPROTO: it is none, or not of version 7.
 */
int fusept_init_read(struct fusept_init *init, const void *request, size_t size)
{
	struct fuse_init_in in = {0};
	struct fuse_in_header header;

	if (size < sizeof(header))
		return -EPROTO;
	memcpy(&header, request, sizeof(header));
	if (header.opcode != FUSE_INIT)
		return -EALREADY;
	size -= sizeof(header);
	memcpy(&in, (const char *)request + sizeof(header), size < sizeof(in) ? size : sizeof(in));
	if (in.major != FUSE_KERNEL_VERSION)
		return -EPROTO;
	init->unique = header.unique;
	init->offered = in.flags;
	if (in.flags & FUSE_INIT_EXT)
		init->offered |= (uint64_t)in.flags2 << 32;
	return 0;
}

/* Flags to add to a reply that has the given ones. */
static uint64_t flags_to_add(const struct fusept_init *init, uint64_t flags)
{
	uint64_t wanted = FUSE_INIT_EXT | FUSE_PASSTHROUGH;

	if (init->wish.max_level < FUSEPT_LEVEL_IO || (flags & FUSE_WRITEBACK_CACHE) ||
	    (init->offered & wanted) != wanted)
		return 0;
	if (init->wish.max_level >= FUSEPT_LEVEL_OPS)
		wanted |= init->offered & FUSE_PASSTHROUGH_MASK;
	return wanted;
}

/* Note what is agreed; false if the reply is fine as it is. */
static bool amend_flags(struct fusept_init *init, struct fuse_init_out *out)
{
	uint64_t flags = out->flags, added;

	if (flags & FUSE_INIT_EXT)
		flags |= (uint64_t)out->flags2 << 32;
	added = flags_to_add(init, flags);
	init->granted = flags | added;
	if (!added)
		return false;
	if (init->wish.max_stack_depth)
		out->max_stack_depth = init->wish.max_stack_depth;
	else if (!(flags & FUSE_PASSTHROUGH) || out->max_stack_depth == 0)
		out->max_stack_depth = 1;
	out->flags = (uint32_t)init->granted;
	out->flags2 = (uint32_t)(init->granted >> 32);
	return true;
}

/*
 * Make of libfuse's reply the one to send.  Gives its size, or 0 if libfuse's
 * is to be sent as it is.  For kernels before 7.23 it ends with max_write; the
 * rest is 0 then.
 */
size_t fusept_init_amend(struct fusept_init *init, const struct iovec *iov, int count,
			 struct fusept_init_reply *reply)
{
	size_t size = 0;

	memset(reply, 0, sizeof(*reply));
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > sizeof(*reply) - size)
			return 0;
		memcpy((char *)reply + size, iov[i].iov_base, iov[i].iov_len);
		size += iov[i].iov_len;
	}
	if (size < sizeof(reply->header) + FUSE_COMPAT_22_INIT_OUT_SIZE ||
	    reply->header.error != 0 || reply->out.major != FUSE_KERNEL_VERSION ||
	    !amend_flags(init, &reply->out))
		return 0;
	reply->header.len = sizeof(*reply);
	return sizeof(*reply);
}

/* The reply to INIT is on its way: send it with our flags. */
static ssize_t send_init_reply(struct fusept_init *init, int fd, const struct iovec *iov, int count)
{
	struct fuse_out_header header;
	struct fusept_init_reply reply;
	size_t size = fusept_init_amend(init, iov, count, &reply);
	ssize_t ret = size ? write(fd, &reply, size) : writev(fd, iov, count);

	memcpy(&header, iov[0].iov_base, sizeof(header));
	init->error = ret < 0 ? -errno : header.error;
	return ret;
}

static bool is_init_reply(const struct iovec *iov)
{
	struct fuse_out_header header;

	if (!current || iov[0].iov_len != sizeof(header))
		return false;
	memcpy(&header, iov[0].iov_base, sizeof(header));
	return header.unique == current->unique;
}

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	(void)userdata;
	if (is_init_reply(iov))
		return send_init_reply(current, fd, iov, count);
	return writev(fd, iov, count);
}

static ssize_t io_read(int fd, void *buf, size_t size, void *userdata)
{
	(void)userdata;
	return read(fd, buf, size);
}

static ssize_t io_splice_receive(int in, off_t *in_off, int out, off_t *out_off, size_t size,
				 unsigned int flags, void *userdata)
{
	(void)userdata;
	return splice(in, in_off, out, out_off, size, flags);
}

static ssize_t io_splice_send(int in, off_t *in_off, int out, off_t *out_off, size_t size,
			      unsigned int flags, void *userdata)
{
	(void)userdata;
	return splice(in, in_off, out, out_off, size, flags);
}

#if FUSE_USE_VERSION >= 317
/* libfuse 3.17 and later leave the cloning of a custom session's fd to us. */
static int io_clone_fd(int fd)
{
	uint32_t source = (uint32_t)fd;
	int clone = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (clone >= 0 && fusept_sys_ioctl(clone, FUSE_DEV_IOC_CLONE, &source) < 0) {
		close(clone);
		clone = -1;
	}
	return clone;
}
#endif

static int install_io(struct fuse_session *se)
{
	const struct fuse_custom_io io = {
		.read = io_read,
		.writev = io_writev,
		.splice_receive = io_splice_receive,
		.splice_send = io_splice_send,
#if FUSE_USE_VERSION >= 317
		.clone_fd = io_clone_fd,
#endif
	};
#if FUSE_USE_VERSION >= 317
	return fuse_session_custom_io(se, &io, sizeof(io), fuse_session_fd(se));
#else
	return fuse_session_custom_io(se, &io, fuse_session_fd(se));
#endif
}

/* Read the request that waits; its size, or -EALREADY if none does. */
static ssize_t receive(struct fuse_session *se, void *buf, size_t size)
{
	struct pollfd pfd = {.fd = fuse_session_fd(se), .events = POLLIN};
	ssize_t ret;

	do
		ret = poll(&pfd, 1, 0);
	while (ret < 0 && errno == EINTR);
	if (ret == 0)
		return -EALREADY;
	if (ret > 0)
		ret = read(pfd.fd, buf, size); /* does not wait: nobody else reads yet */
	return ret < 0 ? -errno : ret;
}

/*
 * Do the exchange.  0: init->offered and init->granted are what was agreed.
 * -EALREADY: it was over before; -EOPNOTSUPP: libfuse does not let us;
 * both leave the session usable.  Everything else does not.
 */
int fusept_negotiate(struct fuse_session *se, struct fusept_init *init)
{
	char request[FUSE_MIN_READ_BUFFER] __attribute__((aligned(8)));
	struct fuse_buf buf = {.mem = request};
	ssize_t size;
	int ret;

	if (install_io(se) < 0)
		return -EOPNOTSUPP;
	size = receive(se, request, sizeof(request));
	if (size < 0)
		return (int)size;
	buf.size = (size_t)size;
	ret = fusept_init_read(init, request, buf.size);
	if (ret == -EPROTO)
		return ret;
	init->error = -EPROTO; /* until a reply is sent */
	current = ret < 0 ? NULL : init;
	fuse_session_process_buf(se, &buf);
	current = NULL;
	return ret < 0 ? ret : init->error;
}
