// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * unnamed.c - replies without a node id, and what gets one later
 *
 * The daemon answers a LOOKUP with node id 0 and a file below: it will hear nothing more
 * of that file, not even a FORGET. What the kernel has found before the daemon names it
 * stays one inode, if what passes may change while it is in use.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

/* Which names get no node id, and the mask of the file that they get instead */
enum { GOOD = 1, DIR_ = 2, MADE = 4 };
enum { WHICH, MASK, REPLIES, LAST_ID, KEEP_ID };

static int which(const char *name)
{
	return !strcmp(name, "good") ? GOOD : !strcmp(name, "dir") ? DIR_ :
	       !strncmp(name, "made", 4) ? MADE : 0;
}

static int unname(struct raw_req *q, int err)
{
	const char *name = q->in->opcode == FUSE_MKDIR ?
		(const char *)q->arg + sizeof(struct fuse_mkdir_in) :
		q->in->opcode == FUSE_MKNOD ?
		(const char *)q->arg + sizeof(struct fuse_mknod_in) : q->arg;
	int id;

	if (err || !(which(name) & atomic_load(&q->r->u[WHICH])))
		return err;
	id = raw_unname(q, name, (uint64_t)atomic_load(&q->r->u[MASK]));
	if (id < 0)
		return id;
	atomic_store(&q->r->u[LAST_ID], id);
	if (atomic_load(&q->r->u[KEEP_ID]))
		q->close_id = 0;
	atomic_fetch_add(&q->r->u[REPLIES], 1);
	return 0;
}

static void arm(struct raw *r, int names, uint64_t mask)
{
	atomic_store(&r->u[WHICH], names);
	atomic_store(&r->u[MASK], (int64_t)mask);
	r->after[FUSE_LOOKUP] = unname;
	r->after[FUSE_MKDIR] = unname;
	r->after[FUSE_MKNOD] = unname;
}

/* The daemon has heard of nothing but those names, and is told to forget nothing */
static void expect_only_lookups(struct raw *r, uint64_t n)
{
	raw_barrier(r);
	for (int op = 1; op < RAW_OPCODES; op++)
		if (raw_count(r, op) && op != FUSE_INIT && op != FUSE_LOOKUP)
			FAIL("the daemon got %llu %s",
			     (unsigned long long)raw_count(r, op), raw_opcode_name(op));
	CHECK_EQ(raw_count(r, FUSE_LOOKUP), n);
}

