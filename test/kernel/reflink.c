// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * reflink.c - files that share blocks: the same as natively
 *
 * XFS can; on a file system that can't, the same errors are the point.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "diff.h"

#define NEEDS	(OP(OPEN) | OP(READ) | OP(WRITE) | OP(COPY_FILE_RANGE))

enum { BLOCK = 4096, BLOCKS = 8, SIZE = BLOCK * BLOCKS + 100 };

static const struct who owner = { .name = "owner", .uid = TREE_UID, .gid = TREE_GID };
static const struct who other = { .name = "other", .uid = 2002, .gid = 2002 };

static void put_pattern(const char *name, unsigned int seed)
{
	static char data[SIZE];

	fill_pattern(data, sizeof(data), seed);
	put_file(name, data, sizeof(data));
}

static void note_file(struct log *l, const char *name)
{
	static char data[4 * SIZE];
	ssize_t n = get_file(name, data, sizeof(data));
	struct stat st;

	if (n >= 0)
		note_data(l, name, data, (size_t)n);
	CHECK_OK(lstat(name, &st));
	note(l, "%s: mode %o size %lld", name, st.st_mode, (long long)st.st_size);
}

static int clone_range(int out, int in, uint64_t from, uint64_t len, uint64_t to)
{
	struct file_clone_range r = {
		.src_fd = in, .src_offset = from, .src_length = len, .dest_offset = to,
	};

	return ioctl(out, FICLONERANGE, &r);
}

SCRIPT(reflink, clone, .needs = NEEDS)
{
	int in, out;

	put_pattern("in", 1);
	in = NOTE_FD(open("in", O_RDONLY | O_CLOEXEC));
	out = NOTE_FD(open("out", O_RDWR | O_CREAT | O_CLOEXEC, 0640));
	NOTE(ioctl(out, FICLONE, in));
	note_file(l, "out");
	NOTE(pwrite(out, "changed", 7, 100));
	note_file(l, "in");
	note_file(l, "out");
	NOTE(ioctl(in, FICLONE, out));
	NOTE(ioctl(out, FICLONE, out));
	NOTE(ioctl(out, FICLONE, -1));
	close(in);
	close(out);
}

SCRIPT(reflink, ranges, .needs = NEEDS)
{
	int in, out;

	put_pattern("in", 2);
	put_pattern("out", 3);
	in = NOTE_FD(open("in", O_RDONLY | O_CLOEXEC));
	out = NOTE_FD(open("out", O_RDWR | O_CLOEXEC));
	NOTE(clone_range(out, in, 0, BLOCK, 2 * BLOCK));
	note_file(l, "out");
	NOTE(clone_range(out, in, BLOCK, 0, 16 * BLOCK));
	note_file(l, "out");
	NOTE(clone_range(out, in, 1, BLOCK, 0));
	NOTE(clone_range(out, in, 0, 100, 0));
	NOTE(clone_range(out, in, 100 * BLOCK, BLOCK, 0));
	NOTE(clone_range(out, out, 0, 2 * BLOCK, BLOCK));
	NOTE(clone_range(out, out, 0, BLOCK, 4 * BLOCK));
	note_file(l, "out");
	close(in);
	close(out);
}

