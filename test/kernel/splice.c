// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * splice.c - a pipe is spliced to a file whose writes the daemon gets, and in the
 * middle of it something happens
 *
 * The daemon takes half of what it is given, so splice(2) comes with the other half
 * at once and with the pipe still locked. In between is the case's hook. Or the pipe
 * is empty at first, and splice(2) waits in the file system below.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

enum { HALF = 100 };

static void make_suid(const char *path)
{
	CHECK_OK(chmod(path, 06777));
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	CHECK_OK(stat(path, &st));
	return st.st_mode & 07777;
}

static int take_half(struct raw_req *q)
{
	struct fuse_write_in *in = (void *)q->arg;

	in->size = HALF;
	return RAW_DEFAULT;
}

static int then_suid(struct raw_req *q, int err)
{
	if (raw_count(q->r, FUSE_WRITE) == 1)
		make_suid(S(q->r, "file"));
	return err;
}

static int then_attach(struct raw_req *q, int err)
{
	struct raw *r = q->r;
	int id;

	if (raw_count(r, FUSE_WRITE) == 1) {
		id = raw_backing_path(r, "file", r->supported);
		CHECK_EQ(raw_backing_bind(r->fd, q->in->nodeid, id), 0);
		CHECK_EQ(raw_backing_close(r->fd, id), 0);
		make_suid(S(r, "file"));
	}
	return err;
}

static int then_pass(struct raw_req *q, int err)
{
	if (raw_count(q->r, FUSE_WRITE) == 1)
		CHECK_EQ(raw_backing_mask(q->r->fd, q->node->backing_id,
					  q->r->supported), 0);
	return err;
}

struct spliced {
	int out, pipe[2];
};

static struct spliced begin(struct raw *r, raw_after then)
{
	char data[2 * HALF];
	struct spliced s;

	s.out = (int)CHECK_OK(open(M(r, "file"), O_WRONLY | O_CLOEXEC));
	CHECK_OK(pipe2(s.pipe, O_CLOEXEC));
	memset(data, '1', HALF);
	memset(data + HALF, '2', HALF);
	CHECK_EQ(write(s.pipe[1], data, sizeof(data)), sizeof(data));
	raw_reset(r);
	r->before[FUSE_WRITE] = take_half;
	r->after[FUSE_WRITE] = then;
	return s;
}

/* By one who may not keep suid and sgid of what he writes to: how much it was */
static ssize_t splice_rest(const struct spliced *s)
{
	ssize_t ret;

	raw_fsetid(false);
	ret = CHECK_OK(splice(s->pipe[0], NULL, s->out, NULL, 2 * HALF, 0));
	raw_fsetid(true);
	return ret;
}

static void check_data(const char *path, size_t len)
{
	char got[2 * HALF], want[2 * HALF];
	int fd = (int)CHECK_OK(open(path, O_RDONLY | O_CLOEXEC));

	memset(want, '1', HALF);
	memset(want + HALF, '2', HALF);
	CHECK_EQ(read(fd, got, sizeof(got)), sizeof(got));
	CHECK(!memcmp(got, want, len));
	close(fd);
}

static void end(const struct spliced *s)
{
	close(s->out);
	close(s->pipe[0]);
	close(s->pipe[1]);
}

/* All of it in one call, the daemon had it, and nothing is suid at the end */
static void splice_all(struct raw *r, raw_after then)
{
	struct spliced s = begin(r, then);

	CHECK_EQ(splice_rest(&s), 2 * HALF);
	CHECK_EQ(raw_count(r, FUSE_WRITE), 2);
	CHECK_EQ(mode_of(S(r, "file")) & 06000, 0);
	check_data(S(r, "file"), 2 * HALF);
	end(&s);
}

KTEST(splice, suid_comes_back, .opt.ops = RAW_ALL & ~OP(WRITE))
{
	make_suid(S(r, "file"));
	splice_all(r, then_suid);
}

KTEST(splice, attached_meanwhile, .opt.open_flags = FOPEN_DIRECT_IO)
{
	splice_all(r, then_attach);
}

/* The daemon gets all of what has begun */
KTEST(splice, passed_meanwhile, .opt.ops = RAW_ALL & ~OP(WRITE))
{
	splice_all(r, then_pass);
}

/*
 * A stacked file system below can't be asked to strip without waiting, so what is
 * spliced ends at that point, and the next call strips before it begins.
 */
KTEST(splice, suid_comes_back_on_overlay)
{
	static const struct raw_options opt = {
		.ops = RAW_ALL & ~OP(WRITE), .max_stack_depth = 2,
	};
	struct raw *second;
	struct spliced s;
	char over[PATH_MAX];

	frame_overlay(r, r->src, over, sizeof(over));
	second = frame_second(r, over, &opt);
	s = begin(second, then_suid);
	CHECK_EQ(splice_rest(&s), HALF);
	CHECK_EQ(mode_of(S(second, "file")), 06777);
	check_data(S(second, "file"), HALF);
	CHECK_EQ(splice_rest(&s), HALF);
	CHECK_EQ(mode_of(S(second, "file")), 0777);
	check_data(S(second, "file"), 2 * HALF);
	CHECK_EQ(raw_count(second, FUSE_WRITE), 2);
	end(&s);
	frame_second_end(second);
	frame_umount(over);
}

struct waiting {
	int in, out;
	bool keeps;		/* may keep suid and sgid */
	_Atomic int tid;
	ssize_t ret;
};

static void *splice_waiting(void *arg)
{
	struct waiting *w = arg;

	if (!w->keeps)
		raw_fsetid(false);
	w->tid = (int)syscall(SYS_gettid);
	w->ret = splice(w->in, NULL, w->out, NULL, HALF, 0);
	return NULL;
}

/* Nobody tells when a thread sleeps in a system call: look until it does */
static void wait_asleep(struct waiting *w)
{
	char path[64], text[64], want[16];
	ssize_t n;

	snprintf(want, sizeof(want), "%d ", (int)SYS_splice);
	for (;;) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", w->tid);
		n = w->tid ? get_file(path, text, sizeof(text) - 1) : 0;
		if (n > 0 && !strncmp(text, want, strlen(want)))
			return;
		sched_yield();
	}
}

/* The mode of a file that became suid while somebody was about to write to it */
static mode_t suid_while_waiting(struct raw *r, bool keeps)
{
	struct waiting w = { .keeps = keeps };
	char data[HALF] = { 0 };
	pthread_t thread;
	int p[2];

	CHECK_OK(pipe2(p, O_CLOEXEC));
	w.in = p[0];
	w.out = (int)CHECK_OK(open(M(r, "file"), O_WRONLY | O_CLOEXEC));
	CHECK_EQ(pthread_create(&thread, NULL, splice_waiting, &w), 0);
	wait_asleep(&w);
	make_suid(S(r, "file"));
	CHECK_EQ(write(p[1], data, sizeof(data)), sizeof(data));
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(w.ret, HALF);
	close(w.out);
	close(p[0]);
	close(p[1]);
	return mode_of(S(r, "file"));
}

KTEST(splice, suid_while_waiting, .opt.ops = RAW_ALL)
{
	CHECK_EQ(suid_while_waiting(r, false), 0777);
	/* as natively */
	CHECK_EQ(suid_while_waiting(r, true), 06777);
	expect_no_requests(r, r->supported);
}
