// SPDX-License-Identifier: LGPL-2.1-or-later
/* dir.c - reading and changing folders: the same as natively */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "diff.h"

struct dirent_raw {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static int any(const struct dirent *d)
{
	(void)d;
	return 1;
}

static void note_dir(struct log *l, const char *dir)
{
	struct dirent **list;
	int n = (int)NOTE(scandir(dir, &list, any, alphasort));

	for (int i = 0; i < n; i++) {
		note(l, "%s/%s type %d", dir, list[i]->d_name, list[i]->d_type);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

SCRIPT(dir, read)
{
	note_dir(l, ".");
	note_dir(l, "dir");
	note_dir(l, "dir/sub");
	note_dir(l, "file");
	note_dir(l, "missing");
	note_dir(l, "link");
}

SCRIPT(dir, seek)
{
	DIR *d = opendir(".");
	char third[NAME_MAX + 1];
	long pos;

	CHECK(d);
	for (int i = 0; i < 3; i++)
		CHECK(readdir(d));
	pos = telldir(d);
	snprintf(third, sizeof(third), "%s", readdir(d)->d_name);
	while (readdir(d))
		;
	note(l, "end: %d", errno);
	seekdir(d, pos);
	note(l, "back: %d", !strcmp(third, readdir(d)->d_name));
	rewinddir(d);
	CHECK(readdir(d));
	CHECK_OK(mkdir("appears", 0700));
	rewinddir(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (!strcmp(e->d_name, "appears"))
			note(l, "found after rewind");
	closedir(d);
}

/* Buffers of any size: every name once, or EINVAL for one too small */
SCRIPT(dir, tiny)
{
	static const size_t sizes[] = { 0, 1, 23, 24, 32, 48, 100, 280, 4096 };
	char buf[4096];
	long n = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int fd = NOTE_FD(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		int count = 0;

		while ((n = syscall(SYS_getdents64, fd, buf, sizes[i])) > 0)
			for (long p = 0; p < n; count++)
				p += ((struct dirent_raw *)(buf + p))->reclen;
		/* 48 is enough for some names, so the count may differ */
		note(l, "size %zu: %s", sizes[i],
		     n < 0 ? strerrorname_np(errno) : "end");
		if (n == 0)
			note(l, "%d names", count);
		close(fd);
	}
}

SCRIPT(dir, handle)
{
	int fd = NOTE_FD(open("dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	char buf[4096];

	NOTE(read(fd, buf, 10));
	NOTE(write(fd, buf, 10));
	NOTE(lseek(fd, 0, SEEK_SET));
	NOTE(lseek(fd, -1, SEEK_SET));
	NOTE(fsync(fd));
	NOTE(ftruncate(fd, 0));
	NOTE(fallocate(fd, 0, 0, 1));
	NOTE(openat(fd, "a", O_RDONLY) < 0 ? -1 : 0);
	NOTE(rmdir("dir/sub"));
	NOTE(unlink("dir/a"));
	NOTE(unlink("dir/b"));
	NOTE(rmdir("dir"));
	NOTE(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	NOTE(openat(fd, "new", O_RDWR | O_CREAT, 0600));
	NOTE(fsync(fd));
	close(fd);
}

SCRIPT(dir, change)
{
	NOTE(mkdir("made", 0751));
	NOTE(mkdir("made", 0751));
	NOTE(mkdir("made/deep", 0777));
	NOTE(rmdir("made"));
	NOTE(rename("made/deep", "dir/moved"));
	NOTE(rmdir("made"));
	NOTE(rename("dir/a", "dir/b"));
	NOTE(rename("dir/b", "c"));
	NOTE(rename("missing", "c"));
	NOTE(rename("dir", "dir/sub/x"));
	NOTE(rename("dir", "file"));
	NOTE(rename("file", "dir"));
	NOTE(rename("hard1", "hard2"));
	NOTE(link("file", "dir/file2"));
	NOTE(link("dir", "dir2"));
	NOTE(link("link", "link2"));
	NOTE(symlink("to", "dir/sym"));
	NOTE(symlink("to", "dir/sym"));
	NOTE(unlink("dir"));
	NOTE(rmdir("file"));
	NOTE(rmdir("dir"));
	NOTE(unlink("missing"));
	NOTE(mknod("dir/fifo", S_IFIFO | 0622, 0));
	NOTE(mknod("dir/sock", S_IFSOCK | 0622, 0));
	NOTE(mknod("dir/char", S_IFCHR | 0622, makedev(1, 5)));
	NOTE(mknod("dir/reg", S_IFREG | 0622, 0));
	note_dir(l, ".");
	note_dir(l, "dir");
}

SCRIPT(dir, rename_flags)
{
	NOTE(renameat2(AT_FDCWD, "file", AT_FDCWD, "good", RENAME_NOREPLACE));
	NOTE(renameat2(AT_FDCWD, "file", AT_FDCWD, "free", RENAME_NOREPLACE));
	NOTE(renameat2(AT_FDCWD, "free", AT_FDCWD, "dir", RENAME_EXCHANGE));
	NOTE(access("dir/a", F_OK));
	NOTE(access("free/a", F_OK));
	NOTE(renameat2(AT_FDCWD, "free/a", AT_FDCWD, "dir", 8));
	NOTE(renameat2(AT_FDCWD, "missing", AT_FDCWD, "dir", RENAME_EXCHANGE));
	note_dir(l, ".");
}

SCRIPT(dir, inherit)
{
	CHECK_OK(chown("dir", 5, 6));
	CHECK_OK(chmod("dir", 02777));
	NOTE(mkdir("dir/made", 0777));
	NOTE(mknod("dir/reg", S_IFREG | 0622, 0));
	close(NOTE_FD(open("dir/new", O_CREAT | O_RDWR | O_CLOEXEC, 02770)));
	umask(077);
	NOTE(mkdir("dir/masked", 0777));
	close(NOTE_FD(open("dir/masked/f", O_CREAT | O_RDWR | O_CLOEXEC, 0666)));
}

/* Names of one file: a new file for each would take long in a debug kernel */
static void fill(int count)
{
	char name[32];

	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "dir/entry-%05d", i);
		CHECK_OK(link("empty", name));
	}
}

static int check_names(DIR *d, int count, char *seen)
{
	int n = 0, number;

	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (sscanf(e->d_name, "entry-%d", &number) != 1)
			continue;
		CHECK(number >= 0 && number < count);
		if (seen[number]++)
			FAIL("%s twice", e->d_name);
		n++;
	}
	return n;
}

/* Ten thousand entries made below: all there, each once, in the order of below */
KTEST(dir, ten_thousand, .opt.ops = RAW_ALL)
{
	enum { COUNT = 10000 };
	char *seen = calloc(COUNT, 1);
	DIR *d, *below;

	CHECK_OK(chdir(r->src));
	fill(COUNT);
	CHECK_OK(chdir("/"));
	d = opendir(M(r, "dir"));
	CHECK(d);
	CHECK_EQ(check_names(d, COUNT, seen), COUNT);
	rewinddir(d);
	below = opendir(S(r, "dir"));
	CHECK(below);
	for (struct dirent *e = readdir(below); e; e = readdir(below)) {
		struct dirent *m = readdir(d);

		CHECK(m && !strcmp(m->d_name, e->d_name));
		CHECK(!strcmp(e->d_name, "..") || m->d_ino == e->d_ino);
		CHECK_EQ(m->d_type, e->d_type);
	}
	CHECK(!readdir(d));
	closedir(d);
	closedir(below);
	expect_no_requests(r, r->supported);
	free(seen);
}
