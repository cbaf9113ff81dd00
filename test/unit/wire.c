// SPDX-License-Identifier: LGPL-2.1-or-later
#include "wire.h"
#include "door.h"
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define UNIQUE 6

void wire_open(struct wire *wire, const struct fuse_lowlevel_ops *ops, void *userdata)
{
	char *argv[] = {(char *)"wire", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	char mountpoint[32];
	int ends[2];

	CHECK_SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
	wire->peer = ends[0];
	wire->session = NULL;
	wire->se = fuse_session_new(&args, ops, sizeof(*ops), userdata);
	CHECK(wire->se);
	fuse_opt_free_args(&args);
	snprintf(mountpoint, sizeof(mountpoint), "/dev/fd/%d", ends[1]);
	CHECK_EQ(fuse_session_mount(wire->se, mountpoint), 0);
}

void wire_close(struct wire *wire)
{
	fusept_session_free(wire->session);
	fuse_session_destroy(wire->se);
	close(wire->peer);
}

void wire_send(struct wire *wire, uint32_t opcode, const void *in, size_t size)
{
	const struct fuse_in_header header = {
		.len = (uint32_t)(sizeof(header) + size),
		.opcode = opcode,
		.unique = UNIQUE,
		.nodeid = FUSE_ROOT_ID,
	};
	const struct iovec iov[] = {{(void *)&header, sizeof(header)}, {(void *)in, size}};

	CHECK_EQ(writev(wire->peer, iov, 2), header.len);
}

void wire_send_init(struct wire *wire, uint32_t minor, uint64_t offered)
{
	const struct fuse_init_in in = {
		.major = 7,
		.minor = minor,
		.max_readahead = 131072,
		.flags = (uint32_t)offered,
		.flags2 = (uint32_t)(offered >> 32),
	};
	size_t size = sizeof(in);

	if (minor < 6)
		size = offsetof(struct fuse_init_in, max_readahead);
	else if (minor < 36)
		size = offsetof(struct fuse_init_in, flags2);
	wire_send(wire, FUSE_INIT, &in, size);
}

void wire_serve(struct wire *wire)
{
	/* libfuse reads flags that old kernels do not send: let them be 0 */
	struct fuse_buf buf = {.mem = calloc(1, 4 * 1024 * 1024)};

	CHECK(fuse_session_receive_buf(wire->se, &buf) > 0);
	fuse_session_process_buf(wire->se, &buf);
	free(buf.mem);
}

struct wire_message wire_receive(struct wire *wire)
{
	struct wire_message message = {0};
	struct iovec iov[] = {{&message.header, sizeof(message.header)},
			      {message.body, sizeof(message.body)}};
	ssize_t size = readv(wire->peer, iov, 2);

	CHECK_SYS(size);
	CHECK_EQ(size, message.header.len);
	CHECK_EQ(message.header.unique, UNIQUE);
	message.size = (size_t)size - sizeof(message.header);
	return message;
}

struct fuse_init_out wire_receive_init(struct wire *wire)
{
	struct wire_message message = wire_receive(wire);
	struct fuse_init_out out = {0};

	CHECK_EQ(message.header.error, 0);
	CHECK(message.size <= sizeof(out));
	memcpy(&out, message.body, message.size);
	return out;
}

void wire_expect_probe(int open_ret, int ops_ret, uint64_t mask)
{
	door_expect((struct door_call){
		.request = FUSE_DEV_IOC_BACKING_OPEN, .in.open.fd = -1, .ret = open_ret});
	if (open_ret == -EBADF && ops_ret != INT32_MIN)
		door_expect((struct door_call){
			.request = FUSE_DEV_IOC_BACKING_OPS, .out.ops_mask = mask, .ret = ops_ret});
}

void wire_start_with(struct wire *wire, enum fusept_level level, uint64_t offered,
		     const struct fusept_session_options *options,
		     const struct fuse_lowlevel_ops *ops, void *userdata)
{
	offered |= FUSE_INIT_EXT;
	if (level >= FUSEPT_LEVEL_IO)
		offered |= FUSE_PASSTHROUGH;
	if (level >= FUSEPT_LEVEL_OPS)
		offered |= FUSE_PASSTHROUGH_MASK;
	wire_open(wire, ops, userdata);
	if (level >= FUSEPT_LEVEL_IO)
		wire_expect_probe(-EBADF, level == FUSEPT_LEVEL_OPS ? 0 : INT32_MIN, WIRE_OPS);
	wire_send_init(wire, 41, offered);
	CHECK_EQ(fusept_session_new(wire->se, options, &wire->session), 0);
	CHECK_EQ(fusept_session_level(wire->session), level);
	wire_receive_init(wire);
}

void wire_start(struct wire *wire, enum fusept_level level, const struct fuse_lowlevel_ops *ops,
		void *userdata)
{
	wire_start_with(wire, level, 0, NULL, ops, userdata);
}
