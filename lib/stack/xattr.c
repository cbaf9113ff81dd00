// SPDX-License-Identifier: LGPL-2.1-or-later
/* SETXATTR, GETXATTR, LISTXATTR and REMOVEXATTR. */
#include "stack.h"

#include <linux/limits.h> /* XATTR_LIST_MAX */
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define ACCESS_ACL "system.posix_acl_access"
#define ACLS	   "system.posix_acl_"
#define TRUSTED	   "trusted."

/*
 * Setting an ACL also sets the mode, and takes S_ISGID away from callers who
 * are not in the file's group: as the caller, the file system below does that.
 */
static int set_as_caller(struct fusept_stack *s, fuse_req_t req, const char *path, const char *name,
			 const char *value, size_t size, int flags)
{
	bool acl = !strcmp(name, ACCESS_ACL);
	int err = acl ? caller_become(s, req, false) : 0;

	if (err)
		return err;
	if (setxattr(path, name, value, size, flags) < 0)
		err = -errno;
	if (acl)
		caller_leave(s);
	return err;
}

void stack_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		    size_t size, int flags)
{
	struct fusept_stack *s = stack_of(req);
	HELD at = hold(s->nodes, ino);
	int err = at.fd;

	if (at.fd >= 0)
		err = set_as_caller(s, req, fd_path(at.fd).text, name, value, size, flags);
	fuse_reply_err(req, -err);
}

void stack_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct fusept_stack *s = stack_of(req);
	HELD at = hold(s->nodes, ino);
	int err = -at.fd;

	if (at.fd >= 0)
		err = removexattr(fd_path(at.fd).text, name) < 0 ? errno : 0;
	fuse_reply_err(req, err);
}

/* Answers with a value or list of @length or -errno; a size of 0 asks how much there is. */
static void reply_value(fuse_req_t req, const char *value, ssize_t length, size_t size)
{
	if (length < 0)
		fuse_reply_err(req, (int)-length);
	else if (!size)
		fuse_reply_xattr(req, (size_t)length);
	else if ((size_t)length > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, (size_t)length);
}

static ssize_t read_value(int fd, const char *name, char *value, size_t size)
{
	ssize_t length;

	if (size && !value)
		return -ENOMEM;
	length = getxattr(fd_path(fd).text, name, value, size);
	if (length >= 0)
		return length;
	/* the kernel asks for ACLs to check permission, and takes an error for its own */
	if (errno == EOPNOTSUPP && !strncmp(name, ACLS, strlen(ACLS)))
		return -ENODATA;
	return -errno;
}

void stack_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct fusept_stack *s = stack_of(req);
	HELD at = hold(s->nodes, ino);
	char *value = size ? malloc(size) : NULL;
	ssize_t length = at.fd;

	if (at.fd >= 0)
		length = read_value(at.fd, name, value, size);
	reply_value(req, value, length, size);
	free(value);
}

/* Takes the names out that only an administrator is shown; the new length. */
static ssize_t without_trusted(char *list, ssize_t length)
{
	const char *from = list, *end = list + length;
	char *to = list;

	while (from < end) {
		size_t size = strlen(from) + 1;

		if (strncmp(from, TRUSTED, strlen(TRUSTED)) != 0) {
			memmove(to, from, size);
			to += size;
		}
		from += size;
	}
	return to - list;
}

/*
 * All of the list, which is then the caller's: we are shown more than he is. Of
 * root, whose capabilities we don't know, we believe that he has them.
 */
static ssize_t read_list(struct fusept_stack *s, fuse_req_t req, int fd, char *list)
{
	ssize_t length = listxattr(fd_path(fd).text, list, XATTR_LIST_MAX);

	if (length < 0)
		return -errno;
	if (s->owners && fuse_req_ctx(req)->uid)
		length = without_trusted(list, length);
	return length;
}

void stack_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct fusept_stack *s = stack_of(req);
	HELD at = hold(s->nodes, ino);
	char *list = malloc(XATTR_LIST_MAX);
	ssize_t length = at.fd;

	if (!list)
		length = -ENOMEM;
	else if (at.fd >= 0)
		length = read_list(s, req, at.fd, list);
	reply_value(req, list, length, size);
	free(list);
}
