// SPDX-License-Identifier: LGPL-2.1-or-later
/* names.c - names that the kernel changes below: removed, linked, renamed */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

#define NAMES (OP(UNLINK) | OP(RMDIR) | OP(RENAME) | OP(RENAME2) | OP(LINK))

static void look_at(struct raw *r, const char *name)
{
	struct stat st;

	CHECK_OK(lstat(M(r, name), &st));
}

static void missing(const char *path)
{
	struct stat st;

	CHECK_ERRNO(lstat(path, &st), ENOENT);
}

static void gone(struct raw *r, const char *name)
{
	missing(M(r, name));
	missing(S(r, name));
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	CHECK_OK(lstat(path, &st));
	return st.st_ino;
}

static int rename_m(struct raw *r, const char *from, const char *to,
		    unsigned int flags)
{
	return renameat2(AT_FDCWD, M(r, from), AT_FDCWD, M(r, to), flags);
}

/* What has the name now is what goes, as it would below */
KTEST(names, replaced_below, .opt.ops = RAW_ALL)
{
	look_at(r, "dir/a");
	look_at(r, "dir/b");
	CHECK_OK(rename(S(r, "dir/b"), S(r, "dir/a")));
	CHECK_OK(unlink(M(r, "dir/a")));
	gone(r, "dir/a");
	look_at(r, "file");
	look_at(r, "sticky/other");
	CHECK_OK(rename(S(r, "file"), S(r, "sticky/other")));
	CHECK_OK(rename(M(r, "sticky/other"), M(r, "file")));
	gone(r, "sticky/other");
	CHECK_EQ(inode_of(M(r, "file")), inode_of(S(r, "file")));
}

static const struct who other = { .name = "other", .uid = 2001, .gid = 2001 };

static void make_theirs(const char *path, mode_t mode)
{
	if (S_ISDIR(mode))
		CHECK_OK(mkdir(path, 0700));
	else
		put_file(path, "x", 1);
	CHECK_OK(chown(path, other.uid, other.gid));
	CHECK_OK(chmod(path, mode & 07777));
}

static void unlink_theirs(void *arg)
{
	CHECK_OK(unlink(M(arg, "sticky/theirs")));
}

/* In a sticky folder it matters whose it is, so the name is looked up again */
KTEST(names, replaced_in_sticky, .opt.ops = RAW_ALL, .opt.wide = true)
{
	make_theirs(S(r, "sticky/theirs"), S_IFREG | 0644);
	make_theirs(S(r, "sticky/new"), S_IFREG | 0644);
	look_at(r, "sticky/theirs");
	CHECK_OK(rename(S(r, "sticky/new"), S(r, "sticky/theirs")));
	raw_reset(r);
	run_as(&other, unlink_theirs, r);
	CHECK(raw_count(r, FUSE_LOOKUP) > 0);
	CHECK_EQ(raw_count(r, FUSE_UNLINK), 0);
	gone(r, "sticky/theirs");
	/* but not to who may remove all there: the daemon is asked to do it */
	look_at(r, "sticky/other");
	put_file(S(r, "sticky/new"), "x", 1);
	CHECK_OK(rename(S(r, "sticky/new"), S(r, "sticky/other")));
	CHECK_OK(unlink(M(r, "sticky/other")));
	CHECK_EQ(raw_count(r, FUSE_UNLINK), 1);
	gone(r, "sticky/other");
}

static void exchange_theirs(void *arg)
{
	CHECK_ERRNO(rename_m(arg, "theirs/o", "sticky/n", RENAME_EXCHANGE), EPERM);
}

