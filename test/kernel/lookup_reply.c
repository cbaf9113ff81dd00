// SPDX-License-Identifier: LGPL-2.1-or-later
/* lookup_reply.c - the second argument of LOOKUP, good and bad */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diff.h"

/* What the next LOOKUP of "good" carries */
enum { ARMED, ID, FLAGS, RESERVED, SIZE, MODE, CLOSE_FIRST };
enum { AS_IT_IS = -1 };

static int edit(struct raw_req *q, int err)
{
	_Atomic int64_t *u = q->r->u;
	struct fuse_entry_out *e = (void *)q->out;
	struct fuse_entry_passthrough_out p = {
		.backing_id = (int32_t)u[ID],
		.flags = (uint32_t)u[FLAGS],
		.reserved = (uint64_t)u[RESERVED],
	};
	size_t size = (size_t)u[SIZE];

	if (err || !u[ARMED] || strcmp(q->arg, "good"))
		return err;
	if (u[MODE] != AS_IT_IS)
		e->attr.mode = (uint32_t)u[MODE];
	if (u[CLOSE_FIRST])
		raw_backing_close(q->r->fd, (int)u[ID]);
	memset(q->out + sizeof(*e), 0xa5, size);
	memcpy(q->out + sizeof(*e), &p, size < sizeof(p) ? size : sizeof(p));
	q->out_len = sizeof(*e) + size;
	return 0;
}

static void arm(struct raw *r, int id)
{
	atomic_store(&r->u[ID], id);
	atomic_store(&r->u[FLAGS], 0);
	atomic_store(&r->u[RESERVED], 0);
	atomic_store(&r->u[SIZE], sizeof(struct fuse_entry_passthrough_out));
	atomic_store(&r->u[MODE], AS_IT_IS);
	atomic_store(&r->u[CLOSE_FIRST], 0);
	atomic_store(&r->u[ARMED], 1);
	r->after[FUSE_LOOKUP] = edit;
}

/* errno of the caller, who finds the file without a mask right after */
static int lookup(struct raw *r)
{
	struct stat st;
	int err = lstat(M(r, "good"), &st) < 0 ? errno : 0;

	atomic_store(&r->u[ARMED], 0);
	if (err)
		CHECK_OK(lstat(M(r, "good"), &st));
	return err;
}

