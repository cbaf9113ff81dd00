// SPDX-License-Identifier: LGPL-2.1-or-later
/* create_reply.c - backings that come with what is made: MKNOD ... TMPFILE, OPEN */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diff.h"

enum { ID, FLAGS, RESERVED, SIZE };

static const struct maker {
	int opcode;
	const char *name;	/* made by make() */
	const char *like;	/* of the same type */
	const char *unlike;
} makers[] = {
	{ FUSE_MKNOD, "made-fifo", "fifo", "dir" },
	{ FUSE_MKNOD, "made-file", "good", "fifo" },
	{ FUSE_MKDIR, "made-dir", "dir", "good" },
	{ FUSE_SYMLINK, "made-link", "link", "dir" },
	{ FUSE_LINK, "made-hard", "good", "null" },
};

static int make(struct raw *r, const struct maker *m)
{
	const char *path = M(r, m->name);

	switch (m->opcode) {
	case FUSE_MKDIR:
		return mkdir(path, 0755);
	case FUSE_SYMLINK:
		return symlink("to", path);
	case FUSE_LINK:
		return link(M(r, "good"), path);
	default:
		return mknod(path, (strstr(path, "fifo") ? S_IFIFO : S_IFREG) |
			     0644, 0);
	}
}

static int edit(struct raw_req *q, int err)
{
	_Atomic int64_t *u = q->r->u;
	struct fuse_entry_passthrough_out p = {
		.backing_id = (int32_t)u[ID],
		.flags = (uint32_t)u[FLAGS],
		.reserved = (uint64_t)u[RESERVED],
	};
	size_t size = (size_t)u[SIZE];

	if (err)
		return err;
	memset(q->out + q->out_len, 0x5a, size);
	memcpy(q->out + q->out_len, &p, size < sizeof(p) ? size : sizeof(p));
	q->out_len += size;
	return 0;
}

/* errno of the caller; whatever was made below is removed again */
static int made(struct raw *r, const struct maker *m, int id)
{
	int err;

	r->after[m->opcode] = edit;
	atomic_store(&r->u[ID], id);
	err = make(r, m) < 0 ? errno : 0;
	r->after[m->opcode] = NULL;
	CHECK_OK(remove(M(r, m->name)));
	return err;
}

static void plain(struct raw *r)
{
	atomic_store(&r->u[FLAGS], 0);
	atomic_store(&r->u[RESERVED], 0);
	atomic_store(&r->u[SIZE], sizeof(struct fuse_entry_passthrough_out));
}

static void bad_replies(struct raw *r, const struct maker *m)
{
	static const size_t sizes[] = { 1, 15, 17, 32 };
	int id = raw_backing_path(r, m->like, r->supported);
	int unlike = raw_backing_path(r, m->unlike, r->supported);

	CHECK(id > 0 && unlike > 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		plain(r);
		atomic_store(&r->u[SIZE], (int64_t)sizes[i]);
		CHECK_EQ(made(r, m, id), EIO);
	}
	plain(r);
	atomic_store(&r->u[FLAGS], 1);
	CHECK_EQ(made(r, m, id), EINVAL);
	plain(r);
	atomic_store(&r->u[RESERVED], 1);
	CHECK_EQ(made(r, m, id), EINVAL);
	plain(r);
	CHECK_EQ(made(r, m, 0), EINVAL);
	CHECK_EQ(made(r, m, -1), EINVAL);
	CHECK_EQ(made(r, m, INT_MAX), EBADF);
	CHECK_EQ(made(r, m, unlike), EPROTO);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	CHECK_EQ(made(r, m, id), EBADF);
	CHECK_EQ(raw_backing_close(r->fd, unlike), 0);
}

KTEST(create_reply, bad_mknod)
{
	bad_replies(r, &makers[0]);
	bad_replies(r, &makers[1]);
}

KTEST(create_reply, bad_mkdir)
{
	bad_replies(r, &makers[2]);
}

KTEST(create_reply, bad_symlink)
{
	bad_replies(r, &makers[3]);
}

KTEST(create_reply, bad_link)
{
	bad_replies(r, &makers[4]);
}

/* Each of them, attached by its own reply */
KTEST(create_reply, attached, .opt.ops = RAW_ALL & ~OP(LINK))
{
	for (size_t i = 0; i < sizeof(makers) / sizeof(*makers); i++) {
		const struct maker *m = &makers[i];

		raw_reset(r);
		CHECK_OK(make(r, m));
		CHECK_EQ(raw_count(r, m->opcode), 1);
		same_stat(M(r, m->name), S(r, m->name));
		same_stat(r->mnt, r->src);
		expect_no_requests(r, r->supported & ~OP(LINK));
		CHECK_OK(unlink(M(r, m->name)) < 0 && rmdir(M(r, m->name)) < 0 ?
			 -1 : 0);
	}
}

