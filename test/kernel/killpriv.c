// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * killpriv.c - suid, sgid and file capabilities go away as they do natively
 *
 * Each way to change a file, by root, by the owner and by somebody else, with all
 * passed through and with parts left to the daemon. The twin trees are compared
 * with modes and attributes, so a script only has to do it.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diff.h"

static const struct who owner = {
	.name = "owner", .uid = TREE_UID, .gid = TREE_GID,
};
static const struct who other = { .name = "other", .uid = 2002, .gid = 2002 };
static const struct who powerless = { .name = "powerless", .no_caps = true };

static const char *const targets[] = { "suid", "capable" };

static void note_state(struct log *l, const char *name)
{
	struct stat st;
	char buf[64];

	NOTE(stat(name, &st));
	note(l, "%s %o", name, st.st_mode);
	NOTE(getxattr(name, "security.capability", buf, sizeof(buf)));
}

static void by_write(struct log *l)
{
	for (int i = 0; i < 2; i++) {
		int fd = NOTE_FD(open(targets[i], O_WRONLY | O_CLOEXEC));

		note_state(l, targets[i]);
		NOTE(pwrite(fd, "x", 0, 0));
		note_state(l, targets[i]);
		NOTE(pwrite(fd, "x", 1, 0));
		note_state(l, targets[i]);
		close(fd);
	}
}

static void by_truncate(struct log *l)
{
	NOTE(truncate("suid", 5));
	NOTE(truncate("capable", 5));
	note_state(l, "suid");
	note_state(l, "capable");
}

static void by_ftruncate(struct log *l)
{
	for (int i = 0; i < 2; i++) {
		int fd = NOTE_FD(open(targets[i], O_RDWR | O_CLOEXEC));

		NOTE(ftruncate(fd, 3));
		note_state(l, targets[i]);
		close(fd);
	}
}

static void by_o_trunc(struct log *l)
{
	for (int i = 0; i < 2; i++) {
		close(NOTE_FD(open(targets[i], O_RDWR | O_TRUNC | O_CLOEXEC)));
		note_state(l, targets[i]);
	}
}

static void by_fallocate(struct log *l)
{
	for (int i = 0; i < 2; i++) {
		int fd = NOTE_FD(open(targets[i], O_RDWR | O_CLOEXEC));

		NOTE(fallocate(fd, 0, 0, 9000));
		note_state(l, targets[i]);
		close(fd);
	}
}

static void by_chown(struct log *l)
{
	for (int i = 0; i < 2; i++) {
		NOTE(chown(targets[i], (uid_t)-1, TREE_GID));
		note_state(l, targets[i]);
		NOTE(chown(targets[i], 77, 78));
		note_state(l, targets[i]);
	}
}

/* Not for a daemon with HANDLE_KILLPRIV_V2, which is told of real changes only */
static void by_chown_to_none(struct log *l)
{
	for (int i = 0; i < 2; i++) {
		NOTE(chown(targets[i], (uid_t)-1, (gid_t)-1));
		note_state(l, targets[i]);
	}
}

static void by_chmod(struct log *l)
{
	NOTE(chmod("suid", 06711));
	note_state(l, "suid");
	NOTE(chmod("group", 02770));
	note_state(l, "group");
	NOTE(chmod("capable", 0700));
	note_state(l, "capable");
}

static void by_copy(struct log *l)
{
	int in = NOTE_FD(open("good", O_RDONLY | O_CLOEXEC));

	for (int i = 0; i < 2; i++) {
		int out = NOTE_FD(open(targets[i], O_WRONLY | O_CLOEXEC));

		NOTE(copy_file_range(in, &(loff_t){ 0 }, out, NULL, 5, 0));
		note_state(l, targets[i]);
		close(out);
	}
	close(in);
}

static void by_splice(struct log *l)
{
	int p[2];

	CHECK_OK(pipe2(p, O_CLOEXEC));
	for (int i = 0; i < 2; i++) {
		int out = NOTE_FD(open(targets[i], O_WRONLY | O_CLOEXEC));

		CHECK_EQ(write(p[1], "12345", 5), 5);
		NOTE(splice(p[0], NULL, out, NULL, 5, 0));
		note_state(l, targets[i]);
		close(out);
	}
	close(p[0]);
	close(p[1]);
}

