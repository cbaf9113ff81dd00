// SPDX-License-Identifier: LGPL-2.1-or-later
/* attr.c - stat, and what changes it: the same as natively */
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "diff.h"

static void note_stat(struct log *l, const char *name)
{
	struct stat st;

	note(l, "%s", name);
	if (NOTE(lstat(name, &st)) < 0)
		return;
	note(l, "mode %o nlink %u uid %u gid %u rdev %llx",
	     st.st_mode, (unsigned int)st.st_nlink, st.st_uid, st.st_gid,
	     (unsigned long long)st.st_rdev);
	if (!S_ISDIR(st.st_mode))
		note(l, "size %lld", (long long)st.st_size);
}

SCRIPT(attr, stat)
{
	static const char *const names[] = {
		".", "good", "file", "empty", "secret", "suid", "hard1",
		"dir", "dir/sub", "dir/a", "sticky", "link", "dangling",
		"fifo", "sock", "null", "acl", "acldir", "missing",
		"file/below", "link/below", "dangling/below",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		note_stat(l, names[i]);
}

SCRIPT(attr, fstat)
{
	int fd = open("file", O_RDWR | O_CLOEXEC);
	struct stat st;

	NOTE(fstat(fd, &st));
	note(l, "%o %lld", st.st_mode, (long long)st.st_size);
	NOTE(fchmod(fd, 0640));
	NOTE(unlink("file"));
	NOTE(fstat(fd, &st));
	note(l, "%o %u", st.st_mode, (unsigned int)st.st_nlink);
	NOTE(fchown(fd, 1, 2));
	NOTE(ftruncate(fd, 11));
	NOTE(fstat(fd, &st));
	note(l, "%u %u %lld", st.st_uid, st.st_gid, (long long)st.st_size);
	close(fd);
}

SCRIPT(attr, chmod)
{
	int fd = open("fifo", O_PATH | O_CLOEXEC);

	NOTE(chmod("file", 0604));
	NOTE(chmod("dir", 02750));
	NOTE(chmod("link", 0111));
	NOTE(chmod("dangling", 0111));
	NOTE(chmod("fifo", 07777));
	NOTE(chmod("null", 0));
	NOTE(chmod("missing", 0));
	NOTE(chmod("acl", 0640));
	NOTE(fchmod(fd, 0600));
	NOTE(fchmodat(AT_FDCWD, "link", 0600, AT_SYMLINK_NOFOLLOW));
	NOTE(chmod(".", 0711));
	note_stat(l, ".");
	note_stat(l, "acl");
	close(fd);
}

SCRIPT(attr, chown)
{
	NOTE(chown("file", 12, 34));
	NOTE(chown("link", 56, (gid_t)-1));
	NOTE(lchown("link", 78, 90));
	NOTE(lchown("dangling", 1, 1));
	NOTE(chown("dangling", 1, 1));
	NOTE(chown("suid", (uid_t)-1, (gid_t)-1));
	note_stat(l, "suid");
	NOTE(chown("suid", 5, 5));
	note_stat(l, "suid");
	NOTE(chown("dir", 5, 6));
	NOTE(chown("sock", 7, 8));
	NOTE(chown("null", 9, 10));
	NOTE(chown("file", (uid_t)-1, 77));
	note_stat(l, "file");
	note_stat(l, "link");
}

static void note_times(struct log *l, const char *name)
{
	struct stat st;

	note(l, "%s", name);
	if (NOTE(lstat(name, &st)) < 0)
		return;
	/* times that were set, not those of the clock */
	if (st.st_atim.tv_sec < 1000000000)
		note(l, "atime %lld.%09ld", (long long)st.st_atim.tv_sec,
		     st.st_atim.tv_nsec);
	if (st.st_mtim.tv_sec < 1000000000)
		note(l, "mtime %lld.%09ld", (long long)st.st_mtim.tv_sec,
		     st.st_mtim.tv_nsec);
}

SCRIPT(attr, utimens)
{
	struct timespec set[2] = { { 111, 222 }, { 333, 444 } };
	struct timespec omit[2] = { { 0, UTIME_OMIT }, { 555, 0 } };
	struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_OMIT } };
	struct timespec bad[2] = { { 0, 2000000000 }, { 0, 0 } };
	struct timespec old[2] = { { -5, 7 }, { -1000000, 9 } };

	NOTE(utimensat(AT_FDCWD, "file", set, 0));
	note_times(l, "file");
	NOTE(utimensat(AT_FDCWD, "file", omit, 0));
	note_times(l, "file");
	NOTE(utimensat(AT_FDCWD, "file", now, 0));
	note_times(l, "file");
	NOTE(utimensat(AT_FDCWD, "file", bad, 0));
	NOTE(utimensat(AT_FDCWD, "link", set, AT_SYMLINK_NOFOLLOW));
	note_times(l, "link");
	NOTE(utimensat(AT_FDCWD, "dir", old, 0));
	note_times(l, "dir");
	NOTE(utimensat(AT_FDCWD, "dir", NULL, 0));
	note_times(l, "dir");
	NOTE(utimensat(AT_FDCWD, "fifo", set, 0));
	NOTE(utimensat(AT_FDCWD, ".", set, 0));
	NOTE(utimensat(AT_FDCWD, "dangling", set, 0));
	note_times(l, ".");
}