#define LOOKUP_CASE(id, ...) \
	KTEST(lookup_reply, id, .opt.no_cache_names = true, ##__VA_ARGS__)

LOOKUP_CASE(attached)
{
	int id = raw_backing_path(r, "good", r->supported);

	arm(r, id);
	CHECK_EQ(lookup(r), 0);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	raw_reset(r);
	same_stat(M(r, "good"), S(r, "good"));
	CHECK_OK(chmod(M(r, "good"), 0600));
	same_stat(M(r, "good"), S(r, "good"));
	expect_no_requests(r, r->supported);
	/* names stay with the daemon */
	CHECK(raw_count(r, FUSE_LOOKUP) > 0);
}

LOOKUP_CASE(wrong_size)
{
	static const size_t sizes[] = { 1, 4, 8, 15, 17, 24, 32, 4000 };
	int id = raw_backing_path(r, "good", r->supported);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		arm(r, id);
		atomic_store(&r->u[SIZE], (int64_t)sizes[i]);
		CHECK_EQ(lookup(r), EIO);
	}
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

LOOKUP_CASE(flags)
{
	int id = raw_backing_path(r, "good", r->supported);

	for (int bit = 0; bit < 32; bit++) {
		arm(r, id);
		atomic_store(&r->u[FLAGS], INT64_C(1) << bit);
		CHECK_EQ(lookup(r), EINVAL);
	}
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

LOOKUP_CASE(reserved)
{
	int id = raw_backing_path(r, "good", r->supported);

	for (int bit = 0; bit < 64; bit += 7) {
		arm(r, id);
		atomic_store(&r->u[RESERVED], (int64_t)(UINT64_C(1) << bit));
		CHECK_EQ(lookup(r), EINVAL);
	}
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

LOOKUP_CASE(no_id)
{
	static const int ids[] = { 0, -1, INT_MIN };

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		arm(r, ids[i]);
		CHECK_EQ(lookup(r), EINVAL);
	}
}

LOOKUP_CASE(unknown_id)
{
	int id = raw_backing_path(r, "good", r->supported);

	arm(r, INT_MAX);
	CHECK_EQ(lookup(r), EBADF);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	arm(r, id);
	CHECK_EQ(lookup(r), EBADF);
	id = raw_backing_path(r, "good", r->supported);
	arm(r, id);
	atomic_store(&r->u[CLOSE_FIRST], 1);
	CHECK_EQ(lookup(r), EBADF);
}

LOOKUP_CASE(id_without_mask)
{
	int id = raw_backing_path(r, "good", 0);

	arm(r, id);
	CHECK_EQ(lookup(r), EINVAL);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

/* The daemon says file, the backing is something else; first and again */
LOOKUP_CASE(types_differ)
{
	static const char *const below[] = { "dir", "link", "fifo", "null" };
	struct stat st;

	for (int known = 0; known < 2; known++) {
		for (size_t i = 0; i < sizeof(below) / sizeof(*below); i++) {
			int id = raw_backing_path(r, below[i], r->supported);

			arm(r, id);
			CHECK_EQ(lookup(r), EPROTO);
			CHECK_EQ(raw_backing_close(r->fd, id), 0);
		}
		CHECK_OK(lstat(M(r, "good"), &st));
	}
}

/* No type in the reply: the one below counts */
LOOKUP_CASE(type_from_below)
{
	int id = raw_backing_path(r, "good", r->supported);

	arm(r, id);
	atomic_store(&r->u[MODE], 0);
	CHECK_EQ(lookup(r), 0);
	same_stat(M(r, "good"), S(r, "good"));
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

/* The node id is one of another type now: as on any FUSE, the old inode is bad */
LOOKUP_CASE(type_of_known_inode)
{
	int id = raw_backing_path(r, "dir", r->supported);
	struct stat st;
	int fd;

	CHECK_OK(lstat(M(r, "good"), &st));
	fd = (int)CHECK_OK(open(M(r, "good"), O_PATH | O_CLOEXEC));
	arm(r, id);
	atomic_store(&r->u[MODE], 0);
	CHECK_OK(lstat(M(r, "good"), &st));
	CHECK(S_ISDIR(st.st_mode));
	CHECK_ERRNO(fstatat(fd, "", &st, AT_EMPTY_PATH), EIO);
	close(fd);
	atomic_store(&r->u[ARMED], 0);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

LOOKUP_CASE(attached_again)
{
	int id = raw_backing_path(r, "good", r->supported);

	for (int i = 0; i < 5; i++) {
		arm(r, id);
		CHECK_EQ(lookup(r), 0);
		CHECK_EQ(lookup(r), 0);
	}
	raw_reset(r);
	same_stat(M(r, "good"), S(r, "good"));
	expect_no_requests(r, r->supported);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

/* When the name is revalidated, for an inode that had none */
LOOKUP_CASE(attached_late)
{
	int id = raw_backing_path(r, "good", r->supported);
	int fd = (int)CHECK_OK(open(M(r, "good"), O_PATH | O_CLOEXEC));
	struct stat st;

	CHECK_EQ(lookup(r), 0);
	CHECK_OK(fstatat(fd, "", &st, AT_EMPTY_PATH));
	arm(r, id);
	CHECK_EQ(lookup(r), 0);
	raw_reset(r);
	CHECK_OK(fstatat(fd, "", &st, AT_EMPTY_PATH));
	expect_no_requests(r, r->supported);
	close(fd);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

/* Errors of a revalidation are those of a lookup */
LOOKUP_CASE(late_errors)
{
	int good = raw_backing_path(r, "good", r->supported);
	int fd = (int)CHECK_OK(open(M(r, "good"), O_PATH | O_CLOEXEC));

	arm(r, -1);
	CHECK_EQ(lookup(r), EINVAL);
	arm(r, INT_MAX);
	CHECK_EQ(lookup(r), EBADF);
	arm(r, good);
	atomic_store(&r->u[SIZE], 8);
	CHECK_EQ(lookup(r), EIO);
	arm(r, good);
	atomic_store(&r->u[FLAGS], 1);
	CHECK_EQ(lookup(r), EINVAL);
	CHECK_EQ(raw_backing_close(r->fd, good), 0);
	close(fd);
}

LOOKUP_CASE(other_backing)
{
	int good = raw_backing_path(r, "good", r->supported);
	int twin = raw_backing_path(r, "good", r->supported);
	int file = raw_backing_path(r, "file", r->supported);

	arm(r, good);
	CHECK_EQ(lookup(r), 0);
	arm(r, twin);
	CHECK_EQ(lookup(r), EBUSY);
	arm(r, file);
	CHECK_EQ(lookup(r), EBUSY);
	same_stat(M(r, "good"), S(r, "good"));
	CHECK_EQ(raw_backing_close(r->fd, good), 0);
	CHECK_EQ(raw_backing_close(r->fd, twin), 0);
	CHECK_EQ(raw_backing_close(r->fd, file), 0);
}

static int by_other_name(struct raw_req *q, int err)
{
	struct fuse_entry_passthrough_out p = {
		.backing_id = (int32_t)q->r->u[ID],
	};

	if (err || strcmp(q->arg, "hard2"))
		return err;
	memcpy(q->out + q->out_len, &p, sizeof(p));
	q->out_len += sizeof(p);
	return 0;
}

/* Two names of one node */
LOOKUP_CASE(other_backing_by_link)
{
	int first = raw_backing_path(r, "hard1", r->supported);
	int second = raw_backing_path(r, "hard2", r->supported);
	struct stat st;
	struct raw_node *n;

	CHECK_OK(lstat(M(r, "hard1"), &st));
	n = raw_node_find(r, "hard1");
	CHECK_EQ(raw_backing_bind(r->fd, raw_nodeid(r, n), first), 0);
	r->after[FUSE_LOOKUP] = by_other_name;
	atomic_store(&r->u[ID], second);
	CHECK_ERRNO(lstat(M(r, "hard2"), &st), EBUSY);
	atomic_store(&r->u[ID], first);
	CHECK_OK(lstat(M(r, "hard2"), &st));
	CHECK_EQ(raw_backing_close(r->fd, first), 0);
	CHECK_EQ(raw_backing_close(r->fd, second), 0);
}

/* Pages of an open file */
LOOKUP_CASE(file_is_open)
{
	int id = raw_backing_path(r, "good", r->supported);
	int fd = (int)CHECK_OK(open(M(r, "good"), O_RDONLY | O_CLOEXEC));

	arm(r, id);
	CHECK_EQ(lookup(r), ETXTBSY);
	close(fd);
	raw_barrier(r);
	arm(r, id);
	CHECK_EQ(lookup(r), 0);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

static int nonsense(struct raw_req *q, int err)
{
	struct fuse_entry_out *e = (void *)q->out;

	if (err || strcmp(q->arg, "good"))
		return err;
	e->attr.ino = 424242;
	e->attr.size = UINT64_MAX;
	e->attr.nlink = 77;
	e->attr.uid = e->attr.gid = 65533;
	e->attr.mtime = 1;
	e->attr.mode = S_IFREG | 07000;
	e->attr_valid = 1000;
	return 0;
}

/* With a backing, attributes of a reply count for nothing */
KTEST(lookup_reply, attributes_ignored, .opt.ops = RAW_ALL,
      .opt.no_cache_names = true)
{
	r->after[FUSE_LOOKUP] = nonsense;
	raw_reset(r);
	same_stat(M(r, "good"), S(r, "good"));
	same_stat(M(r, "good"), S(r, "good"));
	expect_no_requests(r, r->supported);
}

static int no_node(struct raw_req *q, int err)
{
	if (err || strcmp(q->arg, "good"))
		return err;
	((struct fuse_entry_out *)q->out)->nodeid = 0;
	raw_entry_drop(q);
	return 0;
}

/* Node id 0 is no file (yet): the name does not exist, and nothing is pinned */
KTEST(lookup_reply, node_zero, .opt.ops = RAW_ALL, .opt.no_cache_names = true)
{
	struct stat st;

	r->after[FUSE_LOOKUP] = no_node;
	CHECK(lstat(M(r, "good"), &st) < 0);
	r->after[FUSE_LOOKUP] = NULL;
	CHECK_OK(lstat(M(r, "good"), &st));
}
