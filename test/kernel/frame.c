// SPDX-License-Identifier: LGPL-2.1-or-later
/* frame.c - set up a case, and check what it leaves behind */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "tree.h"

#define FUSE_CTL_SUPER_MAGIC 0x65735543

void *frame_prepare(size_t shared)
{
	struct statfs fs;
	void *p = mmap(NULL, shared, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	if (statfs(FUSE_CONTROL, &fs) < 0)
		FAIL("no FUSE here: " FUSE_CONTROL ": %s", strerror(errno));
	if (fs.f_type != FUSE_CTL_SUPER_MAGIC)
		CHECK_OK(mount("fusectl", FUSE_CONTROL, "fusectl", 0, NULL));
	return p;
}

/* A mount namespace of its own; src is a mount, so that what pins it shows */
static void set_up(struct raw *r)
{
	CHECK_OK(unshare(CLONE_NEWNS));
	CHECK_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	tree_make(r->src);
	CHECK_OK(mkdir(r->mnt, 0755));
	CHECK_OK(mount(r->src, r->src, NULL, MS_BIND, NULL));
}

void frame_umount(const char *path)
{
	/* nothing tells when the kernel has let go: look again now and then */
	enum { TRIES = 3000, MILLISECOND = 1000000 };
	struct timespec ts = { .tv_nsec = 10 * MILLISECOND };

	for (int i = 0; i < TRIES; i++) {
		if (!umount2(path, UMOUNT_NOFOLLOW))
			return;
		if (errno != EBUSY)
			break;
		nanosleep(&ts, NULL);
	}
	FAIL("umount %s: %s", path, strerror(errno));
}

/*
 * Remounting it does that, and to this mount alone: drop_caches would do it to the
 * cases that run beside this one, which count what is looked up.
 */
void frame_drop_names(struct raw *r)
{
	int fs = (int)CHECK_OK(fspick(AT_FDCWD, r->mnt, FSPICK_CLOEXEC));

	CHECK_OK(fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0));
	close(fs);
}

/*
 * Every lookup count that the kernel was given comes back when it lets go. A child
 * of a folder that was in use when its name was dropped cannot be named any more:
 * that is left to the shrinker.
 */
static void check_balance(struct raw *r)
{
	enum { TRIES = 20 };

	raw_let_go(r);
	for (int i = 0; i < TRIES; i++) {
		raw_barrier(r);
		if (atomic_load(&r->nlookup) == 0)
			return;
	}
	frame_drop_names(r);
	if (!raw_wait_balance(r))
		FAIL("%lld lookups were not forgotten",
		     (long long)atomic_load(&r->nlookup));
}

static void check_mount(struct raw *r)
{
	char data[64];

	same_stat(M(r, "good"), S(r, "good"));
	CHECK_EQ(CHECK_OK(get_file(M(r, "good"), data, sizeof(data))), 20);
	/* a file that was to be attached and was not would test nothing */
	CHECK_EQ(atomic_load(&r->attach_errno), 0);
}

/* A handle that a lie has changed never comes back: its file is still open */
static void close_lost(const char *src)
{
	DIR *d = opendir("/proc/self/fd");
	size_t len = strlen(src);
	const struct dirent *e;

	CHECK(d);
	while ((e = readdir(d))) {
		char target[PATH_MAX];
		ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof(target));

		if (n > 0 && (size_t)n >= len && !memcmp(target, src, len))
			close(atoi(e->d_name));
	}
	closedir(d);
}

void frame_run(const struct ktest_case *kc, const char *dir)
{
	struct raw *r = raw_new(dir);
	int fds;

	set_up(r);
	fds = count_fds();
	raw_start(r, &kc->opt);
	if (!(r->offered & FUSE_PASSTHROUGH_MASK) && !(kc->flags & KT_STOCK))
		ktest_skip("this kernel has no FUSE_PASSTHROUGH_MASK");
	kc->run(r);
	if (!(kc->flags & (KT_DEAD | KT_UNMOUNTED))) {
		memset(r->before, 0, sizeof(r->before));
		memset(r->after, 0, sizeof(r->after));
		/* an inode that a lie has made bad is so until it is evicted */
		if (kc->flags & KT_LIES)
			frame_drop_names(r);
		check_mount(r);
		if (!(kc->flags & KT_LIES))
			check_balance(r);
	}
	if (!(kc->flags & KT_UNMOUNTED))
		frame_umount(r->mnt);
	raw_stop(r);
	if (kc->flags & KT_LIES)
		close_lost(r->src);
	else
		CHECK_EQ(count_fds(), fds);
	frame_umount(r->src);
	raw_free(r);
}

/* Another server, over any folder; its mount point is dir/second */
struct raw *frame_second(struct raw *r, const char *src,
			 const struct raw_options *opt)
{
	char dir[PATH_MAX];
	struct raw *second;

	snprintf(dir, sizeof(dir), "%.3000s/second", r->dir);
	CHECK_OK(mkdir(dir, 0755));
	second = raw_new(dir);
	snprintf(second->src, sizeof(second->src), "%.4000s", src);
	CHECK_OK(mkdir(second->mnt, 0755));
	if (opt)
		raw_start(second, opt);
	return second;
}

void frame_second_end(struct raw *second)
{
	frame_umount(second->mnt);
	raw_stop(second);
	CHECK_OK(rmdir(second->mnt));
	CHECK_OK(rmdir(second->dir));
	raw_free(second);
}

static void show_file(const char *task, const char *file)
{
	char path[512], text[8192];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", task, file);
	n = get_file(path, text, sizeof(text) - 1);
	if (n <= 0)
		return;
	text[n] = 0;
	ktest_note("%s:\n%s", path, text);
}

static void show_process(const char *pid)
{
	char path[300], task[560];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	d = opendir(path);
	if (!d)
		return;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(task, sizeof(task), "%s/%s", path, e->d_name);
		show_file(task, "syscall");
		show_file(task, "stack");
	}
	closedir(d);
}

/* Where in the kernel each task of a process group is */
void frame_show_stacks(pid_t group)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d))) {
		pid_t pid = atoi(e->d_name);

		if (pid > 0 && getpgid(pid) == group)
			show_process(e->d_name);
	}
	closedir(d);
}

/* overlayfs with a lower and an upper layer, at dir/over */
void frame_overlay(struct raw *r, const char *lower, char *over, size_t size)
{
	char opts[4 * PATH_MAX], dir[PATH_MAX];
	static const char *const subs[] = { "over", "up", "up/upper", "up/work" };

	for (size_t i = 0; i < sizeof(subs) / sizeof(*subs); i++) {
		snprintf(dir, sizeof(dir), "%.3000s/%s", r->dir, subs[i]);
		CHECK_OK(mkdir(dir, 0755));
	}
	snprintf(over, size, "%.3000s/over", r->dir);
	snprintf(opts, sizeof(opts), "lowerdir=%s,upperdir=%.3000s/up/upper,workdir="
		 "%.3000s/up/work", lower, r->dir, r->dir);
	CHECK_OK(mount("overlay", over, "overlay", 0, opts));
}