/* Neither name is what it was, and only the second is in a sticky folder */
KTEST(names, exchanged_with_sticky, .opt.ops = RAW_ALL, .opt.wide = true)
{
	make_theirs(S(r, "theirs"), S_IFDIR | 0755);
	make_theirs(S(r, "theirs/o"), S_IFREG | 0644);
	make_theirs(S(r, "theirs/p"), S_IFREG | 0644);
	make_theirs(S(r, "sticky/n"), S_IFREG | 0644);
	look_at(r, "theirs/o");
	look_at(r, "sticky/n");
	CHECK_OK(rename(S(r, "theirs/p"), S(r, "theirs/o")));
	CHECK_OK(unlink(S(r, "sticky/n")));
	put_file(S(r, "sticky/n"), "ours", 4);
	run_as(&other, exchange_theirs, r);
	CHECK_OK(access(S(r, "sticky/n"), F_OK));
}

static void move_ours(void *arg)
{
	CHECK_ERRNO(rename(M(arg, "from/d"), M(arg, "to/d")), EACCES);
}

/* A folder that moves is changed itself: it has to be one that the caller may change */
KTEST(names, other_folder_to_move, .opt.ops = RAW_ALL, .opt.wide = true)
{
	make_theirs(S(r, "from"), S_IFDIR | 0777);
	make_theirs(S(r, "to"), S_IFDIR | 0777);
	make_theirs(S(r, "from/d"), S_IFDIR | 0755);
	look_at(r, "from/d");
	look_at(r, "to");
	CHECK_OK(rename(S(r, "from/d"), S(r, "from/e")));
	CHECK_OK(mkdir(S(r, "from/d"), 0755));
	run_as(&other, move_ours, r);
	/* nor if it was a file */
	CHECK_OK(rmdir(S(r, "from/d")));
	make_theirs(S(r, "from/d"), S_IFREG | 0644);
	look_at(r, "from/d");
	CHECK_OK(unlink(S(r, "from/d")));
	CHECK_OK(mkdir(S(r, "from/d"), 0755));
	run_as(&other, move_ours, r);
	CHECK_OK(access(S(r, "from/d"), F_OK));
}

/* The folder that had the name lives on, under another one */
KTEST(names, other_folder_removed, .opt.ops = RAW_ALL)
{
	int fd = (int)CHECK_OK(open(M(r, "dir/sub"), O_RDONLY | O_CLOEXEC));

	CHECK_OK(rename(S(r, "dir/sub"), S(r, "sticky/sub")));
	CHECK_OK(mkdir(S(r, "dir/sub"), 0755));
	CHECK_OK(rmdir(M(r, "dir/sub")));
	gone(r, "dir/sub");
	put_file(S(r, "sticky/sub/x"), "x", 1);
	look_at(r, "sticky/sub/x");
	CHECK_OK(faccessat(fd, "x", F_OK, 0));
	close(fd);
}

/* The daemon goes on saying that a name is the file that it was */
static int same_as_before(struct raw_req *q)
{
	const char *name = q->arg;

	return raw_entry(q, strcmp(name, "b") ? name : "a");
}

/* Two files below, one to the daemon: it knows what the name is */
KTEST(names, another_to_daemon, .opt.ops = RAW_ALL)
{
	r->before[FUSE_LOOKUP] = same_as_before;
	raw_reset(r);
	CHECK_EQ(inode_of(M(r, "dir/b")), inode_of(M(r, "dir/a")));
	CHECK_OK(rename(M(r, "dir/b"), M(r, "dir/c")));
	CHECK_EQ(raw_count(r, FUSE_RENAME), 1);
	missing(S(r, "dir/b"));
	CHECK_OK(access(S(r, "dir/c"), F_OK));
	CHECK_OK(access(S(r, "dir/a"), F_OK));
	CHECK_OK(unlink(M(r, "dir/c")));
	r->before[FUSE_LOOKUP] = NULL;
	gone(r, "dir/c");
}

