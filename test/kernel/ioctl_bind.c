// SPDX-License-Identifier: LGPL-2.1-or-later
/* ioctl_bind.c - BACKING_BIND: attach to an inode that the kernel knows */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "diff.h"

/* Makes the kernel know the file; gives its node id */
static uint64_t known(struct raw *r, const char *name)
{
	struct stat st;
	struct raw_node *n;

	CHECK_OK(lstat(M(r, name), &st));
	n = raw_node_find(r, name);
	CHECK(n);
	return raw_nodeid(r, n);
}

static int bind_path(struct raw *r, uint64_t nodeid, const char *below)
{
	int id = raw_backing_path(r, below, r->supported);
	int ret;

	CHECK(id > 0);
	ret = raw_backing_bind(r->fd, nodeid, id);
	/* the inode keeps it */
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	return ret;
}

KTEST(ioctl_bind, arguments)
{
	uint64_t node = known(r, "good");
	struct fuse_backing_bind arg = { .nodeid = node };
	int id = raw_backing_path(r, "good", r->supported);
	int plain = raw_backing_path(r, "good", 0);

	CHECK_EQ(raw_backing_bind(r->fd, node, 0), -EINVAL);
	CHECK_EQ(raw_backing_bind(r->fd, node, -1), -EINVAL);
	CHECK_EQ(raw_backing_bind(r->fd, node, plain), -EINVAL);
	CHECK_EQ(raw_backing_bind(r->fd, node, INT_MAX), -EBADF);
	CHECK_EQ(raw_backing_close(r->fd, plain), 0);
	CHECK_EQ(raw_backing_bind(r->fd, node, plain), -EBADF);
	CHECK_EQ(raw_backing_bind(r->fd, 0, id), -ENOENT);
	CHECK_EQ(raw_backing_bind(r->fd, 999, id), -ENOENT);
	CHECK_EQ(raw_backing_bind(r->fd, UINT64_MAX, id), -ENOENT);
	arg.backing_id = id;
	for (int bit = 0; bit < 32; bit++) {
		arg.flags = 1U << bit;
		CHECK_EQ(raw_ioctl(r->fd, FUSE_DEV_IOC_BACKING_BIND, &arg),
			 -EINVAL);
	}
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

KTEST(ioctl_bind, types_differ)
{
	static const char *const kinds[] = {
		"good", "dir", "link", "fifo", "sock", "null",
	};
	const size_t n = sizeof(kinds) / sizeof(*kinds);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			if (i != k)
				CHECK_EQ(bind_path(r, known(r, kinds[i]), kinds[k]),
					 -ESTALE);
}

KTEST(ioctl_bind, twice)
{
	uint64_t node = known(r, "good");
	int id = raw_backing_path(r, "good", r->supported);

	CHECK_EQ(raw_backing_bind(r->fd, node, id), 0);
	CHECK_EQ(raw_backing_bind(r->fd, node, id), 0);
	CHECK_EQ(bind_path(r, node, "good"), -EBUSY);
	CHECK_EQ(bind_path(r, node, "file"), -EBUSY);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	CHECK_EQ(bind_path(r, node, "good"), -EBUSY);
	raw_reset(r);
	same_stat(M(r, "good"), S(r, "good"));
	expect_no_requests(r, r->supported);
}

/* One backing may serve two inodes; that is the daemon's affair */
KTEST(ioctl_bind, shared_backing)
{
	int id = raw_backing_path(r, "good", r->supported);

	CHECK_EQ(raw_backing_bind(r->fd, known(r, "good"), id), 0);
	CHECK_EQ(raw_backing_bind(r->fd, known(r, "file"), id), 0);
	same_stat(M(r, "file"), S(r, "good"));
	CHECK_EQ(raw_backing_mask(r->fd, id, OP(GETATTR)), -EBUSY);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

/* The root is never looked up */
KTEST(ioctl_bind, root, .opt.root_unbound = true)
{
	struct stat st;

	raw_reset(r);
	CHECK_OK(stat(r->mnt, &st));
	CHECK_EQ(raw_count(r, FUSE_GETATTR), 1);
	CHECK_EQ(raw_backing_bind(r->fd, FUSE_ROOT_ID, INT_MAX), -EBADF);
	CHECK_EQ(bind_path(r, FUSE_ROOT_ID, "good"), -ESTALE);
	CHECK_EQ(bind_path(r, FUSE_ROOT_ID, "."), 0);
	raw_reset(r);
	same_stat(r->mnt, r->src);
	CHECK_OK(mkdir(S(r, "appears"), 0700));
	same_stat(r->mnt, r->src);
	expect_no_requests(r, r->supported);
	CHECK_EQ(bind_path(r, FUSE_ROOT_ID, "."), -EBUSY);
}

/* A file that the daemon decides about late */
KTEST(ioctl_bind, late)
{
	static const char *const names[] = {
		"good", "dir", "link", "fifo", "null", "acl",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		uint64_t node = known(r, names[i]);

		same_stat(M(r, names[i]), S(r, names[i]));
		CHECK(raw_count(r, FUSE_GETATTR) + raw_count(r, FUSE_STATX) > 0);
		CHECK_EQ(bind_path(r, node, names[i]), 0);
		raw_reset(r);
		same_stat(M(r, names[i]), S(r, names[i]));
		CHECK_OK(lchown(S(r, names[i]), 4, 5));
		same_stat(M(r, names[i]), S(r, names[i]));
		expect_no_requests(r, r->supported);
	}
}

/* What an ACL allowed before does not outlive the binding */
KTEST(ioctl_bind, cached_acl, .opt.init_add = FUSE_POSIX_ACL)
{
	static const struct acl_entry other[] = {
		{ 0x01, 6, 0 }, { 0x02, 1, 77 }, { 0x04, 4, 0 },
		{ 0x10, 7, 0 }, { 0x20, 0, 0 },
	};
	uint64_t node = known(r, "acl");

	CHECK_ERRNO(access(M(r, "acl"), X_OK), EACCES);
	CHECK_EQ(bind_path(r, node, "acl"), 0);
	CHECK_OK(set_acl(S(r, "acl"), "system.posix_acl_access", other, 5));
	CHECK_OK(access(M(r, "acl"), X_OK));
}

KTEST(ioctl_bind, open_file)
{
	uint64_t node = known(r, "file");
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));
	char buf[100], want[100];

	CHECK_EQ(bind_path(r, node, "file"), -ETXTBSY);
	CHECK_EQ(read(fd, buf, sizeof(buf)), sizeof(buf));
	CHECK_EQ(bind_path(r, node, "file"), -ETXTBSY);
	close(fd);
	raw_barrier(r);
	CHECK_EQ(bind_path(r, node, "file"), 0);
	/* pages that were read before are gone */
	put_file(S(r, "file"), "changed below", 13);
	CHECK_EQ(get_file(M(r, "file"), buf, sizeof(buf)), 13);
	CHECK_EQ(get_file(S(r, "file"), want, sizeof(want)), 13);
	CHECK(!memcmp(buf, want, 13));
	same_stat(M(r, "file"), S(r, "file"));
}

