// SPDX-License-Identifier: LGPL-2.1-or-later
/* mounts.c - what the mount below or above says: its flags and its ids */
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

static void remount_below(struct raw *r, unsigned long flags)
{
	CHECK_OK(mount(NULL, r->src, NULL, MS_BIND | MS_REMOUNT | flags, NULL));
}

/* Read-only below from one moment to the next */
KTEST(mounts, read_only_below, .opt.ops = RAW_ALL)
{
	int fd;
	char buf[8];

	CHECK_OK(access(M(r, "file"), W_OK));
	remount_below(r, MS_RDONLY);
	CHECK_ERRNO(open(M(r, "file"), O_RDWR), EROFS);
	CHECK_ERRNO(open(M(r, "file"), O_RDONLY | O_TRUNC), EROFS);
	CHECK_ERRNO(open(M(r, "new"), O_RDWR | O_CREAT, 0600), EROFS);
	CHECK_ERRNO(access(M(r, "file"), W_OK), EROFS);
	CHECK_ERRNO(chmod(M(r, "file"), 0600), EROFS);
	CHECK_ERRNO(truncate(M(r, "file"), 1), EROFS);
	CHECK_ERRNO(setxattr(M(r, "file"), "user.x", "1", 1, 0), EROFS);
	CHECK_ERRNO(removexattr(M(r, "tagged"), "user.tag"), EROFS);
	CHECK_ERRNO(removexattr(M(r, "acl"), "system.posix_acl_access"), EROFS);
	CHECK_ERRNO(mkdir(M(r, "made"), 0700), EROFS);
	CHECK_ERRNO(unlink(M(r, "file")), EROFS);
	fd = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));
	CHECK_EQ(read(fd, buf, sizeof(buf)), sizeof(buf));
	close(fd);
	same_stat(M(r, "file"), S(r, "file"));
	remount_below(r, 0);
	CHECK_OK(truncate(M(r, "file"), 1));
}

