/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls that no standard command makes, for the cases of this suite.
 *
 * stock-tool NAME ARGUMENTS... prints what came of it, "ok" or the name of the
 * errno, so that a run in the mirror and one in a plain directory can be
 * compared as text. Its status is 0 unless it was used wrongly.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static void report(const char *what, int failed)
{
	printf("%s: %s\n", what, failed ? strerrorname_np(errno) : "ok");
}

struct word {
	const char *name;
	int value;
};

static const struct word open_words[] = {
	{"rdonly", O_RDONLY}, {"wronly", O_WRONLY},	  {"rdwr", O_RDWR},
	{"creat", O_CREAT},   {"excl", O_EXCL},		  {"trunc", O_TRUNC},
	{"append", O_APPEND}, {"directory", O_DIRECTORY}, {"nofollow", O_NOFOLLOW},
	{"direct", O_DIRECT}, {"noatime", O_NOATIME},	  {"tmpfile", O_TMPFILE},
	{"path", O_PATH},     {"nonblock", O_NONBLOCK},	  {NULL, 0},
};

static const struct word rename_words[] = {
	{"none", 0}, {"noreplace", 1}, {"exchange", 2}, {"whiteout", 4}, {NULL, 0},
};

/* The flags that words, joined with '+', stand for. */
static int flags_of(const struct word *words, char *text)
{
	char *rest, *name;
	int flags = 0;

	for (name = strtok_r(text, "+", &rest); name; name = strtok_r(NULL, "+", &rest)) {
		const struct word *word = words;

		while (word->name && strcmp(word->name, name))
			word++;
		if (!word->name) {
			fprintf(stderr, "stock-tool: unknown flag %s\n", name);
			exit(2);
		}
		flags |= word->value;
	}
	return flags;
}

/* open PATH FLAGS MODE */
static void tool_open(char **arg)
{
	int fd = open(arg[0], flags_of(open_words, arg[1]), strtol(arg[2], NULL, 8));

	report("open", fd < 0);
	if (fd >= 0)
		close(fd);
}

/* rename OLD NEW FLAG */
static void tool_rename(char **arg)
{
	int flags = flags_of(rename_words, arg[2]);

	report("rename", renameat2(AT_FDCWD, arg[0], AT_FDCWD, arg[1], flags) < 0);
}

/* copy FROM TO LENGTH OFFSET: copy_file_range(2) to OFFSET of TO */
static void tool_copy(char **arg)
{
	int in = open(arg[0], O_RDONLY), out = open(arg[1], O_WRONLY | O_CREAT, 0644);
	off_t from = 0, to = atoll(arg[3]);
	ssize_t done = copy_file_range(in, &from, out, &to, strtoul(arg[2], NULL, 10), 0);

	report("copy", done < 0);
	printf("%zd bytes\n", done);
	close(in);
	close(out);
}

/* holes FILE: where data and holes begin */
static void tool_holes(char **arg)
{
	int fd = open(arg[0], O_RDONLY), whence = SEEK_DATA;
	off_t at = 0;

	while ((at = lseek(fd, at, whence)) >= 0) {
		printf("%s %lld\n", whence == SEEK_DATA ? "data" : "hole", (long long)at);
		whence = whence == SEEK_DATA ? SEEK_HOLE : SEEK_DATA;
	}
	report("holes", fd < 0 || errno != ENXIO);
	close(fd);
}

/* map FILE TEXT: shared mapping, TEXT written at its begin, read() back */
static void tool_map(char **arg)
{
	int fd = open(arg[0], O_RDWR);
	size_t length = strlen(arg[1]);
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char back[256] = "";

	report("mmap", map == MAP_FAILED);
	if (map != MAP_FAILED) {
		memcpy(map, arg[1], length);
		report("msync", msync(map, 4096, MS_SYNC) < 0);
		munmap(map, 4096);
		report("pread", pread(fd, back, sizeof(back) - 1, 0) < 0);
		printf("%s\n", back);
	}
	close(fd);
}

