// SPDX-License-Identifier: LGPL-2.1-or-later
/* negotiate.c - INIT: who gets masks, and what others keep */
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

KTEST(negotiate, offered)
{
	CHECK(r->offered & FUSE_INIT_EXT);
	CHECK(r->offered & FUSE_PASSTHROUGH);
	CHECK(r->offered & FUSE_PASSTHROUGH_MASK);
	CHECK_EQ(r->ops_ioctl, 0);
	CHECK(r->supported & OP(GETATTR));
}

/* Without the flag: the stock calls and nothing else */
static void expect_stock(struct raw *r)
{
	uint64_t ops, mask = OP(GETATTR) | OP(READ);
	struct stat st;
	int id;

	CHECK_EQ(r->ops_ioctl, -EPERM);
	CHECK_EQ(raw_backing_ops(r->fd, &ops), -EPERM);
	CHECK_EQ(raw_backing_path(r, "good", mask), -EINVAL);
	id = raw_backing_path(r, "good", 0);
	CHECK(id > 0);
	CHECK_EQ(raw_backing_bind(r->fd, FUSE_ROOT_ID, id), -EPERM);
	CHECK_EQ(raw_backing_mask(r->fd, id, mask), -EPERM);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	CHECK_OK(stat(M(r, "good"), &st));
}

/* Without passthrough: not even those */
static void expect_nothing(struct raw *r)
{
	uint64_t ops, mask = OP(GETATTR) | OP(READ);
	struct stat st;

	CHECK_EQ(raw_backing_ops(r->fd, &ops), -EPERM);
	CHECK_EQ(raw_backing_path(r, "good", mask), -EPERM);
	CHECK_EQ(raw_backing_path(r, "good", 0), -EPERM);
	CHECK_EQ(raw_backing_close(r->fd, 1), -EPERM);
	CHECK_EQ(raw_backing_bind(r->fd, FUSE_ROOT_ID, 1), -EPERM);
	CHECK_EQ(raw_backing_mask(r->fd, 1, mask), -EPERM);
	CHECK_OK(stat(M(r, "good"), &st));
}

KTEST(negotiate, not_asked_for, .opt.init_drop = FUSE_PASSTHROUGH_MASK)
{
	expect_stock(r);
}

KTEST(negotiate, no_passthrough, .opt.init_drop = FUSE_PASSTHROUGH)
{
	expect_nothing(r);
}

KTEST(negotiate, no_init_ext, .opt.init_drop = FUSE_INIT_EXT)
{
	expect_nothing(r);
}

KTEST(negotiate, writeback_cache, .opt.init_add = FUSE_WRITEBACK_CACHE)
{
	expect_nothing(r);
}

static int depth_zero(struct raw_req *q, int err)
{
	((struct fuse_init_out *)q->out)->max_stack_depth = 0;
	return err;
}

KTEST(negotiate, depth_zero, .opt.after_init = depth_zero)
{
	expect_nothing(r);
}

KTEST(negotiate, depth_too_large, .opt.max_stack_depth = 3)
{
	expect_nothing(r);
}

KTEST(negotiate, depth_two, .opt.max_stack_depth = 2, .opt.ops = RAW_ALL)
{
	raw_reset(r);
	same_stat(M(r, "good"), S(r, "good"));
	expect_no_requests(r, r->supported);
}

/* Before the INIT reply nothing is known to be wanted */
KTEST(negotiate, before_init)
{
	struct raw *second = frame_second(r, r->src, NULL);
	uint64_t ops;

	raw_mount(second, second->mnt);
	CHECK_EQ(raw_backing_ops(second->fd, &ops), -EPERM);
	CHECK_EQ(raw_backing_path(second, "good", r->supported), -EPERM);
	CHECK_EQ(raw_backing_path(second, "good", 0), -EPERM);
	CHECK_EQ(raw_backing_close(second->fd, 1), -EPERM);
	CHECK_EQ(raw_backing_bind(second->fd, FUSE_ROOT_ID, 1), -EPERM);
	CHECK_EQ(raw_backing_mask(second->fd, 1, r->supported), -EPERM);
	CHECK_OK(umount2(second->mnt, MNT_FORCE));
	close(second->fd);
	CHECK_OK(rmdir(second->mnt));
	CHECK_OK(rmdir(second->dir));
	raw_free(second);
}

static int add_second_arg(struct raw_req *q, int err)
{
	struct fuse_entry_passthrough_out p = {
		.backing_id = (int32_t)atomic_load(&q->r->u[0]),
	};

	if (err || strcmp(q->arg, "good"))
		return err;
	memcpy(q->out + q->out_len, &p, sizeof(p));
	q->out_len += sizeof(p);
	return 0;
}

/* The second argument is then too much, as on a kernel that knows of none */
KTEST(negotiate, second_argument_refused,
      .opt.init_drop = FUSE_PASSTHROUGH_MASK, .opt.no_cache_names = true)
{
	struct stat st;
	int id = raw_backing_path(r, "good", 0);

	atomic_store(&r->u[0], id);
	r->after[FUSE_LOOKUP] = add_second_arg;
	CHECK_ERRNO(stat(M(r, "good"), &st), EIO);
	/* one request after the other: this one ends after that */
	CHECK_OK(stat(M(r, "file"), &st));
	CHECK_EQ(atomic_load(&r->write_errno), EINVAL);
	r->after[FUSE_LOOKUP] = NULL;
	CHECK_OK(stat(M(r, "good"), &st));
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

/* What kernels have had since 6.9: READ and WRITE of files attached by OPEN */
static void stock_passthrough(struct raw *r)
{
	char buf[16], want[16];
	int fd;

	raw_reset(r);
	fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	CHECK_EQ(raw_count(r, FUSE_OPEN), 1);
	CHECK_EQ(pwrite(fd, "passed", 6, 3), 6);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
	CHECK_EQ(get_file(S(r, "file"), want, sizeof(want)), sizeof(want));
	CHECK(!memcmp(buf, want, sizeof(buf)));
	CHECK_EQ(raw_count(r, FUSE_READ), 0);
	CHECK_EQ(raw_count(r, FUSE_WRITE), 0);
	CHECK_OK(fsync(fd));
	CHECK_EQ(raw_count(r, FUSE_FSYNC), 1);
	close(fd);
	raw_barrier(r);
	CHECK_EQ(raw_count(r, FUSE_FLUSH), 1);
	CHECK_EQ(raw_count(r, FUSE_RELEASE), 1);
	/* attributes stay with the daemon */
	same_stat(M(r, "file"), S(r, "file"));
	CHECK(raw_count(r, FUSE_GETATTR) + raw_count(r, FUSE_STATX) > 0);
}

KTEST(negotiate, stock_passthrough, .opt.open_attach = true,
      .opt.init_drop = FUSE_PASSTHROUGH_MASK, .flags = KT_STOCK)
{
	stock_passthrough(r);
}

KTEST(negotiate, stock_beside_masks, .opt.open_attach = true)
{
	stock_passthrough(r);
}
