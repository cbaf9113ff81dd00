// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * IOCTL, of those alone that ask for or change what a file is: its flags and project
 * (lsattr and chattr), and its version. What others mean is not ours to guess.
 *
 * Whether the caller may the kernel has checked, but those before 5.13 have not; so it is
 * looked at here as well, as far as can be seen: only root may what takes a capability.
 */
#include "stack.h"

#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

union argument {
	unsigned int flags;
	long version;
	struct fsxattr attr;
};

/* Bytes that go to the file below and come from it; false: it is not for us. */
static bool sizes_of(unsigned int cmd, size_t *in, size_t *out)
{
	*in = *out = 0;
	switch (cmd) {
	case FS_IOC_GETFLAGS:
		*out = sizeof(unsigned int);
		return true;
	case FS_IOC_SETFLAGS:
		*in = sizeof(unsigned int);
		return true;
	case FS_IOC_FSGETXATTR:
		*out = sizeof(struct fsxattr);
		return true;
	case FS_IOC_FSSETXATTR:
		*in = sizeof(struct fsxattr);
		return true;
	case FS_IOC_GETVERSION:
		*out = sizeof(long);
		return true;
	default:
		return false;
	}
}

/* Flags that take CAP_LINUX_IMMUTABLE, of what is or is to be. */
static unsigned int guarded(unsigned int cmd, const union argument *argument)
{
	if (cmd == FS_IOC_SETFLAGS)
		return argument->flags & (FS_IMMUTABLE_FL | FS_APPEND_FL);
	return argument->attr.fsx_xflags & (FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND);
}

/* May the caller change the file to @wanted?  0, or -errno. */
static int may_change(fuse_req_t req, int fd, unsigned int cmd, const union argument *wanted)
{
	const unsigned int ask = cmd == FS_IOC_SETFLAGS ? FS_IOC_GETFLAGS : FS_IOC_FSGETXATTR;
	const uid_t caller = fuse_req_ctx(req)->uid;
	union argument now = {0};
	struct stat st;

	if (!caller)
		return 0;
	if (fstat(fd, &st) < 0 || ioctl(fd, ask, &now) < 0)
		return -errno;
	if (caller != st.st_uid || guarded(cmd, &now) != guarded(cmd, wanted))
		return -EPERM;
	return 0;
}

static int ioctl_on(fuse_req_t req, int fd, unsigned int cmd, union argument *argument)
{
	int err = 0;

	if (cmd == FS_IOC_SETFLAGS || cmd == FS_IOC_FSSETXATTR)
		err = may_change(req, fd, cmd, argument);
	if (err)
		return err;
	return ioctl(fd, cmd, argument) < 0 ? -errno : 0;
}

/* Opened for the moment: the handle of a request may be one that can't. */
static int ioctl_below(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, union argument *argument)
{
	struct fusept_stack *s = stack_of(req);
	HELD at = hold(s->nodes, ino);
	int fd = at.fd, ret;

	if (fd >= 0)
		fd = nodes_reopen(s->nodes, at.fd, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fd;
	ret = ioctl_on(req, fd, cmd, argument);
	close(fd);
	return ret;
}

void stack_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
		 struct fuse_file_info *fi, unsigned int flags, const void *in, size_t in_size,
		 size_t out_size)
{
	union argument argument = {0};
	size_t takes, gives;
	int err;

	(void)arg;
	(void)fi;
	if (!sizes_of(cmd, &takes, &gives) ||
	    flags & (FUSE_IOCTL_COMPAT | FUSE_IOCTL_UNRESTRICTED)) {
		fuse_reply_err(req, ENOTTY);
		return;
	}
	if (in_size < takes || out_size < gives) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	if (takes)
		memcpy(&argument, in, takes);
	err = ioctl_below(req, ino, cmd, &argument);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_ioctl(req, 0, &argument, gives);
}