/* Over and over, while callers look: never an error that the file system has not */
KTEST(names, replaced_all_the_time, .opt.ops = RAW_ALL)
{
	enum { TIMES = 200 };
	pid_t pid = (pid_t)CHECK_OK(fork());
	int status;

	if (!pid) {
		for (int i = 0; i < TIMES; i++) {
			put_file(S(r, "dir/next"), "x", 1);
			CHECK_OK(rename(S(r, "dir/next"), S(r, "dir/a")));
		}
		_exit(EXIT_SUCCESS);
	}
	for (int i = 0; i < TIMES; i++) {
		put_file(M(r, "dir/mine"), "y", 1);
		CHECK_OK(rename(M(r, "dir/mine"), M(r, "dir/a")));
	}
	CHECK_OK(waitpid(pid, &status, 0));
	CHECK_EQ(status, 0);
	CHECK_OK(unlink(M(r, "dir/a")));
	gone(r, "dir/a");
}

/* Another type, even: a file that is a folder by now, and the reverse */
KTEST(names, other_type_below, .opt.ops = RAW_ALL)
{
	look_at(r, "dir/a");
	look_at(r, "dir/sub");
	CHECK_OK(unlink(S(r, "dir/a")));
	CHECK_OK(mkdir(S(r, "dir/a"), 0755));
	CHECK_ERRNO(unlink(M(r, "dir/a")), EISDIR);
	CHECK_OK(rmdir(M(r, "dir/a")));
	CHECK_OK(rmdir(S(r, "dir/sub")));
	put_file(S(r, "dir/sub"), "x", 1);
	CHECK_ERRNO(rmdir(M(r, "dir/sub")), ENOTDIR);
	CHECK_OK(unlink(M(r, "dir/sub")));
	gone(r, "dir/a");
	gone(r, "dir/sub");
}

KTEST(names, gone_below, .opt.ops = RAW_ALL)
{
	look_at(r, "dir/a");
	look_at(r, "dir/b");
	look_at(r, "dir/sub");
	CHECK_OK(unlink(S(r, "dir/a")));
	CHECK_OK(unlink(S(r, "dir/b")));
	CHECK_OK(rmdir(S(r, "dir/sub")));
	CHECK_ERRNO(unlink(M(r, "dir/a")), ENOENT);
	CHECK_ERRNO(rename(M(r, "dir/b"), M(r, "dir/c")), ENOENT);
	CHECK_ERRNO(rmdir(M(r, "dir/sub")), ENOENT);
	/* the one that it would replace is no loss */
	put_file(S(r, "dir/new"), "x", 1);
	look_at(r, "file");
	CHECK_OK(unlink(S(r, "file")));
	CHECK_OK(rename(M(r, "dir/new"), M(r, "file")));
	CHECK_ERRNO(rename_m(r, "file", "dir/a", RENAME_EXCHANGE), ENOENT);
}

/* A name that was missing, and is believed to be */
KTEST(names, new_below, .opt.ops = RAW_ALL)
{
	char buf[8];

	missing(M(r, "dir/new"));
	put_file(S(r, "dir/new"), "x", 1);
	CHECK_ERRNO(link(M(r, "good"), M(r, "dir/new")), EEXIST);
	CHECK_ERRNO(rename_m(r, "dir/a", "dir/new", RENAME_NOREPLACE), EEXIST);
	put_file(S(r, "dir/a"), "from", 4);
	CHECK_OK(rename(M(r, "dir/a"), M(r, "dir/new")));
	CHECK_EQ(get_file(S(r, "dir/new"), buf, sizeof(buf)), 4);
	CHECK_EQ(get_file(M(r, "dir/new"), buf, sizeof(buf)), 4);
	gone(r, "dir/a");
}

/* A folder is the one that was looked up, wherever it lies by now */
KTEST(names, folder_moved_below, .opt.ops = RAW_ALL)
{
	look_at(r, "dir/a");
	look_at(r, "dir/b");
	CHECK_OK(rename(S(r, "dir"), S(r, "moved")));
	CHECK_OK(unlink(M(r, "dir/a")));
	CHECK_OK(rename(M(r, "dir/b"), M(r, "b")));
	missing(S(r, "moved/a"));
	CHECK_EQ(inode_of(M(r, "b")), inode_of(S(r, "b")));
	CHECK_OK(rename(S(r, "moved"), S(r, "dir")));
}

