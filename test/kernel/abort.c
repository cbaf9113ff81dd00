// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * abort.c - what is left of a mount whose daemon is gone, and how it is unmounted
 *
 * Paths and attributes of bound inodes fail with ENOTCONN, as they do for inodes
 * of the daemon; files that are open and passed through go on.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

/* All that names the inode, or asks for what is not in the open file */
static void paths_fail(struct raw *r)
{
	char buf[64];
	struct stat st;
	struct statvfs vfs;

	CHECK_ERRNO(stat(M(r, "file"), &st), ENOTCONN);
	CHECK_ERRNO(chmod(M(r, "file"), 0600), ENOTCONN);
	CHECK_ERRNO(truncate(M(r, "file"), 0), ENOTCONN);
	CHECK_ERRNO(open(M(r, "file"), O_RDONLY), ENOTCONN);
	CHECK_ERRNO(open(M(r, "dir"), O_RDONLY), ENOTCONN);
	CHECK_ERRNO(readlink(M(r, "link"), buf, sizeof(buf)), ENOTCONN);
	CHECK_ERRNO(getxattr(M(r, "file"), "user.x", buf, sizeof(buf)), ENOTCONN);
	CHECK_ERRNO(setxattr(M(r, "file"), "user.x", "1", 1, 0), ENOTCONN);
	CHECK_ERRNO(removexattr(M(r, "file"), "user.x"), ENOTCONN);
	CHECK_ERRNO(listxattr(M(r, "file"), buf, sizeof(buf)), ENOTCONN);
	CHECK_ERRNO(statvfs(M(r, "file"), &vfs), ENOTCONN);
	CHECK_ERRNO(mkdir(M(r, "made"), 0700), ENOTCONN);
	CHECK_ERRNO(unlink(M(r, "file")), ENOTCONN);
	CHECK_ERRNO(access(M(r, "missing"), F_OK), ENOTCONN);
}

struct held {
	int fd;
	int dir;
	char *map;
};

static struct held hold_open(struct raw *r)
{
	struct held h;
	struct stat st;
	char buf[64];

	h.fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	h.dir = (int)CHECK_OK(open(M(r, "dir"), O_RDONLY | O_CLOEXEC));
	h.map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, h.fd, 0);
	CHECK(h.map != MAP_FAILED);
	/* names that are cached do not make it work later */
	CHECK_OK(lstat(M(r, "link"), &st));
	CHECK_OK(readlink(M(r, "link"), buf, sizeof(buf)));
	return h;
}

static void still_open(struct held *h)
{
	char buf[64];

	CHECK_EQ(pwrite(h->fd, "after", 5, 0), 5);
	CHECK_EQ(pread(h->fd, buf, sizeof(buf), 0), sizeof(buf));
	CHECK(!memcmp(buf, "after", 5));
	h->map[4096] = 'm';
	CHECK_OK(msync(h->map, 8192, MS_SYNC));
	CHECK_EQ(pread(h->fd, buf, 1, 4096), 1);
	CHECK_EQ(buf[0], 'm');
	CHECK_OK(fsync(h->fd));
}

static void let_go(struct held *h)
{
	CHECK_OK(munmap(h->map, 8192));
	close(h->fd);
	close(h->dir);
}

KTEST(abort, by_control, .opt.ops = RAW_ALL, .flags = KT_DEAD)
{
	struct held h = hold_open(r);

	raw_abort(r);
	paths_fail(r);
	still_open(&h);
	let_go(&h);
	paths_fail(r);
}

KTEST(abort, by_death, .opt.ops = RAW_ALL, .opt.process = true,
      .flags = KT_DEAD)
{
	struct held h = hold_open(r);

	raw_kill(r);
	paths_fail(r);
	still_open(&h);
	let_go(&h);
}

KTEST(abort, by_forced_umount, .opt.ops = RAW_ALL, .flags = KT_DEAD)
{
	struct held h = hold_open(r);

	CHECK_ERRNO(umount2(r->mnt, MNT_FORCE), EBUSY);
	paths_fail(r);
	still_open(&h);
	let_go(&h);
}

KTEST(abort, forced_umount_idle, .opt.ops = RAW_ALL, .flags = KT_UNMOUNTED)
{
	same_stat(M(r, "good"), S(r, "good"));
	CHECK_OK(umount2(r->mnt, MNT_FORCE));
}

KTEST(abort, busy_umount, .opt.ops = RAW_ALL)
{
	struct held h = hold_open(r);

	CHECK_ERRNO(umount2(r->mnt, 0), EBUSY);
	close(h.fd);
	close(h.dir);
	/* the mapping alone keeps it, too */
	CHECK_ERRNO(umount2(r->mnt, 0), EBUSY);
	h.map[0] = 'x';
	CHECK_OK(munmap(h.map, 8192));
}

