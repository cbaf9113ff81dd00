// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who changes a file takes its privileges away, also through the mount: after
 * each operation the file has no more of them than a file that the same caller
 * changed directly.  On the kernel that runs here; needs root and /dev/fuse.
 */
#include "daemon.h"
#include "harness.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NATIVE BASE "/native" /* changed without FUSE */
#define OTHER  1000	      /* a user with no rights but those of the mode */
#define CAPS   "security.capability"

static int by_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = pwrite(fd, "x", 1, 0) == 1 ? 0 : -1;

	close(fd);
	return ret;
}

static int by_splice(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ends[2], ret = -1;

	if (pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "x", 1) == 1)
		ret = splice(ends[0], NULL, fd, NULL, 1, 0) == 1 ? 0 : -1;
	close(fd);
	return ret;
}

static int by_truncate(const char *path)
{
	return truncate(path, 100);
}

static int by_open_trunc(const char *path)
{
	return close(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
}

static int by_fallocate(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = fallocate(fd, 0, 0, 2 * SIZE);

	close(fd);
	return ret;
}

static int by_chown(const char *path)
{
	return geteuid() == 0 ? chown(path, 5, 5) : 0;
}

static int (*const changes[])(const char *path) = {
	by_write, by_splice, by_truncate, by_open_trunc, by_fallocate, by_chown,
};

/*
 * What a file has at the beginning.  A set-group-ID bit without the group's x
 * is not among it: it gives nobody anything, and stock kernels keep it.
 */
static const struct privileges {
	mode_t mode;
	bool caps;
} kinds[] = {{06777, false}, {04777, false}, {02777, false}, {0777, true}, {06777, true}};

static void give(const char *path, const struct privileges *kind)
{
	/* version 2, effective: all that can be permitted */
	static const unsigned char caps[20] = {1, 0, 0, 2, 0xff, 0xff, 0xff, 0xff};

	CHECK_SYS(chown(path, 0, 0));
	CHECK_SYS(chmod(path, kind->mode));
	if (kind->caps)
		CHECK_SYS(setxattr(path, CAPS, caps, sizeof(caps), 0));
}

static struct privileges privileges_of(const char *path)
{
	struct stat st;

	CHECK_SYS(stat(path, &st));
	return (struct privileges){st.st_mode & 07777, getxattr(path, CAPS, NULL, 0) > 0};
}

static void change_as(uid_t uid, int (*change)(const char *path), const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (uid != 0 && (setgid(uid) < 0 || setuid(uid) < 0))
			_exit(1);
		_exit(change(path) < 0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static void check_changes(uid_t uid, const char *path, bool exact)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
			struct privileges native, below, seen;

			give(NATIVE, &kinds[k]);
			give(BELOW, &kinds[k]);
			change_as(uid, changes[i], NATIVE);
			change_as(uid, changes[i], path);
			native = privileges_of(NATIVE);
			below = privileges_of(BELOW);
			seen = privileges_of(path);
			if ((below.mode & ~native.mode) || (below.caps && !native.caps) ||
			    (exact && below.mode != native.mode) || seen.mode != below.mode)
				test_fail(__FILE__, __LINE__,
					  "%s, change %zu, kind %zu, uid %u: native 0%o %d, "
					  "below 0%o %d, seen 0%o",
					  path, i, k, uid, native.mode, native.caps, below.mode,
					  below.caps, seen.mode);
		}
	}
}

/* The daemon's threads never have CAP_FSETID, as FUSEPT_SESSION_KILLPRIV asks. */
static void set_fsetid(bool on)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	CHECK_SYS(syscall(SYS_capget, &header, data));
	data[0].effective &= ~(1u << CAP_FSETID);
	data[0].effective |= on ? 1u << CAP_FSETID : 0;
	CHECK_SYS(syscall(SYS_capset, &header, data));
}

static void start(struct daemon *d, uint32_t flags)
{
	const struct fusept_session_options options = {.size = sizeof(options), .flags = flags};
	int fd;

	daemon_start(d, &options);
	if (fusept_session_level(d->session) < FUSEPT_LEVEL_IO)
		test_skip("this kernel has no passthrough");
	CHECK_SYS(fd = open(NATIVE, O_RDWR | O_CREAT | O_CLOEXEC, 0777));
	CHECK_SYS(ftruncate(fd, SIZE));
	close(fd);
	CHECK_EQ(fusept_backing_open(d->session, d->file, FUSEPT_OPS_ALL, &d->backing), 0);
	set_fsetid(false);
	daemon_serve(d);
	set_fsetid(true);
}

static void check_everything(uint32_t flags)
{
	struct daemon d;

	start(&d, flags);
	check_changes(OTHER, PASSED, true);
	check_changes(OTHER, SERVED, true);
	check_changes(0, PASSED, false);
	check_changes(0, SERVED, false);
	daemon_finish(&d);
}

TEST(changes_take_privileges_away)
{
	check_everything(0);
}

TEST(changes_take_privileges_away_with_the_flag)
{
	check_everything(FUSEPT_SESSION_KILLPRIV);
}

/* A file may get privileges after the kernel learnt that it has none. */
TEST(privileges_that_come_late_go_as_well)
{
	struct daemon d;
	int fd;

	start(&d, FUSEPT_SESSION_KILLPRIV);
	CHECK_SYS(chmod(BELOW, 0777));
	CHECK_SYS(fd = open(PASSED, O_WRONLY | O_CLOEXEC)); /* so that its inode stays */
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct privileges left;

		CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
		give(BELOW, &kinds[k]);
		change_as(OTHER, by_write, PASSED);
		left = privileges_of(BELOW);
		CHECK_EQ(left.mode, 0777);
		CHECK(!left.caps);
	}
	close(fd);
	daemon_finish(&d);
}

TEST(writes_do_not_ask_the_daemon_with_the_flag)
{
	struct daemon d;
	int fd, before;

	start(&d, FUSEPT_SESSION_KILLPRIV);
	CHECK_SYS(chmod(BELOW, 0644));
	CHECK_SYS(fd = open(PASSED, O_WRONLY | O_CLOEXEC));
	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	before = d.getxattrs;
	for (int i = 0; i < 100; i++)
		CHECK_EQ(pwrite(fd, "x", 1, i), 1);
	CHECK_EQ(d.getxattrs, before);
	CHECK_EQ(d.writes, 0);
	close(fd);
	daemon_finish(&d);
}