/* They lie side by side here, but one in the other below */
KTEST(names, ancestor_below, .opt.ops = RAW_ALL)
{
	CHECK_OK(mkdir(M(r, "x"), 0755));
	CHECK_OK(mkdir(M(r, "y"), 0755));
	CHECK_OK(mkdir(M(r, "y/z"), 0755));
	CHECK_OK(rename(S(r, "y"), S(r, "x/y")));
	CHECK_ERRNO(rename(M(r, "x"), M(r, "y/x")), EINVAL);
	CHECK_ERRNO(rename(M(r, "y/z"), M(r, "x")), ENOTEMPTY);
	CHECK_ERRNO(rename_m(r, "y/z", "x", RENAME_EXCHANGE), EINVAL);
	CHECK_OK(rename(S(r, "x/y"), S(r, "y")));
	CHECK_OK(rename(M(r, "x"), M(r, "y/x")));
}

/* The answer says nothing of a file below */
static int leave_unattached(struct raw_req *q, int err)
{
	if (!err && q->out_len > sizeof(struct fuse_entry_out) &&
	    !strncmp(q->arg, "kept", 4))
		q->out_len = sizeof(struct fuse_entry_out);
	return err;
}

/* A file that the daemon keeps is the daemon's to remove and rename */
KTEST(names, kept_by_daemon, .opt.ops = RAW_ALL)
{
	put_file(S(r, "dir/kept"), "x", 1);
	put_file(S(r, "dir/kept2"), "y", 1);
	CHECK_OK(mkdir(S(r, "dir/kept-dir"), 0755));
	r->after[FUSE_LOOKUP] = leave_unattached;
	raw_reset(r);
	CHECK_OK(rename(M(r, "dir/kept"), M(r, "dir/kept3")));
	CHECK_EQ(raw_count(r, FUSE_RENAME), 1);
	CHECK_OK(rename(M(r, "dir/a"), M(r, "dir/kept3")));
	CHECK_EQ(raw_count(r, FUSE_RENAME), 2);
	CHECK_OK(rename_m(r, "dir/b", "dir/kept2", RENAME_EXCHANGE));
	CHECK_EQ(raw_count(r, FUSE_RENAME2), 1);
	CHECK_OK(unlink(M(r, "dir/b")));
	CHECK_EQ(raw_count(r, FUSE_UNLINK), 1);
	CHECK_OK(rmdir(M(r, "dir/kept-dir")));
	CHECK_EQ(raw_count(r, FUSE_RMDIR), 1);
	r->after[FUSE_LOOKUP] = NULL;
	gone(r, "dir/a");
	gone(r, "dir/b");
}

/* The daemon's backing of a folder whose name was looked up */
static int backing_of(struct raw *r, const char *name)
{
	look_at(r, name);
	return raw_node_find(r, name)->backing_id;
}

/* One folder passes, its neighbour does not */
KTEST(names, one_folder_only, .opt.ops = RAW_ALL & ~NAMES)
{
	CHECK_EQ(raw_backing_mask(r->fd, backing_of(r, "dir"), r->supported), 0);
	raw_reset(r);
	CHECK_ERRNO(rename(M(r, "dir/a"), M(r, "a")), EXDEV);
	CHECK_ERRNO(rename(M(r, "file"), M(r, "dir/file")), EXDEV);
	CHECK_ERRNO(rename_m(r, "file", "dir/a", RENAME_EXCHANGE), EXDEV);
	CHECK_EQ(raw_count(r, FUSE_RENAME) + raw_count(r, FUSE_RENAME2), 0);
	CHECK_OK(rename(M(r, "dir/a"), M(r, "dir/c")));
	CHECK_EQ(raw_count(r, FUSE_RENAME), 0);
	CHECK_OK(rename(M(r, "file"), M(r, "moved")));
	CHECK_EQ(raw_count(r, FUSE_RENAME), 1);
	CHECK_OK(link(M(r, "good"), M(r, "dir/good")));
	CHECK_EQ(raw_count(r, FUSE_LINK), 0);
	CHECK_OK(link(M(r, "dir/c"), M(r, "c")));
	CHECK_EQ(raw_count(r, FUSE_LINK), 1);
	same_all(M(r, "dir"), S(r, "dir"));
}

