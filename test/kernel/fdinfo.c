// SPDX-License-Identifier: LGPL-2.1-or-later
/* fdinfo.c - what /proc tells of the files that a daemon has registered */
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "diff.h"

struct shown {
	int lines;
	uint64_t mask;
	unsigned int inodes;
	char path[2 * PATH_MAX];
};

/* What is said of backing id, or of all if it is 0 */
static struct shown look(int fd, int id)
{
	struct shown all = { 0 }, one;
	char path[64], line[3 * PATH_MAX];
	FILE *in;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	in = fopen(path, "re");
	CHECK(in);
	while (fgets(line, sizeof(line), in)) {
		unsigned long long mask;
		int got;

		if (strncmp(line, "backing:", 8))
			continue;
		CHECK_EQ(sscanf(line, "backing:\tid %d mask %lli inodes %u path %s",
				&got, (long long *)&mask, &one.inodes, one.path), 4);
		one.mask = mask;
		one.lines = all.lines + (!id || got == id);
		if (!id || got == id)
			all = one;
	}
	fclose(in);
	return all;
}

static void check_path(struct raw *r, const struct shown *s, const char *name)
{
	char want[2 * PATH_MAX];

	snprintf(want, sizeof(want), "%s/%s", r->src, name);
	if (strcmp(s->path, want))
		FAIL("path is %s, not %s", s->path, want);
}

KTEST(fdinfo, files, .opt.ops = RAW_ALL)
{
	int id = raw_backing_path(r, "good", OP(GETATTR) | OP(READ));
	struct shown s = look(r->fd, id);
	struct raw_node *n;
	struct stat st;

	CHECK_EQ(s.lines, 1);
	CHECK_EQ(s.mask, OP(GETATTR) | OP(READ));
	CHECK_EQ(s.inodes, 0);
	check_path(r, &s, "good");
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported), 0);
	CHECK_EQ(look(r->fd, id).mask, r->supported);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	CHECK_EQ(look(r->fd, id).lines, 0);

	CHECK_OK(stat(M(r, "file"), &st));
	n = raw_node_find(r, "file");
	s = look(r->fd, n->backing_id);
	CHECK_EQ(s.lines, 1);
	CHECK_EQ(s.inodes, 1);
	CHECK_EQ(s.mask, r->supported);
	check_path(r, &s, "file");
}

/* One line each, whatever they are called, and also when they are no more */
KTEST(fdinfo, names, .opt.ops = RAW_ALL)
{
	struct shown s;
	int id;

	put_file(S(r, "a b\n\\"), "", 0);
	id = raw_backing_path(r, "a b\n\\", OP(GETATTR));
	s = look(r->fd, id);
	check_path(r, &s, "a\\040b\\012\\134");
	CHECK_OK(unlink(S(r, "a b\n\\")));
	s = look(r->fd, id);
	check_path(r, &s, "a\\040b\\012\\134\\040(deleted)");
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

KTEST(fdinfo, every_device, .opt.ops = RAW_ALL)
{
	uint32_t from = (uint32_t)r->fd;
	int clone = (int)CHECK_OK(open("/dev/fuse", O_RDWR | O_CLOEXEC));
	int all = look(r->fd, 0).lines;

	CHECK(all > 0);
	/* one that is not mounted yet */
	CHECK_EQ(look(clone, 0).lines, 0);
	CHECK_OK(ioctl(clone, FUSE_DEV_IOC_CLONE, &from));
	CHECK_EQ(look(clone, 0).lines, all);
	close(clone);
}

KTEST(fdinfo, many)
{
	enum { MANY = 2000 };
	int first = 0, id = 0;

	for (int i = 0; i < MANY; i++) {
		id = raw_backing_path(r, "good", OP(GETATTR));
		CHECK(id > 0);
		if (!first)
			first = id;
	}
	CHECK(look(r->fd, 0).lines >= MANY);
	for (; first <= id; first++)
		CHECK_EQ(raw_backing_close(r->fd, first), 0);
}

KTEST(fdinfo, without_masks, .opt.init_drop = FUSE_PASSTHROUGH_MASK,
      .opt.open_attach = true)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));

	CHECK_EQ(look(r->fd, 0).lines, 0);
	close(fd);
}

KTEST(fdinfo, after_abort, .opt.ops = RAW_ALL, .flags = KT_DEAD)
{
	int all = look(r->fd, 0).lines;

	raw_abort(r);
	CHECK_EQ(look(r->fd, 0).lines, all);
}
