/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The trees: SOURCE as mounts of our own, in which a path is one relative to SOURCE. */
#include "filter.h"

#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <syslog.h>

static int mount_of(int fd, uint64_t *mount)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) < 0)
		return -errno;
	*mount = st.stx_mnt_id;
	return 0;
}

static int tree_open(struct tree *tree, const char *source, gboolean writable)
{
	struct mount_attr attr = {
		.attr_set = writable ? 0 : MOUNT_ATTR_RDONLY,
		.propagation = MS_PRIVATE,
	};

	tree->fd = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree->fd < 0 || mount_setattr(tree->fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	return mount_of(tree->fd, &tree->mount);
}

int trees_open(struct filter *f)
{
	const char *source = f->opt.source;
	int err = 0;

	for (enum view view = VIEW_PLAIN; view < VIEW_HIDDEN && !err; view++)
		err = tree_open(&f->trees[view], source, view == VIEW_PLAIN);
	if (err == -EPERM)
		filter_say(
			f, LOG_ERR,
			"SOURCE %s can't be mounted: %s; run it as root, or as root of a user "
			"namespace of your own, as unshare --user --map-root-user --mount makes one",
			source, strerror(-err));
	else if (err)
		filter_say(f, LOG_ERR,
			   "SOURCE %s: %s; expected a directory that can be mounted (see --bind in "
			   "mount(8))",
			   source, strerror(-err));
	return err;
}

void trees_close(struct filter *f)
{
	for (enum view view = VIEW_PLAIN; view < VIEW_HIDDEN; view++) {
		if (f->trees[view].fd >= 0)
			close(f->trees[view].fd);
	}
}

enum view trees_view(const struct filter *f, int fd)
{
	enum view view = VIEW_PLAIN;
	uint64_t mount;

	if (mount_of(fd, &mount))
		return VIEW_HIDDEN;
	while (view < VIEW_HIDDEN && f->trees[view].mount != mount)
		view++;
	return view;
}

static gboolean is_same(int fd, int dir, const char *name)
{
	struct stat one, other;

	return !fstatat(fd, "", &one, AT_EMPTY_PATH) &&
	       !fstatat(dir, name, &other, AT_SYMLINK_NOFOLLOW) && one.st_ino == other.st_ino &&
	       one.st_dev == other.st_dev;
}

/* Directories may be moved meanwhile, here or below: -ESTALE makes the kernel look again. */
int trees_open_in(const struct filter *f, enum view view, const char *path, int dir,
		  const char *name)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int fd = (int)syscall(SYS_openat2, f->trees[view].fd, path, &how, sizeof(how));

	if (fd < 0)
		return -errno;
	if (is_same(fd, dir, name))
		return fd;
	close(fd);
	return -ESTALE;
}

char *path_of(int fd)
{
	char link[32], path[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path));
	if (length <= 0 || length == sizeof(path) || *path != '/')
		return NULL;
	return g_strndup(path + 1, (gsize)length - 1);
}