/* Natively a store to a mapping strips nothing */
static void by_mapping(struct log *l)
{
	for (int i = 0; i < 2; i++) {
		int fd = NOTE_FD(open(targets[i], O_RDWR | O_CLOEXEC));
		char *p = mmap(NULL, 10, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		CHECK(p != MAP_FAILED);
		p[0] = 'm';
		CHECK_OK(munmap(p, 10));
		note_state(l, targets[i]);
		close(fd);
	}
}

/* One who was let in to write before the bits were set */
static void by_old_fd(struct log *l)
{
	int fd = NOTE_FD(open("shared", O_RDWR | O_CLOEXEC));

	NOTE(chmod("shared", 06777));
	NOTE(pwrite(fd, "x", 1, 0));
	note_state(l, "shared");
	NOTE(chmod("shared", 06777));
	NOTE(ftruncate(fd, 1));
	note_state(l, "shared");
	close(fd);
}

#define WAYS(somebody, ptr)						\
	SCRIPT(killpriv, write_as_##somebody, .who = ptr) { by_write(l); } \
	SCRIPT(killpriv, truncate_as_##somebody, .who = ptr) { by_truncate(l); } \
	SCRIPT(killpriv, ftruncate_as_##somebody, .who = ptr) { by_ftruncate(l); } \
	SCRIPT(killpriv, o_trunc_as_##somebody, .who = ptr) { by_o_trunc(l); } \
	SCRIPT(killpriv, fallocate_as_##somebody, .who = ptr) { by_fallocate(l); } \
	SCRIPT(killpriv, chown_as_##somebody, .who = ptr) { by_chown(l); } \
	SCRIPT(killpriv, chown_to_none_as_##somebody, .who = ptr)	\
	{								\
		by_chown_to_none(l);					\
	}								\
	SCRIPT(killpriv, chmod_as_##somebody, .who = ptr) { by_chmod(l); } \
	SCRIPT(killpriv, copy_as_##somebody, .who = ptr) { by_copy(l); } \
	SCRIPT(killpriv, splice_as_##somebody, .who = ptr) { by_splice(l); } \
	SCRIPT(killpriv, mapping_as_##somebody, .who = ptr) { by_mapping(l); } \
	SCRIPT(killpriv, old_fd_as_##somebody, .who = ptr) { by_old_fd(l); }

WAYS(root, NULL)
WAYS(owner, &owner)
WAYS(other, &other)
WAYS(powerless, &powerless)

/* Parts with the daemon, which is told to strip or sees to it itself */
static void each_way(struct raw *r, void (*const *ways)(struct log *l), size_t n)
{
	static const struct who *const whos[] = { NULL, &owner, &other, &powerless };
	struct script s = { .kc.name = "killpriv" };

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < sizeof(whos) / sizeof(*whos); k++) {
			s.run = ways[i];
			diff(r, &s, whos[k]);
		}
	}
}

static void (*const writing[])(struct log *l) = {
	by_write, by_splice, by_old_fd,
};

static void (*const setting[])(struct log *l) = {
	by_truncate, by_ftruncate, by_o_trunc, by_chown, by_chmod, by_old_fd,
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

KTEST(killpriv, write_by_daemon_v2, .opt.ops = RAW_ALL & ~OP(WRITE),
      .opt.wide = true, .opt.init_add = FUSE_HANDLE_KILLPRIV_V2)
{
	each_way(r, writing, COUNT(writing));
}

KTEST(killpriv, write_by_daemon, .opt.ops = RAW_ALL & ~OP(WRITE),
      .opt.wide = true)
{
	each_way(r, writing, COUNT(writing));
}

KTEST(killpriv, setattr_by_daemon_v2, .opt.ops = RAW_ALL & ~OP(SETATTR),
      .opt.wide = true, .opt.init_add = FUSE_HANDLE_KILLPRIV_V2)
{
	each_way(r, setting, COUNT(setting));
}

KTEST(killpriv, setattr_by_daemon, .opt.ops = RAW_ALL & ~OP(SETATTR),
      .opt.wide = true)
{
	each_way(r, setting, COUNT(setting));
}

KTEST(killpriv, all_passed_v2, .opt.ops = RAW_ALL, .opt.wide = true,
      .opt.init_add = FUSE_HANDLE_KILLPRIV_V2)
{
	each_way(r, writing, COUNT(writing));
	each_way(r, setting, COUNT(setting));
	expect_no_requests(r, r->supported);
}
