// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * OPENDIR, READDIR, READDIRPLUS, RELEASEDIR and FSYNCDIR.
 *
 * Offsets are those of the directory below, so a request whose handle is 0
 * (see file.c) can be served by opening the directory anew.
 */
#include "stack.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
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
	free(dir);
}

static int dir_open(struct fusept_stack *s, fuse_ino_t ino, struct dir **out)
{
	HELD at = hold(s->nodes, ino);
	struct dir *dir;
	int fd = at.fd;

	if (fd >= 0)
		fd = nodes_openat(s->nodes, at.fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	dir = calloc(1, sizeof(*dir));
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
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
static int dir_of(struct fusept_stack *s, fuse_ino_t ino, const struct fuse_file_info *fi,
		  struct dir **out)
{
	*out = (struct dir *)(uintptr_t)fi->fh;
	return *out ? 0 : dir_open(s, ino, out);
}

static void dir_done(struct dir *dir, const struct fuse_file_info *fi)
{
	if (!fi->fh)
		dir_free(dir);
}

void stack_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);
	struct dir *dir;
	int err = dir_open(s, ino, &dir);

	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	fi->fh = (uintptr_t)dir;
	if (pass_has(s, node_from_ino(s->nodes, ino), FUSEPT_RELEASEDIR)) {
		dir_free(dir);
		fi->fh = 0;
	}
	if (fuse_reply_open(req, fi) && fi->fh)
		dir_free(dir);
}

void stack_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	if (fi->fh)
		dir_free((struct dir *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

void stack_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);
	struct dir *dir;
	int fd, err = dir_of(s, ino, fi, &dir);

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
	struct fusept_stack *s;
	const struct fusept_node *node; /* of the directory */
	struct dir *dir;
	char *buf;
	size_t size, used;
	bool plus;
	int passthrough; /* entries may have backings */
	fusept_name_filter *filter;
	void *arg;
	struct fusept_node **nodes; /* looked up by entries of the reply */
	size_t count;
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
static struct fusept_node *entry_plus(struct listing *list, const struct dirent *de,
				      struct fuse_entry_param *e)
{
	struct entry entry;

	if (!list->plus || list->filter || (pass_entries(list->s) && !list->passthrough) ||
	    !strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
		return NULL;
	if (entry_from_name(list->s, list->node, dirfd(list->dir->stream), de->d_name, &entry))
		return NULL;
	*e = entry.e;
	return entry.node;
}

/* The size of an entry, which is written if it fits into @left bytes at @at. */
static size_t entry_put(struct listing *list, const struct dirent *de, const char *name,
			const struct fuse_entry_param *e, struct fusept_backing *backing, char *at,
			size_t left)
{
	if (list->plus)
		return fusept_add_direntry_plus(list->req, list->passthrough, at, left, name, e,
						backing, de->d_off);
	return fuse_add_direntry(list->req, at, left, name, &e->attr, de->d_off);
}

/* The name that is shown: the author may have another one, or none (NULL). */
static const char *name_shown(const struct listing *list, const struct dirent *de, char *room,
			      size_t size)
{
	if (!list->filter)
		return de->d_name;
	snprintf(room, size, "%s", de->d_name);
	return list->filter(list->arg, de->d_name, room) ? room : NULL;
}

/* Adds an entry; false: it does not fit. */
static bool listing_add(struct listing *list, const struct dirent *de)
{
	size_t left = list->size - list->used;
	struct fuse_entry_param e;
	struct fusept_node *node;
	char room[NAME_MAX + 1];
	const char *name = name_shown(list, de, room, sizeof(room));

	if (!name)
		return true;
	entry_plain(de, &e);
	if (entry_put(list, de, name, &e, NULL, NULL, 0) > left)
		return false;
	node = entry_plus(list, de, &e);
	list->used += entry_put(list, de, name, &e, node ? pass_entry(list->s, node) : NULL,
				list->buf + list->used, left);
	if (node) {
		list->nodes[list->count++] = node;
		node_put(list->s->nodes, node);
	}
	return true;
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
	for (size_t i = 0; i < list->count; i++)
		node_forget(list->s->nodes, list->nodes[i], 1);
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

/* No entry of READDIRPLUS is smaller. */
enum { MIN_ENTRY = 128 };

void fusept_stack_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			  struct fuse_file_info *fi, int plus, fusept_name_filter *filter,
			  void *arg)
{
	int passthrough = plus ? fusept_readdir_passthrough(&size) : 0;
	struct fusept_stack *s = stack_of(req);
	struct listing list = {
		.req = req,
		.s = s,
		.filter = filter,
		.arg = arg,
		.node = node_from_ino(s->nodes, ino),
		.buf = malloc(size + 1),
		.size = size,
		.plus = plus,
		.passthrough = passthrough,
		.nodes = plus ? malloc((size / MIN_ENTRY + 1) * sizeof(*list.nodes)) : NULL,
	};
	int err = list.buf && (list.nodes || !plus) ? dir_of(s, ino, fi, &list.dir) : -ENOMEM;

	if (err) {
		fuse_reply_err(req, -err);
	} else {
		listing_reply(&list, off);
		dir_done(list.dir, fi);
	}
	free(list.nodes);
	free(list.buf);
}

void stack_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   struct fuse_file_info *fi)
{
	fusept_stack_readdir(req, ino, size, off, fi, 0, NULL, NULL);
}

void stack_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	fusept_stack_readdir(req, ino, size, off, fi, 1, NULL, NULL);
}