/* What is mounted below is busy, and a file system of its own */
KTEST(names, mounted_below, .opt.ops = RAW_ALL)
{
	CHECK_OK(mkdir(S(r, "sticky/sub"), 0755));
	look_at(r, "sticky/sub");
	CHECK_OK(mount("names", S(r, "sticky/sub"), "tmpfs", 0, NULL));
	CHECK_ERRNO(rmdir(M(r, "sticky/sub")), EBUSY);
	raw_let_go(r);
	CHECK_ERRNO(rmdir(M(r, "sticky/sub")), EBUSY);
	raw_let_go(r);
	frame_umount(S(r, "sticky/sub"));
	look_at(r, "dir/sub");
	for (int looked_up = 0; looked_up < 2; looked_up++) {
		CHECK_OK(mount("names", S(r, "dir/sub"), "tmpfs", 0, NULL));
		put_file(S(r, "dir/sub/file"), "x", 1);
		if (looked_up) {
			raw_let_go(r);
			look_at(r, "dir/sub/file");
			CHECK_ERRNO(link(M(r, "good"), M(r, "dir/sub/good")),
				    EXDEV);
			CHECK_ERRNO(rename(M(r, "dir/sub/file"), M(r, "x")),
				    EXDEV);
		}
		CHECK_ERRNO(rmdir(M(r, "dir/sub")), EBUSY);
		CHECK_ERRNO(rename(M(r, "dir/sub"), M(r, "dir/x")), EBUSY);
		raw_let_go(r);
		frame_umount(S(r, "dir/sub"));
	}
}

/* A new name is the file that it was made from, at once and after a lookup */
KTEST(names, linked, .opt.ops = RAW_ALL)
{
	raw_reset(r);
	CHECK_OK(link(M(r, "file"), M(r, "dir/file")));
	same_stat(M(r, "dir/file"), S(r, "dir/file"));
	CHECK_EQ(inode_of(M(r, "dir/file")), inode_of(M(r, "file")));
	CHECK_OK(unlink(M(r, "file")));
	same_stat(M(r, "dir/file"), S(r, "dir/file"));
	CHECK_OK(unlink(M(r, "dir/file")));
	gone(r, "dir/file");
	expect_no_requests(r, r->supported);
}

/* Nobody has said how long the name is good for: the daemon is asked */
KTEST(names, linked_is_asked_for, .opt.ops = RAW_ALL)
{
	CHECK_OK(link(M(r, "file"), M(r, "dir/file")));
	raw_reset(r);
	look_at(r, "dir/file");
	CHECK_EQ(raw_count(r, FUSE_LOOKUP), 1);
	look_at(r, "dir/file");
	CHECK_EQ(raw_count(r, FUSE_LOOKUP), 1);
}

/* A file without a name can get one, or it can't, as below */
static int link_fd(int fd, const char *to)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, AT_FDCWD, to, AT_SYMLINK_FOLLOW);
}

KTEST(names, link_of_nameless, .opt.ops = RAW_ALL)
{
	int fd = (int)CHECK_OK(open(M(r, "dir/a"), O_RDWR | O_CLOEXEC));

	CHECK_OK(unlink(M(r, "dir/a")));
	CHECK_ERRNO(link_fd(fd, M(r, "dir/again")), ENOENT);
	close(fd);
	/* gone below, and another file there by now */
	look_at(r, "dir/b");
	put_file(S(r, "dir/new"), "new", 3);
	CHECK_OK(rename(S(r, "dir/new"), S(r, "dir/b")));
	CHECK_OK(link(M(r, "dir/b"), M(r, "dir/c")));
	CHECK_EQ(inode_of(S(r, "dir/c")), inode_of(S(r, "dir/b")));
	fd = (int)CHECK_OK(open(M(r, "dir"), O_TMPFILE | O_RDWR | O_CLOEXEC,
				0600));
	CHECK_OK(link_fd(fd, M(r, "dir/made")));
	same_stat(M(r, "dir/made"), S(r, "dir/made"));
	close(fd);
}

