/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stock-load make DIR                          makes the tree: 1000 folders of 1000 files
 * stock-load run DIR THREADS SECONDS           works in it by that many threads
 *
 * Files of the tree stay as they were made, and are looked at, read and listed; names of
 * a thread's own come, move and go among them. Status 1 and a message for the first call
 * that gives what can't be; else the number of calls on stdout.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { FOLDERS = 1000, FILES = 1000, FULL = 100 };

static int top;
static time_t end;
static _Atomic unsigned long calls;
static atomic_int broken;

struct name {
	char text[64];
};

static struct name file_name(unsigned int folder, unsigned int file)
{
	struct name name;

	snprintf(name.text, sizeof(name.text), "%u/%u", folder % FOLDERS, file % FILES);
	return name;
}

static struct name own_name(unsigned int folder, unsigned int me, char kind)
{
	struct name name;

	snprintf(name.text, sizeof(name.text), "%u/%c%u", folder % FOLDERS, kind, me);
	return name;
}

static void complain(const char *what, const char *name)
{
	if (!atomic_exchange(&broken, 1))
		fprintf(stderr, "%s %s: %s\n", what, name, strerrorname_np(errno));
}

static void expect(int good, const char *what, const char *name)
{
	atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
	if (!good)
		complain(what, name);
}

/* One file in FULL has its name as content, the others are empty. */
static int is_full(unsigned int file)
{
	return file % FILES % FULL == 0;
}

static int make_file(unsigned int folder, unsigned int file)
{
	struct name name = file_name(folder, file);
	int fd = openat(top, name.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	int ok = fd >= 0;

	if (ok && is_full(file))
		ok = write(fd, name.text, strlen(name.text)) > 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

static int make_tree(void)
{
	for (unsigned int folder = 0; folder < FOLDERS; folder++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", folder);
		if (mkdirat(top, name, 0755) < 0)
			return 1;
		for (unsigned int file = 0; file < FILES; file++) {
			if (!make_file(folder, file))
				return 1;
		}
	}
	return 0;
}

static void look(unsigned int folder, unsigned int file)
{
	struct name name = file_name(folder, file);
	off_t size = is_full(file) ? (off_t)strlen(name.text) : 0;
	struct stat st;

	if (fstatat(top, name.text, &st, AT_SYMLINK_NOFOLLOW) < 0)
		expect(0, "stat", name.text);
	else
		expect(st.st_size == size && st.st_mode == (S_IFREG | 0640), "attributes",
		       name.text);
}

static void read_it(unsigned int folder, unsigned int file)
{
	struct name name = file_name(folder, file - file % FULL);
	int fd = openat(top, name.text, O_RDONLY | O_CLOEXEC);
	char text[128];
	ssize_t n;

	expect(fd >= 0, "open", name.text);
	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text));
	expect(n == (ssize_t)strlen(name.text) && !memcmp(text, name.text, (size_t)n), "read",
	       name.text);
	close(fd);
}

/* All the files that stay, and whatever else is there now. */
static void list(unsigned int folder)
{
	char name[16];
	int fd, files = 0;
	struct dirent *de;
	DIR *dir;

	snprintf(name, sizeof(name), "%u", folder % FOLDERS);
	fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	expect(dir != NULL, "opendir", name);
	if (!dir)
		return;
	while ((de = readdir(dir)))
		files += *de->d_name >= '0' && *de->d_name <= '9';
	expect(files == FILES, "readdir", name);
	closedir(dir);
}

/* A name of our own in two folders, so nobody is in the way. */
static void change(unsigned int folder, unsigned int other, unsigned int me)
{
	struct name made = own_name(folder, me, 'm'), moved = own_name(other, me, 'v');
	struct name linked = own_name(other, me, 'l');
	int fd = openat(top, made.text, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	expect(fd >= 0, "create", made.text);
	if (fd < 0)
		return;
	expect(write(fd, "x", 1) == 1, "write", made.text);
	expect(!linkat(top, made.text, top, linked.text, 0), "link", linked.text);
	expect(!renameat(top, made.text, top, moved.text), "rename", made.text);
	expect(!fsetxattr(fd, "user.load", "y", 1, 0), "setxattr", moved.text);
	expect(!fchmod(fd, 0644), "chmod", moved.text);
	expect(!unlinkat(top, moved.text, 0), "unlink", moved.text);
	expect(!ftruncate(fd, 3), "truncate", moved.text);
	expect(!unlinkat(top, linked.text, 0), "unlink", linked.text);
	close(fd);
}

static void *work(void *arg)
{
	unsigned int me = (unsigned int)(uintptr_t)arg, seed = me + 1;

	while (!atomic_load(&broken) && time(NULL) < end) {
		unsigned int folder = (unsigned int)rand_r(&seed);
		unsigned int file = (unsigned int)rand_r(&seed), what = file / FILES % 20;

		if (what < 12)
			look(folder, file);
		else if (what < 16)
			read_it(folder, file);
		else if (what < 19)
			change(folder, (unsigned int)rand_r(&seed), me);
		else
			list(folder);
	}
	return NULL;
}

static int run(unsigned int threads, unsigned int seconds)
{
	pthread_t thread[256];

	end = time(NULL) + (time_t)seconds;
	for (unsigned int i = 0; i < threads && i < 256; i++) {
		if (pthread_create(&thread[i], NULL, work, (void *)(uintptr_t)i))
			return 1;
	}
	for (unsigned int i = 0; i < threads && i < 256; i++)
		pthread_join(thread[i], NULL);
	printf("%lu\n", atomic_load(&calls));
	return atomic_load(&broken);
}

int main(int argc, char *argv[])
{
	top = argc > 2 ? open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (top >= 0 && argc == 3 && !strcmp(argv[1], "make"))
		return make_tree();
	if (top >= 0 && argc == 5 && !strcmp(argv[1], "run"))
		return run((unsigned int)atoi(argv[3]), (unsigned int)atoi(argv[4]));
	fprintf(stderr, "usage: stock-load make DIR | run DIR THREADS SECONDS\n");
	return 2;
}
