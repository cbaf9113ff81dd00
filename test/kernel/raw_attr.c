// SPDX-License-Identifier: LGPL-2.1-or-later
/* raw_attr.c - attributes, symlinks, access */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "rawfuse.h"

static void proc_path(char *buf, size_t size, int fd)
{
	snprintf(buf, size, "/proc/self/fd/%d", fd);
}

int raw_getattr(struct raw_req *q)
{
	struct fuse_attr_out *out = (void *)q->out;
	struct stat st;

	if (fstatat(q->node->fd, "", &st, AT_EMPTY_PATH) < 0)
		return -errno;
	memset(out, 0, sizeof(*out));
	raw_attr(&out->attr, &st);
	q->out_len = sizeof(*out);
	return 0;
}

static struct fuse_sx_time sx_time(const struct statx_timestamp *t)
{
	return (struct fuse_sx_time){ .tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec };
}

int raw_statx(struct raw_req *q)
{
	const struct fuse_statx_in *in = q->arg;
	struct fuse_statx_out *out = (void *)q->out;
	struct statx sx;

	if (statx(q->node->fd, "", AT_EMPTY_PATH, in->sx_mask, &sx) < 0)
		return -errno;
	memset(out, 0, sizeof(*out));
	out->stat = (struct fuse_statx){
		.mask = sx.stx_mask,
		.blksize = sx.stx_blksize,
		.attributes = sx.stx_attributes,
		.attributes_mask = sx.stx_attributes_mask,
		.nlink = sx.stx_nlink,
		.uid = sx.stx_uid,
		.gid = sx.stx_gid,
		.mode = sx.stx_mode,
		.ino = sx.stx_ino,
		.size = sx.stx_size,
		.blocks = sx.stx_blocks,
		.atime = sx_time(&sx.stx_atime),
		.btime = sx_time(&sx.stx_btime),
		.ctime = sx_time(&sx.stx_ctime),
		.mtime = sx_time(&sx.stx_mtime),
		.rdev_major = sx.stx_rdev_major,
		.rdev_minor = sx.stx_rdev_minor,
	};
	q->out_len = sizeof(*out);
	return 0;
}

static struct timespec set_time(uint32_t valid, uint32_t set, uint32_t now,
				uint64_t sec, uint32_t nsec)
{
	if (valid & now)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	if (valid & set)
		return (struct timespec){ .tv_sec = (time_t)sec, .tv_nsec = nsec };
	return (struct timespec){ .tv_nsec = UTIME_OMIT };
}

static int set_times(int fd, const struct fuse_setattr_in *in)
{
	struct timespec ts[2] = {
		set_time(in->valid, FATTR_ATIME, FATTR_ATIME_NOW, in->atime,
			 in->atimensec),
		set_time(in->valid, FATTR_MTIME, FATTR_MTIME_NOW, in->mtime,
			 in->mtimensec),
	};

	return utimensat(fd, "", ts, AT_EMPTY_PATH);
}

static int set_attr(const struct raw_req *q, const struct fuse_setattr_in *in)
{
	uid_t uid = in->valid & FATTR_UID ? in->uid : (uid_t)-1;
	gid_t gid = in->valid & FATTR_GID ? in->gid : (gid_t)-1;
	int fd = q->node->fd;
	char path[64];

	proc_path(path, sizeof(path), fd);
	if ((in->valid & (FATTR_UID | FATTR_GID)) &&
	    fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		return -errno;
	if ((in->valid & FATTR_MODE) && chmod(path, in->mode & 07777) < 0)
		return -errno;
	if ((in->valid & FATTR_SIZE) && truncate(path, (off_t)in->size) < 0)
		return -errno;
	if ((in->valid & (FATTR_ATIME | FATTR_MTIME)) && set_times(fd, in) < 0)
		return -errno;
	return 0;
}

int raw_setattr(struct raw_req *q)
{
	const struct fuse_setattr_in *in = q->arg;
	bool kill = in->valid & FATTR_KILL_SUIDGID;
	int err;

	if (kill)
		raw_fsetid(false);
	err = set_attr(q, in);
	if (kill)
		raw_fsetid(true);
	return err ? err : raw_getattr(q);
}

int raw_readlink(struct raw_req *q)
{
	ssize_t n = readlinkat(q->node->fd, "", q->out, PATH_MAX);

	if (n < 0)
		return -errno;
	q->out_len = (size_t)n;
	return 0;
}

int raw_access(struct raw_req *q)
{
	const struct fuse_access_in *in = q->arg;
	char path[64];

	proc_path(path, sizeof(path), q->node->fd);
	return access(path, (int)in->mask) < 0 ? -errno : 0;
}

int raw_statfs(struct raw_req *q)
{
	struct fuse_statfs_out *out = (void *)q->out;
	struct statvfs s;

	if (fstatvfs(q->node->fd, &s) < 0)
		return -errno;
	memset(out, 0, sizeof(*out));
	out->st = (struct fuse_kstatfs){
		.blocks = s.f_blocks, .bfree = s.f_bfree, .bavail = s.f_bavail,
		.files = s.f_files, .ffree = s.f_ffree,
		.bsize = (uint32_t)s.f_bsize, .namelen = (uint32_t)s.f_namemax,
		.frsize = (uint32_t)s.f_frsize,
	};
	q->out_len = sizeof(*out);
	return 0;
}
