// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * storm.c - everything at once, for as long as one likes
 *
 * Processes do anything to a few names, some through the mount and some below it, while
 * the daemon takes operations back and gives them away again and the kernel is made to
 * forget; then it ends well, or the daemon is killed, or the mount is torn away. What the
 * calls give is not looked at: the frame finds what is lost, the debug kernel what is
 * wrong, and the tree below has to be one.
 *
 * STORM_SECONDS in the environment (default 5) is how long one takes, STORM_SEED (1)
 * what it begins with; storm.sh goes on for longer.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

enum { WORKERS = 8, BELOW = 2, NAMES = 12, HELD = 6, PAGE = 4096 };
enum { STOP };	/* in r->u */

typedef const char *(*place)(const struct raw *r, const char *name);

struct worker {
	struct raw *r;
	place at;		/* through the mount, or below */
	uint64_t seed;
	int held[HELD];		/* files that stay open for a while, -1 */
};

static uint32_t roll(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*seed >> 33) % n;
}

/* One of few paths, so that callers meet */
static const char *any_path(struct worker *w)
{
	static const char *const dirs[] = { "dir", "dir/sub", "sticky", "dir/s0", "sticky/s1" };
	char name[64];

	snprintf(name, sizeof(name), "%s/s%u",
		 dirs[roll(&w->seed, sizeof(dirs) / sizeof(*dirs))], roll(&w->seed, NAMES));
	return w->at(w->r, name);
}

static int *any_held(struct worker *w)
{
	return &w->held[roll(&w->seed, HELD)];
}

/* In the place of one that is held, if it is open */
static void hold(struct worker *w, int fd)
{
	int *held = any_held(w);

	if (fd < 0)
		return;
	if (*held >= 0)
		close(*held);
	*held = fd;
}

static off_t any_offset(struct worker *w)
{
	return (off_t)roll(&w->seed, 10 * PAGE);
}

static void op_look(struct worker *w)
{
	struct statx stx;
	char buf[256];

	statx(AT_FDCWD, any_path(w), AT_SYMLINK_NOFOLLOW, STATX_ALL, &stx);
	access(any_path(w), R_OK | W_OK);
	readlink(any_path(w), buf, sizeof(buf));
}

static void op_open(struct worker *w)
{
	static const int extra[] = { 0, O_CREAT, O_CREAT | O_EXCL, O_TRUNC, O_APPEND, O_DIRECT,
				     O_CREAT | O_TRUNC, O_PATH };
	static const int mode[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR };

	hold(w, open(any_path(w), mode[roll(&w->seed, 4)] | extra[roll(&w->seed, 8)] |
		     O_NONBLOCK | O_CLOEXEC, 0600));
}

static void op_close(struct worker *w)
{
	int *held = any_held(w);

	if (*held >= 0)
		close(*held);
	*held = -1;
}

static void op_read(struct worker *w)
{
	_Alignas(PAGE) static char buf[2 * PAGE];
	int fd = *any_held(w);

	pread(fd, buf, sizeof(buf), any_offset(w) & ~(PAGE - 1));
	read(fd, buf, 100);
	lseek(fd, any_offset(w), SEEK_HOLE);
}

static void op_write(struct worker *w)
{
	_Alignas(PAGE) static char buf[2 * PAGE];
	int fd = *any_held(w);

	pwrite(fd, buf, sizeof(buf), any_offset(w) & ~(PAGE - 1));
	write(fd, buf, 1 + roll(&w->seed, 200));
}

static void op_sizes(struct worker *w)
{
	static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_ZERO_RANGE };
	int fd = *any_held(w);

	ftruncate(fd, any_offset(w));
	truncate(any_path(w), any_offset(w));
	fallocate(fd, modes[roll(&w->seed, 4)], any_offset(w), PAGE);
}

static void op_attributes(struct worker *w)
{
	int fd = *any_held(w);

	fchmod(fd, 0600 + (mode_t)roll(&w->seed, 64));
	chmod(any_path(w), 06000 + (mode_t)roll(&w->seed, 512));
	lchown(any_path(w), roll(&w->seed, 3), roll(&w->seed, 3));
	utimensat(AT_FDCWD, any_path(w), NULL, AT_SYMLINK_NOFOLLOW);
}

static void op_xattrs(struct worker *w)
{
	char buf[512];
	int fd = *any_held(w);

	lsetxattr(any_path(w), "user.storm", buf, roll(&w->seed, 100), 0);
	lgetxattr(any_path(w), "user.storm", buf, sizeof(buf));
	llistxattr(any_path(w), buf, sizeof(buf));
	fremovexattr(fd, "user.storm");
	getxattr(any_path(w), "system.posix_acl_access", buf, sizeof(buf));
}

