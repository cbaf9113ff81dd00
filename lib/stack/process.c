// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a file system asks of its process. */
#include "stack.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static int raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

/* For good, from this thread and those that it starts. */
static int respect_quota(void)
{
	const int index = CAP_TO_INDEX(CAP_SYS_RESOURCE);
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	data[index].effective &= ~CAP_TO_MASK(CAP_SYS_RESOURCE);
	data[index].permitted &= ~CAP_TO_MASK(CAP_SYS_RESOURCE);
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int fusept_stack_prepare_process(void)
{
	int err = raise_fd_limit();

	return err ? err : respect_quota();
}
