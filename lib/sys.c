// SPDX-License-Identifier: LGPL-2.1-or-later
/* The one door to the kernel's ioctls; tests put a script of expected calls in its place. */
#include "internal.h"

#include <errno.h>
#include <sys/ioctl.h>

int fusept_sys_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}
