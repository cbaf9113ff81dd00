/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stands in for lib/sys.c: ioctls are answered from a script, in its order.  A
 * call that is not the next of the script fails the test, and so does an
 * expectation that is left over at its end.
 */
#ifndef TEST_DOOR_H
#define TEST_DOOR_H

#include "internal.h"

struct door_call {
	unsigned long request;
	union {
		struct fuse_backing_map open;
		uint32_t close;
		struct fuse_backing_bind bind;
		struct fuse_backing_mask mask;
	} in;			     /* what the argument has to be */
	void (*check)(int fd);	     /* if set, for the fd to register, instead of in.open.fd */
	struct fuse_backing_ops out; /* answer of BACKING_OPS */
	int ret;
};

void door_expect(struct door_call call);

#endif
