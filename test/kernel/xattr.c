// SPDX-License-Identifier: LGPL-2.1-or-later
/* xattr.c - extended attributes and ACLs: the same as natively */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diff.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in order, as file systems have orders of their own */
static void note_list(struct log *l, const char *file)
{
	char buf[4096], *names[64];
	ssize_t n = llistxattr(file, buf, sizeof(buf));
	size_t count = 0;

	note(l, "%s: %zd bytes", file, n);
	for (char *p = buf; n > 0 && p < buf + n; p += strlen(p) + 1)
		names[count++] = p;
	qsort(names, count, sizeof(*names), by_text);
	for (size_t i = 0; i < count; i++)
		note(l, "%s", names[i]);
}

static void note_value(struct log *l, const char *file, const char *name)
{
	char buf[4096];
	ssize_t n;

	note(l, "%s of %s", name, file);
	n = NOTE(lgetxattr(file, name, buf, sizeof(buf)));
	if (n >= 0)
		note_data(l, "value", buf, (size_t)n);
}

SCRIPT(xattr, user)
{
	NOTE(setxattr("file", "user.a", "1", 1, 0));
	NOTE(setxattr("file", "user.a", "22", 2, XATTR_CREATE));
	NOTE(setxattr("file", "user.a", "22", 2, XATTR_REPLACE));
	NOTE(setxattr("file", "user.b", "3", 1, XATTR_REPLACE));
	NOTE(setxattr("file", "user.b", "3", 1, XATTR_CREATE));
	NOTE(setxattr("file", "user.c", "4", 1, 12));
	NOTE(setxattr("file", "user.none", "", 0, 0));
	note_value(l, "file", "user.a");
	note_value(l, "file", "user.b");
	note_value(l, "file", "user.none");
	note_value(l, "file", "user.missing");
	note_list(l, "file");
	NOTE(removexattr("file", "user.a"));
	NOTE(removexattr("file", "user.a"));
	note_list(l, "file");
	NOTE(setxattr("dir", "user.d", "5", 1, 0));
	note_list(l, "dir");
	NOTE(lsetxattr("link", "user.l", "6", 1, 0));
	NOTE(setxattr("link", "user.l", "6", 1, 0));
	NOTE(setxattr("fifo", "user.f", "7", 1, 0));
	NOTE(getxattr("fifo", "user.f", NULL, 0));
	NOTE(setxattr("dangling", "user.f", "7", 1, 0));
	note_list(l, "tagged");
}

SCRIPT(xattr, sizes)
{
	static char big[65537];
	char name[300];

	memset(big, 'v', sizeof(big));
	NOTE(setxattr("file", "user.k", big, 1000, 0));
	NOTE(setxattr("file", "user.k", big, 3000, 0));
	NOTE(getxattr("file", "user.k", NULL, 0));
	NOTE(getxattr("file", "user.k", big, 10));
	NOTE(getxattr("file", "user.k", big, sizeof(big)));
	NOTE(listxattr("file", NULL, 0));
	NOTE(listxattr("file", big, 3));
	NOTE(setxattr("file", "user.big", big, 65536, 0));
	NOTE(setxattr("file", "user.big", big, 65537, 0));
	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[255] = 0;
	NOTE(setxattr("file", name, "x", 1, 0));
	name[255] = 'n';
	name[256] = 0;
	NOTE(setxattr("file", name, "x", 1, 0));
	NOTE(setxattr("file", "", "x", 1, 0));
	NOTE(setxattr("file", "user.", "x", 1, 0));
	NOTE(setxattr("file", "bare", "x", 1, 0));
	NOTE(getxattr("file", "bare", big, 10));
	NOTE(getxattr("file", "system.other", big, 10));
}