/* Open for writing here is in use for writing there */
KTEST(mounts, busy_below, .opt.ops = RAW_ALL)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));

	CHECK_ERRNO(mount(NULL, r->src, NULL,
			  MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
	close(fd);
	remount_below(r, MS_RDONLY);
	remount_below(r, 0);
}

static int run_program(const char *path)
{
	pid_t pid = (pid_t)CHECK_OK(fork());
	int status;

	if (!pid) {
		execl(path, path, NULL);
		_exit(errno);
	}
	CHECK_OK(waitpid(pid, &status, 0));
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* As a loader does that was started itself from somewhere else */
static int map_program(const char *path)
{
	int fd = (int)CHECK_OK(open(path, O_RDONLY | O_CLOEXEC));
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	int err = p == MAP_FAILED ? errno : 0;

	if (!err)
		CHECK_OK(munmap(p, 4096));
	close(fd);
	return err;
}

static int protect_program(const char *path)
{
	int fd = (int)CHECK_OK(open(path, O_RDONLY | O_CLOEXEC));
	void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	int err;

	CHECK(p != MAP_FAILED);
	err = mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 ? errno : 0;
	CHECK_OK(munmap(p, 4096));
	close(fd);
	return err;
}

KTEST(mounts, noexec_below, .opt.ops = RAW_ALL)
{
	static char program[256 * 1024];
	ssize_t n = CHECK_OK(get_file("/bin/true", program, sizeof(program)));

	put_file(S(r, "prog"), program, (size_t)n);
	CHECK_OK(chmod(S(r, "prog"), 0755));
	CHECK_EQ(run_program(M(r, "prog")), 0);
	CHECK_EQ(map_program(M(r, "prog")), 0);
	remount_below(r, MS_NOEXEC);
	CHECK_EQ(run_program(S(r, "prog")), EACCES);
	CHECK_EQ(run_program(M(r, "prog")), EACCES);
	CHECK_EQ(map_program(S(r, "prog")), EPERM);
	CHECK_EQ(map_program(M(r, "prog")), EPERM);
	CHECK_EQ(protect_program(S(r, "prog")), EACCES);
	CHECK_EQ(protect_program(M(r, "prog")), EACCES);
	remount_below(r, 0);
	CHECK_EQ(run_program(M(r, "prog")), 0);
	CHECK_EQ(protect_program(M(r, "prog")), 0);
}

/* test(1), asked for what only root may do: 0 yes, 1 no */
static int run_as_other(const char *path)
{
	pid_t pid = (pid_t)CHECK_OK(fork());
	int status;

	if (!pid) {
		CHECK_OK(setresgid(2002, 2002, 2002));
		CHECK_OK(setresuid(2002, 2002, 2002));
		execl(path, "test", "-r", "/etc/shadow", NULL);
		_exit(99);
	}
	CHECK_OK(waitpid(pid, &status, 0));
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* A suid program below gives its owner's rights unless the mount there says no */
KTEST(mounts, nosuid_below, .opt.ops = RAW_ALL, .opt.wide = true)
{
	static char program[256 * 1024];
	ssize_t n = CHECK_OK(get_file("/usr/bin/test", program, sizeof(program)));

	put_file(S(r, "prog"), program, (size_t)n);
	CHECK_OK(chmod(S(r, "prog"), 04755));
	CHECK_EQ(run_as_other(S(r, "prog")), 0);
	CHECK_EQ(run_as_other(M(r, "prog")), 0);
	remount_below(r, MS_NOSUID);
	CHECK_EQ(run_as_other(S(r, "prog")), 1);
	CHECK_EQ(run_as_other(M(r, "prog")), 1);
	remount_below(r, 0);
}

/* As packages are installed: given away, then suid */
static void give_suid(const char *path, uid_t to)
{
	CHECK_OK(chown(path, to, to));
	CHECK_OK(chmod(path, 04755));
}

/* Through the mount, and below */
KTEST(mounts, suid_after_chown, .opt.ops = RAW_ALL, .opt.wide = true)
{
	static char program[256 * 1024];
	ssize_t n = CHECK_OK(get_file("/usr/bin/test", program, sizeof(program)));

	put_file(M(r, "prog"), program, (size_t)n);
	for (int below = 0; below < 2; below++) {
		give_suid(below ? S(r, "prog") : M(r, "prog"), 1000);
		CHECK_EQ(run_as_other(M(r, "prog")), 1);
		give_suid(below ? S(r, "prog") : M(r, "prog"), 0);
		CHECK_EQ(run_as_other(M(r, "prog")), 0);
	}
}

KTEST(mounts, nodev_below, .opt.ops = RAW_ALL)
{
	int fd = (int)CHECK_OK(open(M(r, "null"), O_RDWR | O_CLOEXEC));

	close(fd);
	remount_below(r, MS_NODEV);
	CHECK_ERRNO(open(S(r, "null"), O_RDWR), EACCES);
	CHECK_ERRNO(open(M(r, "null"), O_RDWR), EACCES);
	remount_below(r, 0);
}

/* The owner of the trees and somebody else change places; the rest stays */
static const char swapped[] =
	"0 0 1000\n1000 2002 1\n1001 1001 1001\n2002 1000 1\n2003 2003 60000\n";

static int swapping_userns(void)
{
	char path[64];
	int ready[2], fd;
	char c;
	pid_t pid;

	CHECK_OK(pipe2(ready, O_CLOEXEC));
	pid = (pid_t)CHECK_OK(fork());
	if (!pid) {
		CHECK_OK(unshare(CLONE_NEWUSER));
		CHECK_EQ(write(ready[1], "x", 1), 1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	put_file(path, swapped, sizeof(swapped) - 1);
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	put_file(path, swapped, sizeof(swapped) - 1);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = (int)CHECK_OK(open(path, O_RDONLY | O_CLOEXEC));
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_OK(waitpid(pid, NULL, 0));
	close(ready[0]);
	close(ready[1]);
	return fd;
}

/* The same tree at another place, seen with swapped ids */
static void mount_swapped(const char *from, const char *to)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	int userns = swapping_userns();
	int tree = (int)CHECK_OK(syscall(SYS_open_tree, AT_FDCWD, from,
					 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));

	attr.userns_fd = (uint64_t)userns;
	CHECK_OK(syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr,
			 sizeof(attr)));
	CHECK_OK(mkdir(to, 0755));
	CHECK_OK(syscall(SYS_move_mount, tree, "", AT_FDCWD, to,
			 MOVE_MOUNT_F_EMPTY_PATH));
	close(tree);
	close(userns);
}

/* Who may do what, and whom things belong to: the same seen by view as it is there below */
static void same_ids(struct raw *view, struct raw *server)
{
	raw_reset(server);
	diff_all(view, "perm.*", server->supported);
	diff_all(view, "attr.chown", server->supported);
	diff_all(view, "xattr.acl*", server->supported);
	diff_all(view, "killpriv.*_as_owner", server->supported);
	expect_no_requests(server, server->supported);
}

/* The daemon mirrors an idmapped mount */
static void idmapped_below(struct raw *r, bool subtree)
{
	const struct raw_options opt = { .ops = RAW_ALL, .wide = true, .subtree = subtree };
	char dir[PATH_MAX];
	struct raw *second;

	snprintf(dir, sizeof(dir), "%.3000s/swapped", r->dir);
	mount_swapped(r->src, dir);
	second = frame_second(r, dir, &opt);
	same_ids(second, second);
	frame_second_end(second);
	frame_umount(dir);
}

KTEST(mounts, idmapped_below)
{
	idmapped_below(r, false);
}

KTEST(mounts, idmapped_below_subtree)
{
	idmapped_below(r, true);
}

/* The mirror itself is seen through an idmapped mount */
static void idmapped_above(struct raw *r)
{
	struct raw *view = raw_new(r->dir);

	CHECK(r->accepted & FUSE_ALLOW_IDMAP);
	snprintf(view->mnt, sizeof(view->mnt), "%.3000s/above", r->dir);
	snprintf(view->src, sizeof(view->src), "%.3000s/below", r->dir);
	mount_swapped(r->mnt, view->mnt);
	mount_swapped(r->src, view->src);
	same_ids(view, r);
	frame_umount(view->mnt);
	frame_umount(view->src);
	raw_free(view);
}

#define ABOVE(id, ...)							\
	KTEST(mounts, id, .opt.ops = RAW_ALL, .opt.wide = true,		\
	      .opt.mount_options = "default_permissions",		\
	      .opt.init_add = FUSE_ALLOW_IDMAP | FUSE_POSIX_ACL, ##__VA_ARGS__)

ABOVE(idmapped_above)
{
	idmapped_above(r);
}

ABOVE(idmapped_above_subtree, .opt.subtree = true)
{
	idmapped_above(r);
}
