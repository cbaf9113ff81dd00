// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * perm.c - as somebody else: what native refuses is refused here, and no more
 *
 * No default_permissions anywhere: the daemon of these tests checks nobody, so
 * whatever is refused, the kernel refuses.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diff.h"

static const struct who owner = { .name = "owner", .uid = TREE_UID, .gid = TREE_GID };
static const struct who other = { .name = "other", .uid = 2002, .gid = 2002 };
static const struct who member = {
	.name = "member", .uid = 2003, .gid = 2003,
	.ngroups = 2, .groups = { 7, TREE_GROUP },
};
static const struct who acl_writer = { .name = "acl_writer", .uid = 2000, .gid = 2000 };
static const struct who acl_denied = {
	.name = "acl_denied", .uid = 2001, .gid = 2001,
	.ngroups = 1, .groups = { TREE_GROUP },
};
static const struct who powerless = { .name = "powerless", .no_caps = true };
static const struct who userns = {
	.name = "userns", .uid = TREE_UID, .gid = TREE_GID, .userns = true,
};
static const struct who userns_other = {
	.name = "userns_other", .uid = 2005, .gid = 2005, .userns = true,
};

static const char *const names[] = {
	"good", "secret", "shared", "group", "suid", "acl", "tagged", "dir",
	"dir/a", "sticky", "private", "private/x", "fifo", "link", "acldir",
};

static const size_t n_names = sizeof(names) / sizeof(*names);

static void note_open(struct log *l, const char *name, int flags)
{
	int fd = NOTE_FD(open(name, flags | O_NONBLOCK | O_CLOEXEC, 0640));

	if (fd >= 0)
		close(fd);
}

static void look(struct log *l)
{
	char buf[256];
	DIR *d;

	for (size_t i = 0; i < n_names; i++) {
		note(l, "%s", names[i]);
		note_open(l, names[i], O_RDONLY);
		note_open(l, names[i], O_WRONLY);
		note_open(l, names[i], O_RDWR);
		note_open(l, names[i], O_RDONLY | O_NOATIME);
		note_open(l, names[i], O_PATH);
		for (int mode = 0; mode < 8; mode++)
			NOTE(access(names[i], mode));
		NOTE(getxattr(names[i], "user.tag", buf, sizeof(buf)));
		NOTE(getxattr(names[i], "system.posix_acl_access", buf,
			      sizeof(buf)));
		NOTE(listxattr(names[i], NULL, 0));
		NOTE(getxattr(names[i], "trusted.t", buf, sizeof(buf)));
		d = opendir(names[i]);
		note(l, "opendir %s", d ? "ok" : strerrorname_np(errno));
		if (d)
			closedir(d);
		NOTE(chdir(names[i]) ? -1 : chdir(".."));
	}
}

static void change(struct log *l)
{
	static const struct acl_entry acl[] = {
		{ 0x01, 6, 0 }, { 0x04, 4, 0 }, { 0x20, 6, 0 },
	};
	struct timespec ts[2] = { { 1, 2 }, { 3, 4 } };

	for (size_t i = 0; i < n_names; i++) {
		note(l, "%s", names[i]);
		NOTE(utimensat(AT_FDCWD, names[i], NULL, 0));
		NOTE(utimensat(AT_FDCWD, names[i], ts, 0));
		NOTE(truncate(names[i], 17));
		NOTE(setxattr(names[i], "user.mine", "1", 1, 0));
		NOTE(setxattr(names[i], "trusted.t", "1", 1, 0));
		NOTE(removexattr(names[i], "user.tag"));
		NOTE(set_acl(names[i], "system.posix_acl_access", acl, 3));
		NOTE(chown(names[i], (uid_t)-1, TREE_GROUP));
		NOTE(chown(names[i], 2002, (gid_t)-1));
		NOTE(chown(names[i], TREE_UID, TREE_GID));
		NOTE(chmod(names[i], 02755));
		NOTE(chmod(names[i], 0600));
		note_open(l, names[i], O_RDONLY | O_TRUNC);
	}
}

static void names_change(struct log *l)
{
	NOTE(mkdir("mine", 0755));
	NOTE(mkdir("dir/mine", 0755));
	NOTE(mkdir("acldir/mine", 0777));
	NOTE(mkdir("sticky/mine", 0755));
	NOTE(mknod("sticky/fifo", S_IFIFO | 0666, 0));
	NOTE(symlink("x", "sticky/sym"));
	NOTE(link("good", "sticky/hard"));
	NOTE(link("secret", "sticky/hard2"));
	note_open(l, "sticky/new", O_CREAT | O_RDWR);
	note_open(l, "private/new", O_CREAT | O_RDWR);
	NOTE(unlink("sticky/other"));
	NOTE(rename("sticky/other", "sticky/renamed"));
	NOTE(rename("sticky/new", "sticky/new2"));
	NOTE(unlink("sticky/new2"));
	NOTE(unlink("good"));
	NOTE(rename("good", "bad"));
	NOTE(rmdir("dir/sub"));
	NOTE(chmod("sticky/mine", 0700));
	NOTE(rmdir("sticky/mine"));
	NOTE(open("sticky", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600) < 0 ? -1 : 0);
}

/* Three scripts as each of them */
#define AS(somebody)							\
	SCRIPT(perm, look_as_##somebody, .who = &somebody) { look(l); }	\
	SCRIPT(perm, change_as_##somebody, .who = &somebody) { change(l); } \
	SCRIPT(perm, names_as_##somebody, .who = &somebody)		\
	{								\
		names_change(l);					\
	}

AS(owner)
AS(other)
AS(member)
AS(acl_writer)
AS(acl_denied)
AS(powerless)
AS(userns)
AS(userns_other)

/* An open file keeps the rights of its opening, and no others */
SCRIPT(perm, open_file_as_other, .who = &other)
{
	int ro = NOTE_FD(open("shared", O_RDONLY | O_CLOEXEC));
	int rw = NOTE_FD(open("shared", O_RDWR | O_CLOEXEC));
	char buf[16];

	NOTE(write(ro, "x", 1));
	NOTE(ftruncate(ro, 0));
	NOTE(fallocate(ro, 0, 0, 1));
	NOTE(fchmod(rw, 0777));
	NOTE(fchown(rw, 2002, 2002));
	NOTE(ftruncate(rw, 100));
	NOTE(fallocate(rw, 0, 0, 200));
	NOTE(pwrite(rw, "x", 1, 0));
	NOTE(pread(rw, buf, sizeof(buf), 0));
	NOTE(fsetxattr(ro, "user.ro", "1", 1, 0));
	NOTE(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0) ==
	     MAP_FAILED ? -1 : 0);
	NOTE(fcntl(rw, F_SETFL, O_NOATIME));
	close(ro);
	close(rw);
}
