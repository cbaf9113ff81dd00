// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The library on a kernel with the patches of this project: what binds, what is
 * refused and why, and that the daemon is not asked.  Other kernels skip it.
 */
#include <dirent.h> /* has a type DIR, and daemon.h a folder */

#include "daemon.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define GETATTR FUSEPT_OP(FUSEPT_GETATTR)
#define UNKNOWN FUSEPT_OP(60)

/* Names in DIR; the node id is the index plus 2. */
static struct node {
	const char *name, *below;
	int fd;
	struct fusept_backing *backing;
} nodes[] = {
	{.name = "file", .below = BELOW},	   {.name = "dir", .below = BASE "/dir"},
	{.name = "link", .below = BASE "/link"},   {.name = "pipe", .below = BASE "/pipe"},
	{.name = "other", .below = BASE "/other"},
};
#define COUNT (sizeof(nodes) / sizeof(nodes[0]))
enum { A_FILE, A_DIR, A_LINK, A_PIPE, ANOTHER };
#define INO(node) ((node) + 2u)

static atomic_int lookups, root_getattrs, getattrs, opens, releases, forgets;
static bool give_away; /* entries have no node id */

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = {.entry_timeout = 3600};

	(void)parent;
	atomic_fetch_add(&lookups, 1);
	for (size_t i = 0; i < COUNT; i++) {
		if (strcmp(name, nodes[i].name) != 0)
			continue;
		e.ino = give_away ? 0 : INO(i);
		fstat(nodes[i].fd, &e.attr);
		fusept_reply_entry(req, &e, nodes[i].backing);
		return;
	}
	fuse_reply_err(req, ENOENT);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st = {.st_mode = S_IFDIR | 0755, .st_nlink = 2};

	(void)fi;
	atomic_fetch_add(ino == FUSE_ROOT_ID ? &root_getattrs : &getattrs, 1);
	if (ino != FUSE_ROOT_ID)
		fstat(nodes[ino - 2].fd, &st);
	fuse_reply_attr(req, &st, 0);
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	atomic_fetch_add(&opens, 1);
	fusept_reply_open(req, fi, nodes[ino - 2].backing);
}

/* Makes ANOTHER. */
static void on_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct fuse_entry_param e = {.ino = INO(ANOTHER)};

	(void)parent;
	(void)name;
	fchmod(nodes[ANOTHER].fd, mode & 07777);
	fstat(nodes[ANOTHER].fd, &e.attr);
	fusept_reply_create(req, &e, fi, nodes[ANOTHER].backing);
}

static void on_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	atomic_fetch_add(&releases, 1);
	fuse_reply_err(req, 0);
}

static void on_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	(void)ino;
	(void)nlookup;
	atomic_fetch_add(&forgets, 1);
	fuse_reply_none(req);
}

/* All names at once; each has a node of its own, or is given away. */
static void on_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	const int passthrough = fusept_readdir_passthrough(&size);
	char buf[4096];
	size_t used = 0;

	(void)ino;
	(void)fi;
	CHECK(size <= sizeof(buf));
	for (size_t i = (size_t)off; i < COUNT; i++) {
		struct fuse_entry_param e = {.ino = give_away ? 0 : INO(i), .entry_timeout = 3600};

		fstat(nodes[i].fd, &e.attr);
		used += fusept_add_direntry_plus(req, passthrough, buf + used, size - used,
						 nodes[i].name, &e, nodes[i].backing,
						 (off_t)i + 1);
	}
	fuse_reply_buf(req, buf, used);
}

/* Also in a handler, where a request to oneself might wait for ever */
static struct fusept_counters in_handler;

static void on_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const struct statvfs st = {.f_bsize = 4096, .f_namemax = 255};

	(void)ino;
	CHECK_EQ(fusept_counters_read(DIR, &in_handler), 0);
	fuse_reply_statfs(req, &st);
}

static const struct fuse_lowlevel_ops ops = {
	.readdirplus = on_readdirplus,
	.lookup = on_lookup,
	.forget = on_forget,
	.getattr = on_getattr,
	.open = on_open,
	.create = on_create,
	.release = on_release,
	.statfs = on_statfs,
};

static void start_with(struct daemon *d, uint32_t flags)
{
	const struct fusept_session_options options = {.size = sizeof(options), .flags = flags};

	daemon_prepare();
	daemon_mount_with(d, &ops);
	CHECK_EQ(fusept_session_new(d->se, &options, &d->session), 0);
	if (fusept_session_level(d->session) != FUSEPT_LEVEL_OPS)
		test_skip("this kernel passes no operations through");
	CHECK_SYS(mkdir(BASE "/dir", 0751));
	CHECK_SYS(symlink("below", BASE "/link"));
	CHECK_SYS(mkfifo(BASE "/pipe", 0640));
	CHECK_SYS(close(open(BASE "/other", O_RDWR | O_CREAT | O_CLOEXEC, 0600)));
	for (size_t i = 0; i < COUNT; i++) {
		const int how = i == ANOTHER ? O_RDWR : O_PATH | O_NOFOLLOW;

		CHECK_SYS(nodes[i].fd = open(nodes[i].below, how | O_CLOEXEC));
	}
}