#define UNNAMED(id, ...) \
	KTEST(unnamed, id, .opt.ops = RAW_ALL, .opt.subtree = true, ##__VA_ARGS__)
/* The root's names are the daemon's */
#define NAMES_OF_ROOT(r) \
	CHECK_EQ(raw_backing_mask((r)->fd, raw_node_get(r, FUSE_ROOT_ID)->backing_id, \
				  (r)->supported & ~RAW_SUBTREE), 0)

UNNAMED(looked_up)
{
	char buf[16];
	int fd;

	NAMES_OF_ROOT(r);
	arm(r, GOOD | DIR_, r->every);
	raw_reset(r);
	same_stat(M(r, "good"), S(r, "good"));
	same_stat(M(r, "dir/a"), S(r, "dir/a"));
	fd = (int)CHECK_OK(open(M(r, "good"), O_RDWR | O_CLOEXEC));
	CHECK_EQ(pwrite(fd, "changed", 7, 0), 7);
	CHECK_EQ(pread(fd, buf, 7, 0), 7);
	CHECK_OK(fchmod(fd, 0640));
	CHECK_OK(mkdir(M(r, "dir/new"), 0700));
	CHECK_OK(rename(M(r, "dir/a"), M(r, "dir/new/a")));
	same_stat(M(r, "good"), S(r, "good"));
	same_stat(M(r, "dir/new/a"), S(r, "dir/new/a"));
	expect_only_lookups(r, 2);
	close(fd);
	frame_drop_names(r);
	CHECK_OK(access(M(r, "good"), F_OK));
	expect_only_lookups(r, 3);
	CHECK(!raw_node_find(r, "good"));
}

/* A name without a time is asked for each time, and stays what it is meanwhile */
UNNAMED(looked_up_again, .opt.no_cache_names = true)
{
	char link[64], path[PATH_MAX];
	int there;

	NAMES_OF_ROOT(r);
	arm(r, GOOD | DIR_, r->every);
	there = (int)CHECK_OK(open(M(r, "dir/sub"), O_PATH | O_CLOEXEC));
	raw_reset(r);
	for (int i = 0; i < 3; i++)
		CHECK_OK(access(M(r, "dir/sub"), F_OK));
	expect_only_lookups(r, 3);
	/* the folder was not taken for another one, which would leave this one behind */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", there);
	CHECK(realpath(link, path));
	CHECK(!strcmp(path + strlen(path) - 8, "/dir/sub"));
	close(there);
	/* another file of that name is another inode */
	same_stat(M(r, "good"), S(r, "good"));
	CHECK_OK(renameat2(AT_FDCWD, S(r, "file"), AT_FDCWD, S(r, "good"), RENAME_EXCHANGE));
	same_stat(M(r, "good"), S(r, "good"));
	CHECK_OK(renameat2(AT_FDCWD, S(r, "file"), AT_FDCWD, S(r, "good"), RENAME_EXCHANGE));
	same_stat(M(r, "good"), S(r, "good"));
	CHECK_OK(rename(S(r, "good"), S(r, "away")));
	CHECK_ERRNO(access(M(r, "good"), F_OK), ENOENT);
	CHECK_OK(rename(S(r, "away"), S(r, "good")));
	same_stat(M(r, "good"), S(r, "good"));
}

/* Nobody could be asked for what the mask lacks */
UNNAMED(not_whole, .opt.no_cache_names = true)
{
	uint64_t less[] = { r->every & ~OP(FORGET), r->every & ~(OP(FORGET) | OP(READ)),
			    OP(GETATTR) };

	NAMES_OF_ROOT(r);
	for (size_t i = 0; i < sizeof(less) / sizeof(*less); i++) {
		arm(r, GOOD, raw_prune(less[i]));
		CHECK_ERRNO(access(M(r, "good"), F_OK), EINVAL);
	}
	arm(r, 0, 0);
	CHECK_OK(access(M(r, "good"), F_OK));
}

UNNAMED(forget_needs_all)
{
	for (int op = 1; op < RAW_OPCODES; op++)
		if ((r->every & FUSE_PASSTHROUGH_OP(op)) && op != FUSE_FORGET)
			CHECK_EQ(raw_backing_path(r, "good",
						  r->every & ~FUSE_PASSTHROUGH_OP(op)),
				 -EDOM);
	CHECK_EQ(raw_backing_path(r, "good", OP(GETATTR) | OP(FORGET)), -EDOM);
}

/* The mask stays as it is while such an inode has it; a named one may go by less */
UNNAMED(mask_in_use)
{
	int id = raw_node_get(r, FUSE_ROOT_ID)->backing_id;

	CHECK_EQ(raw_backing_mask(r->fd, id, r->every), 0);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->every & ~OP(LOOKUP)), -EDOM);
	NAMES_OF_ROOT(r);
	arm(r, GOOD, r->every);
	atomic_store(&r->u[KEEP_ID], 1);
	CHECK_OK(access(M(r, "good"), F_OK));
	id = (int)atomic_load(&r->u[LAST_ID]);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported & ~OP(SETATTR)), -EBUSY);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported), -EBUSY);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->every), 0);
	/* no inode has it any more */
	frame_drop_names(r);
	CHECK_EQ(raw_backing_mask(r->fd, id, r->supported & ~OP(SETATTR)), 0);
}

