// SPDX-License-Identifier: LGPL-2.1-or-later
/* MKNOD, MKDIR, SYMLINK, LINK, UNLINK, RMDIR and RENAME. */
#include "stack.h"

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

static int make_as_caller(struct fusept_stack *s, fuse_req_t req, int dirfd,
			  const struct making *what)
{
	int err = caller_become(s, req, !what->target);

	if (err)
		return err;
	err = make_in(dirfd, what) < 0 ? -errno : 0;
	caller_leave(s);
	return err;
}

static void make_and_reply(fuse_req_t req, struct fusept_stack *s, fuse_ino_t parent,
			   const struct making *what)
{
	HELD dir = hold(s->nodes, parent);
	struct entry entry;
	int err = dir.fd;

	if (dir.fd >= 0)
		err = make_as_caller(s, req, dir.fd, what);
	if (!err)
		err = entry_from_name(s, dir.node, dir.fd, what->name, &entry);
	entry_reply(req, s, err, &entry);
}

void stack_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct fusept_stack *s = stack_of(req);
	struct making what = {.name = name, .mode = mode, .rdev = rdev};

	make_and_reply(req, s, parent, &what);
}

void stack_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fusept_stack *s = stack_of(req);
	struct making what = {.name = name, .mode = mode | S_IFDIR};

	make_and_reply(req, s, parent, &what);
}

void stack_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct fusept_stack *s = stack_of(req);
	struct making what = {.name = name, .target = target};

	make_and_reply(req, s, parent, &what);
}

/* The entry is that of the file itself: its new name may be another's by now. */
static int link_to(struct fusept_stack *s, int fd, const struct held *dir, const char *name,
		   struct entry *entry)
{
	int again;

	if (linkat(AT_FDCWD, fd_path(fd).text, dir->fd, name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	again = nodes_reopen(s->nodes, fd, O_PATH);
	if (again < 0)
		return again;
	return entry_from_fd(s, dir->node, again, entry);
}

void stack_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
	struct fusept_stack *s = stack_of(req);
	HELD file = hold(s->nodes, ino);
	HELD dir = hold(s->nodes, newparent);
	struct entry entry;
	int err;

	if (file.fd < 0)
		err = file.fd;
	else if (dir.fd < 0)
		err = dir.fd;
	else
		err = link_to(s, file.fd, &dir, newname, &entry);
	entry_reply(req, s, err, &entry);
}

static void remove_name(fuse_req_t req, struct fusept_stack *s, fuse_ino_t parent, const char *name,
			int flags)
{
	HELD dir = hold(s->nodes, parent);
	int err = -dir.fd;

	if (dir.fd >= 0) {
		HELD file = hold_name(s->nodes, dir.fd, name);

		(void)file;
		err = unlinkat(dir.fd, name, flags) < 0 ? errno : 0;
	}
	fuse_reply_err(req, err);
}

void stack_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fusept_stack *s = stack_of(req);

	remove_name(req, s, parent, name, 0);
}

void stack_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fusept_stack *s = stack_of(req);

	remove_name(req, s, parent, name, AT_REMOVEDIR);
}

/* An errno. */
static int rename_below(struct fusept_stack *s, int from, const char *name, int to,
			const char *newname, unsigned int flags)
{
	HELD replaced = hold_name(s->nodes, to, newname);

	(void)replaced;
	return renameat2(from, name, to, newname, flags) < 0 ? errno : 0;
}

/* Counted by the name of the operation; flags make the kernel send RENAME2. */
void stack_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		  const char *newname, unsigned int flags)
{
	struct fusept_stack *s = stack_of(req);
	HELD from = hold(s->nodes, parent);
	HELD to = hold(s->nodes, newparent);
	int err;

	if (from.fd < 0)
		err = -from.fd;
	else if (to.fd < 0)
		err = -to.fd;
	else
		err = rename_below(s, from.fd, name, to.fd, newname, flags);
	fuse_reply_err(req, err);
}
