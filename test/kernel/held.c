// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * held.c - a descriptor is held while mode or owner change below
 *
 * No path is walked then, so nothing has brought the inode up to date when the VFS
 * looks at it: what counts is what is below, as if the file had been held there.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diff.h"

static const struct who other = { .name = "other", .uid = 2002, .gid = 2002 };

struct held {
	int fd;
	const char *to;
};

static void may_tag(void *arg)
{
	CHECK_OK(fsetxattr(((struct held *)arg)->fd, "user.x", "1", 1, 0));
}

static void may_not_tag(void *arg)
{
	CHECK_ERRNO(fsetxattr(((struct held *)arg)->fd, "user.x", "2", 1, 0), EPERM);
}

static void sticky_folder(struct raw *r)
{
	struct held h;
	struct stat st;

	CHECK_OK(mkdir(S(r, "held"), 0777));
	CHECK_OK(chmod(S(r, "held"), 01777));
	CHECK_OK(chown(S(r, "held"), 2002, 2002));
	CHECK_OK(stat(M(r, "held"), &st));
	h.fd = (int)CHECK_OK(open(M(r, "held"), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	run_as(&other, may_tag, &h);
	CHECK_OK(chown(S(r, "held"), 0, 0));
	run_as(&other, may_not_tag, &h);
	close(h.fd);
}

/* Whoever sets them */
KTEST(held, sticky_folder, .opt.ops = RAW_ALL, .opt.wide = true)
{
	sticky_folder(r);
}

KTEST(held, sticky_folder_served, .opt.ops = OP(GETATTR), .opt.wide = true)
{
	sticky_folder(r);
}

static void may_not_link(void *arg)
{
	const struct held *h = arg;
	char from[64];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", h->fd);
	CHECK_ERRNO(linkat(AT_FDCWD, from, AT_FDCWD, h->to, AT_SYMLINK_FOLLOW),
		    EPERM);
}

static void protect_links(void)
{
	int sysctl = (int)CHECK_OK(open("/proc/sys/fs/protected_hardlinks",
					O_WRONLY | O_CLOEXEC));

	CHECK_EQ(write(sysctl, "1", 1), 1);
	close(sysctl);
}

/* protected_hardlinks: nobody may keep a suid program of somebody else */
KTEST(held, link_to_suid, .opt.ops = RAW_ALL, .opt.wide = true)
{
	struct held h = { .to = M(r, "sticky/mine") };

	protect_links();
	CHECK_OK(chmod(S(r, "good"), 0666));
	CHECK_OK(access(M(r, "good"), F_OK));
	h.fd = (int)CHECK_OK(open(M(r, "good"), O_PATH | O_CLOEXEC));
	CHECK_OK(chmod(S(r, "good"), 06777));
	run_as(&other, may_not_link, &h);
	CHECK_OK(chmod(S(r, "good"), 0644));
	close(h.fd);
}

/* Nor a program that was suid when it was his, nor what is no regular file */
KTEST(held, link_after_chown, .opt.ops = RAW_ALL, .opt.wide = true)
{
	static const char *const names[] = { "good", "fifo" };
	char to[PATH_MAX + 16];
	struct held h = { .to = to };
	struct stat st;

	snprintf(to, sizeof(to), "%s/sticky/mine", r->mnt);
	protect_links();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		CHECK_OK(chown(S(r, names[i]), 2002, 2002));
		CHECK_OK(chmod(S(r, names[i]), 04700));
		CHECK_OK(stat(M(r, names[i]), &st));
		h.fd = (int)CHECK_OK(open(M(r, names[i]), O_PATH | O_CLOEXEC));
		CHECK_OK(chown(S(r, names[i]), 0, 0));
		run_as(&other, may_not_link, &h);
		close(h.fd);
	}
}
