// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * handle.c - file handles of inodes that the daemon does not know
 *
 * Such a handle holds one of the file system below and is opened without a word to the
 * daemon. Those that lead out of what was given away are in escape.c.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <unistd.h>

#include "byhandle.h"

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID AT_REMOVEDIR
#endif

static const char *fd_path(int fd)
{
	static _Thread_local char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

#define WHOLE(id, ...)							\
	KTEST(handle, id, .opt.ops = RAW_ALL, .opt.subtree = true, ##__VA_ARGS__)

static const char *const names[] = {
	"good", "empty", "dir", "dir/a", "dir/sub", "private/x", "hard1", "hard2", "link",
	"dangling", "fifo", "sock", "null",
};
enum { NAMES = sizeof(names) / sizeof(*names) };

WHOLE(opened)
{
	struct handle h[NAMES];

	for (size_t i = 0; i < NAMES; i++) {
		h[i] = handle_of(M(r, names[i]));
		CHECK_EQ(h[i].type, BELOW);
		opens(r, &h[i], S(r, names[i]));
	}
	CHECK_EQ(h[6].bytes, h[7].bytes);
	frame_drop_names(r);
	for (size_t i = 0; i < NAMES; i++)
		opens(r, &h[i], S(r, names[i]));
	drop_all(r);
	for (size_t i = 0; i < NAMES; i++)
		opens(r, &h[i], S(r, names[i]));
	expect_silence(r);
}

/* A handle of what was opened by handle, before anybody walked there */
WHOLE(again)
{
	struct handle first = handle_of(M(r, "dir/a")), second;
	int fd;

	drop_all(r);
	fd = (int)CHECK_OK(open_handle(r->mnt, &first, O_PATH));
	CHECK_OK(try_handle(fd, "", &second, AT_EMPTY_PATH));
	close(fd);
	drop_all(r);
	opens(r, &second, S(r, "dir/a"));
	CHECK_EQ(first.bytes, second.bytes);
	CHECK(!memcmp(first.f_handle, second.f_handle,
		      first.bytes));
}

/* Data, attributes and names by it are those below */
WHOLE(used)
{
	struct handle file = handle_of(M(r, "dir/a")), dir = handle_of(M(r, "dir/sub"));
	char buf[8], path[PATH_MAX];
	int fd;

	drop_all(r);
	fd = (int)CHECK_OK(open_handle(r->mnt, &file, O_RDWR));
	CHECK_EQ(pwrite(fd, "new", 3, 0), 3);
	CHECK_OK(fchmod(fd, 0640));
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 3);
	close(fd);
	fd = (int)CHECK_OK(open_handle(r->mnt, &dir, O_RDONLY | O_DIRECTORY));
	CHECK(realpath(fd_path(fd), path));
	CHECK(!strcmp(path, M(r, "dir/sub")));
	CHECK_OK(mkdirat(fd, "made", 0755));
	CHECK_OK(renameat(fd, "made", fd, "../moved"));
	CHECK_OK(faccessat(fd, "../../good", R_OK, 0));
	close(fd);
	CHECK_EQ(get_file(S(r, "dir/a"), buf, sizeof(buf)), 3);
	same_all(r->mnt, r->src);
	expect_silence(r);
}

/* The one inode that the name has, too: who watches it sees what is done by name */
WHOLE(same_inode)
{
	struct handle h = handle_of(M(r, "dir/a"));
	int watch = (int)CHECK_OK(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)), fd;
	_Alignas(struct inotify_event) char buf[4096];

	drop_all(r);
	fd = (int)CHECK_OK(open_handle(r->mnt, &h, O_PATH));
	CHECK_OK(inotify_add_watch(watch, fd_path(fd), IN_ATTRIB));
	CHECK_OK(chmod(M(r, "dir/a"), 0600));
	CHECK(read(watch, buf, sizeof(buf)) > 0);
	close(watch);
	close(fd);
}

