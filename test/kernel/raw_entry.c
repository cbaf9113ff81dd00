// SPDX-License-Identifier: LGPL-2.1-or-later
/* raw_entry.c - requests that are answered with an entry, and FORGET */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "rawfuse.h"

/* Overrides of access only: not CAP_FSETID, so that sgid rules are the caller's */
static void keep_access_caps(void)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct d[2];

	syscall(SYS_capget, &h, d);
	d[0].effective |= d[0].permitted & ((1U << CAP_DAC_OVERRIDE) |
					    (1U << CAP_DAC_READ_SEARCH) |
					    (1U << CAP_MKNOD));
	syscall(SYS_capset, &h, d);
}

/* What is made from here on belongs to the caller */
static void become(const struct raw_req *q, uint32_t mask)
{
	umask((mode_t)mask);
	setfsgid(q->in->gid);
	setfsuid(q->in->uid);
	if (q->in->uid)
		keep_access_caps();
}

static int unbecome(int ret)
{
	int err = ret < 0 ? -errno : 0;

	setfsuid(0);
	setfsgid(0);
	umask(0);
	return err;
}

/*
 * The entry of an O_PATH fd, which is taken over, as q->entry; p is all 0 if there is
 * nothing to attach
 */
int raw_entry_fill(struct raw_req *q, int fd, const char *name,
		   struct fuse_entry_out *e, struct fuse_entry_passthrough_out *p)
{
	struct raw *r = q->r;
	struct raw_node *n = raw_node_make(r, fd, name);
	struct stat st;

	if (!n)
		return -ENFILE;
	if (fstatat(n->fd, "", &st, AT_EMPTY_PATH) < 0)
		return -errno;
	*e = (struct fuse_entry_out){ .nodeid = raw_nodeid(r, n) };
	e->entry_valid = r->opt.no_cache_names ? 0 : 3600;
	raw_attr(&e->attr, &st);
	*p = (struct fuse_entry_passthrough_out){ 0 };
	if (!r->opt.open_attach && raw_node_attach(r, n, r->opt.ops) > 0)
		p->backing_id = n->backing_id;
	n->nlookup++;
	q->entries++;
	q->entry = n;
	return 0;
}

static int entry_fd(struct raw_req *q, int fd, const char *name)
{
	struct fuse_entry_out *e = (void *)q->out;
	struct fuse_entry_passthrough_out *p = (void *)(e + 1);
	int err = raw_entry_fill(q, fd, name, e, p);

	if (!err)
		q->out_len = sizeof(*e) + (p->backing_id ? sizeof(*p) : 0);
	return err;
}

/* Takes back what an entry hands out, for an answer that will not be one */
void raw_entry_drop(struct raw_req *q)
{
	atomic_fetch_add(&q->r->nlookup, q->entries);
	raw_node_forget(q->r, q->entry, (uint64_t)q->entries);
	q->entries = 0;
}

/*
 * Takes the node id out of an answer, and gives a file with that mask instead, which is
 * closed right after; its id
 */
int raw_unname(struct raw_req *q, const char *name, uint64_t mask)
{
	return raw_unname_at(q, q->node->fd, name, mask);
}

/* The same with the file of that name in another folder */
int raw_unname_at(struct raw_req *q, int dir, const char *name, uint64_t mask)
{
	struct fuse_entry_out *e = (void *)q->out;
	struct fuse_entry_passthrough_out *p = (void *)(e + 1);
	int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int id = fd < 0 ? -errno : raw_backing_open(q->r->fd, fd, mask);

	if (fd >= 0)
		close(fd);
	if (id < 0)
		return id;
	raw_entry_drop(q);
	q->close_id = id;
	e->nodeid = 0;
	*p = (struct fuse_entry_passthrough_out){ .backing_id = id };
	q->out_len = sizeof(*e) + sizeof(*p);
	return id;
}