SCRIPT(attr, truncate)
{
	int ro = open("good", O_RDONLY | O_CLOEXEC);
	int rw = open("good", O_RDWR | O_CLOEXEC);

	NOTE(truncate("file", 1));
	note_stat(l, "file");
	NOTE(truncate("file", 5000000));
	note_stat(l, "file");
	NOTE(truncate("empty", 4097));
	NOTE(truncate("link", 3));
	NOTE(truncate("dangling", 3));
	NOTE(truncate("dir", 3));
	NOTE(truncate("fifo", 3));
	NOTE(truncate("null", 3));
	NOTE(truncate("file", -1));
	NOTE(ftruncate(ro, 2));
	NOTE(ftruncate(rw, 2));
	NOTE(truncate("suid", 2));
	note_stat(l, "suid");
	NOTE(truncate("shared", INT64_MAX));
	close(ro);
	close(rw);
}

SCRIPT(attr, readlink)
{
	char buf[PATH_MAX], deep[PATH_MAX];
	int fd = open("link", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = NOTE(readlink("link", buf, sizeof(buf)));

	note_data(l, "link", buf, (size_t)n);
	NOTE(readlink("link", buf, 2));
	NOTE(readlinkat(fd, "", buf, sizeof(buf)));
	NOTE(readlink("dangling", buf, sizeof(buf)));
	NOTE(readlink("file", buf, sizeof(buf)));
	NOTE(readlink("dir", buf, sizeof(buf)));
	NOTE(readlink("missing", buf, sizeof(buf)));
	memset(deep, 'x', sizeof(deep));
	deep[4000] = 0;
	NOTE(symlink(deep, "long"));
	n = NOTE(readlink("long", buf, sizeof(buf)));
	note_data(l, "long", buf, (size_t)n);
	NOTE(symlink("loop", "loop"));
	NOTE(open("loop", O_RDONLY));
	NOTE(symlink("dir", "todir"));
	NOTE(access("todir/a", F_OK));
	NOTE(access("todir/sub/../b", F_OK));
	close(fd);
}

SCRIPT(attr, access)
{
	static const char *const names[] = {
		"file", "dir", "secret", "private", "link", "dangling", "suid",
		"fifo", "null", "acl", "private/x", "missing",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		note(l, "%s", names[i]);
		for (int mode = 0; mode < 8; mode++)
			NOTE(access(names[i], mode));
		NOTE(faccessat(AT_FDCWD, names[i], W_OK, AT_EACCESS));
	}
}

SCRIPT(attr, statfs)
{
	struct statvfs s;

	NOTE(statvfs("file", &s));
	note(l, "%lu %lu %lu %llu %llu", s.f_bsize, s.f_frsize, s.f_namemax,
	     (unsigned long long)s.f_blocks, (unsigned long long)s.f_files);
	NOTE(statvfs("dir", &s));
	note(l, "%lu %lu", s.f_bsize, s.f_namemax);
	NOTE(statvfs("fifo", &s));
	note(l, "%lu %lu", s.f_bsize, s.f_namemax);
}

/* Which call moves which time: the same as natively */
SCRIPT(attr, times_move)
{
	struct timespec set[2] = { { 1, 0 }, { 2, 0 } };
	char buf[16];
	int fd;

	for (int i = 0; i < 5; i++) {
		CHECK_OK(utimensat(AT_FDCWD, "file", set, 0));
		fd = (int)CHECK_OK(open("file", O_RDWR | O_CLOEXEC));
		note(l, "step %d", i);
		if (i == 1)
			NOTE(pwrite(fd, "x", 1, 0));
		if (i == 2)
			NOTE(ftruncate(fd, 100));
		if (i == 3)
			NOTE(fchmod(fd, 0600));
		if (i == 4)
			NOTE(pread(fd, buf, sizeof(buf), 0));
		close(fd);
		note_times(l, "file");
	}
	CHECK_OK(utimensat(AT_FDCWD, "dir", set, 0));
	NOTE(mkdir("dir/new", 0755));
	note_times(l, "dir");
	CHECK_OK(utimensat(AT_FDCWD, "dir", set, 0));
	NOTE(chmod("dir/new", 0700));
	note_times(l, "dir");
	NOTE(rmdir("dir/new"));
	note_times(l, "dir");
}