/* An open file, a folder that somebody is in: they outlive their names */
KTEST(names, used_while_removed, .opt.ops = RAW_ALL)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	int dir = (int)CHECK_OK(open(M(r, "dir/sub"), O_RDONLY | O_CLOEXEC));
	struct stat st;
	char buf[8];

	CHECK_OK(unlink(M(r, "file")));
	CHECK_OK(rmdir(M(r, "dir/sub")));
	CHECK_EQ(pwrite(fd, "still", 5, 0), 5);
	CHECK_EQ(pread(fd, buf, 5, 0), 5);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_OK(fstat(dir, &st));
	CHECK_ERRNO(openat(dir, "new", O_CREAT | O_RDWR, 0600), ENOENT);
	close(fd);
	close(dir);
}

/* A whiteout belongs to whom it was made for */
static void whiteout(struct log *l)
{
	struct stat st;

	NOTE(renameat2(AT_FDCWD, "sticky/mine", AT_FDCWD, "sticky/moved",
		       RENAME_WHITEOUT));
	NOTE(lstat("sticky/mine", &st));
	note(l, "%o %u %u %llx", st.st_mode, st.st_uid, st.st_gid,
	     (unsigned long long)st.st_rdev);
}

static const struct who owner = { .name = "owner", .uid = 1000, .gid = 1000 };

SCRIPT(names, whiteout)
{
	put_file("sticky/mine", "x", 1);
	whiteout(l);
}

SCRIPT(names, whiteout_as_owner, .who = &owner)
{
	put_file("sticky/mine", "x", 1);
	whiteout(l);
}

/* Nothing below is changed for a mount whose daemon is gone */
KTEST(names, daemon_gone, .opt.ops = RAW_ALL, .flags = KT_DEAD)
{
	int dir = (int)CHECK_OK(open(M(r, "dir"), O_PATH | O_CLOEXEC));

	look_at(r, "dir/a");
	look_at(r, "dir/sub");
	raw_abort(r);
	CHECK_ERRNO(unlinkat(dir, "a", 0), ENOTCONN);
	CHECK_ERRNO(unlinkat(dir, "sub", AT_REMOVEDIR), ENOTCONN);
	CHECK_ERRNO(renameat(dir, "a", dir, "b"), ENOTCONN);
	CHECK_ERRNO(linkat(dir, "a", dir, "c", 0), ENOTCONN);
	close(dir);
	CHECK_OK(access(S(r, "dir/a"), F_OK));
	CHECK_OK(access(S(r, "dir/sub"), F_OK));
}

/* Two processes move the same few names, one through the mount and one below */
enum { MOVES = 300 };

static void move_below(struct raw *r)
{
	static const char *const from[] = { "dir/a", "sticky/a", "dir/b", "a" };
	static const char *const to[] = { "sticky/a", "a", "dir/a", "dir/b" };

	for (int i = 0; i < MOVES; i++)
		rename(S(r, from[i % 4]), S(r, to[(i / 4) % 4]));
}

KTEST(names, moved_here_and_below, .opt.ops = RAW_ALL)
{
	pid_t pid = (pid_t)CHECK_OK(fork());
	int status;

	if (!pid) {
		move_below(r);
		_exit(EXIT_SUCCESS);
	}
	for (int i = 0; i < MOVES; i++) {
		static const char *const names[] = { "dir/a", "dir/b", "sticky/a",
						     "a" };

		rename(M(r, names[i % 4]), M(r, names[(i / 4) % 4]));
		if (i % 8 == 0)
			link(M(r, names[i % 3]), M(r, names[i % 4]));
	}
	CHECK_OK(waitpid(pid, &status, 0));
	CHECK_EQ(status, 0);
	raw_let_go(r);
	same_all(r->mnt, r->src);
}
