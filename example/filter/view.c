/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the rules say of the file of a request, and whose an operation on it is. */
#include "filter.h"

/* What changes a file, and can be taken from the kernel while the file is open. */
#define CHANGES                                                                                   \
	(FUSEPT_OP(FUSEPT_SETATTR) | FUSEPT_OP(FUSEPT_SETXATTR) | FUSEPT_OP(FUSEPT_REMOVEXATTR) | \
	 FUSEPT_OP(FUSEPT_IOCTL))

struct look filter_look(struct filter *f, const char *path)
{
	struct look look;

	g_rw_lock_reader_lock(&f->lock);
	look = rules_look(f->rules, path);
	g_rw_lock_reader_unlock(&f->lock);
	return look;
}

/* ---- whose an operation is ---- */

/* The view that this thread looks a file up with: the engine asks for its mask meanwhile. */
static _Thread_local enum view looking_up;

void filter_looking_up(enum view view)
{
	looking_up = view;
}

uint64_t filter_mask(const struct filter *f, enum view view, mode_t mode)
{
	uint64_t ours = FUSEPT_OPS_NAMES | FUSEPT_OP(FUSEPT_LINK);
	uint64_t ops;

	if (S_ISDIR(mode))
		ours |= FUSEPT_OP(FUSEPT_READDIR) | FUSEPT_OP(FUSEPT_UNLINK) |
			FUSEPT_OP(FUSEPT_RMDIR) | FUSEPT_OP(FUSEPT_RENAME) |
			FUSEPT_OP(FUSEPT_RENAME2);
	else if (view == VIEW_REDACTED)
		ours |= FUSEPT_OPS_IO | FUSEPT_OP(FUSEPT_OPEN) | FUSEPT_OP(FUSEPT_LSEEK) |
			FUSEPT_OP(FUSEPT_COPY_FILE_RANGE);
	ops = f->opt.ops & ~ours;
	/* cut to what the rest allows */
	return ops ? ops | FUSEPT_OPS_SUPPORTED : 0;
}

uint64_t filter_mask_of_late(const struct filter *f, mode_t mode)
{
	return filter_mask(f, VIEW_PLAIN, mode) & ~CHANGES;
}

uint64_t filter_node_ops(void *userdata, const struct fusept_node *dir, const struct stat *st,
			 uint64_t ops)
{
	(void)dir;
	(void)ops;
	return filter_mask(userdata, looking_up, st->st_mode);
}

/* ---- files of requests, and what the rules say of them ---- */

void file_clear(struct file *file)
{
	if (file->node)
		fusept_node_put(file->stack, file->node);
	g_free(file->path);
}

struct file file_held(fuse_req_t req, fuse_ino_t ino)
{
	struct file file = {.f = fusept_req_userdata(req), .stack = fusept_req_stack(req)};

	file.fd = fusept_node_get(file.stack, ino, &file.node);
	if (file.fd < 0)
		file.node = NULL;
	return file;
}

struct file file_at(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct file file = file_held(req, ino);
	char *path = file.fd < 0 ? NULL : path_of(file.fd);

	if (path && name) {
		file.path = *path ? g_strconcat(path, "/", name, NULL) : g_strdup(name);
		g_free(path);
	} else {
		file.path = path;
	}
	if (file.path)
		file.look = filter_look(file.f, file.path);
	else if (file.fd >= 0)
		file.fd = -ESTALE;
	return file;
}

int may_make(const struct file *file)
{
	if (file->fd < 0)
		return -file->fd;
	if (file->look.view == VIEW_HIDDEN)
		return EPERM;
	return file->look.view == VIEW_PLAIN ? 0 : EROFS;
}

int may_remove(const struct file *file)
{
	return file->fd >= 0 && file->look.view == VIEW_HIDDEN ? ENOENT : may_make(file);
}

int may_change(const struct file *file)
{
	if (file->fd < 0)
		return -file->fd;
	if (file->look.view != VIEW_PLAIN || trees_view(file->f, file->fd) != VIEW_PLAIN)
		return EROFS;
	return 0;
}