/* What the daemon makes need not get a node id either */
UNNAMED(made)
{
	NAMES_OF_ROOT(r);
	arm(r, MADE, r->every);
	CHECK_OK(mkdir(M(r, "made.d"), 0755));
	CHECK_OK(mknod(M(r, "made.f"), S_IFREG | 0644, 0));
	raw_reset(r);
	same_stat(M(r, "made.d"), S(r, "made.d"));
	put_file(M(r, "made.f"), "data", 4);
	put_file(M(r, "made.d/file"), "data", 4);
	same_tree(r->mnt, r->src);
	CHECK(!raw_node_find(r, "made.d"));
	CHECK(!raw_node_find(r, "made.f"));
}

/* The same file by a name of the daemon: its inode is the one */
UNNAMED(named_already)
{
	NAMES_OF_ROOT(r);
	CHECK_OK(link(S(r, "good"), S(r, "other")));
	CHECK_OK(access(M(r, "other"), F_OK));
	arm(r, GOOD, r->every);
	CHECK_OK(access(M(r, "good"), F_OK));
	CHECK_EQ(atomic_load(&r->u[REPLIES]), 1);
	CHECK(raw_node_find(r, "other"));
	/* a rename of a file to itself does nothing */
	CHECK_OK(rename(M(r, "good"), M(r, "other")));
	CHECK_OK(access(M(r, "good"), F_OK));
}

/* Is the inode that @path has now the one that @watch was put on? */
static bool same_inode(int watch, const char *path)
{
	_Alignas(struct inotify_event) char buf[4096];

	CHECK_OK(chmod(path, 0611));
	return read(watch, buf, sizeof(buf)) > 0;
}

static int watch_file(const char *path)
{
	int watch = (int)CHECK_OK(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));

	CHECK_OK(inotify_add_watch(watch, path, IN_ATTRIB));
	return watch;
}

/* Found by the kernel, then named: the folder is taken back while files are in use */
static void take_back(struct raw *r, uint64_t ops)
{
	struct raw_node *dir = raw_node_find(r, "dir");

	CHECK(dir);
	r->opt.ops = ops;
	CHECK_EQ(raw_backing_mask(r->fd, dir->backing_id,
				  r->supported & ~RAW_SUBTREE), 0);
}

UNNAMED(named_later)
{
	int watch, fd;

	NAMES_OF_ROOT(r);
	watch = watch_file(M(r, "dir/a"));
	fd = (int)CHECK_OK(open(M(r, "dir/a"), O_RDWR | O_CLOEXEC));
	CHECK(!raw_node_find(r, "a"));
	CHECK(same_inode(watch, M(r, "dir/a")));
	take_back(r, RAW_ALL & ~RAW_SUBTREE & ~OP(SETATTR));
	CHECK(same_inode(watch, M(r, "dir/a")));
	CHECK(raw_node_find(r, "a"));
	/* what the daemon keeps for itself is asked of it, by the node id */
	CHECK_EQ(raw_count(r, FUSE_SETATTR), 1);
	CHECK_OK(fchmod(fd, 0622));
	CHECK_EQ(raw_count(r, FUSE_SETATTR), 2);
	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	same_stat(M(r, "dir/a"), S(r, "dir/a"));
	close(fd);
	close(watch);
	CHECK_OK(access(M(r, "dir/sub"), F_OK));
	same_tree(r->mnt, r->src);
}

/*
 * The daemon's answer is about another file than the name was, by a rename below: none
 * gets a node id whose lookup is given back
 */
UNNAMED(named_another)
{
	int watch;

	NAMES_OF_ROOT(r);
	CHECK_OK(access(M(r, "dir/a"), F_OK));
	watch = watch_file(M(r, "dir/b"));
	take_back(r, RAW_ALL & ~RAW_SUBTREE & ~OP(SETATTR));
	CHECK_OK(rename(S(r, "dir/b"), S(r, "dir/a")));
	CHECK(same_inode(watch, M(r, "dir/a")));
	CHECK_EQ(raw_count(r, FUSE_SETATTR), 1);
	CHECK_ERRNO(access(M(r, "dir/b"), F_OK), ENOENT);
	close(watch);
	/* what the daemon has given out it gets back: no more, no less */
	frame_drop_names(r);
	CHECK_OK(chmod(M(r, "dir/a"), 0600));
	CHECK_EQ(raw_count(r, FUSE_SETATTR), 2);
}