/* Detached, it lives on in what is open, daemon and all */
KTEST(abort, detached, .opt.ops = RAW_ALL, .flags = KT_UNMOUNTED)
{
	struct held h = hold_open(r);
	struct stat st;

	CHECK_OK(umount2(r->mnt, MNT_DETACH));
	CHECK_ERRNO(stat(M(r, "file"), &st), ENOENT);
	still_open(&h);
	CHECK_OK(fstat(h.fd, &st));
	CHECK_OK(faccessat(h.dir, "a", R_OK, 0));
	CHECK_OK(fstatat(h.dir, "b", &st, 0));
	let_go(&h);
}

/* Detached with nothing but a mapping, and with the daemon dead */
KTEST(abort, detached_mapping, .opt.ops = RAW_ALL, .opt.process = true,
      .flags = KT_UNMOUNTED)
{
	struct held h = hold_open(r);

	close(h.fd);
	close(h.dir);
	CHECK_OK(umount2(r->mnt, MNT_DETACH));
	raw_kill(r);
	h.map[100] = 'y';
	CHECK_OK(msync(h.map, 8192, MS_SYNC));
	CHECK_OK(munmap(h.map, 8192));
}

KTEST(abort, unlinked_file, .opt.ops = RAW_ALL, .opt.process = true,
      .flags = KT_DEAD)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	char buf[8];

	CHECK_OK(unlink(M(r, "file")));
	raw_kill(r);
	CHECK_EQ(pwrite(fd, "alone", 5, 0), 5);
	CHECK_EQ(pread(fd, buf, 5, 0), 5);
	close(fd);
}


/* Passed-through calls without a pause, until the inode says it is over */
static int work(struct raw *r, _Atomic uint64_t *rounds)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	char buf[4096];
	struct stat st;
	DIR *d;

	for (;;) {
		CHECK_EQ(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
		CHECK_EQ(pwrite(fd, buf, sizeof(buf), 4096), sizeof(buf));
		if (fstat(fd, &st) < 0 || lstat(M(r, "good"), &st) < 0)
			return errno;
		d = opendir(M(r, "dir"));
		if (!d)
			return errno;
		while (readdir(d))
			;
		closedir(d);
		if (chmod(M(r, "good"), 0644) < 0)
			return errno;
		atomic_fetch_add(rounds, 1);
	}
}

static void while_working(struct raw *r, void (*end)(struct raw *r))
{
	enum { WORKERS = 3, ROUNDS = 20 };
	pid_t pid[WORKERS];
	int status;

	for (int i = 0; i < WORKERS; i++) {
		pid[i] = (pid_t)CHECK_OK(fork());
		if (!pid[i])
			_exit(work(r, (void *)&r->u[i]));
	}
	for (int i = 0; i < WORKERS; i++)
		while (atomic_load(&r->u[i]) < ROUNDS)
			sched_yield();
	end(r);
	for (int i = 0; i < WORKERS; i++) {
		CHECK_OK(waitpid(pid[i], &status, 0));
		CHECK(WIFEXITED(status));
		CHECK_EQ(WEXITSTATUS(status), ENOTCONN);
	}
}

KTEST(abort, death_while_working, .opt.ops = RAW_ALL, .opt.process = true,
      .flags = KT_DEAD)
{
	while_working(r, raw_kill);
}

KTEST(abort, control_while_working, .opt.ops = RAW_ALL, .flags = KT_DEAD)
{
	while_working(r, raw_abort);
}

static void force(struct raw *r)
{
	CHECK(umount2(r->mnt, MNT_FORCE) < 0 && errno == EBUSY);
}

KTEST(abort, force_while_working, .opt.ops = RAW_ALL, .flags = KT_DEAD)
{
	int fd = (int)CHECK_OK(open(r->mnt, O_PATH | O_CLOEXEC));

	while_working(r, force);
	close(fd);
}

/* The ioctls of a daemon that was cut off */
KTEST(abort, ioctls, .opt.ops = RAW_ALL, .flags = KT_DEAD)
{
	uint64_t ops;
	int id = raw_backing_path(r, "dir/a", r->supported);

	CHECK(id > 0);
	raw_abort(r);
	CHECK_EQ(raw_backing_ops(r->fd, &ops), 0);
	CHECK_EQ(raw_backing_bind(r->fd, 500, id), -ENOENT);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported), 0);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	id = raw_backing_path(r, "dir/a", r->supported);
	CHECK(id > 0 || id == -ENOTCONN);
}

/* What the daemon keeps of a mount that is gone */
KTEST(abort, ioctls_after_umount, .opt.ops = RAW_ALL, .flags = KT_UNMOUNTED)
{
	int dev = (int)CHECK_OK(fcntl(r->fd, F_DUPFD_CLOEXEC, 0));
	int id = raw_backing_path(r, "dir/a", r->supported);
	uint64_t ops;

	frame_umount(r->mnt);
	CHECK_EQ(raw_backing_ops(dev, &ops), 0);
	CHECK_EQ(raw_backing_bind(dev, FUSE_ROOT_ID, id), -ENOENT);
	CHECK_EQ(raw_backing_close(dev, id), 0);
	close(dev);
}
