/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SETXATTR, GETXATTR, LISTXATTR and REMOVEXATTR. */
#include "mirror.h"

#include <string.h>
#include <sys/xattr.h>

#define ACCESS_ACL "system.posix_acl_access"

/*
 * Setting an ACL also sets the mode, and takes S_ISGID away from callers who
 * are not in the file's group: as the caller, the file system below does that.
 */
static int set_as_caller(struct mirror *m, fuse_req_t req, const char *path, const char *name,
			 const char *value, size_t size, int flags)
{
	gboolean acl = !strcmp(name, ACCESS_ACL);
	int err = acl ? caller_become(m, req, FALSE) : 0;

	if (err)
		return err;
	if (setxattr(path, name, value, size, flags) < 0)
		err = -errno;
	if (acl)
		caller_leave(m);
	return err;
}

void mirror_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		     size_t size, int flags)
{
	struct mirror *m = request_begin(req, FUSEPT_SETXATTR);
	g_auto(held) at = hold(m->nodes, ino);
	int err = at.fd;

	if (at.fd >= 0)
		err = set_as_caller(m, req, fd_path(at.fd).text, name, value, size, flags);
	fuse_reply_err(req, -err);
}

void mirror_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct mirror *m = request_begin(req, FUSEPT_REMOVEXATTR);
	g_auto(held) at = hold(m->nodes, ino);
	int err = -at.fd;

	if (at.fd >= 0)
		err = removexattr(fd_path(at.fd).text, name) < 0 ? errno : 0;
	fuse_reply_err(req, err);
}

/* @name NULL: the list of names. */
static ssize_t read_xattr(int fd, const char *name, char *value, size_t size)
{
	struct fd_path path = fd_path(fd);
	ssize_t length;

	if (name)
		length = getxattr(path.text, name, value, size);
	else
		length = listxattr(path.text, value, size);
	return length < 0 ? -errno : length;
}

/* A size of 0 asks how much there is. */
static void reply_xattr(fuse_req_t req, struct mirror *m, fuse_ino_t ino, const char *name,
			size_t size)
{
	g_auto(held) at = hold(m->nodes, ino);
	g_autofree char *value = size ? g_try_malloc(size) : NULL;
	ssize_t length = at.fd;

	if (size && !value)
		length = -ENOMEM;
	else if (at.fd >= 0)
		length = read_xattr(at.fd, name, value, size);
	if (length < 0)
		fuse_reply_err(req, (int)-length);
	else if (size)
		fuse_reply_buf(req, value, (size_t)length);
	else
		fuse_reply_xattr(req, (size_t)length);
}

void mirror_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct mirror *m = request_begin(req, FUSEPT_GETXATTR);

	reply_xattr(req, m, ino, name, size);
}

void mirror_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct mirror *m = request_begin(req, FUSEPT_LISTXATTR);

	reply_xattr(req, m, ino, NULL, size);
}
