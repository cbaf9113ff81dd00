// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * stress.c - many callers at once, while the daemon attaches, binds and withdraws
 *
 * Nobody looks at what the calls give. It is the frame that finds a lost reference,
 * and the debug kernel that finds a race.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

enum { WORKERS = 4, ROUNDS = 400, NAMES = 6 };

static uint32_t roll(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*seed >> 33) % n;
}

static void use_data(const char *path, uint64_t *seed)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char buf[512];
	char *p;

	if (fd < 0)
		return;
	pwrite(fd, buf, sizeof(buf), roll(seed, 5000));
	pread(fd, buf, sizeof(buf), roll(seed, 5000));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* not touched: another one may cut the file meanwhile */
	if (p != MAP_FAILED)
		munmap(p, 4096);
	close(fd);
}

static void use_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char buf[1024];

	if (fd < 0)
		return;
	while (getdents64(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
}

/* A path through the mount, or below */
typedef const char *(*place)(const struct raw *r, const char *name);

static void any_call(struct raw *r, place at, uint64_t *seed)
{
	char a[64], b[64], buf[64];
	struct stat st;

	snprintf(a, sizeof(a), "dir/s%u", roll(seed, NAMES));
	snprintf(b, sizeof(b), "%s/s%u", roll(seed, 2) ? "dir" : "sticky",
		 roll(seed, NAMES));
	switch (roll(seed, 14)) {
	case 0: use_data(at(r, a), seed); break;
	case 1: use_data(at(r, b), seed); break;
	case 2: use_dir(at(r, "dir")); break;
	case 3: rename(at(r, a), at(r, b)); break;
	case 4: unlink(at(r, a)); break;
	case 5: link(at(r, a), at(r, b)); break;
	case 6: mkdir(at(r, b), 0700); break;
	case 7: rmdir(at(r, b)); break;
	case 8: symlink(a, at(r, b)); break;
	case 9: lstat(at(r, a), &st); break;
	case 10: chmod(at(r, a), 0600 + (mode_t)roll(seed, 64)); break;
	case 11: truncate(at(r, a), roll(seed, 9000)); break;
	case 12: getxattr(at(r, a), "user.s", buf, sizeof(buf)); break;
	case 13: setxattr(at(r, a), "user.s", "1", 1, 0); break;
	}
}

/*
 * What a daemon with many threads might do meanwhile.  Any node but one gets
 * the data of "file", which nobody looks at afterwards.
 */
static void any_ioctl(struct raw *r, uint64_t *seed, uint64_t spared)
{
	int id = raw_backing_path(r, roll(seed, 2) ? "file" : "dir",
				  r->supported);
	uint64_t node = roll(seed, 30);

	if (node != spared)
		raw_backing_bind(r->fd, node, id);
	raw_backing_mask(r->fd, (int)roll(seed, 60), r->supported);
	raw_backing_mask(r->fd, (int)roll(seed, 60), OP(GETATTR));
	raw_backing_close(r->fd, id);
	if (roll(seed, 4) == 0)
		raw_let_go(r);
}

static void stress(struct raw *r, bool ioctls)
{
	/* the frame looks at this file at the end; open, it keeps its node id */
	int good = (int)CHECK_OK(open(M(r, "good"), O_RDONLY | O_CLOEXEC));
	uint64_t spared = raw_nodeid(r, raw_node_find(r, "good"));
	uint64_t seed = 1;
	int left = WORKERS;

	for (int i = 0; i < WORKERS; i++) {
		uint64_t mine = (uint64_t)i + 100;

		if (CHECK_OK(fork()))
			continue;
		for (int round = 0; round < ROUNDS; round++)
			any_call(r, M, &mine);
		_exit(EXIT_SUCCESS);
	}
	while (left) {
		int status;

		if (ioctls)
			any_ioctl(r, &seed, spared);
		else
			raw_let_go(r);
		if (waitpid(-1, &status, WNOHANG) > 0) {
			CHECK_EQ(status, 0);
			left--;
		}
	}
	close(good);
}

KTEST(stress, all_passed, .opt.ops = RAW_ALL)
{
	stress(r, false);
}

KTEST(stress, names_not_cached, .opt.ops = RAW_ALL, .opt.no_cache_names = true)
{
	stress(r, false);
}

KTEST(stress, data_by_daemon, .opt.ops = RAW_ALL & ~OP(READ) & ~OP(WRITE))
{
	stress(r, false);
}

/* Files that are handed over late, by a daemon that does not know what it does */
KTEST(stress, ioctls)
{
	stress(r, true);
}

KTEST(stress, ioctls_on_attached, .opt.ops = OP(GETATTR) | OP(OPEN) | OP(RELEASE))
{
	stress(r, true);
}

/* Those who use the tree below change names, too */
static void begin_worker(struct raw *r, place at, uint64_t seed)
{
	if (CHECK_OK(fork()))
		return;
	for (int round = 0; round < ROUNDS; round++)
		any_call(r, at, &seed);
	_exit(EXIT_SUCCESS);
}

/* Meanwhile the daemon takes the names of the root and gives them away again */
static void flip_names(struct raw *r, int round)
{
	int root = raw_node_get(r, FUSE_ROOT_ID)->backing_id;
	uint64_t less = round % 2 ? RAW_SUBTREE : 0;

	CHECK_EQ(raw_backing_mask(r->fd, root, r->supported & ~less), 0);
	if (round % 8 == 0)
		frame_drop_names(r);
	else
		raw_let_go(r);
}

static void storm_in_subtree(struct raw *r, bool flip)
{
	int left = WORKERS, status;

	for (int i = 0; i < WORKERS; i++)
		begin_worker(r, i % 2 ? S : M, (uint64_t)i + 200);
	for (int round = 0; left; round++) {
		if (flip)
			flip_names(r, round);
		else
			raw_let_go(r);
		if (waitpid(-1, &status, WNOHANG) > 0) {
			CHECK_EQ(status, 0);
			left--;
		}
	}
	CHECK_EQ(raw_backing_mask(r->fd, raw_node_get(r, FUSE_ROOT_ID)->backing_id,
				  r->supported), 0);
	same_tree(r->mnt, r->src);
}

KTEST(stress, subtree, .opt.ops = RAW_ALL, .opt.subtree = true)
{
	storm_in_subtree(r, false);
}

KTEST(stress, subtree_flips, .opt.ops = RAW_ALL, .opt.subtree = true)
{
	storm_in_subtree(r, true);
}