KTEST(create_reply, create, .opt.ops = RAW_ALL)
{
	char buf[8];
	int fd;

	raw_reset(r);
	fd = (int)CHECK_OK(open(M(r, "new"), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	CHECK_EQ(raw_count(r, FUSE_CREATE), 1);
	CHECK_EQ(write(fd, "text", 4), 4);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 4);
	CHECK_OK(fsync(fd));
	same_stat(M(r, "new"), S(r, "new"));
	CHECK_OK(close(fd));
	/* no RELEASE either: the daemon kept no handle */
	expect_no_requests(r, r->supported);
}

KTEST(create_reply, tmpfile, .opt.ops = RAW_ALL)
{
	struct stat st;
	char buf[8];
	int fd;

	raw_reset(r);
	fd = (int)CHECK_OK(open(M(r, "dir"), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
	CHECK_EQ(raw_count(r, FUSE_TMPFILE), 1);
	CHECK_EQ(write(fd, "text", 4), 4);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 4);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 4);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_OK(close(fd));
	expect_no_requests(r, r->supported);
}

enum { OPEN_ID, OPEN_FLAGS, KEEP_NOTHING };

static int edit_open(struct raw_req *q, int err)
{
	struct fuse_open_out *out = (void *)(q->out + q->out_len - sizeof(*out));

	if (err)
		return err;
	/* handle 0 says that there is nothing to release */
	if (q->r->u[KEEP_NOTHING]) {
		close(raw_fd(out->fh));
		out->fh = 0;
	}
	out->backing_id = (int32_t)q->r->u[OPEN_ID];
	out->open_flags |= (uint32_t)q->r->u[OPEN_FLAGS];
	return 0;
}

static int open_with(struct raw *r, const char *name, int flags, int id,
		     bool keep)
{
	int opcode = flags & O_CREAT ? FUSE_CREATE : FUSE_OPEN;
	int fd;

	atomic_store(&r->u[OPEN_ID], id);
	atomic_store(&r->u[OPEN_FLAGS], FOPEN_PASSTHROUGH);
	atomic_store(&r->u[KEEP_NOTHING], !keep);
	r->after[opcode] = edit_open;
	fd = open(M(r, name), flags | O_CLOEXEC, 0644);
	r->after[opcode] = NULL;
	return fd;
}

/* OPEN attaches a file that the kernel knew without */
KTEST(create_reply, open)
{
	int id = raw_backing_path(r, "good", r->supported);
	int fd = (int)CHECK_OK(open_with(r, "good", O_RDWR, id, false));
	char buf[32];

	raw_reset(r);
	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 20);
	same_stat(M(r, "good"), S(r, "good"));
	close(fd);
	expect_no_requests(r, r->supported);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	raw_reset(r);
	CHECK_EQ(get_file(M(r, "good"), buf, sizeof(buf)), 20);
	expect_no_requests(r, r->supported);
}

