// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * trace.c - the tracepoints: what was bound and unbound, what the kernel did by
 * itself, and what it refused
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "frame.h"
#include "tree.h"

#define TRACING "/sys/kernel/tracing"

/* A set of buffers of our own, as other cases run at the same time */
struct trace {
	char dir[64];
	char connection[32];
};

static void trace_write(const struct trace *t, const char *file, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t->dir, file);
	fd = (int)CHECK_OK(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static struct trace trace_begin(const struct raw *r)
{
	static const char *const events[] = { "bind", "unbind", "pass", "refuse" };
	struct trace t;

	if (access(TRACING "/events/fuse", F_OK))
		ktest_skip("this kernel has no trace events");
	snprintf(t.dir, sizeof(t.dir), TRACING "/instances/ktest-%d", r->conn);
	snprintf(t.connection, sizeof(t.connection), "connection == %d", r->conn);
	CHECK_OK(mkdir(t.dir, 0700));
	for (int i = 0; i < 4; i++) {
		char file[64];

		snprintf(file, sizeof(file), "events/fuse/fuse_backing_%s/filter", events[i]);
		trace_write(&t, file, t.connection);
		snprintf(file, sizeof(file), "events/fuse/fuse_backing_%s/enable", events[i]);
		trace_write(&t, file, "1");
	}
	return t;
}

static void trace_end(const struct trace *t)
{
	CHECK_OK(rmdir(t->dir));
}

/* How many lines have both texts */
static int trace_count(const struct trace *t, const char *event, const char *what)
{
	char path[128], line[512];
	int n = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%s/trace", t->dir);
	in = fopen(path, "re");
	CHECK(in);
	while (fgets(line, sizeof(line), in))
		n += strstr(line, event) && strstr(line, what);
	fclose(in);
	return n;
}

KTEST(trace, bind_and_unbind, .opt.ops = RAW_ALL)
{
	struct trace t = trace_begin(r);
	struct stat below;
	char file[96];

	CHECK_OK(stat(S(r, "dir/a"), &below));
	CHECK_OK(access(M(r, "dir/a"), F_OK));
	snprintf(file, sizeof(file), "nodeid %llu ops 0x%llx file %u:%u ino %llu",
		 (unsigned long long)raw_nodeid(r, raw_node_find(r, "a")),
		 (unsigned long long)raw_node_find(r, "a")->ops,
		 major(below.st_dev), minor(below.st_dev),
		 (unsigned long long)below.st_ino);
	CHECK_EQ(trace_count(&t, "fuse_backing_bind:", file), 1);
	CHECK_EQ(trace_count(&t, "fuse_backing_unbind:", file), 0);
	frame_drop_names(r);
	CHECK_EQ(trace_count(&t, "fuse_backing_unbind:", file), 1);
	trace_end(&t);
}

/* The same count as the control file system has */
KTEST(trace, pass, .opt.ops = RAW_ALL)
{
	struct trace t = trace_begin(r);
	char buf[4], from[64];
	struct stat st;
	int fd;

	fd = (int)CHECK_OK(open(M(r, "good"), O_RDONLY | O_CLOEXEC));
	snprintf(from, sizeof(from), "nodeid %llu opcode 15 (FUSE_READ)",
		 (unsigned long long)raw_nodeid(r, raw_node_find(r, "good")));
	CHECK_EQ(trace_count(&t, "fuse_backing_pass:", "(FUSE_OPEN)"), 1);
	CHECK_EQ(trace_count(&t, "fuse_backing_pass:", from), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
	CHECK_EQ(trace_count(&t, "fuse_backing_pass:", from), 3);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(trace_count(&t, "fuse_backing_pass:", "(FUSE_GETATTR)") +
		 trace_count(&t, "fuse_backing_pass:", "(FUSE_STATX)"), 1);
	close(fd);
	trace_end(&t);
}

/* A reply to LOOKUP with a file that was never registered */
static int no_such_backing(struct raw_req *q, int err)
{
	struct fuse_entry_passthrough_out p = { .backing_id = INT_MAX };

	if (err || strcmp(q->arg, "good"))
		return err;
	memcpy(q->out + sizeof(struct fuse_entry_out), &p, sizeof(p));
	q->out_len = sizeof(struct fuse_entry_out) + sizeof(p);
	return 0;
}

/* Each with the errno that the daemon, or the caller, gets */
KTEST(trace, refuse, .opt.no_cache_names = true)
{
	struct trace t = trace_begin(r);
	int fd, id;

	r->after[FUSE_LOOKUP] = no_such_backing;
	CHECK_ERRNO(access(M(r, "good"), F_OK), EBADF);
	r->after[FUSE_LOOKUP] = NULL;
	CHECK_EQ(trace_count(&t, "fuse_backing_refuse:",
			     "opcode 1 (FUSE_LOOKUP) ops 0x0 error -9"), 1);
	fd = (int)CHECK_OK(open(M(r, "good"), O_RDONLY | O_CLOEXEC));
	CHECK_EQ(raw_backing_open(r->fd, fd, r->supported), -ELOOP);
	close(fd);
	CHECK_EQ(trace_count(&t, "fuse_backing_refuse:", "error -40"), 1);
	id = (int)CHECK_OK(raw_backing_path(r, "good", r->supported));
	CHECK_EQ(raw_backing_bind(r->fd, FUSE_ROOT_ID, id), -ESTALE);
	CHECK_EQ(trace_count(&t, "fuse_backing_refuse:", "nodeid 1 opcode 0"), 1);
	CHECK_EQ(raw_backing_mask(r->fd, id, 1ULL << 63), -EOPNOTSUPP);
	CHECK_EQ(trace_count(&t, "fuse_backing_refuse:", "ops 0x8000000000000000 error -95"), 1);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	CHECK_EQ(trace_count(&t, "fuse_backing_refuse:", ""), 4);
	trace_end(&t);
}
