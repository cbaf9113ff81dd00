// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The INIT exchange.
 *
 * libfuse writes the INIT reply itself and knows neither our flags nor, before
 * 3.17, passthrough at all.  So its reply is changed on the way to the kernel:
 * INIT, which the mount queued before it returned, is read here and handed to
 * libfuse with fuse_session_process_buf(), while the session's descriptor is a
 * socket.  The reply is taken from the other end.  From then on libfuse is on
 * its own again, with the device and nothing between.
 *
 * fuse_session_custom_io() would do without the socket, but libfuse 3.18 is
 * built without it by default; and its callbacks are told nothing that would
 * lead them to our session.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* libfuse gives the session's descriptor to its rings while it handles INIT: not our socket. */
#define NOT_FOR_LIBFUSE (UINT64_C(1) << 41) /* FUSE_OVER_IO_URING */

/* The kernel's FILESYSTEM_MAX_STACK_DEPTH: with more it grants no passthrough, and says nothing. */
#define MAX_STACK_DEPTH 2

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
	if (init->wish.max_level >= FUSEPT_LEVEL_OPS && (init->offered & FUSE_PASSTHROUGH_MASK))
		wanted |= FUSE_PASSTHROUGH_MASK;
	else if (init->wish.killpriv)
		wanted |= init->offered & FUSE_HANDLE_KILLPRIV_V2;
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
	else if (!(flags & FUSE_PASSTHROUGH) || out->max_stack_depth == 0 ||
		 out->max_stack_depth > MAX_STACK_DEPTH)
		out->max_stack_depth = 1;
	out->flags = (uint32_t)init->granted;
	out->flags2 = (uint32_t)(init->granted >> 32);
	return true;
}

/*
 * Make of libfuse's reply, of which init->reply has the first size bytes, the
 * one to send; gives its size.  Replies to kernels before 7.23 end with
 * max_write; the rest of init->reply is 0 then.
 */
size_t fusept_init_amend(struct fusept_init *init, size_t size)
{
	struct fusept_init_reply *reply = &init->reply;

	if (size < sizeof(reply->header) + FUSE_COMPAT_22_INIT_OUT_SIZE ||
	    reply->header.error != 0 || reply->out.major != FUSE_KERNEL_VERSION ||
	    !amend_flags(init, &reply->out))
		return size;
	reply->header.len = sizeof(*reply);
	return sizeof(*reply);
}

/*
 * A request that waits; its size, or -EALREADY if it can't be INIT: if none
 * waits, or the kernel finds the buffer too small, which is so after INIT alone.
 */
static ssize_t receive_request(int fd, void *buf, size_t size)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	ssize_t ret;

	do
		ret = poll(&pfd, 1, 0);
	while (ret < 0 && errno == EINTR);
	if (ret == 0)
		return -EALREADY;
	if (ret > 0)
		ret = read(fd, buf, size); /* does not wait: nobody else reads yet */
	if (ret < 0)
		return errno == EINVAL ? -EALREADY : -errno;
	return ret;
}

/* Send what libfuse answered to INIT; notifications before it concern nobody. */
static int forward_reply(struct fusept_init *init, int from, int to)
{
	struct fusept_init_reply *reply = &init->reply;
	ssize_t size;

	do {
		memset(reply, 0, sizeof(*reply));
		size = recv(from, reply, sizeof(*reply), MSG_DONTWAIT | MSG_TRUNC);
		if (size < (ssize_t)sizeof(reply->header) || size > (ssize_t)sizeof(*reply))
			return -EPROTO;
	} while (reply->header.unique != init->unique);
	size = (ssize_t)fusept_init_amend(init, (size_t)size);
	return write(to, reply, (size_t)size) < 0 ? -errno : reply->header.error;
}

/* Let libfuse handle INIT with its descriptor being one end of the socket. */
static int exchange(struct fuse_session *se, struct fuse_buf *request, struct fusept_init *init,
		    const int ends[2], int device)
{
	int fd = fuse_session_fd(se);
	int flags = fcntl(fd, F_GETFD);

	if (flags < 0 || dup3(ends[1], fd, O_CLOEXEC) < 0)
		return -errno;
	fuse_session_process_buf(se, request);
	if (dup3(device, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
		return -errno;
	return forward_reply(init, ends[0], fd);
}

static int handle_request(struct fuse_session *se, struct fusept_init *init, const int ends[2],
			  int device)
{
	union {
		struct {
			struct fuse_in_header header;
			struct fuse_init_in init;
		} in;
		char bytes[FUSE_MIN_READ_BUFFER];
	} request = {0};
	struct fuse_buf buf = {.mem = &request};
	ssize_t size = receive_request(device, &request, sizeof(request));
	int ret;

	if (size < 0)
		return (int)size;
	buf.size = (size_t)size;
	ret = fusept_init_read(init, &request, buf.size);
	if (ret == -EALREADY)
		fuse_session_process_buf(se, &buf);
	if (ret < 0)
		return ret;
	request.in.init.flags2 &= ~(uint32_t)(NOT_FOR_LIBFUSE >> 32);
	return exchange(se, &buf, init, ends, device);
}

/*
 * Do the exchange.  0: init->offered and init->granted are what was agreed.
 * -EALREADY: it was over before, the session is as it was.  After everything
 * else it can't be used.
 */
int fusept_negotiate(struct fuse_session *se, struct fusept_init *init)
{
	int device = fcntl(fuse_session_fd(se), F_DUPFD_CLOEXEC, 0);
	int ends[2], ret;

	if (device < 0)
		return -errno;
	ret = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
	if (ret == 0) {
		ret = handle_request(se, init, ends, device);
		close(ends[0]);
		close(ends[1]);
	}
	close(device);
	return ret;
}