/* It follows the file where the caches below know it, and dies with it */
WHOLE(moved_and_removed)
{
	struct handle a = handle_of(M(r, "dir/a")), b = handle_of(M(r, "dir/b")),
		      sub = handle_of(M(r, "dir/sub")), native = handle_of(S(r, "dir/b"));

	CHECK_OK(rename(M(r, "dir/a"), M(r, "dir/sub/moved")));
	opens(r, &a, S(r, "dir/sub/moved"));
	frame_drop_names(r);
	CHECK_OK(rename(S(r, "dir/sub"), S(r, "sub")));
	opens(r, &sub, S(r, "sub"));
	opens(r, &a, S(r, "sub/moved"));
	drop_all(r);
	opens(r, &sub, S(r, "sub"));
	CHECK_OK(unlink(M(r, "dir/b")));
	CHECK_ERRNO(open_handle(r->src, &native, O_PATH), ESTALE);
	CHECK_ERRNO(open_handle(r->mnt, &b, O_PATH), ESTALE);
	CHECK_OK(rename(S(r, "sub/moved"), S(r, "moved")));
	CHECK_OK(rmdir(S(r, "sub")));
	frame_drop_names(r);
	CHECK_ERRNO(open_handle(r->mnt, &sub, O_PATH), ESTALE);
	expect_silence(r);
}

/* Of the names that a file has, one that is still there says where it is */
WHOLE(other_name)
{
	struct handle h;
	int fd;

	CHECK_OK(link(S(r, "dir/a"), S(r, "private/other")));
	CHECK_OK(access(M(r, "dir/a"), F_OK));
	fd = (int)CHECK_OK(open(M(r, "private/other"), O_PATH | O_CLOEXEC));
	CHECK_OK(unlink(M(r, "dir/a")));
	CHECK_OK(try_handle(fd, "", &h, AT_EMPTY_PATH));
	close(fd);
	drop_all(r);
	opens(r, &h, S(r, "private/other"));
}

/* A file without a node id in a folder of the daemon has none: nobody vouches for it */
static int unname(struct raw_req *q, int err)
{
	if (err || strcmp(q->arg, "good"))
		return err;
	err = raw_unname(q, q->arg, q->r->every);
	return err < 0 ? err : 0;
}

WHOLE(without_a_top)
{
	struct handle h;

	give_dir_away(r);
	r->after[FUSE_LOOKUP] = unname;
	CHECK_ERRNO(try_handle(AT_FDCWD, M(r, "good"), &h, 0), EOPNOTSUPP);
	CHECK_OK(access(M(r, "good"), R_OK));
}

/* An overlay has none unless it is mounted so, and then none that say where a file is */
WHOLE(not_below)
{
	struct raw_options opt = { .ops = RAW_ALL, .subtree = true, .max_stack_depth = 2 };
	char over[PATH_MAX], path[PATH_MAX];
	struct raw *second;
	struct handle h;

	frame_overlay(r, r->src, over, sizeof(over));
	second = frame_second(r, over, &opt);
	snprintf(path, sizeof(path), "%.3000s/good", over);
	CHECK_ERRNO(try_handle(AT_FDCWD, path, &h, 0), EOPNOTSUPP);
	CHECK_ERRNO(try_handle(AT_FDCWD, M(second, "good"), &h, 0), EOPNOTSUPP);
	CHECK_OK(access(M(second, "good"), R_OK));
	frame_second_end(second);
	frame_umount(over);
}

/* How much room it needs is said, and is enough */
WHOLE(room)
{
	struct handle h = { 0 };
	unsigned int needed = 0;
	int mount_id;

	for (unsigned int n = 0; n < 64; n += WORD) {
		h.bytes = n;
		if (!name_to_handle_at(AT_FDCWD, M(r, "dir/a"), fh(&h), &mount_id, 0)) {
			CHECK(n > 0);
			CHECK_EQ(n, needed);
			CHECK_EQ(h.bytes, n);
			opens(r, &h, S(r, "dir/a"));
			return;
		}
		CHECK_EQ(errno, EOVERFLOW);
		CHECK(h.bytes > n);
		CHECK(!needed || h.bytes == needed);
		needed = h.bytes;
	}
	FAIL("%u bytes are needed, and not enough", needed);
}

