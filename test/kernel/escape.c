// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * escape.c - file handles that lead out of what was given away, made up or true once
 *
 * Anybody may make a handle up of one of the file system below.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "byhandle.h"

#define WHOLE(id, ...)							\
	KTEST(escape, id, .opt.ops = RAW_ALL, .opt.subtree = true, ##__VA_ARGS__)

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
