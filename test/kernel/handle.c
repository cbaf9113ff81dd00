// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * handle.c - file handles of inodes that the daemon does not know
 *
 * Such a handle holds one of the file system below and is opened without a word to the
 * daemon. Anybody may make one up, so it must not lead out of what was given away.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID AT_REMOVEDIR
#endif

/* As the kernel has them: a word with the type below, or that and three of the top */
enum { BELOW = 0xf1, BELOW_TOP = 0xf2, WORD = 4, TOP = 3 * WORD };

static struct file_handle *fh(struct handle *h)
{
	return (struct file_handle *)(void *)h;
}

static int open_handle(const char *mount_, struct handle *h, int flags)
{
	int root = (int)CHECK_OK(open(mount_, O_RDONLY | O_DIRECTORY | O_CLOEXEC)), fd, err;

	fd = open_by_handle_at(root, fh(h), flags | O_CLOEXEC);
	err = errno;
	close(root);
	errno = err;
	return fd;
}

static const char *fd_path(int fd)
{
	static _Thread_local char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

/* What is opened is the file at @path below, in every respect */
static void opens(struct raw *r, struct handle *h, const char *path)
{
	int fd = (int)CHECK_OK(open_handle(r->mnt, h, O_PATH));
	struct stat a, b;

	CHECK_OK(fstat(fd, &a));
	CHECK_OK(lstat(path, &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(a.st_mode, b.st_mode);
	CHECK_EQ(a.st_nlink, b.st_nlink);
	CHECK_EQ(a.st_uid, b.st_uid);
	CHECK_EQ(a.st_size, b.st_size);
	close(fd);
}

static void drop_names(const char *path)
{
	int fs = (int)CHECK_OK(fspick(AT_FDCWD, path, FSPICK_CLOEXEC));

	CHECK_OK(fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0));
	close(fs);
}

/* Nobody remembers a name, here or below; tmpfs has no other place for them */
static void drop_all(struct raw *r)
{
	frame_drop_names(r);
	drop_names(r->src);
	frame_drop_names(r);
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

/*
 * As the frame has mounted it, and expects it. Cases that do without it leave the frame's
 * check that nothing pins what is below to others.
 */
static void bind_source(struct raw *r)
{
	CHECK_OK(mount(r->src, r->src, NULL, MS_BIND, NULL));
}

/* Of a name in the folder of the case, where all of the file system is mounted */
static const char *E(struct raw *everything, const struct raw *r, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.200s%.200s", strrchr(r->dir, '/') + 1, name);
	return M(everything, path);
}

/* Where all of a file system is given away a file is found wherever it is */
WHOLE(everything)
{
	struct raw_options opt = { .ops = RAW_ALL, .subtree = true };
	char top[PATH_MAX];
	struct raw *second;
	struct handle h;

	snprintf(top, sizeof(top), "%.3000s", r->dir);
	*strrchr(top, '/') = '\0';
	second = frame_second(r, top, &opt);
	CHECK_OK(umount2(r->src, MNT_DETACH));
	h = handle_of(E(second, r, "/src/dir/a"));
	opens(second, &h, S(r, "dir/a"));
	CHECK_OK(rename(S(r, "dir/a"), S(r, "moved")));
	drop_all(second);
	opens(second, &h, S(r, "moved"));
	CHECK_OK(rename(S(r, "moved"), S(r, "dir/a")));
	bind_source(r);
	frame_second_end(second);
}

/* @to is @from with the handle below replaced by @native */
static struct handle wrapped(struct handle from, struct handle native)
{
	char *bytes = (char *)from.f_handle;
	unsigned int type = (unsigned int)native.type;
	size_t head = from.type == BELOW_TOP ? WORD + TOP : WORD;

	memcpy(bytes, &type, sizeof(type));
	memcpy(bytes + head, native.f_handle, native.bytes);
	from.bytes = (unsigned int)head + native.bytes;
	return from;
}

/* The file of @native, said to be in the folder that @from has */
static struct handle with_file(struct handle from, struct handle native)
{
	memcpy(from.f_handle + WORD, native.f_handle, native.bytes);
	return from;
}

/* A made-up handle of what lies beside the tree, above it, and at its top */
WHOLE(outside)
{
	struct handle good = handle_of(M(r, "good")), h;
	char path[PATH_MAX];
	const char *beside[] = { "outside", "outside/file", "" };

	snprintf(path, sizeof(path), "%.3000s/outside", r->dir);
	CHECK_OK(mkdir(path, 0755));
	snprintf(path, sizeof(path), "%.3000s/outside/file", r->dir);
	put_file(path, "x", 1);
	/* that is how it is made up */
	h = wrapped(good, handle_of(S(r, "good")));
	opens(r, &h, S(r, "good"));
	h = wrapped(good, handle_of(S(r, "dir")));
	opens(r, &h, S(r, "dir"));
	for (size_t i = 0; i < sizeof(beside) / sizeof(*beside); i++) {
		snprintf(path, sizeof(path), "%.3000s/%s", r->dir, beside[i]);
		h = wrapped(good, handle_of(path));
		CHECK_ERRNO(open_handle(r->mnt, &h, O_PATH), ESTALE);
		drop_all(r);
		CHECK_ERRNO(open_handle(r->mnt, &h, O_PATH), ESTALE);
	}
	h = wrapped(good, handle_of(r->src));
	CHECK_ERRNO(open_handle(r->mnt, &h, O_PATH), ESTALE);
	/* what lies about the folder that it is in, as an ext4 tells it */
	snprintf(path, sizeof(path), "%.3000s/outside/file", r->dir);
	h = with_file(handle_of(M(r, "dir/a")), handle_of(path));
	drop_all(r);
	CHECK_ERRNO(open_handle(r->mnt, &h, O_PATH), ESTALE);
	/* what has been moved out is not in the tree any more */
	h = handle_of(M(r, "dir/sub"));
	snprintf(path, sizeof(path), "%.3000s/outside/sub", r->dir);
	CHECK_OK(umount2(r->src, MNT_DETACH));
	CHECK_OK(rename(S(r, "dir/sub"), path));
	CHECK_ERRNO(open_handle(r->mnt, &h, O_PATH), ESTALE);
	CHECK_OK(rename(path, S(r, "dir/sub")));
	opens(r, &h, S(r, "dir/sub"));
	bind_source(r);
}

/* The names of the root are the daemon's, those of "dir" are not */
static void give_dir_away(struct raw *r)
{
	CHECK_EQ(raw_backing_mask(r->fd, raw_node_get(r, FUSE_ROOT_ID)->backing_id,
				  r->supported & ~RAW_SUBTREE), 0);
	CHECK_OK(access(M(r, "dir"), F_OK));
}

static void set_dir(struct raw *r, uint64_t mask)
{
	CHECK_EQ(raw_backing_mask(r->fd, raw_node_find(r, "dir")->backing_id, mask), 0);
}

WHOLE(below_a_folder)
{
	struct handle a, sub, good, h;
	int fd;

	CHECK_OK(mkdir(S(r, "dir/sub/deep"), 0755));
	give_dir_away(r);
	a = handle_of(M(r, "dir/a"));
	sub = handle_of(M(r, "dir/sub/deep"));
	good = handle_of(M(r, "good"));
	CHECK_EQ(a.type, BELOW_TOP);
	CHECK(good.type != BELOW_TOP);
	fd = (int)CHECK_OK(open(M(r, "dir"), O_PATH | O_CLOEXEC));
	for (int i = 0; i < 2; i++) {
		opens(r, &a, S(r, "dir/a"));
		opens(r, &sub, S(r, "dir/sub/deep"));
		drop_all(r);
	}
	/* outside of that folder, though below the root */
	h = wrapped(a, handle_of(S(r, "good")));
	CHECK_ERRNO(open_handle(r->mnt, &h, O_PATH), ESTALE);
	h = wrapped(a, handle_of(S(r, "private")));
	CHECK_ERRNO(open_handle(r->mnt, &h, O_PATH), ESTALE);
	/* the root does not pass names */
	h = a;
	h.type = BELOW;
	memmove(h.f_handle + WORD, h.f_handle + WORD + TOP,
		h.bytes - WORD - TOP);
	h.bytes -= TOP;
	CHECK_ERRNO(open_handle(r->mnt, &h, O_PATH), ESTALE);
	/* another generation, another node */
	for (int word = 1; word <= 3; word++) {
		h = a;
		h.f_handle[word * WORD] ^= 1;
		CHECK_ERRNO(open_handle(r->mnt, &h, O_PATH), ESTALE);
	}
	/* a daemon that does not say that it can is not asked for a top that is forgotten */
	close(fd);
	drop_all(r);
	raw_barrier(r);
	raw_reset(r);
	CHECK_ERRNO(open_handle(r->mnt, &a, O_PATH), ESTALE);
	expect_silence(r);
}

WHOLE(taken_back)
{
	struct handle a, deep, again;
	int dir, fd;

	CHECK_OK(mkdir(S(r, "dir/sub/deep"), 0755));
	give_dir_away(r);
	dir = (int)CHECK_OK(open(M(r, "dir"), O_PATH | O_CLOEXEC));
	a = handle_of(M(r, "dir/a"));
	deep = handle_of(M(r, "dir/sub/deep"));
	set_dir(r, r->supported & ~RAW_SUBTREE);
	frame_drop_names(r);
	CHECK_ERRNO(open_handle(r->mnt, &a, O_PATH), ESTALE);
	CHECK_ERRNO(open_handle(r->mnt, &deep, O_PATH), ESTALE);
	/* one between, which the daemon has named, keeps its names */
	CHECK_OK(access(M(r, "dir/sub"), F_OK));
	fd = (int)CHECK_OK(open(M(r, "dir/sub"), O_PATH | O_CLOEXEC));
	CHECK_EQ(raw_backing_mask(r->fd, raw_node_find(r, "sub")->backing_id,
				  r->supported & ~RAW_SUBTREE), 0);
	set_dir(r, r->supported);
	CHECK_OK(access(M(r, "dir/a"), F_OK));
	CHECK_ERRNO(open_handle(r->mnt, &deep, O_PATH), ESTALE);
	close(fd);
	close(dir);
	again = handle_of(M(r, "dir/a"));
	opens(r, &again, S(r, "dir/a"));
}

/*
 * The kernel has found a folder before the daemon names it with a mask that can't follow:
 * so there are two inodes, and it is that of the daemon that counts.
 */
WHOLE(kept_by_another_inode)
{
	struct handle f;
	int dir, sub;

	put_file(S(r, "dir/sub/f"), "x", 1);
	give_dir_away(r);
	dir = (int)CHECK_OK(open(M(r, "dir"), O_PATH | O_CLOEXEC));
	f = handle_of(M(r, "dir/sub/f"));
	sub = (int)CHECK_OK(open(M(r, "dir/sub"), O_PATH | O_CLOEXEC));
	opens(r, &f, S(r, "dir/sub/f"));
	set_dir(r, r->supported & ~RAW_SUBTREE);
	r->opt.ops = RAW_ALL & ~(RAW_SUBTREE | OP(READDIR));
	CHECK_OK(access(M(r, "dir/sub"), F_OK));
	CHECK(raw_node_find(r, "sub"));
	set_dir(r, r->supported);
	CHECK_ERRNO(open_handle(r->mnt, &f, O_PATH), ESTALE);
	close(sub);
	close(dir);
}

/* A name that is gone does not say that a file is in the tree */
WHOLE(other_name_outside)
{
	char path[PATH_MAX];
	struct handle h;
	int fd;

	h = handle_of(M(r, "dir/a"));
	fd = (int)CHECK_OK(open(M(r, "dir/a"), O_PATH | O_CLOEXEC));
	snprintf(path, sizeof(path), "%.3000s/outside", r->dir);
	CHECK_OK(umount2(r->src, MNT_DETACH));
	CHECK_OK(link(S(r, "dir/a"), path));
	CHECK_OK(unlink(S(r, "dir/a")));
	CHECK_ERRNO(open_handle(r->mnt, &h, O_PATH), ESTALE);
	CHECK_OK(rename(path, S(r, "dir/a")));
	bind_source(r);
	close(fd);
}

/*
 * All of a file system is given away, but for a folder that the daemon keeps: a file in
 * that one can't be had by a handle that does not say where it is.
 */
WHOLE(kept_in_everything)
{
	struct raw_options opt = { .ops = RAW_ALL, .subtree = true };
	char top[PATH_MAX];
	struct handle before, made_up;
	struct raw *second;
	int fd;

	snprintf(top, sizeof(top), "%.3000s", r->dir);
	*strrchr(top, '/') = '\0';
	second = frame_second(r, top, &opt);
	CHECK_OK(umount2(r->src, MNT_DETACH));
	before = handle_of(E(second, r, "/src/dir/a"));
	made_up = wrapped(before, handle_of(S(r, "dir/b")));
	opens(second, &made_up, S(r, "dir/b"));
	/* its names are the daemon's from now on, and so are those on the way there */
	CHECK_EQ(raw_backing_mask(second->fd, raw_node_get(second, FUSE_ROOT_ID)->backing_id,
				  second->supported & ~RAW_SUBTREE), 0);
	fd = (int)CHECK_OK(open(E(second, r, ""), O_PATH | O_CLOEXEC));
	CHECK_EQ(raw_backing_mask(second->fd,
				  raw_node_find(second, strrchr(r->dir, '/') + 1)->backing_id,
				  second->supported & ~RAW_SUBTREE), 0);
	CHECK_EQ(raw_backing_mask(second->fd, raw_node_get(second, FUSE_ROOT_ID)->backing_id,
				  second->supported), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_ERRNO(open_handle(second->mnt, &before, O_PATH), ESTALE);
		CHECK_ERRNO(open_handle(second->mnt, &made_up, O_PATH), ESTALE);
		drop_names(top);
		frame_drop_names(second);
	}
	close(fd);
	bind_source(r);
	frame_second_end(second);
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

static bool is_below_dir(struct raw *r, int fd)
{
	static const char *const there[] = { "dir/a", "dir/b", "dir/sub" };
	struct stat opened, st;
	bool same = false;

	CHECK_OK(fstat(fd, &opened));
	for (size_t i = 0; i < sizeof(there) / sizeof(*there); i++) {
		CHECK_OK(lstat(S(r, there[i]), &st));
		same |= st.st_ino == opened.st_ino;
	}
	return same;
}

/* Any bytes at all lead to nothing but what was given away */
WHOLE(garbage)
{
	struct handle a, dir;
	unsigned int seed = 1;

	give_dir_away(r);
	a = handle_of(M(r, "dir/a"));
	dir = handle_of(M(r, "dir/sub"));
	for (int i = 0; i < 20000; i++) {
		struct handle h = i & 1 ? a : dir;
		int fd, n = 1 + rand_r(&seed) % 4;

		if (i % 3 == 0)
			h.type = BELOW;
		if (i % 5 == 0)
			h.bytes = (unsigned int)rand_r(&seed) % MAX_HANDLE_SZ;
		while (n--)
			h.f_handle[rand_r(&seed) % (i & 2 ? MAX_HANDLE_SZ : 24)] ^=
				(unsigned char)rand_r(&seed);
		fd = open_handle(r->mnt, &h, O_PATH);
		if (fd < 0 && errno != ESTALE && errno != EINVAL)
			FAIL("round %d: %s", i, strerror(errno));
		if (fd < 0)
			continue;
		CHECK(is_below_dir(r, fd));
		close(fd);
	}
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
