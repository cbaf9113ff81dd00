// SPDX-License-Identifier: LGPL-2.1-or-later
#include "door.h"
#include "harness.h"

#include <string.h>

#define MAX_CALLS 32

static struct door_call calls[MAX_CALLS];
static size_t expected, made;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void door_expect(struct door_call call)
{
	CHECK(expected < MAX_CALLS);
	calls[expected++] = call;
}

static void check_all_made(void)
{
	if (made != expected)
		test_fail(__FILE__, __LINE__, "%zu of %zu expected ioctls were made", made,
			  expected);
}

static void __attribute__((constructor)) add_check(void)
{
	test_add_check(check_all_made);
}

static void check_call(struct door_call *call, int fd, unsigned long request, void *arg)
{
	CHECK_EQ(request, call->request);
	CHECK(fd >= 0);
	if (request == FUSE_DEV_IOC_BACKING_OPS) {
		memcpy(arg, &call->out, sizeof(call->out));
		return;
	}
	if (call->check) {
		call->in.open.fd = ((struct fuse_backing_map *)arg)->fd;
		call->check(call->in.open.fd);
	}
	CHECK_BYTES(arg, &call->in, _IOC_SIZE(request));
}

int fusept_sys_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	pthread_mutex_lock(&lock);
	if (made == expected)
		test_fail(__FILE__, __LINE__, "ioctl 0x%lx was not expected", request);
	check_call(&calls[made], fd, request, arg);
	ret = calls[made++].ret;
	pthread_mutex_unlock(&lock);
	return ret;
}
