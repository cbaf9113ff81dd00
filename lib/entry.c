// SPDX-License-Identifier: LGPL-2.1-or-later
/* Replies and entries that carry a backing. */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define NSEC_PER_SEC 1000000000

static void fill_timeout(double seconds, uint64_t *sec, uint32_t *nsec)
{
	double rest;

	if (!(seconds > 0)) {
		*sec = 0;
		*nsec = 0;
		return;
	}
	/* 2^63 seconds are as good as for ever. */
	*sec = seconds < (double)INT64_MAX ? (uint64_t)seconds : (uint64_t)INT64_MAX;
	rest = (seconds - (double)*sec) * NSEC_PER_SEC;
	*nsec = rest < NSEC_PER_SEC - 1 ? (uint32_t)rest : NSEC_PER_SEC - 1;
}

static void fill_attr(const struct stat *st, struct fuse_attr *attr)
{
	attr->ino = st->st_ino;
	attr->size = (uint64_t)st->st_size;
	attr->blocks = (uint64_t)st->st_blocks;
	attr->atime = (uint64_t)st->st_atim.tv_sec;
	attr->mtime = (uint64_t)st->st_mtim.tv_sec;
	attr->ctime = (uint64_t)st->st_ctim.tv_sec;
	attr->atimensec = (uint32_t)st->st_atim.tv_nsec;
	attr->mtimensec = (uint32_t)st->st_mtim.tv_nsec;
	attr->ctimensec = (uint32_t)st->st_ctim.tv_nsec;
	attr->mode = st->st_mode;
	attr->nlink = (uint32_t)st->st_nlink;
	attr->uid = st->st_uid;
	attr->gid = st->st_gid;
	attr->rdev = (uint32_t)st->st_rdev;
	attr->blksize = (uint32_t)st->st_blksize;
}

static void fill_entry(const struct fuse_entry_param *e, struct fuse_entry_out *out)
{
	out->nodeid = e->ino;
	out->generation = e->generation;
	fill_timeout(e->entry_timeout, &out->entry_valid, &out->entry_valid_nsec);
	fill_timeout(e->attr_timeout, &out->attr_valid, &out->attr_valid_nsec);
	fill_attr(&e->attr, &out->attr);
}

static void fill_open(const struct fuse_file_info *fi, const struct fusept_backing *backing,
		      struct fuse_open_out *out)
{
	out->fh = fi->fh;
	out->open_flags = FOPEN_PASSTHROUGH;
	out->backing_id = backing->id;
	if (fi->direct_io)
		out->open_flags |= FOPEN_DIRECT_IO;
	if (fi->noflush)
		out->open_flags |= FOPEN_NOFLUSH;
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 15)
	if (fi->parallel_direct_writes)
		out->open_flags |= FOPEN_PARALLEL_DIRECT_WRITES;
#endif
}

/* Kernels refuse such an open file with EIO; say so before it gets a name. */
static int refuse_nonseekable(fuse_req_t req)
{
	int ret = fuse_reply_err(req, EIO);

	return ret < 0 ? ret : -EINVAL;
}

/* A file without a node id has a backing that the kernel may forget, or there is none. */
static bool binds(const struct fuse_entry_param *e, const struct fusept_backing *backing)
{
	const uint64_t needed = e->ino ? ~FUSEPT_OPS_NONE : FUSEPT_OP(FUSEPT_FORGET);

	return backing && (fusept_backing_ops(backing) & needed);
}

int fusept_reply_entry(fuse_req_t req, const struct fuse_entry_param *e,
		       struct fusept_backing *backing)
{
	struct fuse_entry_out entry = {0};
	struct fuse_entry_passthrough_out extra = {0};
	const struct iovec iov[] = {{&entry, sizeof(entry)}, {&extra, sizeof(extra)}};

	if (!binds(e, backing))
		return fuse_reply_entry(req, e);
	fill_entry(e, &entry);
	extra.backing_id = backing->id;
	return fuse_reply_iov(req, iov, 2);
}

int fusept_reply_open(fuse_req_t req, const struct fuse_file_info *fi,
		      struct fusept_backing *backing)
{
	struct fuse_open_out out = {0};

	if (!backing)
		return fuse_reply_open(req, fi);
	if (fi->nonseekable)
		return refuse_nonseekable(req);
	fill_open(fi, backing, &out);
	return fuse_reply_buf(req, (const char *)&out, sizeof(out));
}

int fusept_reply_create(fuse_req_t req, const struct fuse_entry_param *e,
			const struct fuse_file_info *fi, struct fusept_backing *backing)
{
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out = {0};

	if (!backing)
		return fuse_reply_create(req, e, fi);
	if (fi->nonseekable)
		return refuse_nonseekable(req);
	fill_entry(e, &out.entry);
	fill_open(fi, backing, &out.open);
	return fuse_reply_buf(req, (const char *)&out, sizeof(out));
}

size_t fusept_add_direntry_plus(fuse_req_t req, int passthrough, char *buf, size_t bufsize,
				const char *name, const struct fuse_entry_param *e,
				struct fusept_backing *backing, off_t off)
{
	const size_t length = strlen(name);
	const size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET_DIRENTPASSTHROUGH + length);
	struct fuse_direntpassthrough entry = {0};

	if (!passthrough)
		return fuse_add_direntry_plus(req, buf, bufsize, name, e, off);
	if (!buf || size > bufsize)
		return size;
	fill_entry(e, &entry.entry_out);
	if (binds(e, backing))
		entry.passthrough_out.backing_id = backing->id;
	entry.dirent.ino = e->attr.st_ino;
	entry.dirent.off = (uint64_t)off;
	entry.dirent.namelen = (uint32_t)length;
	entry.dirent.type = (e->attr.st_mode & S_IFMT) >> 12;
	memset(buf, 0, size);
	memcpy(buf, &entry, FUSE_NAME_OFFSET_DIRENTPASSTHROUGH);
	memcpy(buf + FUSE_NAME_OFFSET_DIRENTPASSTHROUGH, name, length);
	return size;
}
