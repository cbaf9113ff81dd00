/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a first use costs: the kernel forgets the names and inodes that nobody uses. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "bench.h"

int cold_caches(const struct place *place)
{
	int fd, ret = 0;

	if (place->warm)
		return 0;
	fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, "2", 1) != 1)
		ret = -errno;
	close(fd);
	return ret;
}
