// SPDX-License-Identifier: LGPL-2.1-or-later
/* stack.c - mounts on mounts: the depth limit, and what works within it */
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

#define DEPTH(n) { .ops = RAW_ALL, .max_stack_depth = n, .wide = true }

static const struct raw_options one = DEPTH(1), two = DEPTH(2);

static int open_backing(struct raw *r, const char *path)
{
	int fd = (int)CHECK_OK(open(path, O_PATH | O_CLOEXEC));
	int id = raw_backing_open(r->fd, fd, r->supported);

	close(fd);
	return id;
}

KTEST(stack, overlay_too_deep)
{
	char over[PATH_MAX], file[PATH_MAX + 8];

	frame_overlay(r, r->src, over, sizeof(over));
	snprintf(file, sizeof(file), "%s/good", over);
	CHECK_EQ(open_backing(r, file), -ELOOP);
	snprintf(file, sizeof(file), "%s/dir", over);
	CHECK_EQ(open_backing(r, file), -ELOOP);
	frame_umount(over);
}

/* How deep a server's file system is is not known before it says so */
KTEST(stack, fuse_below_without_init)
{
	struct raw *second = frame_second(r, r->src, NULL);

	raw_mount(second, second->mnt);
	CHECK_EQ(open_backing(r, second->mnt), -ELOOP);
	/* nobody will ever answer */
	raw_abort(second);
	frame_umount(second->mnt);
	close(second->fd);
	CHECK_OK(rmdir(second->mnt));
	CHECK_OK(rmdir(second->dir));
	raw_free(second);
}

KTEST(stack, overlay_below)
{
	struct raw *second;
	char over[PATH_MAX];

	frame_overlay(r, r->src, over, sizeof(over));
	second = frame_second(r, over, &two);
	raw_reset(second);
	diff_all(second, "attr.*", second->supported);
	diff_all(second, "io.*", second->supported);
	diff_all(second, "map.*", second->supported);
	expect_no_requests(second, second->supported);
	frame_second_end(second);
	frame_umount(over);
}

/* Files of the lower layer: copied up under our feet */
KTEST(stack, copied_up)
{
	struct raw *second;
	char over[PATH_MAX], buf[16];
	int ro;

	frame_overlay(r, r->src, over, sizeof(over));
	second = frame_second(r, over, &two);
	ro = (int)CHECK_OK(open(M(second, "good"), O_RDONLY | O_CLOEXEC));
	CHECK_EQ(read(ro, buf, sizeof(buf)), sizeof(buf));
	same_stat(M(second, "good"), S(second, "good"));
	put_file(M(second, "good"), "copied up", 9);
	same_stat(M(second, "good"), S(second, "good"));
	CHECK_EQ(get_file(M(second, "good"), buf, sizeof(buf)), 9);
	CHECK_OK(chmod(M(second, "file"), 0600));
	same_stat(M(second, "file"), S(second, "file"));
	CHECK_OK(rename(M(second, "dir/a"), M(second, "dir/c")));
	same_tree(M(second, "dir"), S(second, "dir"));
	close(ro);
	frame_second_end(second);
	frame_umount(over);
}

KTEST(stack, overlay_above, .opt.ops = RAW_ALL)
{
	char over[PATH_MAX], file[PATH_MAX + 8], buf[32];

	frame_overlay(r, r->mnt, over, sizeof(over));
	snprintf(file, sizeof(file), "%s/good", over);
	CHECK_EQ(get_file(file, buf, sizeof(buf)), 20);
	put_file(file, "new", 3);
	CHECK_EQ(get_file(file, buf, sizeof(buf)), 3);
	snprintf(file, sizeof(file), "%s/dir", over);
	same_tree(file, S(r, "dir"));
	frame_umount(over);
}

KTEST(stack, overlay_above_full, .opt.max_stack_depth = 2)
{
	char opts[2 * PATH_MAX + 64];

	snprintf(opts, sizeof(opts), "lowerdir=%.4000s:%.4000s", M(r, "dir"),
		 S(r, "dir"));
	CHECK_ERRNO(mount("overlay", r->src, "overlay", 0, opts), EINVAL);
}

KTEST(stack, own_mount, .opt.ops = RAW_ALL)
{
	CHECK_EQ(open_backing(r, M(r, "good")), -ELOOP);
	CHECK_EQ(open_backing(r, r->mnt), -ELOOP);
}

KTEST(stack, own_mount_depth_two, .opt.ops = RAW_ALL, .opt.max_stack_depth = 2)
{
	CHECK_EQ(open_backing(r, M(r, "good")), -ELOOP);
}

KTEST(stack, fuse_below_too_deep, .opt.ops = RAW_ALL)
{
	struct raw *second = frame_second(r, r->mnt, &one);

	/* registration fails, so that the daemon serves it all */
	CHECK_EQ(open_backing(second, M(r, "good")), -ELOOP);
	raw_reset(second);
	same_stat(M(second, "good"), M(r, "good"));
	CHECK(raw_count(second, FUSE_GETATTR) + raw_count(second, FUSE_STATX) > 0);
	frame_second_end(second);
}

/* Passthrough through passthrough */
KTEST(stack, fuse_below, .opt.ops = RAW_ALL, .opt.wide = true)
{
	struct raw *second = frame_second(r, r->mnt, &two);

	raw_reset(r);
	raw_reset(second);
	diff_all(second, "attr.*", second->supported);
	diff_all(second, "io.*", second->supported);
	diff_all(second, "map.*", second->supported);
	diff_all(second, "xattr.*", second->supported);
	diff_all(second, "dir.*", second->supported);
	expect_no_requests(second, second->supported);
	expect_no_requests(r, r->supported);
	frame_second_end(second);
}

