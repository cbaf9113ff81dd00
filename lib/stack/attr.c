// SPDX-License-Identifier: LGPL-2.1-or-later
/* GETATTR, STATX, SETATTR, READLINK and STATFS. */
#include "stack.h"

#include <limits.h>
#include <sys/statvfs.h>

static void reply_attr(fuse_req_t req, struct fusept_stack *s, int fd)
{
	struct stat st;

	if (fstatat(fd, "", &st, AT_EMPTY_PATH) < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_attr(req, &st, s->opt.attr_timeout);
}

void stack_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);
	HELD at = hold(s->nodes, ino);

	(void)fi;
	if (at.fd < 0)
		fuse_reply_err(req, -at.fd);
	else
		reply_attr(req, s, at.fd);
}

#ifdef HAVE_FUSE_STATX
void stack_statx(fuse_req_t req, fuse_ino_t ino, int flags, int mask, struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);
	HELD at = hold(s->nodes, ino);
	struct statx st;

	(void)fi;
	if (at.fd < 0)
		fuse_reply_err(req, -at.fd);
	else if (statx(at.fd, "", flags | AT_EMPTY_PATH, (unsigned int)mask, &st) < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_statx(req, 0, &st, s->opt.attr_timeout);
}
#endif

static int set_mode(int fd, mode_t mode)
{
	/* follows the link in /proc only, never one that fd is */
	return chmod(fd_path(fd).text, mode);
}

static int set_owner(int fd, const struct stat *attr, int to_set)
{
	uid_t uid = to_set & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1;
	gid_t gid = to_set & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1;

	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH);
}

static int set_size(struct fusept_stack *s, fuse_req_t req, int fd, off_t size,
		    const struct fuse_file_info *fi)
{
	int err = caller_change_begin(s, req);

	if (err)
		return err;
	if (fusept_file_fd(fi) >= 0)
		err = ftruncate(fusept_file_fd(fi), size);
	else
		err = truncate(fd_path(fd).text, size);
	if (err)
		err = -errno;
	caller_change_end(s);
	return err;
}

static struct timespec time_to_set(const struct timespec *at, int to_set, int given, int now)
{
	struct timespec time = {.tv_nsec = UTIME_OMIT};

	if (to_set & now)
		time.tv_nsec = UTIME_NOW;
	else if (to_set & given)
		time = *at;
	return time;
}

static int set_times(int fd, const struct stat *attr, int to_set)
{
	struct timespec times[2] = {
		time_to_set(&attr->st_atim, to_set, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW),
		time_to_set(&attr->st_mtim, to_set, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW),
	};

	return utimensat(AT_FDCWD, fd_path(fd).text, times, 0);
}

/* The order is chown before chmod: chown takes suid and sgid away. */
static int set_others(int fd, const struct stat *attr, int to_set)
{
	const int owner = FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID;
	const int times = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME;

	if (to_set & owner && set_owner(fd, attr, to_set) < 0)
		return -errno;
	if (to_set & FUSE_SET_ATTR_MODE && set_mode(fd, attr->st_mode) < 0)
		return -errno;
	if (to_set & times && set_times(fd, attr, to_set) < 0)
		return -errno;
	return 0;
}

void stack_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		   struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);
	HELD at = hold(s->nodes, ino);
	int err = MIN(at.fd, 0);

	if (!err && to_set & FUSE_SET_ATTR_SIZE)
		err = set_size(s, req, at.fd, attr->st_size, fi);
	if (!err)
		err = set_others(at.fd, attr, to_set);
	if (err)
		fuse_reply_err(req, -err);
	else
		reply_attr(req, s, at.fd);
}

void stack_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct fusept_stack *s = stack_of(req);
	HELD at = hold(s->nodes, ino);
	char target[PATH_MAX + 1];
	ssize_t length;

	if (at.fd < 0) {
		fuse_reply_err(req, -at.fd);
		return;
	}
	length = readlinkat(at.fd, "", target, sizeof(target));
	if (length < 0) {
		fuse_reply_err(req, errno);
	} else if ((size_t)length == sizeof(target)) {
		fuse_reply_err(req, ENAMETOOLONG);
	} else {
		target[length] = '\0';
		fuse_reply_readlink(req, target);
	}
}

void stack_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fusept_stack *s = stack_of(req);
	HELD at = hold(s->nodes, ino);
	struct statvfs st;

	if (at.fd < 0)
		fuse_reply_err(req, -at.fd);
	else if (fstatvfs(at.fd, &st) < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_statfs(req, &st);
}
