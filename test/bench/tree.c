/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files that the system call workloads use. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "bench.h"

static int make_file(const char *name)
{
	const size_t chunk = (size_t)1 << 20;
	char *buf = malloc(chunk);
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
	int ret = 0;

	if (!buf || fd < 0) {
		ret = -errno;
		goto out;
	}
	memset(buf, 'f', chunk);
	for (size_t pos = 0; pos < BENCH_SIZE && !ret; pos += chunk)
		if (pwrite(fd, buf, chunk, (off_t)pos) != (ssize_t)chunk)
			ret = -EIO;
	/* written back now, so that no write-back falls into a measurement */
	if (!ret && fsync(fd))
		ret = -errno;
out:
	if (fd >= 0)
		close(fd);
	free(buf);
	return ret;
}

static int make_dir(void)
{
	char name[32];
	int dir, ret = 0;

	if (mkdir(BENCH_DIR, 0755))
		return -errno;
	dir = open(BENCH_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	for (int i = 0; i < BENCH_ENTRIES && !ret; i++) {
		snprintf(name, sizeof(name), "entry-%05d", i);
		if (mknodat(dir, name, S_IFREG | 0644, 0))
			ret = -errno;
	}
	close(dir);
	return ret;
}

int tree_make(void)
{
	int ret = make_file(BENCH_FILE);

	if (!ret)
		ret = make_file(BENCH_WRITTEN);
	if (!ret && symlink(BENCH_FILE, BENCH_LINK))
		ret = -errno;
	if (!ret && setxattr(BENCH_FILE, BENCH_XATTR, "0123456789abcdef", 16, 0))
		ret = -errno;
	return ret ? ret : make_dir();
}
