/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cipher: files that are scrambled below and plain here. A toy: it hides nothing from
 * anybody who looks twice.
 *
 * READ and WRITE are ours; all else is done by the kernel where it can. A byte 0 stays 0,
 * so that holes do.
 */
#define FUSE_USE_VERSION 314
#include <fusept_stack.h>

#include <errno.h>
#include <stdlib.h>

/* Turns each byte but 0 by its position, to and fro. */
static void turn(unsigned char *data, size_t size, off_t off, int way)
{
	for (size_t i = 0; i < size; i++) {
		unsigned int by = (unsigned int)((off + (off_t)i) % 251) + 1;

		if (data[i])
			data[i] = (data[i] - 1u + (way > 0 ? by : 255 - by)) % 255 + 1;
	}
}

static void on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	unsigned char *data = malloc(size);
	ssize_t done = data ? fusept_file_pread(req, ino, fi, data, size, off) : -ENOMEM;

	if (done < 0) {
		fuse_reply_err(req, (int)-done);
	} else {
		turn(data, (size_t)done, off, -1);
		fuse_reply_buf(req, (char *)data, (size_t)done);
	}
	free(data);
}

static void on_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
			 struct fuse_file_info *fi)
{
	struct fuse_bufvec copy = FUSE_BUFVEC_INIT(fuse_buf_size(in));
	unsigned char *data = malloc(copy.buf[0].size);
	ssize_t done = -ENOMEM;

	copy.buf[0].mem = data;
	if (data)
		done = fuse_buf_copy(&copy, in, 0);
	if (done > 0) {
		turn(data, (size_t)done, off, 1);
		done = fusept_file_pwrite(req, ino, fi, data, (size_t)done, off);
	}
	if (done < 0)
		fuse_reply_err(req, (int)-done);
	else
		fuse_reply_write(req, (size_t)done);
	free(data);
}

int main(int argc, char *argv[])
{
	static const struct fuse_lowlevel_ops ops = {.read = on_read, .write_buf = on_write_buf};

	return fusept_stack_main(argc, argv, &ops, sizeof(ops), NULL, NULL);
}
