/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A session of the real libfuse whose device is a socket: the test plays the
 * kernel at the other end, byte by byte.  Ioctls are answered by door.h.
 */
#ifndef TEST_WIRE_H
#define TEST_WIRE_H

#include "internal.h"

#define WIRE_OFFER (FUSE_INIT_EXT | FUSE_PASSTHROUGH | FUSE_PASSTHROUGH_MASK)
#define WIRE_OPS   UINT64_C(0x001060403cfff0ff)

struct wire {
	int peer;
	struct fuse_session *se;
	struct fusept_session *session;
};

struct wire_message {
	size_t size;
	struct fuse_out_header header;
	char body[4096];
};

/* A mounted libfuse session; its userdata is the last argument. */
void wire_open(struct wire *wire, const struct fuse_lowlevel_ops *ops, void *userdata);
void wire_close(struct wire *wire);

void wire_send(struct wire *wire, uint32_t opcode, const void *in, size_t size);
/* INIT of a kernel of this minor version, as long as such kernels send it. */
void wire_send_init(struct wire *wire, uint32_t minor, uint64_t offered);
/* Let libfuse take one request, as its loop does. */
void wire_serve(struct wire *wire);
/* The next message to the kernel; its header is checked. */
struct wire_message wire_receive(struct wire *wire);
/* The INIT reply; what it lacks is 0. */
struct fuse_init_out wire_receive_init(struct wire *wire);

/* Expect the calls by which the library finds the level out. */
void wire_expect_probe(int open_ret, int ops_ret, uint64_t mask);
/* wire_open() and fusept_session_new() at this level, with this offer besides. */
void wire_start_with(struct wire *wire, enum fusept_level level, uint64_t offered,
		     const struct fusept_session_options *options,
		     const struct fuse_lowlevel_ops *ops, void *userdata);
void wire_start(struct wire *wire, enum fusept_level level, const struct fuse_lowlevel_ops *ops,
		void *userdata);

#endif