SCRIPT(xattr, spaces)
{
	int fd = open("file", O_RDONLY | O_CLOEXEC);

	NOTE(setxattr("file", "trusted.t", "1", 1, 0));
	NOTE(setxattr("file", "security.s", "2", 1, 0));
	NOTE(lsetxattr("link", "trusted.t", "3", 1, 0));
	NOTE(setxattr("fifo", "trusted.t", "4", 1, 0));
	note_list(l, "file");
	note_list(l, "link");
	note_list(l, "fifo");
	note_value(l, "file", "trusted.t");
	note_value(l, "link", "trusted.t");
	NOTE(fsetxattr(fd, "user.f", "5", 1, 0));
	NOTE(fgetxattr(fd, "user.f", NULL, 0));
	NOTE(flistxattr(fd, NULL, 0));
	NOTE(fremovexattr(fd, "user.f"));
	NOTE(fremovexattr(fd, "trusted.t"));
	NOTE(removexattr("file", "security.s"));
	NOTE(lremovexattr("link", "trusted.t"));
	note_list(l, "file");
	close(fd);
}

static const struct acl_entry some_acl[] = {
	{ 0x01, 6, 0 }, { 0x02, 4, 4242 }, { 0x04, 4, 0 }, { 0x10, 4, 0 },
	{ 0x20, 0, 0 },
};

/* One that the mode says as well */
static const struct acl_entry plain_acl[] = {
	{ 0x01, 6, 0 }, { 0x04, 4, 0 }, { 0x20, 4, 0 },
};

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

static void note_mode(struct log *l, const char *file)
{
	struct stat st;

	if (NOTE(stat(file, &st)) == 0)
		note(l, "%s: %o", file, st.st_mode);
}

SCRIPT(xattr, acl_access)
{
	note_value(l, "acl", ACCESS);
	note_list(l, "acl");
	NOTE(set_acl("file", ACCESS, some_acl, 5));
	note_value(l, "file", ACCESS);
	note_list(l, "file");
	note_mode(l, "file");
	NOTE(chmod("file", 0777));
	note_value(l, "file", ACCESS);
	NOTE(chmod("acl", 0600));
	note_value(l, "acl", ACCESS);
	NOTE(set_acl("acl", ACCESS, plain_acl, 3));
	note_value(l, "acl", ACCESS);
	note_list(l, "acl");
	note_mode(l, "acl");
	NOTE(removexattr("file", ACCESS));
	NOTE(removexattr("file", ACCESS));
	note_value(l, "file", ACCESS);
	note_mode(l, "file");
	NOTE(set_acl("file", ACCESS, some_acl, 3));
	NOTE(set_acl("file", ACCESS, some_acl, 0));
	NOTE(setxattr("file", ACCESS, "junk", 4, 0));
	NOTE(set_acl("fifo", ACCESS, some_acl, 5));
	note_mode(l, "fifo");
	NOTE(set_acl("file", DEFAULT, some_acl, 5));
}

SCRIPT(xattr, acl_default)
{
	int fd;

	note_value(l, "acldir", DEFAULT);
	NOTE(mkdir("acldir/made", 0777));
	note_value(l, "acldir/made", ACCESS);
	note_value(l, "acldir/made", DEFAULT);
	note_mode(l, "acldir/made");
	fd = NOTE_FD(open("acldir/file", O_CREAT | O_RDWR | O_CLOEXEC, 0666));
	note_value(l, "acldir/file", ACCESS);
	note_mode(l, "acldir/file");
	close(fd);
	NOTE(mknod("acldir/fifo", S_IFIFO | 0666, 0));
	note_mode(l, "acldir/fifo");
	NOTE(symlink("x", "acldir/link"));
	NOTE(set_acl("dir", DEFAULT, some_acl, 5));
	NOTE(mkdir("dir/made", 0777));
	note_value(l, "dir/made", DEFAULT);
	NOTE(removexattr("dir", DEFAULT));
	note_list(l, "dir");
	NOTE(mkdir("dir/plain", 0777));
	note_mode(l, "dir/plain");
	NOTE(link("acldir/file", "dir/same"));
	note_value(l, "dir/same", ACCESS);
}
