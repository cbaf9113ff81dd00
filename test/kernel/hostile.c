// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * hostile.c - a daemon that answers anything: callers get errors, never more
 *
 * Each answer is changed at random, from a seed that a failure names. What callers
 * get is not looked at; that they get it, and that nothing stays behind, is.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "diff.h"

enum { SEED, ROUND, ID };

static uint32_t next(struct raw *r)
{
	uint64_t x = (uint64_t)atomic_load(&r->u[SEED]);

	x = x * 6364136223846793005ULL + 1442695040888963407ULL;
	atomic_store(&r->u[SEED], (int64_t)x);
	return (uint32_t)(x >> 33);
}

static bool about_the_root(const struct raw_req *q)
{
	return q->in->nodeid == FUSE_ROOT_ID &&
	       (q->in->opcode == FUSE_GETATTR || q->in->opcode == FUSE_STATX ||
		q->in->opcode == FUSE_SETATTR);
}

/*
 * A root that is no folder is a bad inode for good, also without masks; then
 * nobody could look at the mount afterwards.
 */
static void spare_the_root(struct raw_req *q)
{
	struct fuse_entry_out *e = (void *)q->out;

	if (q->entries && q->out_len >= sizeof(e->nodeid) &&
	    e->nodeid == FUSE_ROOT_ID)
		e->nodeid = RAW_NODES;
}

/* Bytes of the answer, its length, or an error for it */
static int scramble(struct raw_req *q, int err)
{
	struct raw *r = q->r;
	uint32_t what = next(r) % 8;

	if (about_the_root(q))
		return err;
	if (what == 0)
		return -(int)(next(r) % 600);
	if (what == 1 || err)
		return err;
	if (what == 2)
		q->out_len = next(r) % (q->out_len + 64);
	if (what == 3)
		q->out_len = next(r) % 5000;
	for (uint32_t n = next(r) % 8; q->out_len && n; n--)
		q->out[next(r) % q->out_len] = (char)next(r);
	if (what == 4)
		for (size_t i = 0; i < q->out_len; i++)
			q->out[i] = (char)next(r);
	spare_the_root(q);
	/* and another answer to the same request, before the real one */
	if (what == 5)
		raw_send(r, q->in->unique, (int)(next(r) % 1200) - 600, q->out,
			 next(r) % 300);
	return 0;
}

/* A second argument of any kind, with ids that may be good */
static int any_backing(struct raw_req *q, int err)
{
	struct raw *r = q->r;
	struct fuse_entry_passthrough_out p = {
		.backing_id = (int32_t)(next(r) % 12) - 1,
		.flags = next(r) % 4 ? 0 : next(r),
		.reserved = next(r) % 4 ? 0 : next(r),
	};

	if (err)
		return err;
	memcpy(q->out + sizeof(struct fuse_entry_out), &p, sizeof(p));
	q->out_len = sizeof(struct fuse_entry_out) + sizeof(p);
	if (next(r) % 8 == 0)
		q->out_len = next(r) % 200;
	if (next(r) % 8 == 0)
		((struct fuse_entry_out *)q->out)->attr.mode = next(r);
	return 0;
}

static void use_file(struct raw *r, const char *name)
{
	int fd = open(M(r, name), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct statvfs vfs;
	struct stat st;
	char buf[512];

	stat(M(r, name), &st);
	chmod(M(r, name), 0644);
	getxattr(M(r, name), "user.tag", buf, sizeof(buf));
	listxattr(M(r, name), buf, sizeof(buf));
	setxattr(M(r, name), "user.x", "1", 1, 0);
	statvfs(M(r, name), &vfs);
	access(M(r, name), R_OK);
	readlink(M(r, name), buf, sizeof(buf));
	if (fd < 0)
		return;
	pread(fd, buf, sizeof(buf), 0);
	pwrite(fd, buf, sizeof(buf), 100);
	fsync(fd);
	fallocate(fd, 0, 0, 1000);
	lseek(fd, 0, SEEK_DATA);
	ftruncate(fd, 500);
	close(fd);
}

static void use_folder(struct raw *r)
{
	int fd = open(M(r, "dir"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char buf[4096];

	for (int i = 0; fd >= 0 && i < 5; i++)
		getdents64(fd, buf, sizeof(buf));
	fsync(fd);
	close(fd);
	fd = open(M(r, "dir/new"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	pwrite(fd, buf, 10, 0);
	close(fd);
	mkdir(M(r, "dir/made"), 0700);
	symlink("to", M(r, "dir/sym"));
	link(M(r, "file"), M(r, "dir/hard"));
	mknod(M(r, "dir/fifo"), S_IFIFO | 0600, 0);
	rename(M(r, "dir/new"), M(r, "dir/newer"));
	unlink(M(r, "dir/newer"));
	unlink(M(r, "dir/hard"));
	unlink(M(r, "dir/sym"));
	unlink(M(r, "dir/fifo"));
	rmdir(M(r, "dir/made"));
	close(open(M(r, "dir"), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
}

static void hostile(struct raw *r, raw_after entries, raw_after others)
{
	static const int entry[] = {
		FUSE_LOOKUP, FUSE_MKNOD, FUSE_MKDIR, FUSE_SYMLINK, FUSE_LINK,
	};
	enum { ROUNDS = 60 };

	for (int i = 0; i < 10; i++)
		raw_backing_path(r, i % 3 ? "file" : "dir", i ? r->supported : 0);
	for (int op = 1; op < RAW_OPCODES; op++)
		r->after[op] = others;
	for (size_t i = 0; i < sizeof(entry) / sizeof(*entry); i++)
		r->after[entry[i]] = entries;
	for (int round = 0; round < ROUNDS; round++) {
		atomic_store(&r->u[SEED], round);
		use_file(r, "file");
		use_file(r, "link");
		use_folder(r);
		if (round % 10 == 9)
			raw_let_go(r);
	}
	memset(r->after, 0, sizeof(r->after));
	raw_let_go(r);
}

#define HOSTILE(id, mask, entries, others)				\
	KTEST(hostile, id, .opt.ops = mask, .flags = KT_LIES,	\
	      .opt.no_cache_names = true)		\
	{								\
		hostile(r, entries, others);				\
	}

HOSTILE(answers_nothing_bound, RAW_NONE, scramble, scramble)
HOSTILE(answers_all_bound, RAW_ALL, NULL, scramble)
HOSTILE(entries_all_bound, RAW_ALL, scramble, scramble)
HOSTILE(answers_half_bound, OP(GETATTR) | OP(OPEN) | OP(RELEASE) | OP(WRITE),
	NULL, scramble)
HOSTILE(backings, RAW_NONE, any_backing, NULL)
HOSTILE(backings_and_answers, RAW_NONE, any_backing, scramble)

/* The ioctls with any argument */
KTEST(hostile, ioctls, .opt.ops = RAW_ALL)
{
	static const unsigned long cmds[] = {
		FUSE_DEV_IOC_BACKING_OPEN, FUSE_DEV_IOC_BACKING_CLOSE,
		FUSE_DEV_IOC_BACKING_BIND, FUSE_DEV_IOC_BACKING_MASK,
	};
	uint32_t arg[16];

	for (int round = 0; round < 5000; round++) {
		for (size_t i = 0; i < 16; i++)
			arg[i] = next(r) % 3 ? next(r) % 16 : next(r) << 4;
		raw_ioctl(r->fd, cmds[next(r) % 4], arg);
	}
}