/* A file that was open before has no node id to ask the daemon by */
UNNAMED(named_while_open)
{
	char pattern[256];
	int fd, n;

	NAMES_OF_ROOT(r);
	fd = (int)CHECK_OK(open(M(r, "dir/a"), O_RDWR | O_CLOEXEC));
	CHECK_ERRNO(ioctl(fd, TCGETS, pattern), ENOTTY);
	take_back(r, RAW_ALL & ~RAW_SUBTREE & ~OP(IOCTL));
	CHECK_OK(access(M(r, "dir/a"), F_OK));
	CHECK(raw_node_find(r, "a"));
	CHECK_ERRNO(ioctl(fd, TCGETS, pattern), ENOTTY);
	CHECK_ERRNO(ioctl(fd, FS_IOC_GETVERSION, &n), ENOTTY);
	CHECK_EQ(pwrite(fd, "y", 1, 0), 1);
	CHECK_OK(fsync(fd));
	CHECK_OK(ftruncate(fd, 1));
	close(fd);
	same_stat(M(r, "dir/a"), S(r, "dir/a"));
}

/* Entries without a file below don't name a file that was given without a node id */
static int no_such_request(struct raw_req *q)
{
	(void)q;
	return -ENOSYS;
}

KTEST(unnamed, listed_plus, .opt.ops = ~OP(READDIR), .opt.subtree = true,
      .opt.init_add = FUSE_DO_READDIRPLUS)
{
	uint64_t ops = raw_prune(r->supported & ~(RAW_SUBTREE | OP(READDIR)));
	int root = raw_node_get(r, FUSE_ROOT_ID)->backing_id, watch;

	CHECK_EQ(raw_backing_mask(r->fd, root, ops), 0);
	arm(r, GOOD | DIR_, r->every);
	watch = watch_file(M(r, "good"));
	r->before[FUSE_READDIR_PASSTHROUGH] = no_such_request;
	CHECK_EQ(count_entries(r->mnt), count_entries(r->src));
	CHECK(raw_count(r, FUSE_READDIRPLUS) > 0);
	CHECK(same_inode(watch, M(r, "good")));
	close(watch);
	same_tree(r->mnt, r->src);
}

/*
 * One file by two mounts below is two inodes: what the one does not allow the other may,
 * and each is kept for as long as its inode is
 */