static const struct who other = { .name = "other", .uid = 2001, .gid = 2001 };

static void use_folder(void *arg)
{
	int dir = *(int *)arg;

	CHECK_ERRNO(openat(dir, "a", O_RDONLY | O_CLOEXEC), EACCES);
	CHECK_ERRNO(unlinkat(dir, "a", 0), EACCES);
}

/* Two levels down a folder is closed; who holds it here is asked by that */
KTEST(stack, closed_at_the_bottom, .opt.ops = RAW_ALL, .opt.wide = true)
{
	struct raw *second = frame_second(r, r->mnt, &two);
	int dir;

	CHECK_OK(chmod(S(r, "dir"), 0777));
	dir = (int)CHECK_OK(open(M(second, "dir"), O_PATH | O_CLOEXEC));
	CHECK_OK(access(M(second, "dir/a"), F_OK));
	CHECK_OK(chmod(S(r, "dir"), 0700));
	run_as(&other, use_folder, &dir);
	CHECK_OK(access(S(r, "dir/a"), F_OK));
	close(dir);
	frame_second_end(second);
}

static void remove_sticky(void *arg)
{
	CHECK_ERRNO(unlink(M(arg, "sticky/other")), EPERM);
}

/* A server that checks its callers itself: the inode there has no sticky bit */
KTEST(stack, sticky_of_served_below, .opt.wide = true)
{
	struct raw *second = frame_second(r, r->mnt, &two);

	same_stat(M(second, "sticky"), S(r, "sticky"));
	run_as(&other, remove_sticky, second);
	CHECK_OK(access(S(r, "sticky/other"), F_OK));
	frame_second_end(second);
}

KTEST(stack, third_is_too_deep, .opt.ops = RAW_ALL)
{
	struct raw *second = frame_second(r, r->mnt, &two), *third;

	third = frame_second(second, second->mnt, &two);
	CHECK_EQ(open_backing(third, M(second, "good")), -ELOOP);
	frame_second_end(third);
	frame_second_end(second);
}

/* The lower of two is cut off: errors from there, no hang */
KTEST(stack, lower_aborted, .opt.ops = RAW_ALL, .flags = KT_DEAD)
{
	struct raw *second = frame_second(r, r->mnt, &two);
	int fd = (int)CHECK_OK(open(M(second, "file"), O_RDWR | O_CLOEXEC));
	struct stat st;
	char buf[16];

	same_stat(M(second, "good"), M(r, "good"));
	raw_abort(r);
	CHECK_ERRNO(stat(M(second, "good"), &st), ENOTCONN);
	CHECK_ERRNO(chmod(M(second, "good"), 0600), ENOTCONN);
	CHECK_ERRNO(open(M(second, "good"), O_RDONLY), ENOTCONN);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
	close(fd);
	frame_second_end(second);
}

/* Mounted over the folder that it mirrors, which it had open before */
KTEST(stack, over_itself)
{
	struct raw *second = frame_second(r, r->src, NULL);
	char buf[32];

	CHECK_OK(rmdir(second->mnt));
	snprintf(second->mnt, sizeof(second->mnt), "%s", r->src);
	raw_start(second, &one);
	raw_reset(second);
	CHECK_EQ(get_file(M(second, "good"), buf, sizeof(buf)), 20);
	put_file(M(second, "good"), "through myself", 14);
	CHECK_EQ(open_backing(second, M(second, "good")), -ELOOP);
	expect_no_requests(second, second->supported);
	frame_umount(second->mnt);
	CHECK_EQ(get_file(S(r, "good"), buf, sizeof(buf)), 14);
	put_file(S(r, "good"), "as it was before ...", 20);
	raw_stop(second);
	CHECK_OK(rmdir(second->dir));
	raw_free(second);
}

/* Two mirrors of one tree see what the other does at once */
KTEST(stack, side_by_side, .opt.ops = RAW_ALL)
{
	struct raw *second = frame_second(r, r->src, &one);

	raw_reset(r);
	raw_reset(second);
	for (int i = 0; i < 5; i++) {
		CHECK_OK(chmod(M(r, "good"), 0600 + (mode_t)i));
		same_stat(M(second, "good"), M(r, "good"));
		CHECK_OK(truncate(M(second, "file"), 1000 * i));
		same_stat(M(second, "file"), M(r, "file"));
		same_tree(M(second, "file"), M(r, "file"));
	}
	expect_no_requests(r, r->supported);
	expect_no_requests(second, second->supported);
	frame_second_end(second);
}

/* An id means something in its own connection only */
KTEST(stack, id_of_other_connection, .opt.no_cache_names = true)
{
	struct raw *second = frame_second(r, r->src, &one);
	struct stat st;
	int id = 0;

	/* more ids here than there, so that the last is none there */
	for (int i = 0; i < 50; i++)
		id = raw_backing_path(r, "good", r->supported);
	CHECK(id > 0);
	CHECK_OK(stat(M(second, "good"), &st));
	CHECK_EQ(raw_backing_close(second->fd, id), -ENOENT);
	CHECK_EQ(raw_backing_bind(second->fd, FUSE_ROOT_ID, id), -EBADF);
	CHECK_EQ(raw_backing_mask(second->fd, id, r->supported), -EBADF);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	frame_second_end(second);
}