/* Answers with the entry of a name in the folder of the request */
int raw_entry(struct raw_req *q, const char *name)
{
	int fd = openat(q->node->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : entry_fd(q, fd, name);
}

int raw_lookup(struct raw_req *q)
{
	return raw_entry(q, q->arg);
}

int raw_forget(struct raw_req *q)
{
	const struct fuse_forget_in *in = q->arg;

	raw_node_forget(q->r, q->node, in->nlookup);
	return 0;
}

int raw_batch_forget(struct raw_req *q)
{
	const struct fuse_batch_forget_in *in = q->arg;
	const struct fuse_forget_one *one = (const void *)(in + 1);

	for (uint32_t i = 0; i < in->count; i++, one++)
		raw_node_forget(q->r, raw_node_get(q->r, one->nodeid),
				one->nlookup);
	return 0;
}

int raw_mknod(struct raw_req *q)
{
	const struct fuse_mknod_in *in = q->arg;
	const char *name = (const char *)(in + 1);
	dev_t dev = makedev((in->rdev >> 8) & 0xfff,
			    (in->rdev & 0xff) | ((in->rdev >> 12) & 0xfff00));
	int err;

	become(q, in->umask);
	err = unbecome(mknodat(q->node->fd, name, in->mode, dev));
	return err ? err : raw_entry(q, name);
}

int raw_mkdir(struct raw_req *q)
{
	const struct fuse_mkdir_in *in = q->arg;
	const char *name = (const char *)(in + 1);
	int err;

	become(q, in->umask);
	err = unbecome(mkdirat(q->node->fd, name, in->mode));
	return err ? err : raw_entry(q, name);
}

int raw_symlink(struct raw_req *q)
{
	const char *name = q->arg;
	const char *target = name + strlen(name) + 1;
	int err;

	become(q, 0);
	err = unbecome(symlinkat(target, q->node->fd, name));
	return err ? err : raw_entry(q, name);
}

int raw_link(struct raw_req *q)
{
	const struct fuse_link_in *in = q->arg;
	const char *name = (const char *)(in + 1);
	struct raw_node *old = raw_node_get(q->r, in->oldnodeid);

	if (!old)
		return -ESTALE;
	if (linkat(old->fd, "", q->node->fd, name, AT_EMPTY_PATH) < 0)
		return -errno;
	return raw_entry(q, name);
}

/*
 * fd: the new file, open; the node keeps it unless no RELEASE will tell its end. Not
 * looked up by its name, which may be another file's by now. It may be older than the
 * kernel thinks, and a fifo: the kernel would not take that, nor give its lookup back.
 */
static int created(struct raw_req *q, int fd, const char *name)
{
	struct fuse_open_out reply = { .open_flags = q->r->opt.open_flags };
	char path[64];
	struct stat st;
	int path_fd, err;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EIO;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	path_fd = open(path, O_PATH | O_CLOEXEC);
	err = path_fd < 0 ? -errno : entry_fd(q, path_fd, name);
	if (err) {
		close(fd);
		return err;
	}
	q->out_len = sizeof(struct fuse_entry_out);
	if (!q->r->opt.open_attach && q->entry->backing_id > 0) {
		reply.open_flags |= FOPEN_PASSTHROUGH;
		reply.backing_id = q->entry->backing_id;
	}
	if (q->entry->ops & OP(RELEASE))
		close(fd);
	else
		reply.fh = raw_fh(fd);
	memcpy(q->out + q->out_len, &reply, sizeof(reply));
	q->out_len += sizeof(reply);
	return 0;
}

int raw_create(struct raw_req *q)
{
	const struct fuse_create_in *in = q->arg;
	const char *name = (const char *)(in + 1);
	int flags = (int)in->flags & ~(O_APPEND | O_DIRECT | O_NOCTTY);
	int fd, err;

	become(q, in->umask);
	fd = openat(q->node->fd, name, flags | O_CREAT | O_CLOEXEC, in->mode);
	err = unbecome(fd);
	if (err)
		return err;
	return created(q, fd, name);
}

int raw_tmpfile(struct raw_req *q)
{
	const struct fuse_create_in *in = q->arg;
	int flags = (int)in->flags & (O_ACCMODE | O_EXCL);
	char path[64];
	int fd, err;

	become(q, in->umask);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", q->node->fd);
	fd = open(path, flags | O_TMPFILE | O_CLOEXEC, in->mode);
	err = unbecome(fd);
	if (err)
		return err;
	return created(q, fd, "");
}