static void start(struct daemon *d)
{
	start_with(d, 0);
}

static void finish(struct daemon *d)
{
	for (size_t i = 0; i < COUNT; i++) {
		CHECK_EQ(fusept_backing_close(nodes[i].backing), 0);
		close(nodes[i].fd);
	}
	daemon_finish(d);
}

static void give_backing(struct daemon *d, int node, uint64_t mask)
{
	CHECK_EQ(fusept_backing_open(d->session, nodes[node].fd, mask, &nodes[node].backing), 0);
}

static void check_same_stat(const char *path, int fd)
{
	struct stat seen, below;

	CHECK_SYS(lstat(path, &seen));
	CHECK_SYS(fstat(fd, &below));
	CHECK_EQ(seen.st_mode, below.st_mode);
	CHECK_EQ(seen.st_size, below.st_size);
	CHECK_EQ(seen.st_mtim.tv_nsec, below.st_mtim.tv_nsec);
}

TEST(every_type_binds_at_lookup)
{
	struct daemon d;
	char text[16];

	start(&d);
	for (int i = 0; i < (int)COUNT; i++)
		give_backing(&d, i, FUSEPT_OPS_ALL);
	daemon_serve(&d);
	for (int i = 0; i < 3; i++) {
		check_same_stat(DIR "/file", nodes[A_FILE].fd);
		check_same_stat(DIR "/dir", nodes[A_DIR].fd);
		check_same_stat(DIR "/link", nodes[A_LINK].fd);
		check_same_stat(DIR "/pipe", nodes[A_PIPE].fd);
		CHECK_SYS(chmod(BASE "/dir", (mode_t)(0700 + i))); /* seen at once */
	}
	CHECK_EQ(readlink(DIR "/link", text, sizeof(text)), 5);
	CHECK_SYS(close(open(DIR "/dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
	CHECK_EQ(getattrs, 0);
	CHECK_EQ(opens, 0);
	finish(&d);
}

TEST(counters_say_who_did_what)
{
	struct fusept_counters c;
	struct statvfs st;
	struct daemon d;

	start(&d);
	give_backing(&d, A_FILE, FUSEPT_OPS_ALL);
	daemon_serve(&d);
	for (int i = 0; i < 3; i++)
		check_same_stat(DIR "/file", nodes[A_FILE].fd);
	CHECK_EQ(fusept_counters_read(DIR, &c), 0);
	CHECK_EQ(c.daemon[FUSEPT_LOOKUP], lookups);
	CHECK_EQ(c.kernel[FUSEPT_LOOKUP], 0);
	CHECK_EQ(c.kernel[FUSEPT_GETATTR] + c.kernel[FUSEPT_STATX], 3);
	CHECK_EQ(c.daemon[FUSEPT_GETATTR], getattrs + root_getattrs);
	CHECK_SYS(statvfs(DIR, &st));
	CHECK_EQ(in_handler.daemon[FUSEPT_STATFS], 1);
	CHECK_EQ(fusept_counters_read(BASE, &c), -ENODEV);
	CHECK_EQ(fusept_counters_read(DIR "/file", &c), 0);
	CHECK_EQ(c.kernel[FUSEPT_GETATTR] + c.kernel[FUSEPT_STATX], 4); /* of that, too */
	finish(&d);
}

/* A whole directory; but a file whose mask lacks something is not there without a node */
TEST(what_is_given_away_needs_no_node)
{
	struct daemon d;
	struct stat st;

	start(&d);
	give_backing(&d, A_DIR, FUSEPT_OPS_SUBTREE);
	give_backing(&d, A_FILE, FUSEPT_OPS_ALL);
	CHECK_EQ(fusept_backing_ops(nodes[A_DIR].backing), fusept_session_ops(d.session));
	CHECK_EQ(fusept_backing_ops(nodes[A_FILE].backing) & FUSEPT_OP(FUSEPT_FORGET), 0);
	give_away = true;
	daemon_serve(&d);
	check_same_stat(DIR "/dir", nodes[A_DIR].fd);
	CHECK_SYS(mkdir(DIR "/dir/made", 0700));
	CHECK_SYS(close(open(DIR "/dir/made/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600)));
	CHECK_SYS(stat(BASE "/dir/made/file", &st));
	CHECK_EQ(fusept_backing_set_ops(nodes[A_DIR].backing, FUSEPT_OPS_ALL), -EBUSY);
	CHECK_EQ(stat(DIR "/file", &st), -1);
	CHECK_EQ(errno, ENOENT);
	finish(&d);
	CHECK_EQ(getattrs + opens + releases + forgets, 0);
}

/* How many names DIR has */
static size_t list(void)
{
	void *dir = opendir(DIR);
	size_t names = 0;

	CHECK(dir);
	while (readdir(dir))
		names++;
	closedir(dir);
	return names;
}

static void listed_files_are_known(bool give, uint64_t mask)
{
	struct daemon d;

	start_with(&d, FUSEPT_SESSION_READDIR);
	for (int i = 0; i < (int)COUNT; i++)
		give_backing(&d, i, mask);
	give_away = give;
	daemon_serve_by(&d, 3);
	CHECK_EQ(list(), COUNT);
	check_same_stat(DIR "/file", nodes[A_FILE].fd);
	check_same_stat(DIR "/dir", nodes[A_DIR].fd);
	check_same_stat(DIR "/link", nodes[A_LINK].fd);
	CHECK_SYS(chmod(BASE "/dir", 0700)); /* seen at once */
	check_same_stat(DIR "/dir", nodes[A_DIR].fd);
	CHECK_SYS(close(open(DIR "/file", O_RDONLY | O_CLOEXEC)));
	CHECK_EQ(lookups + getattrs + opens, 0);
	CHECK_EQ(fusept_backing_bind(nodes[A_FILE].backing, INO(A_FILE)), give ? -ENOENT : 0);
	finish(&d);
}

TEST(entries_of_a_directory_bind)
{
	listed_files_are_known(false, FUSEPT_OPS_ALL);
}

TEST(entries_of_a_directory_are_given_away)
{
	listed_files_are_known(true, FUSEPT_OPS_SUBTREE);
	CHECK_EQ(forgets, 0);
}

/* libfuse does not know the request, and the kernel asks it another one. */
TEST(loops_of_libfuse_list_directories_as_ever)
{
	struct daemon d;

	start_with(&d, FUSEPT_SESSION_READDIR);
	daemon_serve(&d);
	CHECK_EQ(list(), COUNT);
	check_same_stat(DIR "/file", nodes[A_FILE].fd);
	CHECK_EQ(lookups, 0);
	CHECK(getattrs > 0);
	finish(&d);
}

TEST(root_binds_before_the_loop_begins)
{
	struct daemon d;

	start(&d);
	give_backing(&d, A_DIR, FUSEPT_OPS_ALL);
	CHECK_EQ(fusept_backing_bind(nodes[A_DIR].backing, FUSE_ROOT_ID), 0);
	CHECK_EQ(fusept_backing_bind(nodes[A_DIR].backing, FUSE_ROOT_ID), 0);
	daemon_serve(&d);
	check_same_stat(DIR, nodes[A_DIR].fd);
	CHECK_EQ(root_getattrs, 0);
	finish(&d);
}

TEST(causes_why_a_binding_is_refused)
{
	struct fusept_backing *empty;
	struct daemon d;

	start(&d);
	give_backing(&d, A_FILE, FUSEPT_OPS_ALL);
	give_backing(&d, A_DIR, FUSEPT_OPS_ALL);
	daemon_serve(&d);
	CHECK_EQ(fusept_backing_bind(nodes[A_FILE].backing, FUSE_ROOT_ID), -ESTALE);
	CHECK_EQ(fusept_backing_bind(nodes[A_FILE].backing, 4711), -ENOENT);
	CHECK_EQ(fusept_backing_open(d.session, d.file, FUSEPT_OPS_NONE, &empty), 0);
	CHECK_EQ(fusept_backing_bind(empty, INO(A_FILE)), -EINVAL);
	CHECK_EQ(fusept_backing_close(empty), 0);
	check_same_stat(DIR "/file", nodes[A_FILE].fd);
	CHECK_EQ(fusept_backing_open(d.session, d.file, FUSEPT_OPS_ALL, &empty), 0);
	CHECK_EQ(fusept_backing_bind(empty, INO(A_FILE)), -EBUSY);
	CHECK_EQ(fusept_backing_close(empty), 0);
	finish(&d);
}

TEST(causes_why_a_mask_is_refused)
{
	const struct {
		uint64_t mask;
		int ret;
	} bad[] = {
		{UNKNOWN, -EOPNOTSUPP},
		{UNKNOWN | GETATTR, -EOPNOTSUPP},
		{FUSEPT_OP(FUSEPT_MKDIR) | GETATTR, -EDOM}, /* without LOOKUP */
		{FUSEPT_OPS_IO, -EDOM},
		{FUSEPT_OP(FUSEPT_OPEN) | GETATTR, -EDOM},
	};
	struct daemon d;

	start(&d);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(fusept_backing_open(d.session, d.file, bad[i].mask, &d.backing),
			 bad[i].ret);
	CHECK_EQ(fusept_backing_open(d.session, d.file, UNKNOWN | GETATTR | FUSEPT_OPS_SUPPORTED,
				     &d.backing),
		 0);
	CHECK_EQ(fusept_backing_ops(d.backing), GETATTR);
	CHECK_EQ(fusept_backing_set_ops(d.backing, GETATTR | FUSEPT_OP(FUSEPT_OPEN)), -EDOM);
	CHECK_EQ(fusept_backing_set_ops(d.backing, GETATTR | UNKNOWN), -EOPNOTSUPP);
	finish(&d);
}

/* Bound, it grows by all but what open files depend on, and does not lose that either */
TEST(mask_of_what_is_bound)
{
	const uint64_t most = FUSEPT_OPS_ALL & ~FUSEPT_OP(FUSEPT_GETLK) &
			      ~FUSEPT_OP(FUSEPT_SETLK) & ~FUSEPT_OP(FUSEPT_SETLKW) &
			      ~FUSEPT_OP(FUSEPT_POLL);
	struct daemon d;
	uint64_t has;
	char text[16];

	start(&d);
	give_backing(&d, A_LINK, GETATTR);
	CHECK_EQ(fusept_backing_set_ops(nodes[A_LINK].backing, FUSEPT_OPS_SUBTREE), 0);
	CHECK_EQ(fusept_backing_ops(nodes[A_LINK].backing), fusept_session_ops(d.session));
	CHECK_EQ(fusept_backing_set_ops(nodes[A_LINK].backing, GETATTR), 0);
	daemon_serve(&d);
	check_same_stat(DIR "/link", nodes[A_LINK].fd);
	CHECK_SYS(-(readlink(DIR "/link", text, sizeof(text)) >= 0)); /* no handler: ENOSYS */
	CHECK_EQ(fusept_backing_set_ops(nodes[A_LINK].backing, FUSEPT_OPS_ALL), -EBUSY);
	CHECK_EQ(fusept_backing_set_ops(nodes[A_LINK].backing, most), 0);
	has = fusept_backing_ops(nodes[A_LINK].backing);
	CHECK_EQ(has, most & fusept_session_ops(d.session));
	CHECK_EQ(readlink(DIR "/link", text, sizeof(text)), 5);
	CHECK_EQ(fusept_backing_set_ops(nodes[A_LINK].backing, GETATTR), -EBUSY);
	CHECK_EQ(fusept_backing_set_ops(nodes[A_LINK].backing,
					most & ~FUSEPT_OP(FUSEPT_SETATTR)), 0);
	CHECK_EQ(fusept_backing_set_ops(nodes[A_LINK].backing, most), 0);
	CHECK_EQ(fusept_backing_set_ops(nodes[A_LINK].backing, UNKNOWN | GETATTR), -EOPNOTSUPP);
	CHECK_EQ(fusept_backing_set_ops(nodes[A_LINK].backing, FUSEPT_OPS_NONE), -EINVAL);
	CHECK_EQ(fusept_backing_ops(nodes[A_LINK].backing), has);
	finish(&d);
}

TEST(replies_with_a_backing_that_does_not_fit)
{
	struct stat st;
	struct daemon d;

	start(&d);
	give_backing(&d, A_DIR, FUSEPT_OPS_ALL);
	nodes[A_FILE].backing = nodes[A_DIR].backing;
	daemon_serve(&d);
	CHECK_EQ(stat(DIR "/file", &st), -1);
	CHECK_EQ(errno, EPROTO);
	nodes[A_FILE].backing = NULL;
	check_same_stat(DIR "/file", nodes[A_FILE].fd);
	finish(&d);
}

TEST(created_file_needs_no_release)
{
	struct daemon d;
	char text[4];
	int fd;

	start(&d);
	give_backing(&d, ANOTHER, FUSEPT_OPS_ALL);
	daemon_serve(&d);
	CHECK_SYS(fd = open(DIR "/new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
	CHECK_EQ(pwrite(fd, "abcd", 4, 0), 4);
	check_same_stat(DIR "/other", nodes[ANOTHER].fd); /* the same inode, by its other name */
	close(fd);
	CHECK_EQ(pread(nodes[ANOTHER].fd, text, 4, 0), 4);
	CHECK_BYTES(text, "abcd", 4);
	CHECK_EQ(getattrs, 0);
	CHECK_EQ(releases, 0);
	finish(&d);
}