KTEST(ioctl_bind, mapped_file)
{
	static const int flags[] = { O_RDONLY, O_RDWR };
	uint64_t node = known(r, "file");

	for (size_t i = 0; i < 2; i++) {
		int fd = (int)CHECK_OK(open(M(r, "file"), flags[i] | O_CLOEXEC));
		volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

		CHECK(p != MAP_FAILED);
		close(fd);
		CHECK(p[0] == p[0]);
		raw_barrier(r);
		CHECK_EQ(bind_path(r, node, "file"), -ETXTBSY);
		CHECK_OK(munmap((void *)p, 4096));
	}
	raw_barrier(r);
	CHECK_EQ(bind_path(r, node, "file"), 0);
}

/* Dirty pages reach the daemon before the file below takes over */
KTEST(ioctl_bind, written_file)
{
	uint64_t node = known(r, "file");
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char buf[8];

	CHECK(p != MAP_FAILED);
	memcpy(p, "mapping", 7);
	close(fd);
	CHECK_OK(munmap(p, 4096));
	raw_barrier(r);
	CHECK_EQ(bind_path(r, node, "file"), 0);
	fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	CHECK_EQ(pread(fd, buf, 7, 0), 7);
	CHECK(!memcmp(buf, "mapping", 7));
	close(fd);
}

/* An open folder, and a file open for direct I/O, hold no pages */
KTEST(ioctl_bind, open_without_pages, .opt.open_flags = FOPEN_DIRECT_IO)
{
	uint64_t dir = known(r, "dir"), file = known(r, "file");
	int dfd = (int)CHECK_OK(open(M(r, "dir"), O_RDONLY | O_CLOEXEC));
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	char buf[100], want[100];

	CHECK_EQ(bind_path(r, dir, "dir"), 0);
	CHECK_EQ(bind_path(r, file, "file"), 0);
	CHECK_EQ(pwrite(fd, "direct", 6, 10), 6);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
	CHECK_EQ(get_file(S(r, "file"), want, sizeof(want)), sizeof(want));
	CHECK(!memcmp(buf, want, sizeof(buf)));
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK_EQ(errno, ENODEV);
	CHECK_OK(fsync(dfd));
	CHECK_OK(faccessat(dfd, "a", F_OK, 0));
	close(fd);
	close(dfd);
	raw_barrier(r);
	/* handles that the daemon gave before have to come back to it */
	CHECK_EQ(raw_count(r, FUSE_RELEASE), 1);
	CHECK_EQ(raw_count(r, FUSE_RELEASEDIR), 1);
}

static int bind_then_read(struct raw_req *q)
{
	q->r->u[0] = bind_path(q->r, q->in->nodeid, "file");
	return RAW_DEFAULT;
}

/* A daemon decides late, in the middle of a read for which pages are locked */
KTEST(ioctl_bind, while_reading, .opt.open_flags = FOPEN_DIRECT_IO)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));
	char buf[100], want[100];
	int p[2];

	CHECK_OK(pipe2(p, O_CLOEXEC));
	r->before[FUSE_READ] = bind_then_read;
	CHECK_EQ(splice(fd, &(loff_t){ 0 }, p[1], NULL, sizeof(buf), 0), sizeof(buf));
	r->before[FUSE_READ] = NULL;
	CHECK_EQ(r->u[0], 0);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), sizeof(buf));
	CHECK_EQ(get_file(S(r, "file"), want, sizeof(want)), sizeof(want));
	CHECK(!memcmp(buf, want, sizeof(buf)));
	put_file(S(r, "file"), "new", 3);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 3);
	CHECK(!memcmp(buf, "new", 3));
	close(fd);
	close(p[0]);
	close(p[1]);
}
