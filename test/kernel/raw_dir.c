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

static size_t add_name(char *out, const struct dirent_below *d)
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

/* What READDIRPLUS has before the name, and READDIR_PASSTHROUGH after that */
static size_t add_entry(struct raw_req *q, char *out, const char *name)
{
	const bool with_file = q->in->opcode == FUSE_READDIR_PASSTHROUGH;
	struct fuse_entry_out *e = (void *)out;
	struct fuse_entry_passthrough_out p = { 0 };
	int fd;

	memset(e, 0, sizeof(*e));
	fd = strcmp(name, ".") && strcmp(name, "..") ?
		openat(q->node->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (fd >= 0 && !raw_entry_fill(q, fd, name, e, &p))
		q->listed[q->n_listed++] = q->entry;
	if (!with_file)
		return sizeof(*e);
	memcpy(e + 1, &p, sizeof(p));
	return sizeof(*e) + sizeof(p);
}

/* Gives back the one lookup that the answer has of a node, or those of all (0) */
void raw_listed_drop(struct raw_req *q, uint64_t nodeid)
{
	size_t left = 0;

	for (size_t i = 0; i < q->n_listed; i++) {
		if (nodeid && raw_nodeid(q->r, q->listed[i]) != nodeid) {
			q->listed[left++] = q->listed[i];
			continue;
		}
		/* finish() has not counted those that an answer is to lack */
		if (nodeid) {
			atomic_fetch_add(&q->r->nlookup, 1);
			q->entries--;
		}
		raw_node_forget(q->r, q->listed[i], 1);
	}
	q->n_listed = left;
}

/*
 * An entry grows by a third at most on its way from getdents to FUSE, and eightfold
 * with all that READDIR_PASSTHROUGH adds
 */
static int read_entries(struct raw_req *q, bool plus)
{
	const struct fuse_read_in *in = q->arg;
	size_t size = in->size < RAW_MAX_WRITE ? in->size : RAW_MAX_WRITE;
	int fd = in->fh ? raw_fd(in->fh) : raw_node_reopen(q->node, O_RDONLY);
	char *buf = malloc(size);
	long n = -1;
	int err;

	if (fd >= 0 && buf && lseek(fd, (off_t)in->offset, SEEK_SET) >= 0)
		n = syscall(SYS_getdents64, fd, buf, plus ? size / 8 : size * 3 / 4);
	err = fd < 0 ? fd : n < 0 ? -errno : 0;
	for (long pos = 0; pos < n;) {
		const struct dirent_below *d = (const void *)(buf + pos);

		if (plus)
			q->out_len += add_entry(q, q->out + q->out_len, d->name);
		q->out_len += add_name(q->out + q->out_len, d);
		pos += d->reclen;
	}
	free(buf);
	if (!in->fh && fd >= 0)
		close(fd);
	return err;
}

int raw_readdir(struct raw_req *q)
{
	return read_entries(q, false);
}

int raw_readdirplus(struct raw_req *q)
{
	return read_entries(q, true);
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
