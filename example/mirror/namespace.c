/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MKNOD, MKDIR, SYMLINK, LINK, UNLINK, RMDIR and RENAME. */
#include "mirror.h"

#include <stdio.h> /* renameat2() */

/* What is to be made: the arguments of one of three system calls. */
struct making {
	const char *name;
	mode_t mode; /* with the type */
	dev_t rdev;
	const char *target; /* of a symbolic link */
};

static int make_in(int dirfd, const struct making *what)
{
	if (what->target)
		return symlinkat(what->target, dirfd, what->name);
	if (S_ISDIR(what->mode))
		return mkdirat(dirfd, what->name, what->mode & ~S_IFMT);
	return mknodat(dirfd, what->name, what->mode, what->rdev);
}

static int make_as_caller(struct mirror *m, fuse_req_t req, int dirfd, const struct making *what)
{
	int err = caller_become(m, req, !what->target);

	if (err)
		return err;
	err = make_in(dirfd, what) < 0 ? -errno : 0;
	caller_leave(m);
	return err;
}

static void make_and_reply(fuse_req_t req, struct mirror *m, fuse_ino_t parent,
			   const struct making *what)
{
	g_auto(held) dir = hold(m->nodes, parent);
	struct entry entry;
	int err = dir.fd;

	if (dir.fd >= 0)
		err = make_as_caller(m, req, dir.fd, what);
	if (!err)
		err = entry_from_name(m, dir.node, dir.fd, what->name, &entry);
	entry_reply(req, m, err, &entry);
}

void mirror_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct mirror *m = request_begin(req, FUSEPT_MKNOD);
	struct making what = {.name = name, .mode = mode, .rdev = rdev};

	make_and_reply(req, m, parent, &what);
}

void mirror_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct mirror *m = request_begin(req, FUSEPT_MKDIR);
	struct making what = {.name = name, .mode = mode | S_IFDIR};

	make_and_reply(req, m, parent, &what);
}

void mirror_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct mirror *m = request_begin(req, FUSEPT_SYMLINK);
	struct making what = {.name = name, .target = target};

	make_and_reply(req, m, parent, &what);
}

/* The entry is that of the file itself: its new name may be another's by now. */
static int link_to(struct mirror *m, int fd, const struct held *dir, const char *name,
		   struct entry *entry)
{
	int again;

	if (linkat(AT_FDCWD, fd_path(fd).text, dir->fd, name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	again = nodes_reopen(m->nodes, fd, O_PATH);
	if (again < 0)
		return again;
	return entry_from_fd(m, dir->node, again, entry);
}

void mirror_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
	struct mirror *m = request_begin(req, FUSEPT_LINK);
	g_auto(held) file = hold(m->nodes, ino);
	g_auto(held) dir = hold(m->nodes, newparent);
	struct entry entry;
	int err;

	if (file.fd < 0)
		err = file.fd;
	else if (dir.fd < 0)
		err = dir.fd;
	else
		err = link_to(m, file.fd, &dir, newname, &entry);
	entry_reply(req, m, err, &entry);
}

static void remove_name(fuse_req_t req, struct mirror *m, fuse_ino_t parent, const char *name,
			int flags)
{
	g_auto(held) dir = hold(m->nodes, parent);
	int err = -dir.fd;

	if (dir.fd >= 0) {
		g_auto(held) file = hold_name(m->nodes, dir.fd, name);

		(void)file;
		err = unlinkat(dir.fd, name, flags) < 0 ? errno : 0;
	}
	fuse_reply_err(req, err);
}

void mirror_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mirror *m = request_begin(req, FUSEPT_UNLINK);

	remove_name(req, m, parent, name, 0);
}

void mirror_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mirror *m = request_begin(req, FUSEPT_RMDIR);

	remove_name(req, m, parent, name, AT_REMOVEDIR);
}

/* An errno. */
static int rename_below(struct mirror *m, int from, const char *name, int to, const char *newname,
			unsigned int flags)
{
	g_auto(held) replaced = hold_name(m->nodes, to, newname);

	(void)replaced;
	return renameat2(from, name, to, newname, flags) < 0 ? errno : 0;
}

/* Counted by the name of the operation; flags make the kernel send RENAME2. */
void mirror_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		   const char *newname, unsigned int flags)
{
	struct mirror *m = request_begin(req, flags ? FUSEPT_RENAME2 : FUSEPT_RENAME);
	g_auto(held) from = hold(m->nodes, parent);
	g_auto(held) to = hold(m->nodes, newparent);
	int err;

	if (from.fd < 0)
		err = -from.fd;
	else if (to.fd < 0)
		err = -to.fd;
	else
		err = rename_below(m, from.fd, name, to.fd, newname, flags);
	fuse_reply_err(req, err);
}