static sigjmp_buf cut_off;

static void on_sigbus(int sig)
{
	siglongjmp(cut_off, sig);
}

/* Others cut the file meanwhile */
static void op_map(struct worker *w)
{
	const int how = roll(&w->seed, 2) ? MAP_SHARED : MAP_PRIVATE;
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, how, *any_held(w), 0);

	if (p == MAP_FAILED)
		return;
	if (!sigsetjmp(cut_off, 1)) {
		p[roll(&w->seed, 4 * PAGE)]++;
		msync(p, 4 * PAGE, roll(&w->seed, 2) ? MS_SYNC : MS_ASYNC);
	}
	munmap(p, 4 * PAGE);
}

static void op_copy(struct worker *w)
{
	int in = *any_held(w), out = *any_held(w);
	loff_t from = any_offset(w), to = any_offset(w);

	copy_file_range(in, &from, out, &to, PAGE, 0);
	sendfile(out, in, NULL, PAGE);
	ioctl(out, FICLONE, in);
}

static void op_list(struct worker *w)
{
	char buf[1024];
	int fd = open(any_path(w), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	getdents64(fd, buf, sizeof(buf));
	lseek(fd, 0, SEEK_SET);
	while (getdents64(fd, buf, sizeof(buf)) > 0)
		;
	fsync(fd);
	hold(w, fd);
}

static void op_make(struct worker *w)
{
	switch (roll(&w->seed, 5)) {
	case 0: mkdir(any_path(w), 0755); break;
	case 1: symlink("s1", any_path(w)); break;
	case 2: mknod(any_path(w), S_IFIFO | 0600, 0); break;
	case 3: mknod(any_path(w), S_IFREG | 0600, 0); break;
	case 4: link(any_path(w), any_path(w)); break;
	}
}

/* A file without a name, which gets one or not */
static void op_tmpfile(struct worker *w)
{
	int fd = open(w->at(w->r, "dir"), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (fd >= 0 && roll(&w->seed, 2))
		linkat(AT_FDCWD, self, AT_FDCWD, any_path(w), AT_SYMLINK_FOLLOW);
	hold(w, fd);
}

static void op_remove(struct worker *w)
{
	unlink(any_path(w));
	rmdir(any_path(w));
}

static void op_rename(struct worker *w)
{
	static const unsigned int flags[] = { 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE,
					      RENAME_WHITEOUT };

	renameat2(AT_FDCWD, any_path(w), AT_FDCWD, any_path(w), flags[roll(&w->seed, 5)]);
}

/* By a folder that is held, whatever has become of it */
static void op_at(struct worker *w)
{
	int dir = *any_held(w);
	char name[16];

	snprintf(name, sizeof(name), "s%u", roll(&w->seed, NAMES));
	hold(w, openat(dir, name, O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600));
	mkdirat(dir, name, 0700);
	unlinkat(dir, name, roll(&w->seed, 2) ? AT_REMOVEDIR : 0);
	faccessat(dir, "..", F_OK, 0);
}

static void op_locks(struct worker *w)
{
	struct flock fl = { .l_type = F_WRLCK, .l_len = 10, .l_start = any_offset(w) };
	int fd = *any_held(w);

	flock(fd, LOCK_EX | LOCK_NB);
	fcntl(fd, F_SETLK, &fl);
	fl.l_pid = 0;
	fcntl(fd, F_OFD_SETLK, &fl);
	flock(fd, LOCK_UN);
}

static void op_others(struct worker *w)
{
	struct statvfs vfs;
	int fd = *any_held(w), flags = 0;

	fstatvfs(fd, &vfs);
	fdatasync(fd);
	ioctl(fd, FS_IOC_GETFLAGS, &flags);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (roll(&w->seed, 50) == 0)
		syncfs(fd);
}

static void (*const ops[])(struct worker *w) = {
	op_look, op_look, op_open, op_open, op_open, op_close, op_read, op_write, op_sizes,
	op_attributes, op_xattrs, op_map, op_copy, op_list, op_make, op_make, op_tmpfile,
	op_remove, op_rename, op_rename, op_at, op_locks, op_others,
};

static void work(struct raw *r, place at, uint64_t seed)
{
	const struct sigaction sa = { .sa_handler = on_sigbus };
	struct worker w = { .r = r, .at = at, .seed = seed };

	sigaction(SIGBUS, &sa, NULL);
	/* the other end of a fifo may be closed */
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < HELD; i++)
		w.held[i] = -1;
	while (!atomic_load(&r->u[STOP]))
		ops[roll(&w.seed, sizeof(ops) / sizeof(*ops))](&w);
	_exit(EXIT_SUCCESS);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void begin(struct raw *r, pid_t *pid)
{
	uint64_t seed = number("STORM_SEED", 1) * 1000;

	for (int i = 0; i < WORKERS; i++) {
		pid[i] = (pid_t)CHECK_OK(fork());
		if (!pid[i])
			work(r, i < BELOW ? S : M, seed + (uint64_t)i);
	}
}

/* The root, or any file of the daemon's, gets a mask that it can have while it is in use */
static void flip(struct raw *r, uint64_t *seed)
{
	const uint64_t away[] = { 0, RAW_SUBTREE, OP(SETATTR), OP(GETXATTR) | OP(ACCESS),
				  RAW_SUBTREE | OP(RENAME) | OP(RENAME2), OP(LINK) | OP(UNLINK) };
	const struct raw_node *n = raw_node_get(r, FUSE_ROOT_ID);

	if (roll(seed, 2))
		n = raw_node_get(r, roll(seed, (uint32_t)r->top + 1));
	if (n && n->backing_id > 0)
		raw_backing_mask(r->fd, n->backing_id,
				 raw_prune(n->ops & ~away[roll(seed, 6)]));
}

static void forget(struct raw *r, uint64_t *seed)
{
	switch (roll(seed, 4)) {
	case 0: frame_drop_names(r); break;
	case 1: raw_let_go(r); break;
	case 2: put_file("/proc/sys/vm/drop_caches", "3", 1); break;
	}
}

/* Goes on until the time is over; a worker that ends before it has crashed */
static void rage(struct raw *r, bool meddle)
{
	const time_t end = time(NULL) + (time_t)number("STORM_SECONDS", 5);
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	uint64_t seed = number("STORM_SEED", 1);
	sigset_t set;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	while (time(NULL) < end) {
		if (sigtimedwait(&set, NULL, &pause) == SIGCHLD &&
		    waitpid(-1, &status, WNOHANG) > 0)
			FAIL("a worker has ended with status %#x", status);
		if (!meddle)
			continue;
		flip(r, &seed);
		forget(r, &seed);
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void finish(struct raw *r, const pid_t *pid)
{
	atomic_store(&r->u[STOP], 1);
	for (int i = 0; i < WORKERS; i++) {
		int status;

		CHECK_OK(waitpid(pid[i], &status, 0));
		CHECK_EQ(status, 0);
	}
}

static int count_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char buf[PATH_MAX];

	(void)ftw;
	if (type == FTW_NS)
		FAIL("%s: no attributes", path);
	if (S_ISREG(st->st_mode))
		CHECK_OK(access(path, F_OK));
	if (S_ISLNK(st->st_mode))
		CHECK(readlink(path, buf, sizeof(buf)) > 0);
	return 0;
}

/* Every name below is of a file, and every file can be removed (the frame does) */
static void check_below(struct raw *r)
{
	CHECK_EQ(nftw(r->src, count_file, 32, FTW_PHYS), 0);
}

static void storm(struct raw *r, bool meddle)
{
	pid_t pid[WORKERS];

	begin(r, pid);
	rage(r, meddle);
	finish(r, pid);
	frame_drop_names(r);
	same_tree(r->mnt, r->src);
	check_below(r);
}

KTEST(storm, subtree, .opt.ops = RAW_ALL, .opt.subtree = true)
{
	storm(r, true);
}

KTEST(storm, names_served, .opt.ops = RAW_ALL)
{
	storm(r, true);
}

KTEST(storm, data_served, .opt.ops = RAW_ALL & ~OP(READ) & ~OP(WRITE) & ~OP(OPEN))
{
	storm(r, false);
}

KTEST(storm, listed, .opt.ops = ~OP(READDIR), .opt.init_add = FUSE_DO_READDIRPLUS)
{
	storm(r, true);
}

static void killed(struct raw *r)
{
	pid_t pid[WORKERS];

	begin(r, pid);
	rage(r, false);
	raw_kill(r);
	finish(r, pid);
	check_below(r);
}

KTEST(storm, killed, .opt.ops = RAW_ALL, .opt.subtree = true, .opt.process = true,
      .flags = KT_DEAD)
{
	killed(r);
}

KTEST(storm, killed_while_asked, .opt.ops = ~OP(READDIR), .opt.process = true,
      .opt.init_add = FUSE_DO_READDIRPLUS, .flags = KT_DEAD)
{
	killed(r);
}

KTEST(storm, torn_away, .opt.ops = RAW_ALL, .opt.subtree = true, .flags = KT_UNMOUNTED)
{
	pid_t pid[WORKERS];

	begin(r, pid);
	rage(r, true);
	CHECK_OK(umount2(r->mnt, MNT_FORCE | MNT_DETACH));
	finish(r, pid);
	check_below(r);
}