/* A daemon that wants no handles to be opened has its will */
WHOLE(not_wanted, .opt.init_add = FUSE_NO_EXPORT_SUPPORT)
{
	struct handle h;

	CHECK_ERRNO(try_handle(AT_FDCWD, M(r, "dir/a"), &h, 0), EOPNOTSUPP);
	CHECK_OK(try_handle(AT_FDCWD, M(r, "dir/a"), &h, AT_HANDLE_FID));
	CHECK_ERRNO(open_handle(r->mnt, &h, O_PATH), ESTALE);
}

WHOLE(after_abort, .flags = KT_DEAD)
{
	struct handle a = handle_of(M(r, "dir/a"));
	int root = (int)CHECK_OK(open(r->mnt, O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	raw_abort(r);
	CHECK_ERRNO(open_by_handle_at(root, fh(&a), O_PATH), ESTALE);
	close(root);
}

/* Who watches a file system is told of a folder by its handle */
WHOLE(told_of)
{
	int watch = (int)CHECK_OK(fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC |
						FAN_NONBLOCK | FAN_REPORT_DFID_NAME,
						O_RDONLY));
	_Alignas(struct fanotify_event_metadata) char buf[4096];
	const struct fanotify_event_metadata *ev = (void *)buf;
	const struct fanotify_event_info_fid *info = (void *)(ev + 1);
	struct handle h;

	CHECK_OK(access(M(r, "dir/sub"), F_OK));
	CHECK_OK(fanotify_mark(watch, FAN_MARK_ADD, FAN_CREATE | FAN_ONDIR, AT_FDCWD,
			       M(r, "dir/sub")));
	CHECK_OK(mkdir(M(r, "dir/sub/made"), 0755));
	CHECK(read(watch, buf, sizeof(buf)) > 0);
	CHECK(ev->mask & FAN_CREATE);
	CHECK_EQ(info->hdr.info_type, FAN_EVENT_INFO_TYPE_DFID_NAME);
	memcpy(&h, info->handle, offsetof(struct handle, f_handle));
	memcpy(h.f_handle, info->handle + offsetof(struct handle, f_handle), h.bytes);
	opens(r, &h, S(r, "dir/sub"));
	close(watch);
}

/* Handles are opened while names change, here and below, and are forgotten */
static _Atomic bool stop;
static _Atomic int moved;

static void move(const char *from, const char *to)
{
	if (!rename(from, to))
		atomic_fetch_add(&moved, 1);
}

static void *change(void *arg)
{
	struct raw *r = arg;

	for (int i = 0; !atomic_load(&stop); i++) {
		const char *top = i & 1 ? r->mnt : r->src;
		char sub[PATH_MAX], away[PATH_MAX], inside[PATH_MAX], out[PATH_MAX];

		snprintf(sub, sizeof(sub), "%.3000s/dir/sub", top);
		snprintf(away, sizeof(away), "%.3000s/private/sub", top);
		snprintf(inside, sizeof(inside), "%.3000s/private/sub/f", top);
		snprintf(out, sizeof(out), "%.3000s/dir/f", top);
		move(sub, away);
		move(inside, out);
		move(out, inside);
		move(away, sub);
		frame_drop_names(r);
		if (i % 8 == 0)
			drop_names(r->src);
	}
	return NULL;
}

WHOLE(races)
{
	enum { ROUNDS = 400, MOVES = 40 };
	struct handle file, deep;
	int found = 0;
	pthread_t thread;

	CHECK_OK(mkdir(S(r, "dir/sub/deep"), 0755));
	put_file(S(r, "dir/sub/f"), "x", 1);
	file = handle_of(M(r, "dir/sub/f"));
	deep = handle_of(M(r, "dir/sub/deep"));
	atomic_store(&stop, false);
	atomic_store(&moved, 0);
	CHECK_EQ(pthread_create(&thread, NULL, change, r), 0);
	for (int i = 0; i < ROUNDS || atomic_load(&moved) < MOVES; i++) {
		int fd = open_handle(r->mnt, i & 1 ? &file : &deep, O_PATH);

		if (fd < 0) {
			CHECK_EQ(errno, ESTALE);
			continue;
		}
		found++;
		close(fd);
	}
	atomic_store(&stop, true);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(found > 0);
	/* the last move back may have been refused */
	rename(S(r, "private/sub"), S(r, "dir/sub"));
	opens(r, &deep, S(r, "dir/sub/deep"));
	expect_silence(r);
}
