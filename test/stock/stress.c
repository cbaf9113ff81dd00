/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stock-stress DIR THREADS ROUNDS MOUNTPOINT
 *
 * Threads make, link, rename, read and remove the same few names in DIR, while
 * one more makes the kernel drop all names of the file system at MOUNTPOINT,
 * so that lookups, FORGETs and their replies cross each other. A file says who
 * made it: its whole content is one line again and again. Status 1 and a
 * message for the first call that gives what can't be.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES 12
#define LINES 300
#define LINE  16

static int top;
static int rounds;
static const char *mountpoint;
static atomic_int running;
static atomic_int broken;

static void complain(const char *what, const char *name)
{
	if (!atomic_exchange(&broken, 1))
		fprintf(stderr, "%s %s: %s\n", what, name, strerrorname_np(errno));
}

/* Errors that come of another thread being faster. */
static void expect(int result, const char *what, const char *name)
{
	if (result < 0 && errno != ENOENT && errno != EEXIST && errno != ESTALE)
		complain(what, name);
}

static void make(const char *name, int me, int round)
{
	char own[32], line[LINE * 2], text[LINES * LINE];
	int fd;

	snprintf(own, sizeof(own), "own-%d", me);
	snprintf(line, sizeof(line), "%06d %08d\n", me, round);
	for (int i = 0; i < LINES; i++)
		memcpy(text + i * LINE, line, LINE);
	fd = openat(top, own, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0) {
		complain("create", own);
		return;
	}
	if (write(fd, text, LINES * LINE) != LINES * LINE)
		complain("write", own);
	close(fd);
	if (renameat(top, own, top, name) < 0)
		complain("rename", name);
}

/* One line, repeated; the file may have lost its name since open. */
static void check(const char *name)
{
	char text[LINES * LINE];
	struct stat st;
	int fd = openat(top, name, O_RDONLY);

	if (fd < 0) {
		expect(fd, "open", name);
		return;
	}
	if (fstat(fd, &st) < 0 || st.st_size != LINES * LINE)
		complain("fstat", name);
	if (pread(fd, text, sizeof(text), 0) != LINES * LINE)
		complain("read", name);
	else if (memcmp(text, text + LINE, sizeof(text) - LINE))
		complain("mixed content in", name);
	close(fd);
}

static void stat_name(const char *name)
{
	struct stat st;
	int result = fstatat(top, name, &st, AT_SYMLINK_NOFOLLOW);

	expect(result, "stat", name);
	if (!result && !S_ISREG(st.st_mode))
		complain("type of", name);
}

static void step(unsigned int *seed, int me, int round)
{
	char name[32], other[32];

	snprintf(name, sizeof(name), "name-%d", rand_r(seed) % NAMES);
	snprintf(other, sizeof(other), "name-%d", rand_r(seed) % NAMES);
	switch (rand_r(seed) % 8) {
	case 0:
		make(name, me, round);
		break;
	case 1:
		expect(unlinkat(top, name, 0), "unlink", name);
		break;
	case 2:
		expect(linkat(top, name, top, other, 0), "link", name);
		break;
	case 3:
		expect(renameat(top, name, top, other), "rename", name);
		break;
	case 4:
	case 5:
		stat_name(name);
		break;
	default:
		check(name);
	}
}

static void *worker(void *number)
{
	int me = (int)(intptr_t)number;
	unsigned int seed = (unsigned int)me;

	for (int i = 0; i < rounds && !atomic_load(&broken); i++)
		step(&seed, me, i);
	atomic_fetch_sub(&running, 1);
	return NULL;
}

/* A remount drops the names that are not in use; their inodes are forgotten. */
static void *dropper(void *unused)
{
	(void)unused;
	while (atomic_load(&running))
		if (mount(NULL, mountpoint, NULL, MS_REMOUNT, NULL) < 0)
			complain("remount", mountpoint);
	return NULL;
}

int main(int argc, char *argv[])
{
	pthread_t threads[64], drop;
	int count = argc == 5 ? atoi(argv[2]) : 0;

	if (count < 1 || count > 64) {
		fprintf(stderr, "usage: stock-stress DIR THREADS ROUNDS MOUNTPOINT\n");
		return 2;
	}
	top = open(argv[1], O_RDONLY | O_DIRECTORY);
	rounds = atoi(argv[3]);
	mountpoint = argv[4];
	atomic_store(&running, count);
	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, worker, (void *)(intptr_t)(i + 1)))
			return 2;
	if (pthread_create(&drop, NULL, dropper, NULL))
		return 2;
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	pthread_join(drop, NULL);
	return atomic_load(&broken);
}