/* A handle that the daemon has given comes back to it, whatever the mask says */
KTEST(create_reply, open_with_handle)
{
	int id = raw_backing_path(r, "good", r->supported);
	int fd = (int)CHECK_OK(open_with(r, "good", O_RDWR, id, true));

	raw_reset(r);
	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	close(fd);
	raw_barrier(r);
	CHECK_EQ(raw_count(r, FUSE_RELEASE), 1);
	expect_no_requests(r, r->supported & ~OP(RELEASE));
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

KTEST(create_reply, open_errors)
{
	int good = raw_backing_path(r, "good", r->supported);
	int twin = raw_backing_path(r, "good", r->supported);
	int dir = raw_backing_path(r, "dir", r->supported);
	int fd;

	CHECK_ERRNO(open_with(r, "good", O_RDWR, 0, true), EIO);
	CHECK_ERRNO(open_with(r, "good", O_RDWR, -1, true), EIO);
	CHECK_ERRNO(open_with(r, "good", O_RDWR, INT_MAX, true), EIO);
	CHECK_ERRNO(open_with(r, "good", O_RDWR, dir, true), EIO);
	fd = (int)CHECK_OK(open_with(r, "good", O_RDWR, good, false));
	close(fd);
	same_stat(M(r, "good"), S(r, "good"));
	CHECK_EQ(raw_backing_close(r->fd, good), 0);
	CHECK_EQ(raw_backing_close(r->fd, twin), 0);
	CHECK_EQ(raw_backing_close(r->fd, dir), 0);
}

/* Through the page cache first: not while that is open */
KTEST(create_reply, open_while_cached)
{
	int id = raw_backing_path(r, "good", r->supported);
	int cached = (int)CHECK_OK(open(M(r, "good"), O_RDONLY | O_CLOEXEC));

	CHECK_ERRNO(open_with(r, "good", O_RDWR, id, true), EIO);
	close(cached);
	raw_barrier(r);
	close((int)CHECK_OK(open_with(r, "good", O_RDWR, id, false)));
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

KTEST(create_reply, create_errors)
{
	int dir = raw_backing_path(r, "dir", r->supported);

	CHECK_ERRNO(open_with(r, "new1", O_RDWR | O_CREAT, 0, true), EIO);
	CHECK_ERRNO(open_with(r, "new2", O_RDWR | O_CREAT, -1, true), EIO);
	CHECK_ERRNO(open_with(r, "new3", O_RDWR | O_CREAT, INT_MAX, true), EIO);
	CHECK_ERRNO(open_with(r, "new4", O_RDWR | O_CREAT, dir, true), EIO);
	/* made all the same, and good to use */
	same_stat(M(r, "new1"), S(r, "new1"));
	close((int)CHECK_OK(open(M(r, "new4"), O_RDWR | O_CLOEXEC)));
	CHECK_EQ(raw_backing_close(r->fd, dir), 0);
}

/* A second open of a bound file with the id of another backing */
KTEST(create_reply, open_other_backing,
      .opt.ops = OP(GETATTR) | OP(READ) | OP(WRITE))
{
	int other = raw_backing_path(r, "file", r->supported);
	int plain_id = raw_backing_path(r, "file", 0);
	char buf[32];

	CHECK_ERRNO(open_with(r, "good", O_RDWR, other, true), EIO);
	CHECK_ERRNO(open_with(r, "good", O_RDWR, plain_id, true), EIO);
	CHECK_EQ(get_file(M(r, "good"), buf, sizeof(buf)), 20);
	CHECK_EQ(raw_backing_close(r->fd, other), 0);
	CHECK_EQ(raw_backing_close(r->fd, plain_id), 0);
}

/* A stream has no position, and what is passed through needs one */
KTEST(create_reply, open_stream, .opt.ops = RAW_ALL & ~OP(OPEN) & ~OP(RELEASE))
{
	r->opt.open_flags = FOPEN_STREAM;
	CHECK_ERRNO(open(M(r, "good"), O_RDWR | O_CLOEXEC), EIO);
	r->opt.open_flags = FOPEN_STREAM | FOPEN_DIRECT_IO;
	close((int)CHECK_OK(open(M(r, "good"), O_RDWR | O_CLOEXEC)));
	r->opt.open_flags = 0;
}

static int open_nothing(struct raw_req *q)
{
	memset(q->out, 0, sizeof(struct fuse_open_out));
	q->out_len = sizeof(struct fuse_open_out);
	return 0;
}

/* The daemon opens the file, but the file system below does not, and says why */
KTEST(create_reply, open_fails_below, .opt.ops = RAW_ALL & ~OP(OPEN) & ~OP(RELEASE))
{
	int fd;

	CHECK(signal(SIGIO, SIG_IGN) != SIG_ERR);
	fd = (int)CHECK_OK(open(S(r, "good"), O_RDWR | O_CLOEXEC));
	CHECK_OK(fcntl(fd, F_SETLEASE, F_WRLCK));
	r->before[FUSE_OPEN] = open_nothing;
	CHECK_ERRNO(open(M(r, "good"), O_RDONLY | O_NONBLOCK | O_CLOEXEC), EAGAIN);
	CHECK_OK(fcntl(fd, F_SETLEASE, F_UNLCK));
	close((int)CHECK_OK(open(M(r, "good"), O_RDONLY | O_CLOEXEC)));
	r->before[FUSE_OPEN] = NULL;
	close(fd);
}

/* Allows one open. It comes with a descriptor, so the file is opened here first */
static void *allow_open(void *arg)
{
	struct fanotify_event_metadata event;
	struct fanotify_response response = { .response = FAN_ALLOW };
	int fan = *(int *)arg;

	CHECK_EQ(read(fan, &event, sizeof(event)), sizeof(event));
	response.fd = event.fd;
	CHECK_EQ(write(fan, &response, sizeof(response)), sizeof(response));
	close(event.fd);
	return NULL;
}

/* Others may open a file before the one who makes it has it */
KTEST(create_reply, opened_before_its_maker, .opt.ops = RAW_ALL)
{
	int fan = (int)CHECK_OK(fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC,
					      O_RDONLY));
	pthread_t thread;
	int fd;

	CHECK_OK(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN_PERM,
			       AT_FDCWD, r->mnt));
	CHECK_EQ(pthread_create(&thread, NULL, allow_open, &fan), 0);
	raw_reset(r);
	fd = (int)CHECK_OK(open(M(r, "made"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
				0644));
	CHECK_EQ(pthread_join(thread, NULL), 0);
	close(fan);
	CHECK_EQ(write(fd, "text", 4), 4);
	close(fd);
	same_stat(M(r, "made"), S(r, "made"));
	CHECK_EQ(raw_count(r, FUSE_CREATE), 1);
	CHECK_EQ(raw_count(r, FUSE_OPEN), 0);
}
