/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The system call workloads: each call is what a program would do, relative to the current folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "bench.h"

#define PAGE	((size_t)4096)
#define MEGA	((size_t)1 << 20)

static int open_file(struct place *place, const char *name, int flags)
{
	place->pos = 0;
	place->fd = open(name, flags | O_CLOEXEC);
	if (place->fd < 0)
		return -errno;
	place->buf = malloc(MEGA);
	if (!place->buf)
		return -ENOMEM;
	memset(place->buf, 'w', MEGA);
	return 0;
}

static int setup_read(struct place *place)
{
	return open_file(place, BENCH_FILE, O_RDONLY);
}

/* Opening for writing is also what makes overlayfs copy the file up. */
static int setup_write(struct place *place)
{
	return open_file(place, BENCH_WRITTEN, O_RDWR);
}

static void teardown_file(struct place *place)
{
	free(place->buf);
	place->buf = NULL;
	if (place->fd >= 0)
		close(place->fd);
	place->fd = -1;
}

static int call_nothing(struct place *place)
{
	return place->pos == SIZE_MAX;
}

static int call_stat(struct place *place)
{
	struct stat st;

	(void)place;
	return stat(BENCH_FILE, &st) ? -errno : 0;
}

static int call_fstat(struct place *place)
{
	struct stat st;

	return fstat(place->fd, &st) ? -errno : 0;
}

static int call_open(struct place *place)
{
	int fd = open(BENCH_FILE, O_RDONLY | O_CLOEXEC);

	(void)place;
	return fd < 0 || close(fd) ? -errno : 0;
}

static int transferred(ssize_t done, size_t wanted)
{
	if (done < 0)
		return -errno;
	return (size_t)done == wanted ? 0 : -EIO;
}

static int call_pread(struct place *place)
{
	return transferred(pread(place->fd, place->buf, PAGE, 0), PAGE);
}

static int call_pwrite(struct place *place)
{
	return transferred(pwrite(place->fd, place->buf, PAGE, 0), PAGE);
}

static off_t next_mega(struct place *place)
{
	off_t pos = (off_t)place->pos;

	place->pos = (place->pos + MEGA) % BENCH_SIZE;
	return pos;
}

static int call_read_mega(struct place *place)
{
	return transferred(pread(place->fd, place->buf, MEGA, next_mega(place)), MEGA);
}

static int call_write_mega(struct place *place)
{
	return transferred(pwrite(place->fd, place->buf, MEGA, next_mega(place)), MEGA);
}

static int call_mmap(struct place *place)
{
	const volatile char *map = mmap(NULL, MEGA, PROT_READ, MAP_SHARED, place->fd, next_mega(place));

	if (map == MAP_FAILED)
		return -errno;
	for (size_t at = 0; at < MEGA; at += PAGE)
		if (!map[at])
			break;
	return munmap((void *)(uintptr_t)map, MEGA) ? -errno : 0;
}

static int call_readdir(struct place *place)
{
	DIR *dir = opendir(BENCH_DIR);
	int entries = 0;

	(void)place;
	if (!dir)
		return -errno;
	while (readdir(dir))
		entries++;
	closedir(dir);
	return entries == BENCH_ENTRIES + 2 ? 0 : -EIO;
}

static int call_getxattr(struct place *place)
{
	char value[64];

	(void)place;
	return getxattr(BENCH_FILE, BENCH_XATTR, value, sizeof(value)) < 0 ? -errno : 0;
}

static int call_readlink(struct place *place)
{
	char target[64];

	(void)place;
	return readlink(BENCH_LINK, target, sizeof(target)) < 0 ? -errno : 0;
}

/* Names: found, missed, made, changed and removed; each call leaves nothing behind. */
static int call_missing(struct place *place)
{
	struct stat st;

	(void)place;
	return stat(BENCH_MISSING, &st) == 0 ? -EEXIST : errno == ENOENT ? 0 : -errno;
}

static int call_create(struct place *place)
{
	int fd = open(BENCH_MADE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	(void)place;
	return fd < 0 || close(fd) || unlink(BENCH_MADE) ? -errno : 0;
}

static int call_mkdir(struct place *place)
{
	(void)place;
	return mkdir(BENCH_MADE, 0700) || rmdir(BENCH_MADE) ? -errno : 0;
}

static int call_symlink(struct place *place)
{
	(void)place;
	return symlink(BENCH_FILE, BENCH_MADE) || unlink(BENCH_MADE) ? -errno : 0;
}

static int call_link(struct place *place)
{
	(void)place;
	return link(BENCH_WRITTEN, BENCH_MADE) || unlink(BENCH_MADE) ? -errno : 0;
}

static int call_rename(struct place *place)
{
	(void)place;
	return rename(BENCH_WRITTEN, BENCH_MADE) || rename(BENCH_MADE, BENCH_WRITTEN) ? -errno : 0;
}

/* The first use of each of many names */
static int prepare_cold(struct place *place)
{
	place->pos = 0;
	return cold_caches(place);
}

static int call_lookup(struct place *place)
{
	char name[64];
	struct stat st;

	snprintf(name, sizeof(name), BENCH_DIR "/entry-%05zu", place->pos++ % BENCH_ENTRIES);
	return stat(name, &st) ? -errno : 0;
}

const struct workload bench_calls[] = {
	{ "nothing", 20000, NULL, call_nothing, NULL, NULL, 0 },
	{ "stat", 1000, NULL, call_stat, NULL, NULL, 0 },
	{ "fstat", 1000, setup_read, call_fstat, teardown_file, NULL, 0 },
	{ "open+close", 500, NULL, call_open, NULL, NULL, 0 },
	{ "pread-4k", 500, setup_read, call_pread, teardown_file, NULL, 0 },
	{ "pwrite-4k", 500, setup_write, call_pwrite, teardown_file, NULL, 0 },
	{ "read-1m", 16, setup_read, call_read_mega, teardown_file, NULL, 0 },
	{ "write-1m", 16, setup_write, call_write_mega, teardown_file, NULL, 0 },
	{ "mmap-read-1m", 32, setup_read, call_mmap, teardown_file, NULL, 0 },
	{ "readdir-10000", 1, NULL, call_readdir, NULL, NULL, 0 },
	{ "getxattr", 500, NULL, call_getxattr, NULL, NULL, 0 },
	{ "readlink", 500, NULL, call_readlink, NULL, NULL, 0 },
	{ "missing", 500, NULL, call_missing, NULL, NULL, 0 },
	{ "create+unlink", 50, NULL, call_create, NULL, NULL, 0 },
	{ "mkdir+rmdir", 50, NULL, call_mkdir, NULL, NULL, 0 },
	{ "symlink+unlink", 50, NULL, call_symlink, NULL, NULL, 0 },
	{ "link+unlink", 50, NULL, call_link, NULL, NULL, 0 },
	{ "rename-twice", 50, NULL, call_rename, NULL, NULL, 0 },
	{ "lookup-cold", 1000, NULL, call_lookup, NULL, prepare_cold, 0 },
	{ NULL, 0, NULL, NULL, NULL, NULL, 0 },
};
