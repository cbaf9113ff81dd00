/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Redacted files: their data is ours to give. */
#include "filter.h"

#include <stdlib.h>

void filter_free_data(void *userdata, void *data)
{
	struct redaction *redaction = data;

	(void)userdata;
	g_clear_pointer(&redaction->ranges, g_array_unref);
	g_free(redaction);
}

/*
 * What is redacted is found out when the file is opened, as it may have no name later; and
 * under the lock, so that new rules come before or find it here.
 */
static int redact(const struct file *file)
{
	struct filter *f = file->f;
	struct redaction *redaction, *other = NULL;

	if (fusept_node_data(file->node))
		return 0;
	redaction = g_new0(struct redaction, 1);
	g_rw_lock_reader_lock(&f->lock);
	redaction->ranges = rules_ranges(f->rules, file->path);
	if (redaction->ranges)
		other = fusept_node_set_data(file->node, redaction);
	g_rw_lock_reader_unlock(&f->lock);
	if (redaction->ranges && !other)
		return 0;
	filter_free_data(NULL, redaction);
	return other ? 0 : ESTALE;
}

void filter_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	FILE_AT file = file_at(req, ino, NULL);
	int err = file.fd < 0 ? -file.fd : 0;

	if (!err && trees_view(file.f, file.fd) == VIEW_REDACTED)
		err = redact(&file);
	if (err)
		fuse_reply_err(req, err);
	else
		fusept_stack_default()->open(req, ino, fi);
}

static void read_redacted(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			  struct fuse_file_info *fi, const struct redaction *redaction)
{
	struct filter *f = fusept_req_userdata(req);
	char *data = malloc(size);
	ssize_t done = data ? fusept_file_pread(req, ino, fi, data, size, off) : -ENOMEM;

	if (done < 0) {
		fuse_reply_err(req, (int)-done);
	} else {
		g_rw_lock_reader_lock(&f->lock);
		ranges_apply(redaction->ranges, data, (size_t)done, off);
		g_rw_lock_reader_unlock(&f->lock);
		fuse_reply_buf(req, data, (size_t)done);
	}
	free(data);
}

void filter_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	FILE_AT file = file_held(req, ino);

	if (file.fd < 0)
		fuse_reply_err(req, -file.fd);
	else if (fusept_node_data(file.node))
		read_redacted(req, ino, size, off, fi, fusept_node_data(file.node));
	else
		fusept_stack_default()->read(req, ino, size, off, fi);
}

/* The kernel then copies by READ. */
void filter_copy_file_range(fuse_req_t req, fuse_ino_t ino, off_t off, struct fuse_file_info *fi,
			    fuse_ino_t ino_out, off_t off_out, struct fuse_file_info *fi_out,
			    size_t len, int flags)
{
	FILE_AT file = file_held(req, ino);

	if (file.fd < 0)
		fuse_reply_err(req, -file.fd);
	else if (fusept_node_data(file.node))
		fuse_reply_err(req, EOPNOTSUPP);
	else
		fusept_stack_default()->copy_file_range(req, ino, off, fi, ino_out, off_out, fi_out,
							len, flags);
}

/* Holes are for the engine to find; in a redacted file they may have an X. */
void filter_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	FILE_AT file = file_held(req, ino);
	struct stat st;

	if (file.fd < 0)
		fuse_reply_err(req, -file.fd);
	else if (!fusept_node_data(file.node))
		fusept_stack_default()->lseek(req, ino, off, whence, fi);
	else if (fstatat(file.fd, "", &st, AT_EMPTY_PATH) < 0)
		fuse_reply_err(req, errno);
	else if (off < 0 || off >= st.st_size)
		fuse_reply_err(req, ENXIO);
	else
		fuse_reply_lseek(req, whence == SEEK_HOLE ? st.st_size : off);
}
