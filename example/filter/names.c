/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who has a name, who may have one, and what may be changed.
 *
 * The view of a file goes by its path, and nothing that is done here changes the view of a
 * file that is known: a name with a rule is neither made, nor removed, nor moved, and a
 * directory that the pattern of a rule leads through keeps its name.
 */
#include "filter.h"

#include <linux/fs.h>
#include <string.h>

static void lookup_in(fuse_req_t req, fuse_ino_t dir, const char *name, const struct file *file)
{
	enum view view = file->look.view;
	int fd;

	if (view == trees_view(file->f, file->fd)) {
		fusept_stack_default()->lookup(req, dir, name);
		return;
	}
	fd = trees_open_in(file->f, view, file->path, file->fd, name);
	if (fd < 0)
		fuse_reply_err(req, -fd);
	else
		fusept_reply_fd(req, dir, fd);
}

void filter_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	FILE_AT file = file_at(req, dir, name);

	if (file.fd < 0 || file.look.view == VIEW_HIDDEN) {
		fuse_reply_err(req, file.fd < 0 ? -file.fd : ENOENT);
		return;
	}
	filter_looking_up(file.look.view);
	lookup_in(req, dir, name, &file);
	filter_looking_up(VIEW_PLAIN);
}

#define NAMED(op, may, params, args)                     \
	void filter_##op params                          \
	{                                                \
		FILE_AT file = file_at(req, dir, name);  \
		int err = may(&file);                    \
                                                         \
		if (err)                                 \
			fuse_reply_err(req, err);        \
		else                                     \
			fusept_stack_default()->op args; \
	}

NAMED(mkdir, may_make, (fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode),
      (req, dir, name, mode))
NAMED(mknod, may_make, (fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode, dev_t dev),
      (req, dir, name, mode, dev))
NAMED(symlink, may_make, (fuse_req_t req, const char *target, fuse_ino_t dir, const char *name),
      (req, target, dir, name))
NAMED(create, may_make,
      (fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode, struct fuse_file_info *fi),
      (req, dir, name, mode, fi))
NAMED(unlink, may_remove, (fuse_req_t req, fuse_ino_t dir, const char *name), (req, dir, name))
NAMED(rmdir, may_remove, (fuse_req_t req, fuse_ino_t dir, const char *name), (req, dir, name))

void filter_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t dir, const char *name)
{
	FILE_AT old = file_at(req, ino, NULL);
	FILE_AT new = file_at(req, dir, name);
	int err = may_change(&old);

	if (!err)
		err = may_make(&new);
	if (err)
		fuse_reply_err(req, err);
	else
		fusept_stack_default()->link(req, ino, dir, name);
}

static gboolean is_directory(int dir, const char *name)
{
	struct stat st;

	return !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

void filter_rename(fuse_req_t req, fuse_ino_t dir, const char *name, fuse_ino_t newdir,
		   const char *newname, unsigned int flags)
{
	FILE_AT old = file_at(req, dir, name);
	FILE_AT new = file_at(req, newdir, newname);
	int err = may_remove(&old);

	if (!err)
		err = may_make(&new);
	if (!err && (old.look.leads || new.look.leads) &&
	    (is_directory(old.fd, name) || is_directory(new.fd, newname)))
		err = EROFS;
	if (err)
		fuse_reply_err(req, err);
	else
		fusept_stack_default()->rename(req, dir, name, newdir, newname, flags);
}

static int show(void *arg, const char *name, char *shown)
{
	const struct file *dir = arg;
	g_autofree char *path = NULL;

	(void)shown;
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return 1;
	path = g_strconcat(dir->path, "/", name, NULL);
	return filter_look(dir->f, path).view != VIEW_HIDDEN;
}

void filter_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	FILE_AT dir = file_at(req, ino, NULL);

	if (dir.fd < 0)
		fuse_reply_err(req, -dir.fd);
	else
		fusept_stack_readdir(req, ino, size, off, fi, 0, show, &dir);
}

/* ---- changes: of a file that was known when a rule made it read-only ---- */

#define CHANGE(op, params, args)                         \
	void filter_##op params                          \
	{                                                \
		FILE_AT file = file_at(req, ino, NULL);  \
		int err = may_change(&file);             \
                                                         \
		if (err)                                 \
			fuse_reply_err(req, err);        \
		else                                     \
			fusept_stack_default()->op args; \
	}

CHANGE(setattr,
       (fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set, struct fuse_file_info *fi),
       (req, ino, attr, set, fi))
CHANGE(setxattr,
       (fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
	int flags),
       (req, ino, name, value, size, flags))
CHANGE(removexattr, (fuse_req_t req, fuse_ino_t ino, const char *name), (req, ino, name))

/* chattr(1); others only ask. */
void filter_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
		  struct fuse_file_info *fi, unsigned int flags, const void *in, size_t in_size,
		  size_t out_size)
{
	FILE_AT file = file_at(req, ino, NULL);
	int err = 0;

	if (cmd == FS_IOC_SETFLAGS || cmd == FS_IOC_FSSETXATTR)
		err = may_change(&file);
	if (err)
		fuse_reply_err(req, err);
	else
		fusept_stack_default()->ioctl(req, ino, cmd, arg, fi, flags, in, in_size, out_size);
}
