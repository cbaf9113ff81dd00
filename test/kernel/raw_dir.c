// SPDX-License-Identifier: LGPL-2.1-or-later
/* raw_dir.c - read and change folders */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rawfuse.h"

struct dirent_below {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static size_t add_entry(char *out, const struct dirent_below *d)
{
	struct fuse_dirent *e = (void *)out;
	size_t len = strlen(d->name);
	size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + len);

	memset(out, 0, size);
	e->ino = d->ino;
	e->off = (uint64_t)d->off;
	e->namelen = (uint32_t)len;
	e->type = d->type;
	memcpy(e->name, d->name, len);
	return size;
}

/* An entry grows by a third at most on its way from getdents to FUSE */
int raw_readdir(struct raw_req *q)
{
	const struct fuse_read_in *in = q->arg;
	size_t size = in->size < RAW_MAX_WRITE ? in->size : RAW_MAX_WRITE;
	int fd = in->fh ? raw_fd(in->fh) : raw_node_reopen(q->node, O_RDONLY);
	char *buf = malloc(size);
	long n = -1;
	int err;

	if (fd >= 0 && buf && lseek(fd, (off_t)in->offset, SEEK_SET) >= 0)
		n = syscall(SYS_getdents64, fd, buf, size * 3 / 4);
	err = fd < 0 ? fd : n < 0 ? -errno : 0;
	for (long pos = 0; pos < n;) {
		const struct dirent_below *d = (const void *)(buf + pos);

		q->out_len += add_entry(q->out + q->out_len, d);
		pos += d->reclen;
	}
	free(buf);
	if (!in->fh && fd >= 0)
		close(fd);
	return err;
}

int raw_unlink(struct raw_req *q)
{
	return unlinkat(q->node->fd, q->arg, 0) < 0 ? -errno : 0;
}

int raw_rmdir(struct raw_req *q)
{
	return unlinkat(q->node->fd, q->arg, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int rename_to(struct raw_req *q, uint64_t newdir, const char *from,
		     unsigned int flags)
{
	struct raw_node *to = raw_node_get(q->r, newdir);

	if (!to)
		return -ESTALE;
	if (renameat2(q->node->fd, from, to->fd, from + strlen(from) + 1,
		      flags) < 0)
		return -errno;
	return 0;
}

int raw_rename(struct raw_req *q)
{
	const struct fuse_rename_in *in = q->arg;

	return rename_to(q, in->newdir, (const char *)(in + 1), 0);
}

int raw_rename2(struct raw_req *q)
{
	const struct fuse_rename2_in *in = q->arg;

	return rename_to(q, in->newdir, (const char *)(in + 1), in->flags);
}