static int unname_again(struct raw_req *q, int err)
{
	char path[PATH_MAX];
	int dir;

	if (err || strcmp(q->arg, "good"))
		return err;
	snprintf(path, sizeof(path), "%.3000s/again", q->r->dir);
	dir = open(path, O_PATH | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	err = raw_unname_at(q, dir, "good", q->r->every);
	close(dir);
	return err < 0 ? err : 0;
}

UNNAMED(two_mounts)
{
	struct stat one, two;
	char again[PATH_MAX], buf[8];
	int fd;

	snprintf(again, sizeof(again), "%.3000s/again", r->dir);
	CHECK_OK(mkdir(again, 0755));
	CHECK_OK(mount(r->src, again, NULL, MS_BIND, NULL));
	CHECK_OK(mount(NULL, again, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	CHECK_OK(link(S(r, "good"), S(r, "dir/other")));
	NAMES_OF_ROOT(r);
	CHECK_OK(stat(M(r, "dir/other"), &one));
	r->after[FUSE_LOOKUP] = unname_again;
	CHECK_OK(stat(M(r, "good"), &two));
	CHECK_EQ(one.st_ino, two.st_ino);
	CHECK_EQ(two.st_nlink, 2);
	CHECK_ERRNO(open(M(r, "good"), O_RDWR | O_CLOEXEC), EROFS);
	CHECK_ERRNO(chmod(M(r, "good"), 0600), EROFS);
	fd = (int)CHECK_OK(open(M(r, "dir/other"), O_RDWR | O_CLOEXEC));
	CHECK_EQ(pwrite(fd, "by A", 4, 0), 4);
	close(fd);
	fd = (int)CHECK_OK(open(M(r, "good"), O_RDONLY | O_CLOEXEC));
	CHECK_EQ(pread(fd, buf, 4, 0), 4);
	CHECK(!memcmp(buf, "by A", 4));
	CHECK_ERRNO(umount(again), EBUSY);
	close(fd);
	frame_drop_names(r);
	frame_umount(again);
	CHECK_OK(rmdir(again));
}

struct race {
	struct raw *r;
	const char *name;
	pthread_barrier_t *start;
};

static void *look_at(void *arg)
{
	const struct race *x = arg;
	struct stat st;

	pthread_barrier_wait(x->start);
	CHECK_OK(lstat(x->name, &st));
	return NULL;
}

/* Many at once, by two names: all meet, and none is told that the file is busy */
UNNAMED(named_by_many, .opt.no_cache_names = true)
{
	enum { ROUNDS = 30, THREADS = 4 };
	static char names[2][PATH_MAX];
	pthread_t thread[THREADS];
	pthread_barrier_t start;
	struct race race[THREADS];

	CHECK_OK(link(S(r, "dir/a"), S(r, "hard")));
	snprintf(names[0], sizeof(names[0]), "%s", M(r, "dir/a"));
	snprintf(names[1], sizeof(names[1]), "%s", M(r, "hard"));
	NAMES_OF_ROOT(r);
	CHECK_EQ(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (int round = 0; round < ROUNDS; round++) {
		struct raw_node *dir;

		CHECK_OK(access(names[0], F_OK));
		dir = raw_node_find(r, "dir");
		CHECK_EQ(raw_backing_mask(r->fd, dir->backing_id,
					  r->supported & ~RAW_SUBTREE), 0);
		for (int i = 0; i < THREADS; i++) {
			race[i] = (struct race){ r, names[i % 2], &start };
			CHECK_EQ(pthread_create(&thread[i], NULL, look_at, &race[i]), 0);
		}
		for (int i = 0; i < THREADS; i++)
			pthread_join(thread[i], NULL);
		frame_drop_names(r);
		CHECK_OK(access(M(r, "dir"), F_OK));
		dir = raw_node_find(r, "dir");
		CHECK_EQ(raw_backing_mask(r->fd, dir->backing_id, r->supported), 0);
	}
	pthread_barrier_destroy(&start);
}

/* A mask that could not be set while the file is in use makes a second inode */
UNNAMED(named_with_less)
{
	char c;
	int watch, fd;

	NAMES_OF_ROOT(r);
	watch = watch_file(M(r, "dir/a"));
	take_back(r, RAW_ALL & ~RAW_SUBTREE & ~OP(READ));
	CHECK(!same_inode(watch, M(r, "dir/a")));
	fd = (int)CHECK_OK(open(M(r, "dir/a"), O_RDONLY | O_CLOEXEC));
	CHECK_EQ(pread(fd, &c, 1, 0), 1);
	CHECK(raw_count(r, FUSE_READ) > 0);
	close(fd);
	close(watch);
}

/* Two node ids for one file: the first is the inode's */
UNNAMED(named_twice)
{
	int watch;

	CHECK_OK(link(S(r, "dir/a"), S(r, "hard")));
	NAMES_OF_ROOT(r);
	watch = watch_file(M(r, "dir/a"));
	CHECK(same_inode(watch, M(r, "hard")));
	CHECK(same_inode(watch, M(r, "dir/a")));
	CHECK_OK(rename(M(r, "hard"), M(r, "dir/a")));
	CHECK_OK(access(M(r, "hard"), F_OK));
	close(watch);
}
