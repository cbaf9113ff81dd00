// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * counters.c - the file "ops" of the control file system: what the kernel did by
 * itself, and what it asked the daemon for
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

struct counters {
	uint64_t passed[RAW_OPCODES];
	uint64_t served[RAW_OPCODES];
};

static int open_counters(const struct raw *r)
{
	char path[128];

	snprintf(path, sizeof(path), FUSE_CONTROL "/%d/ops", r->conn);
	return (int)CHECK_OK(open(path, O_RDONLY | O_CLOEXEC));
}

static int opcode_of(const char *name)
{
	for (int op = 0; op < RAW_OPCODES; op++)
		if (!strcmp(raw_opcode_name(op), name))
			return op;
	FAIL("a counter of an operation named %s", name);
}

/* The number of lines; a line is a name and two numbers, and no name comes twice */
static int parse_counters(int fd, struct counters *c)
{
	bool seen[RAW_OPCODES] = { };
	char name[32];
	FILE *in = fdopen(fd, "r");
	int lines = 0, fields;

	CHECK(in);
	memset(c, 0, sizeof(*c));
	for (;;) {
		unsigned long long passed, served;
		int op;

		fields = fscanf(in, "%31s %llu %llu\n", name, &passed, &served);
		if (fields == EOF)
			break;
		CHECK_EQ(fields, 3);
		op = opcode_of(name);
		CHECK(!seen[op]);
		seen[op] = true;
		c->passed[op] = passed;
		c->served[op] = served;
		CHECK(passed || served);
		lines++;
	}
	fclose(in);
	return lines;
}

static struct counters get_counters(const struct raw *r)
{
	struct counters c;

	parse_counters(open_counters(r), &c);
	return c;
}

/* What makes a request of each of many kinds, if nothing is passed through */
static void work(struct raw *r)
{
	char buf[64], path[PATH_MAX + 8];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/made", r->mnt);
	CHECK_OK(lstat(M(r, "file"), &st));
	CHECK_OK(readlink(M(r, "link"), buf, sizeof(buf)));
	fd = (int)CHECK_OK(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	CHECK_EQ(pwrite(fd, "counted", 7, 0), 7);
	CHECK_OK(fsync(fd));
	CHECK_OK(fchmod(fd, 0640));
	CHECK_OK(fsetxattr(fd, "user.counted", "1", 1, 0));
	CHECK_EQ(fgetxattr(fd, "user.counted", buf, sizeof(buf)), 1);
	CHECK_OK(flistxattr(fd, buf, sizeof(buf)));
	CHECK_OK(fremovexattr(fd, "user.counted"));
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 7);
	close(fd);
	CHECK_OK(unlink(path));
	raw_barrier(r);
}

/* The daemon's own count says the same; a batch of FORGETs is one request there */
static void same_as_daemon(struct raw *r, const struct counters *before,
			   const struct counters *after)
{
	for (int op = 0; op < RAW_OPCODES; op++)
		if (op != FUSE_FORGET && op != FUSE_BATCH_FORGET &&
		    after->served[op] - before->served[op] != raw_count(r, op))
			FAIL("%s: the kernel counts %llu, the daemon %llu",
			     raw_opcode_name(op),
			     (unsigned long long)(after->served[op] - before->served[op]),
			     (unsigned long long)raw_count(r, op));
}

KTEST(counters, by_daemon, .opt.ops = RAW_NONE)
{
	struct counters before, after;

	raw_reset(r);
	before = get_counters(r);
	work(r);
	after = get_counters(r);
	same_as_daemon(r, &before, &after);
	CHECK_EQ(after.served[FUSE_WRITE] - before.served[FUSE_WRITE], 1);
	for (int op = 0; op < RAW_OPCODES; op++)
		CHECK_EQ(after.passed[op], 0);
}

KTEST(counters, by_kernel, .opt.ops = RAW_ALL)
{
	static const int once[] = {
		FUSE_READLINK, FUSE_WRITE, FUSE_FSYNC, FUSE_SETATTR,
		FUSE_SETXATTR, FUSE_GETXATTR, FUSE_LISTXATTR,
		FUSE_REMOVEXATTR, FUSE_READ, FUSE_FLUSH,
	};
	struct counters before, after;

	work(r);
	raw_reset(r);
	before = get_counters(r);
	work(r);
	after = get_counters(r);
	same_as_daemon(r, &before, &after);
	for (size_t i = 0; i < sizeof(once) / sizeof(*once); i++) {
		CHECK_EQ(after.passed[once[i]] - before.passed[once[i]], 1);
		CHECK_EQ(after.served[once[i]], before.served[once[i]]);
	}
	CHECK(after.passed[FUSE_GETATTR] > before.passed[FUSE_GETATTR]);
	CHECK_EQ(after.served[FUSE_CREATE] - before.served[FUSE_CREATE], 1);
	CHECK_EQ(after.passed[FUSE_CREATE], 0);
}

/* Nothing is counted for those who did not ask for masks */
KTEST(counters, without_masks, .opt.init_drop = FUSE_PASSTHROUGH_MASK)
{
	struct counters c;

	work(r);
	CHECK_EQ(parse_counters(open_counters(r), &c), 0);
}

/* They can be read as long as the connection is there, and the file is */
KTEST(counters, to_the_end, .opt.ops = RAW_ALL, .flags = KT_UNMOUNTED)
{
	struct counters before, after;
	int fd = open_counters(r), last = open_counters(r);

	work(r);
	before = get_counters(r);
	CHECK(before.passed[FUSE_GETATTR]);
	raw_abort(r);
	parse_counters(fd, &after);
	CHECK_EQ(after.passed[FUSE_WRITE], before.passed[FUSE_WRITE]);
	frame_umount(r->mnt);
	CHECK_EQ(parse_counters(last, &after), 0);
}
