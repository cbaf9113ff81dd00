// SPDX-License-Identifier: LGPL-2.1-or-later
/* CAP_FSETID of the calling thread; capset() concerns no other. */
#include "internal.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FSETID (1u << CAP_FSETID)

static long get(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capget, &header, data);
}

static long set(const struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capset, &header, data);
}

int fusept_fsetid_drop(void)
{
	struct __user_cap_data_struct data[2];

	if (get(data) < 0)
		return -errno;
	if (!(data[0].effective & FSETID))
		return 0;
	data[0].effective &= ~FSETID;
	return set(data) < 0 ? -errno : 1;
}

/* Can't fail: what is permitted may be made effective. */
void fusept_fsetid_restore(void)
{
	struct __user_cap_data_struct data[2];

	if (get(data) == 0) {
		data[0].effective |= FSETID;
		set(data);
	}
}
