/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * OPENDIR, READDIR, READDIRPLUS, RELEASEDIR and FSYNCDIR.
 *
 * Offsets are those of the directory below, so a request whose handle is 0
 * (see file.c) can be served by opening the directory anew.
 */
#include "mirror.h"

#include <dirent.h>
#include <string.h>

struct dir {
	pthread_mutex_t lock;
	DIR *stream;
	off_t offset;	     /* of the next entry */
	struct dirent *next; /* read already, did not fit */
};

static void dir_free(struct dir *dir)
{
	if (dir->stream)
		closedir(dir->stream);
	pthread_mutex_destroy(&dir->lock);
	g_free(dir);
}

static int dir_open(struct mirror *m, fuse_ino_t ino, struct dir **out)
{
	g_auto(held) at = hold(m->nodes, ino);
	struct dir *dir;
	int fd = at.fd;

	if (fd >= 0)
		fd = nodes_openat(m->nodes, at.fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	dir = g_new0(struct dir, 1);
	pthread_mutex_init(&dir->lock, NULL);
	dir->stream = fdopendir(fd);
	if (!dir->stream) {
		close(fd);
		dir_free(dir);
		return -ENOMEM;
	}
	*out = dir;
	return 0;
}

/* The directory of a request, and whether it is opened for this request. */
static int dir_of(struct mirror *m, fuse_ino_t ino, const struct fuse_file_info *fi,
		  struct dir **out)
{
	*out = (struct dir *)(uintptr_t)fi->fh;
	return *out ? 0 : dir_open(m, ino, out);
}

static void dir_done(struct dir *dir, const struct fuse_file_info *fi)
{
	if (!fi->fh)
		dir_free(dir);
}

void mirror_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mirror *m = request_begin(req, FUSEPT_OPENDIR);
	struct dir *dir;
	int err = dir_open(m, ino, &dir);

	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	fi->fh = (uintptr_t)dir;
	if (pass_has(m, node_from_ino(m->nodes, ino), FUSEPT_RELEASEDIR)) {
		dir_free(dir);
		fi->fh = 0;
	}
	if (fuse_reply_open(req, fi) && fi->fh)
		dir_free(dir);
}

void mirror_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	request_begin(req, FUSEPT_RELEASEDIR);
	if (fi->fh)
		dir_free((struct dir *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

void mirror_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct mirror *m = request_begin(req, FUSEPT_FSYNCDIR);
	struct dir *dir;
	int fd, err = dir_of(m, ino, fi, &dir);

	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	fd = dirfd(dir->stream);
	err = datasync ? fdatasync(fd) : fsync(fd);
	err = err < 0 ? errno : 0;
	dir_done(dir, fi);
	fuse_reply_err(req, err);
}

/* A reply being filled. */
struct listing {
	fuse_req_t req;
	struct mirror *m;
	const struct node *node; /* of the directory */
	struct dir *dir;
	char *buf;
	size_t size, used;
	gboolean plus;
	int passthrough; /* entries may have backings */
	GPtrArray *nodes; /* looked up by entries of the reply */
};

/* What READDIR says of an entry; node id 0: its name only. */
static void entry_plain(const struct dirent *de, struct fuse_entry_param *e)
{
	memset(e, 0, sizeof(*e));
	e->attr.st_ino = de->d_ino;
	e->attr.st_mode = (mode_t)DTTOIF(de->d_type);
}

/*
 * READDIRPLUS looks its entries up. Without passthrough they can't name a backing,
 * so where inodes are to be bound it gives names only, and each file is bound at
 * its LOOKUP. "." and ".." are not looked up. NULL: @e stays as it is.
 */
static struct node *entry_plus(struct listing *list, const struct dirent *de,
			       struct fuse_entry_param *e)
{
	struct entry entry;

	if (!list->plus || (pass_entries(list->m) && !list->passthrough) ||
	    !strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
		return NULL;
	if (entry_from_name(list->m, list->node, dirfd(list->dir->stream), de->d_name, &entry))
		return NULL;
	*e = entry.e;
	return entry.node;
}

/* The size of an entry, which is written if it fits into @left bytes at @at. */
static size_t entry_put(struct listing *list, const struct dirent *de,
			const struct fuse_entry_param *e, struct fusept_backing *backing,
			char *at, size_t left)
{
	if (list->plus)
		return fusept_add_direntry_plus(list->req, list->passthrough, at, left, de->d_name,
						e, backing, de->d_off);
	return fuse_add_direntry(list->req, at, left, de->d_name, &e->attr, de->d_off);
}

/* Adds an entry; FALSE: it does not fit. */
static gboolean listing_add(struct listing *list, const struct dirent *de)
{
	size_t left = list->size - list->used;
	struct fuse_entry_param e;
	struct node *node;

	entry_plain(de, &e);
	if (entry_put(list, de, &e, NULL, NULL, 0) > left)
		return FALSE;
	node = entry_plus(list, de, &e);
	list->used += entry_put(list, de, &e, node ? pass_entry(list->m, node) : NULL,
				list->buf + list->used, left);
	if (node) {
		g_ptr_array_add(list->nodes, node);
		node_put(list->m->nodes, node);
	}
	return TRUE;
}

/* Fills the reply from @off on; -errno if nothing could be read. */
static int listing_fill(struct listing *list, off_t off)
{
	struct dir *dir = list->dir;

	if (off != dir->offset) {
		seekdir(dir->stream, off);
		dir->offset = off;
		dir->next = NULL;
	}
	for (;;) {
		errno = 0;
		if (!dir->next)
			dir->next = readdir(dir->stream);
		if (!dir->next)
			return list->used ? 0 : -errno;
		if (!listing_add(list, dir->next))
			return 0;
		dir->offset = dir->next->d_off;
		dir->next = NULL;
	}
}

static void listing_undo(struct listing *list)
{
	for (guint i = 0; i < list->nodes->len; i++)
		node_forget(list->m->nodes, list->nodes->pdata[i], 1);
}

static void listing_reply(struct listing *list, off_t off)
{
	int err;

	pthread_mutex_lock(&list->dir->lock);
	err = listing_fill(list, off);
	pthread_mutex_unlock(&list->dir->lock);
	if (err)
		fuse_reply_err(list->req, -err);
	else if (fuse_reply_buf(list->req, list->buf, list->used))
		listing_undo(list);
}

static void read_entries(fuse_req_t req, struct mirror *m, fuse_ino_t ino, size_t size, off_t off,
			 struct fuse_file_info *fi, gboolean plus, int passthrough)
{
	g_autoptr(GPtrArray) nodes = g_ptr_array_new();
	g_autofree char *buf = g_try_malloc(size);
	struct listing list = {
		.req = req,
		.m = m,
		.node = node_from_ino(m->nodes, ino),
		.buf = buf,
		.size = size,
		.plus = plus,
		.passthrough = passthrough,
		.nodes = nodes,
	};
	int err = buf ? dir_of(m, ino, fi, &list.dir) : -ENOMEM;

	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	listing_reply(&list, off);
	dir_done(list.dir, fi);
}

void mirror_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct mirror *m = request_begin(req, FUSEPT_READDIR);

	read_entries(req, m, ino, size, off, fi, FALSE, 0);
}

void mirror_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	struct mirror *m = request_begin(req, FUSEPT_READDIRPLUS);
	int passthrough = fusept_readdir_passthrough(&size);

	read_entries(req, m, ino, size, off, fi, TRUE, passthrough);
}