/* What is no file of this file system */
SCRIPT(reflink, others, .needs = NEEDS)
{
	int dir = NOTE_FD(open("dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int away = NOTE_FD(open("/proc/version", O_RDONLY | O_CLOEXEC));
	int out = NOTE_FD(open("out", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	int add = NOTE_FD(open("file", O_RDWR | O_APPEND | O_CLOEXEC));

	NOTE(ioctl(out, FICLONE, dir));
	NOTE(ioctl(dir, FICLONE, out));
	NOTE(ioctl(out, FICLONE, away));
	NOTE(ioctl(add, FICLONE, out));
	close(dir);
	close(away);
	close(out);
	close(add);
}

/* To one file; to be freed */
static struct file_dedupe_range *dedupe_range(int out, uint64_t from, uint64_t to,
					      uint64_t len)
{
	struct file_dedupe_range *d = calloc(1, sizeof(*d) + sizeof(d->info[0]));

	CHECK(d);
	d->src_offset = from;
	d->src_length = len;
	d->dest_count = 1;
	d->info[0].dest_fd = out;
	d->info[0].dest_offset = to;
	return d;
}

static void note_dedupe(struct log *l, int in, int out, uint64_t from, uint64_t to,
			uint64_t len)
{
	struct file_dedupe_range *d = dedupe_range(out, from, to, len);

	NOTE(ioctl(in, FIDEDUPERANGE, d));
	note(l, "deduped %llu status %d", (unsigned long long)d->info[0].bytes_deduped,
	     d->info[0].status);
	free(d);
}

static void dedupe(struct log *l, int how)
{
	int in, out;

	put_pattern("good", 4);
	in = NOTE_FD(open("good", O_RDONLY | O_CLOEXEC));
	out = NOTE_FD(open("file", how | O_CLOEXEC));
	note_dedupe(l, in, out, 0, 0, 4 * BLOCK);
	note_dedupe(l, in, out, 0, BLOCK, BLOCK);
	note_dedupe(l, in, out, 1, 0, BLOCK);
	note_dedupe(l, in, out, 0, 0, 100 * BLOCK);
	note_file(l, "good");
	note_file(l, "file");
	close(in);
	close(out);
}

/* Which is for those who may write; the file need not be open for it */
SCRIPT(reflink, dedupe, .needs = NEEDS)
{
	put_pattern("file", 4);
	dedupe(l, O_RDWR);
	dedupe(l, O_RDONLY);
}

/* Somebody else may not, and must not learn whether they are the same */
static void dedupe_in_tree(struct log *l)
{
	int in = NOTE_FD(open("file", O_RDONLY | O_CLOEXEC));
	int out = NOTE_FD(open("good", O_RDONLY | O_CLOEXEC));
	int shared = NOTE_FD(open("shared", O_RDONLY | O_CLOEXEC));

	note_dedupe(l, in, out, 0, 0, 20);
	note_dedupe(l, in, shared, 0, 0, BLOCK);
	close(in);
	close(out);
	close(shared);
}

/* The caller's privileges count, as at a write: sgid and suid go, or stay */
static void clone_over_suid(struct log *l)
{
	int in = NOTE_FD(open("file", O_RDONLY | O_CLOEXEC));
	int out = NOTE_FD(open("suid", O_RDWR | O_CLOEXEC));

	NOTE(ioctl(out, FICLONE, in));
	note_file(l, "suid");
	close(in);
	close(out);
}

#define AS(somebody, ptr)						\
	SCRIPT(reflink, suid_as_##somebody, .needs = NEEDS, .who = ptr)	\
	{								\
		clone_over_suid(l);					\
	}								\
	SCRIPT(reflink, dedupe_as_##somebody, .needs = NEEDS, .who = ptr) \
	{								\
		dedupe_in_tree(l);					\
	}

AS(root, NULL)
AS(owner, &owner)
AS(other, &other)

/* That the comparisons above are not of errors alone */
KTEST(reflink, shares, .opt.ops = RAW_ALL)
{
	int in = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));
	int out = (int)CHECK_OK(open(M(r, "good"), O_RDWR | O_CLOEXEC));
	struct statfs fs;

	CHECK_OK(statfs(S(r, ""), &fs));
	raw_reset(r);
	if (fs.f_type == XFS_SUPER_MAGIC)
		CHECK_OK(ioctl(out, FICLONE, in));
	else
		CHECK_ERRNO(ioctl(out, FICLONE, in), EOPNOTSUPP);
	expect_no_requests(r, r->supported);
	CHECK_OK(ftruncate(out, 0));
	CHECK_EQ(pwrite(out, "content of good file", 20, 0), 20);
	close(in);
	close(out);
}

/* Where the daemon has the data, nobody below can share it */
KTEST(reflink, served, .opt.ops = ~OP(COPY_FILE_RANGE))
{
	int in = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));
	int out = (int)CHECK_OK(open(M(r, "good"), O_RDWR | O_CLOEXEC));

	CHECK_ERRNO(ioctl(out, FICLONE, in), EOPNOTSUPP);
	close(in);
	close(out);
}

/* Nothing is new where masks were not negotiated */
KTEST(reflink, without_masks, .opt.init_drop = FUSE_PASSTHROUGH_MASK)
{
	int in = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));
	int out = (int)CHECK_OK(open(M(r, "good"), O_RDWR | O_CLOEXEC));
	struct file_dedupe_range *d = dedupe_range(out, 0, 0, 10);

	CHECK_ERRNO(ioctl(out, FICLONE, in), EOPNOTSUPP);
	CHECK_ERRNO(ioctl(in, FIDEDUPERANGE, d), EOPNOTSUPP);
	free(d);
	close(in);
	close(out);
}
