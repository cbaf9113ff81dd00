// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * subtree.c - only the root is known to the daemon: all names are the kernel's
 *
 * Whatever other groups do natively and through the mount is done here with LOOKUP
 * and what makes files passed through, too: the same results, and not one request.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

#define WHOLE .opt.ops = RAW_ALL, .opt.subtree = true, .opt.wide = true

static void same_scripts(struct raw *r)
{
	char pattern[64];

	snprintf(pattern, sizeof(pattern), "%s.*", (const char *)ktest_self->arg);
	raw_reset(r);
	diff_all(r, pattern, r->supported);
	expect_silence(r);
}

/* A case for each group of scripts */
#define SCRIPTS(group)							\
	static struct ktest_case subtree_##group##_case = {		\
		.name = "subtree." #group, .run = same_scripts,		\
		.arg = (intptr_t)#group, WHOLE				\
	};								\
	__attribute__((constructor)) static void subtree_##group##_add(void) \
	{								\
		ktest_add(&subtree_##group##_case);			\
	}

SCRIPTS(attr)
SCRIPTS(xattr)
SCRIPTS(open)
SCRIPTS(io)
SCRIPTS(map)
SCRIPTS(dir)
SCRIPTS(perm)
SCRIPTS(killpriv)
SCRIPTS(lock)
SCRIPTS(control)

/* What is made is made for the caller, by his umask or by the default ACL */
static const struct who maker = {
	.name = "maker", .uid = 2004, .gid = 2004, .ngroups = 1, .groups = { 3004 },
};

static void note_made(struct log *l, const char *name)
{
	struct stat st;

	if (NOTE(lstat(name, &st)) == 0)
		note(l, "%s: %o %u:%u %llx", name, st.st_mode, st.st_uid, st.st_gid,
		     (unsigned long long)st.st_rdev);
}

static void make_all(struct log *l, const char *folder)
{
	int dir = NOTE_FD(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)), fd;

	CHECK_OK(fchdir(dir));
	NOTE(mkdir("d", 0777));
	NOTE(mkdir("d", 0777));
	NOTE(mkdir("setgid", 02777));
	NOTE(mknod("reg", S_IFREG | 0666, 0));
	NOTE(mknod("fifo2", S_IFIFO | 0666, 0));
	NOTE(mknod("sock", S_IFSOCK | 0666, 0));
	NOTE(mknod("null", S_IFCHR | 0666, 0x103));
	NOTE(mknod("white", S_IFCHR | 0666, 0));
	NOTE(symlink("nowhere", "sym"));
	NOTE(symlink("nowhere", "sym"));
	fd = NOTE_FD(open("rw", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
	NOTE(write(fd, "made", 4));
	close(fd);
	NOTE(open("rw", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
	fd = NOTE_FD(open("ro", O_RDWR | O_CREAT | O_CLOEXEC, 0400));
	NOTE(write(fd, "made", 4));
	close(fd);
	fd = NOTE_FD(open("suid", O_RDWR | O_CREAT | O_CLOEXEC, 06755));
	close(fd);
	fd = NOTE_FD(open("rw", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	close(fd);
	NOTE(link("rw", "hard"));
	NOTE(open("no/such", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	NOTE(open("rw/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	NOTE(open("sym", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	fd = NOTE_FD(open("sym", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	close(fd);
	for (const char *const *n = (const char *const[]){ "d", "setgid", "reg", "fifo2",
	     "sock", "null", "white", "sym", "rw", "ro", "suid", "hard", "nowhere", NULL };
	     *n; n++)
		note_made(l, *n);
	close(dir);
}

SCRIPT(make, as_root)
{
	make_all(l, "dir");
}

SCRIPT(make, with_umask)
{
	mode_t old = umask(027);

	make_all(l, "dir");
	umask(old);
}

SCRIPT(make, as_other, .who = &maker)
{
	make_all(l, "sticky");
}

SCRIPT(make, not_allowed, .who = &maker)
{
	make_all(l, "dir");
}

/* A new file has the group of such a folder, and no sgid of its own by a stranger */
SCRIPT(make, in_setgid)
{
	CHECK_OK(mkdir("sg", 0777));
	CHECK_OK(chown("sg", TREE_UID, TREE_GROUP));
	CHECK_OK(chmod("sg", 02777));
	setfsgid(2004);
	setfsuid(2004);
	make_all(l, "sg");
	setfsuid(0);
	setfsgid(0);
}

SCRIPT(make, default_acl)
{
	static const struct acl_entry acl[] = {
		{ 1, 7, -1U }, { 2, 6, 1000 }, { 4, 5, -1U }, { 16, 7, -1U }, { 32, 4, -1U },
	};
	mode_t old = umask(077);

	CHECK_OK(set_acl("dir", "system.posix_acl_default", acl, 5));
	make_all(l, "dir");
	umask(old);
}

SCRIPTS(make)
SCRIPTS(names)

/* On its file system alone */
static struct ktest_case fold_subtree_case = {
	.name = "fold.subtree", .run = same_scripts, .arg = (intptr_t)"fold", WHOLE
};

__attribute__((constructor)) static void fold_subtree_add(void)
{
	ktest_add(&fold_subtree_case);
}

/* Below a folder that the daemon knows; the root's names are his */
static void below_named(struct raw *r)
{
	struct raw_node *root = raw_node_get(r, FUSE_ROOT_ID);

	CHECK_EQ(raw_backing_mask(r->fd, root->backing_id,
				  r->supported & ~RAW_SUBTREE), 0);
	raw_reset(r);
}

/* Two names, one inode: then rename(2) of one to the other does nothing */
KTEST(subtree, hard_links, WHOLE)
{
	struct stat a, b;

	CHECK_OK(stat(M(r, "hard1"), &a));
	CHECK_OK(stat(M(r, "hard2"), &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(a.st_nlink, 2);
	CHECK_OK(rename(M(r, "hard1"), M(r, "hard2")));
	CHECK_OK(access(M(r, "hard1"), F_OK));
	CHECK_OK(link(M(r, "hard1"), M(r, "hard3")));
	CHECK_OK(unlink(M(r, "hard1")));
	same_stat(M(r, "hard2"), S(r, "hard2"));
	same_stat(M(r, "hard3"), S(r, "hard3"));
	CHECK_OK(rename(M(r, "hard3"), M(r, "hard2")));
	CHECK_OK(access(M(r, "hard3"), F_OK));
	expect_silence(r);
}

static void expect_missing(struct raw *r, const char *name)
{
	CHECK_ERRNO(access(M(r, name), F_OK), ENOENT);
}

/* Nobody tells us what is changed below: the next look has to see it */
KTEST(subtree, changed_below, WHOLE)
{
	char buf[8] = "";

	expect_missing(r, "new");
	put_file(S(r, "new"), "1", 1);
	CHECK_EQ(get_file(M(r, "new"), buf, sizeof(buf)), 1);
	CHECK_OK(rename(S(r, "new"), S(r, "newer")));
	expect_missing(r, "new");
	same_stat(M(r, "newer"), S(r, "newer"));
	put_file(S(r, "other"), "22", 2);
	same_stat(M(r, "other"), S(r, "other"));
	CHECK_OK(rename(S(r, "other"), S(r, "newer")));
	CHECK_EQ(get_file(M(r, "newer"), buf, sizeof(buf)), 2);
	expect_missing(r, "other");
	CHECK_OK(unlink(S(r, "newer")));
	expect_missing(r, "newer");
	CHECK_OK(mkdir(S(r, "newer"), 0700));
	same_stat(M(r, "newer"), S(r, "newer"));
	CHECK_OK(chmod(S(r, "newer"), 0711));
	CHECK_OK(chown(S(r, "newer"), 7, 8));
	same_stat(M(r, "newer"), S(r, "newer"));
	CHECK_OK(rmdir(S(r, "newer")));
	expect_missing(r, "newer");
	CHECK_OK(renameat2(AT_FDCWD, S(r, "tagged"), AT_FDCWD, S(r, "dir"), RENAME_EXCHANGE));
	same_stat(M(r, "tagged"), S(r, "tagged"));
	same_stat(M(r, "dir"), S(r, "dir"));
	same_stat(M(r, "tagged/sub"), S(r, "tagged/sub"));
	CHECK_ERRNO(access(M(r, "dir/sub"), F_OK), ENOTDIR);
	same_tree(r->mnt, r->src);
	expect_silence(r);
}

/* The names that change while others look at them; two folders, five files */
static const char *const moving[] = { "dir/m1", "dir/m2", "dir/sub/m1", "dir/sub/m2", "m1" };

static pid_t begin_looking(struct raw *r)
{
	pid_t pid = (pid_t)CHECK_OK(fork());
	struct stat st;

	if (pid)
		return pid;
	for (unsigned int i = 0;; i++)
		stat(M(r, moving[i % 5]), &st);
}

/* What is below a name, or 0 */
static ino_t inode_of(const char *path)
{
	struct stat st = { 0 };

	if (lstat(path, &st) && errno != ENOENT)
		FAIL("%s: %m", path);
	return st.st_ino;
}

static void move_any(struct raw *r, unsigned int *seed)
{
	const char *(*at)(const struct raw *r, const char *name) = rand_r(seed) % 4 ? S : M;
	const char *from = at(r, moving[rand_r(seed) % 5]);
	const char *to = at(r, moving[rand_r(seed) % 5]);

	switch (rand_r(seed) % 8) {
	case 0:
		unlink(from);
		break;
	case 1:
		close((int)CHECK_OK(open(from, O_CREAT | O_RDWR | O_CLOEXEC, 0600)));
		break;
	case 2:
		(void)!link(from, to);
		break;
	case 3:
	case 4:
		renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE);
		break;
	default:
		rename(from, to);
	}
}

/* A change below is seen by the next look, however many compare the names meanwhile */
KTEST(subtree, moved_while_looked_at, WHOLE)
{
	unsigned int seed = 1;
	pid_t looking[2];

	for (int i = 0; i < 2; i++)
		looking[i] = begin_looking(r);
	for (int round = 0; round < 3000; round++) {
		move_any(r, &seed);
		for (int i = 0; i < 5; i++)
			if (inode_of(M(r, moving[i])) != inode_of(S(r, moving[i])))
				FAIL("round %d: %s is not what is below", round, moving[i]);
	}
	for (int i = 0; i < 2; i++) {
		CHECK_OK(kill(looking[i], SIGKILL));
		CHECK_EQ(waitpid(looking[i], NULL, 0), looking[i]);
	}
	same_tree(r->mnt, r->src);
	expect_silence(r);
}

/* Folders that move below, also into what was below them */
KTEST(subtree, folders_moved_below, WHOLE)
{
	int fd;

	CHECK_OK(mkdir(S(r, "dir/sub/deep"), 0755));
	same_stat(M(r, "dir/sub/deep"), S(r, "dir/sub/deep"));
	fd = (int)CHECK_OK(open(M(r, "dir/sub/deep"), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	CHECK_OK(rename(S(r, "dir/sub"), S(r, "moved")));
	same_stat(M(r, "moved/deep"), S(r, "moved/deep"));
	CHECK_OK(rename(S(r, "dir"), S(r, "moved/deep/dir")));
	same_stat(M(r, "moved/deep/dir/a"), S(r, "moved/deep/dir/a"));
	expect_missing(r, "dir");
	/* who has it open has it wherever it is */
	CHECK_OK(faccessat(fd, "dir/a", F_OK, 0));
	put_file(S(r, "moved/deep/here"), "x", 1);
	CHECK_OK(faccessat(fd, "here", F_OK, 0));
	close(fd);
	CHECK_OK(rename(S(r, "moved/deep"), S(r, "deep")));
	CHECK_OK(rename(M(r, "moved"), M(r, "deep/dir/moved")));
	same_tree(r->mnt, r->src);
	expect_silence(r);
}

/* What stands for something else by now is not what is removed or renamed */
KTEST(subtree, replaced_below, WHOLE)
{
	CHECK_OK(access(M(r, "tagged"), F_OK));
	CHECK_OK(rename(S(r, "secret"), S(r, "tagged")));
	CHECK_OK(rename(M(r, "tagged"), M(r, "moved")));
	same_stat(M(r, "moved"), S(r, "moved"));
	CHECK_OK(mkdir(S(r, "folder"), 0755));
	CHECK_OK(access(M(r, "folder"), F_OK));
	CHECK_OK(rmdir(S(r, "folder")));
	put_file(S(r, "folder"), "x", 1);
	CHECK_ERRNO(rmdir(M(r, "folder")), ENOTDIR);
	CHECK_OK(unlink(M(r, "folder")));
	CHECK_OK(mkdir(M(r, "folder"), 0755));
	expect_missing(r, "gone");
	put_file(S(r, "gone"), "x", 1);
	CHECK_ERRNO(mkdir(M(r, "gone"), 0755), EEXIST);
	CHECK_ERRNO(open(M(r, "gone"), O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	same_tree(r->mnt, r->src);
	expect_silence(r);
}

/* What is unlinked while it is open goes on */
KTEST(subtree, unlinked_open, WHOLE)
{
	int fd = (int)CHECK_OK(open(M(r, "made"), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	struct stat st;
	char buf[4];

	CHECK_EQ(write(fd, "made", 4), 4);
	CHECK_OK(unlink(M(r, "made")));
	expect_missing(r, "made");
	CHECK_EQ(pread(fd, buf, 4, 0), 4);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_OK(fchmod(fd, 0640));
	put_file(M(r, "made"), "again", 5);
	CHECK_EQ(pread(fd, buf, 4, 0), 4);
	CHECK(!memcmp(buf, "made", 4));
	close(fd);
	expect_silence(r);
}

/* What is mounted below is not part of the tree, nor can it be taken away */
KTEST(subtree, mounted_below, WHOLE)
{
	CHECK_OK(mount("t", S(r, "dir/sub"), "tmpfs", 0, NULL));
	put_file(S(r, "dir/sub/inside"), "x", 1);
	CHECK_OK(access(M(r, "dir/sub"), F_OK));
	expect_missing(r, "dir/sub/inside");
	CHECK_ERRNO(rmdir(M(r, "dir/sub")), EBUSY);
	CHECK_ERRNO(rename(M(r, "dir/sub"), M(r, "elsewhere")), EBUSY);
	CHECK_OK(umount(S(r, "dir/sub")));
	CHECK_OK(rename(M(r, "dir/sub"), M(r, "elsewhere")));
	expect_silence(r);
}

/* What only the daemon could do is refused, without a word to him */
KTEST(subtree, nobody_to_ask, WHOLE)
{
	int fd = (int)CHECK_OK(open(M(r, "dir/a"), O_RDWR | O_CLOEXEC)), n = 0;

	CHECK_ERRNO(ioctl(fd, FITRIM, &n), ENOTTY);
	close(fd);
	expect_silence(r);
}

KTEST(subtree, after_abort, WHOLE, .flags = KT_DEAD)
{
	int fd = (int)CHECK_OK(open(M(r, "dir/a"), O_RDWR | O_CLOEXEC));
	char c;

	raw_abort(r);
	CHECK_ERRNO(access(M(r, "dir/a"), F_OK), ENOTCONN);
	CHECK_ERRNO(access(M(r, "dir/b"), F_OK), ENOTCONN);
	CHECK_ERRNO(mkdir(M(r, "dir/new"), 0755), ENOTCONN);
	CHECK_EQ(pread(fd, &c, 1, 0), 1);
	close(fd);
}

KTEST(subtree, of_a_folder, WHOLE)
{
	below_named(r);
	same_stat(M(r, "dir/a"), S(r, "dir/a"));
	CHECK_EQ(raw_count(r, FUSE_LOOKUP), 1);
	CHECK(raw_node_find(r, "dir"));
	CHECK(!raw_node_find(r, "a"));
	put_file(M(r, "dir/new"), "x", 1);
	CHECK_OK(mkdir(M(r, "dir/sub/deep"), 0755));
	CHECK_OK(rename(M(r, "dir/new"), M(r, "dir/sub/deep/new")));
	CHECK_EQ(raw_count(r, FUSE_LOOKUP), 1);
	/* out of it, and into it: the file gets a node id when it is looked up */
	CHECK_OK(rename(M(r, "dir/sub/deep/new"), M(r, "out")));
	same_stat(M(r, "out"), S(r, "out"));
	CHECK(raw_node_find(r, "out"));
	CHECK_OK(rename(M(r, "out"), M(r, "dir/in")));
	same_stat(M(r, "dir/in"), S(r, "dir/in"));
	CHECK_OK(link(M(r, "dir/in"), M(r, "linked")));
	same_stat(M(r, "linked"), S(r, "linked"));
	CHECK_OK(link(M(r, "good"), M(r, "dir/good")));
	same_stat(M(r, "dir/good"), S(r, "dir/good"));
	same_tree(r->mnt, r->src);
}

/* A file without a name gets one; O_EXCL forbids that */
KTEST(subtree, tmpfile, WHOLE)
{
	int fd = (int)CHECK_OK(open(M(r, "dir"), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	char path[64];

	CHECK_EQ(write(fd, "made", 4), 4);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_OK(linkat(AT_FDCWD, path, AT_FDCWD, M(r, "dir/named"), AT_SYMLINK_FOLLOW));
	same_stat(M(r, "dir/named"), S(r, "dir/named"));
	CHECK_OK(fchmod(fd, 0640));
	same_stat(M(r, "dir/named"), S(r, "dir/named"));
	close(fd);
	fd = (int)CHECK_OK(open(M(r, "dir"), O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_ERRNO(linkat(AT_FDCWD, path, AT_FDCWD, M(r, "dir/other"), AT_SYMLINK_FOLLOW),
		    ENOENT);
	close(fd);
	CHECK_ERRNO(open(M(r, "dir"), O_TMPFILE | O_RDONLY | O_CLOEXEC, 0600), EINVAL);
	expect_silence(r);
}

/* A file that the daemon has kept to itself stays where he knows the folder */
KTEST(subtree, kept_outside, WHOLE)
{
	below_named(r);
	CHECK_OK(access(M(r, "dir/sub"), F_OK));
	/* from now on no other file is handed over, by no lookup */
	r->opt.ops = RAW_NONE;
	CHECK_OK(access(M(r, "group"), F_OK));
	CHECK_ERRNO(rename(M(r, "group"), M(r, "dir/sub/group")), EXDEV);
	CHECK_ERRNO(link(M(r, "group"), M(r, "dir/sub/group")), EXDEV);
	put_file(M(r, "dir/sub/over"), "x", 1);
	CHECK_ERRNO(rename(M(r, "dir/sub/over"), M(r, "group")), EXDEV);
	CHECK_OK(rename(M(r, "dir/sub/over"), M(r, "dir/over")));
	same_tree(M(r, "dir"), S(r, "dir"));
}

/* Where something is mounted at the first use there is nothing to look up */
KTEST(subtree, automounted_below, .opt.ops = RAW_ALL)
{
	static const struct raw_options whole = { .ops = RAW_ALL, .subtree = true };
	struct raw *second;

	if (access("/sys/kernel/debug/tracing", F_OK))
		ktest_skip("this kernel has no tracing");
	second = frame_second(r, "/sys/kernel/debug", &whole);
	CHECK_ERRNO(access(M(second, "tracing"), F_OK), EOPNOTSUPP);
	frame_second_end(second);
}

/* A name that came by the daemon, and one that did not: one inode */
KTEST(subtree, named_first, WHOLE)
{
	CHECK_OK(link(S(r, "good"), S(r, "dir/good")));
	below_named(r);
	CHECK_OK(access(M(r, "good"), F_OK));
	CHECK_OK(access(M(r, "dir/good"), F_OK));
	CHECK(raw_node_find(r, "good"));
	CHECK_OK(rename(M(r, "dir/good"), M(r, "good")));
	CHECK_OK(access(M(r, "dir/good"), F_OK));
}

/*
 * What the daemon has named, for a time, and what then came into a folder whose names
 * are the kernel's: by a rename through us, or below
 */
KTEST(subtree, named_moves_in, WHOLE)
{
	CHECK_OK(mkdir(S(r, "folder"), 0755));
	below_named(r);
	CHECK_OK(access(M(r, "dir"), F_OK));
	CHECK_OK(access(M(r, "good"), F_OK));
	CHECK_OK(access(M(r, "folder"), F_OK));
	CHECK_OK(rename(M(r, "good"), M(r, "dir/good")));
	CHECK_OK(access(M(r, "dir/good"), F_OK));
	CHECK_OK(rename(S(r, "dir/good"), S(r, "good")));
	expect_missing(r, "dir/good");
	CHECK_OK(rename(S(r, "folder"), S(r, "dir/folder")));
	CHECK_OK(access(M(r, "dir/folder"), F_OK));
	CHECK_OK(rename(S(r, "dir/folder"), S(r, "dir/moved")));
	expect_missing(r, "dir/folder");
	CHECK_OK(access(M(r, "dir/moved"), F_OK));
	CHECK_OK(renameat2(AT_FDCWD, M(r, "file"), AT_FDCWD, M(r, "dir/a"), RENAME_EXCHANGE));
	CHECK_OK(access(M(r, "dir/a"), F_OK));
	CHECK_OK(unlink(S(r, "dir/a")));
	expect_missing(r, "dir/a");
}

/* LOOKUP of a folder is taken back, and given again */
KTEST(subtree, taken_back, WHOLE)
{
	struct raw_node *dir;
	int fd;

	below_named(r);
	same_stat(M(r, "dir/a"), S(r, "dir/a"));
	same_stat(M(r, "dir/sub"), S(r, "dir/sub"));
	fd = (int)CHECK_OK(open(M(r, "dir/sub"), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	expect_missing(r, "dir/none");
	dir = raw_node_find(r, "dir");
	CHECK(dir);
	CHECK_EQ(raw_count(r, FUSE_LOOKUP), 1);
	CHECK_EQ(raw_backing_mask(r->fd, dir->backing_id,
				  r->supported & ~RAW_SUBTREE), 0);
	same_stat(M(r, "dir/a"), S(r, "dir/a"));
	CHECK(raw_node_find(r, "a"));
	expect_missing(r, "dir/none");
	CHECK_EQ(raw_count(r, FUSE_LOOKUP), 3);
	same_stat(M(r, "dir/sub"), S(r, "dir/sub"));
	CHECK(raw_node_find(r, "sub"));
	/* who has a folder open has it as it was */
	CHECK_OK(mkdirat(fd, "made", 0755));
	CHECK_OK(faccessat(fd, "made", F_OK, 0));
	close(fd);
	CHECK_EQ(raw_backing_mask(r->fd, dir->backing_id, r->supported), 0);
	raw_reset(r);
	same_stat(M(r, "dir/a"), S(r, "dir/a"));
	put_file(M(r, "dir/b"), "new", 3);
	expect_missing(r, "dir/none");
	CHECK_EQ(raw_count(r, FUSE_LOOKUP), 0);
	same_tree(r->mnt, r->src);
}
