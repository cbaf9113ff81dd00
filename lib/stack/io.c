// SPDX-License-Identifier: LGPL-2.1-or-later
/* READ, WRITE, FSYNC, FALLOCATE, LSEEK and COPY_FILE_RANGE. */
#include "stack.h"

/* The file of a request: its handle, or opened for the time of the request. */
typedef struct opened {
	int fd; /* or -errno */
	bool ours;
} opened;

static void opened_clear(opened *file)
{
	if (file->ours && file->fd >= 0)
		close(file->fd);
}
#define OPENED __attribute__((cleanup(opened_clear))) opened

static opened file_of(struct fusept_stack *s, fuse_ino_t ino, const struct fuse_file_info *fi,
		      int flags)
{
	opened file = {.fd = fusept_file_fd(fi)};

	if (!fi->fh) {
		HELD at = hold(s->nodes, ino);

		file.ours = true;
		file.fd = at.fd;
		if (at.fd >= 0)
			file.fd = nodes_reopen(s->nodes, at.fd, flags);
	}
	return file;
}

/*
 * The caller may have changed O_APPEND since he opened the file, and nobody told
 * us. Pages of a mapping are not appended, whatever file they come with.
 */
static int append_as(const opened *file, int flags)
{
	int now;

	if (file->ours)
		return 0;
	now = fcntl(file->fd, F_GETFL);
	if (now < 0)
		return -errno;
	if (!((now ^ flags) & O_APPEND))
		return 0;
	return fcntl(file->fd, F_SETFL, now ^ O_APPEND) < 0 ? -errno : 0;
}

/* A handler of write() may want to read, too. */
static bool can_read(const struct fuse_file_info *fi)
{
	int flags = fcntl(fusept_file_fd(fi), F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_WRONLY;
}

ssize_t fusept_file_pread(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi,
			  void *buf, size_t size, off_t off)
{
	const struct fuse_file_info none = {0};
	OPENED file = file_of(stack_of(req), ino, can_read(fi) ? fi : &none, O_RDONLY);
	ssize_t done = file.fd;

	if (file.fd >= 0)
		done = pread(file.fd, buf, size, off);
	return file.fd >= 0 && done < 0 ? -errno : done;
}

void stack_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);
	OPENED file = file_of(s, ino, fi, O_RDONLY);
	struct fuse_bufvec data = FUSE_BUFVEC_INIT(size);

	if (file.fd < 0) {
		fuse_reply_err(req, -file.fd);
		return;
	}
	data.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	data.buf[0].fd = file.fd;
	data.buf[0].pos = off;
	fuse_reply_data(req, &data, 0);
}

/* Without killpriv the kernel has taken suid and sgid away before it asks. */
static ssize_t write_below(struct fusept_stack *s, fuse_req_t req, struct fuse_bufvec *out,
			   struct fuse_bufvec *in)
{
	ssize_t done = s->killpriv ? caller_change_begin(s, req) : 0;

	if (done < 0)
		return done;
	done = fuse_buf_copy(out, in, 0);
	if (s->killpriv)
		caller_change_end(s);
	return done;
}

static ssize_t write_to(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
			const struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);
	int flags = O_WRONLY | (fi->flags & (O_APPEND | O_SYNC | O_DSYNC));
	OPENED file = file_of(s, ino, fi, flags);
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(fuse_buf_size(in));
	int err = file.fd < 0 ? file.fd : append_as(&file, fi->flags);

	if (err)
		return err;
	out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	out.buf[0].fd = file.fd;
	out.buf[0].pos = off;
	return write_below(s, req, &out, in);
}

ssize_t fusept_file_pwrite(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi,
			   const void *buf, size_t size, off_t off)
{
	struct fuse_bufvec in = FUSE_BUFVEC_INIT(size);

	in.buf[0].mem = (void *)(uintptr_t)buf;
	return write_to(req, ino, &in, off, fi);
}

void stack_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
		     struct fuse_file_info *fi)
{
	ssize_t done = write_to(req, ino, in, off, fi);

	if (done < 0)
		fuse_reply_err(req, (int)-done);
	else
		fuse_reply_write(req, (size_t)done);
}

void stack_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);
	OPENED file = file_of(s, ino, fi, O_RDONLY);
	int err = -file.fd;

	if (file.fd >= 0) {
		err = datasync ? fdatasync(file.fd) : fsync(file.fd);
		err = err < 0 ? errno : 0;
	}
	fuse_reply_err(req, err);
}

static int fallocate_below(struct fusept_stack *s, fuse_req_t req, int fd, int mode, off_t off,
			   off_t length)
{
	int err = caller_change_begin(s, req);

	if (err)
		return err;
	err = fallocate(fd, mode, off, length) < 0 ? -errno : 0;
	caller_change_end(s);
	return err;
}

void stack_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t length,
		     struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);
	OPENED file = file_of(s, ino, fi, O_WRONLY);
	int err = file.fd;

	if (file.fd >= 0)
		err = fallocate_below(s, req, file.fd, mode, off, length);
	fuse_reply_err(req, -err);
}

/* Moves the position of a descriptor that nothing uses the position of. */
void stack_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	struct fusept_stack *s = stack_of(req);
	OPENED file = file_of(s, ino, fi, O_RDONLY);
	off_t found = -1;

	if (file.fd < 0) {
		fuse_reply_err(req, -file.fd);
		return;
	}
	found = lseek(file.fd, off, whence);
	if (found < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_lseek(req, found);
}

void stack_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			   struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
			   struct fuse_file_info *fi_out, size_t len, int flags)
{
	struct fusept_stack *s = stack_of(req);
	OPENED in = file_of(s, ino_in, fi_in, O_RDONLY);
	OPENED out = file_of(s, ino_out, fi_out, O_WRONLY);
	ssize_t done;

	if (in.fd < 0 || out.fd < 0) {
		fuse_reply_err(req, in.fd < 0 ? -in.fd : -out.fd);
		return;
	}
	/* the kernel has refused it to a caller who appends */
	done = append_as(&out, 0);
	if (!done)
		done = caller_change_begin(s, req);
	if (!done) {
		done = copy_file_range(in.fd, &off_in, out.fd, &off_out, len, (unsigned int)flags);
		if (done < 0)
			done = -errno;
		caller_change_end(s);
	}
	if (done < 0)
		fuse_reply_err(req, (int)-done);
	else
		fuse_reply_write(req, (size_t)done);
}