/* tmpfile DIR NAME: a file without a name gets one */
static void tool_tmpfile(char **arg)
{
	int fd = open(arg[0], O_TMPFILE | O_RDWR, 0640);
	char path[64];

	report("tmpfile", fd < 0);
	if (fd < 0)
		return;
	report("write", write(fd, "named late\n", 11) != 11);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	report("link", linkat(AT_FDCWD, path, AT_FDCWD, arg[1], AT_SYMLINK_FOLLOW) < 0);
	close(fd);
}

/* direct FILE: O_DIRECT write and read of 4 KiB */
static void tool_direct(char **arg)
{
	int fd = open(arg[0], O_RDWR | O_CREAT | O_DIRECT, 0644);
	void *buf = NULL;

	report("open", fd < 0);
	if (fd < 0 || posix_memalign(&buf, 4096, 4096))
		return;
	memset(buf, 'd', 4096);
	report("pwrite", pwrite(fd, buf, 4096, 0) != 4096);
	memset(buf, 0, 4096);
	report("pread", pread(fd, buf, 4096, 0) != 4096);
	printf("%c\n", ((char *)buf)[4095]);
	free(buf);
	close(fd);
}

/* again FILE: opens it, then a second time by its descriptor for writing */
static void tool_again(char **arg)
{
	int fd = open(arg[0], O_PATH), second;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	second = open(path, O_WRONLY | O_APPEND);
	report("again", second < 0);
	report("write", write(second, "again\n", 6) != 6);
	close(second);
	close(fd);
}

/* append FILE: writes and a copy, O_APPEND being set, cleared and set */
static void tool_append(char **arg)
{
	int fd = open(arg[0], O_RDWR | O_CREAT | O_APPEND, 0644), in = open(arg[0], O_RDONLY);
	int flags = fcntl(fd, F_GETFL);
	off_t from = 0, to = 6;

	report("write", write(fd, "0123456789", 10) != 10);
	report("copy", copy_file_range(in, &from, fd, &to, 2, 0) != 2);
	report("clear", fcntl(fd, F_SETFL, flags & ~O_APPEND) < 0);
	report("copy", copy_file_range(in, &from, fd, &to, 2, 0) != 2);
	report("pwrite", pwrite(fd, "XX", 2, 2) != 2);
	report("set", fcntl(fd, F_SETFL, flags) < 0);
	report("pwrite", pwrite(fd, "end", 3, 0) != 3);
	report("clear", fcntl(fd, F_SETFL, flags & ~O_APPEND) < 0);
	report("pwrite", pwrite(fd, "Y", 1, 0) != 1);
	close(in);
	close(fd);
}

/* forget MOUNTPOINT: a remount drops all names that are not in use */
static void tool_forget(char **arg)
{
	report("forget", mount(NULL, arg[0], NULL, MS_REMOUNT, NULL) < 0);
}

struct tool {
	const char *name;
	int args;
	void (*run)(char **arg);
};

static const struct tool tools[] = {
	{"open", 3, tool_open},
	{"rename", 3, tool_rename},
	{"copy", 4, tool_copy},
	{"holes", 1, tool_holes},
	{"map", 2, tool_map},
	{"tmpfile", 2, tool_tmpfile},
	{"direct", 1, tool_direct},
	{"again", 1, tool_again},
	{"append", 1, tool_append},
	{"forget", 1, tool_forget},
	{NULL, 0, NULL},
};

int main(int argc, char *argv[])
{
	const struct tool *tool = tools;

	while (argc > 1 && tool->name && strcmp(tool->name, argv[1]))
		tool++;
	if (argc < 2 || !tool->name || argc - 2 != tool->args) {
		fprintf(stderr, "usage: stock-tool NAME ARGUMENTS...\n");
		return 2;
	}
	tool->run(argv + 2);
	return 0;
}
