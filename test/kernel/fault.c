// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fault.c - the n-th allocation of a call fails, for every n
 *
 * The call may fail or do without; the mount has to stay as it was, and in the end
 * the call has to succeed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

enum { MOST_FAULTS = 2000 };

static int get_fail_nth(int fd)
{
	char text[16] = "";

	CHECK(pread(fd, text, sizeof(text) - 1, 0) > 0);
	return atoi(text);
}

/* One call with its n-th allocation failing; true if there was no n-th */
static bool one_fault(struct raw *r, int (*run)(struct raw *r, int n), int n)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	char text[16];
	bool reached;
	int ret, err;

	if (fd < 0)
		ktest_skip("this kernel has no fault injection");
	snprintf(text, sizeof(text), "%d", n);
	CHECK_EQ(pwrite(fd, text, strlen(text), 0), strlen(text));
	ret = run(r, n);
	err = errno;
	reached = get_fail_nth(fd) == 0;
	CHECK_EQ(pwrite(fd, "0", 1, 0), 1);
	close(fd);
	if (ret < 0 && !reached)
		FAIL("without a fault: %s", strerrorname_np(err));
	return !reached;
}

struct call {
	const char *name;
	int (*run)(struct raw *r, int n);
	void (*undo)(struct raw *r, int n);
};

static void every_fault(struct raw *r, const struct call *call)
{
	bool last = false;

	for (int n = 1; !last; n++) {
		if (n > MOST_FAULTS)
			FAIL("%s: no end of faults", call->name);
		last = one_fault(r, call->run, n);
		if (call->undo)
			call->undo(r, n);
		same_stat(M(r, "good"), S(r, "good"));
		same_tree(M(r, "dir"), S(r, "dir"));
	}
}

static void each_call(struct raw *r, const struct call *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		every_fault(r, &calls[i]);
}

static const char *numbered(const char *base, int n)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s%d", base, n);
	return name;
}

/* The fd was opened before the fault was armed */
static int spare;

static int call_register(struct raw *r, int n)
{
	int id = raw_backing_open(r->fd, spare, r->supported);

	(void)n;
	errno = -id;
	if (id < 0)
		return -1;
	atomic_store(&r->u[0], id);
	return 0;
}

static void undo_register(struct raw *r, int n)
{
	int id = (int)atomic_exchange(&r->u[0], 0);

	(void)n;
	if (id)
		CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

/* All with one backing file, whose id is in u[0] */
static int call_bind(struct raw *r, int n)
{
	struct raw_node *node = raw_node_find(r, numbered("f", n));
	int err = raw_backing_bind(r->fd, raw_nodeid(r, node),
				   (int)atomic_load(&r->u[0]));

	errno = -err;
	return err ? -1 : 0;
}

/* A new file each time, bound by the reply to its first LOOKUP */
static int call_lookup(struct raw *r, int n)
{
	struct stat st;

	return lstat(M(r, numbered("dir/sub/f", n)), &st);
}

static int call_naming(struct raw *r, int n)
{
	struct stat st;

	return lstat(M(r, numbered("dir/f", n)), &st);
}

static int call_mkdir(struct raw *r, int n)
{
	return mkdir(M(r, numbered("made", n)), 0700);
}

static int call_mknod(struct raw *r, int n)
{
	return mknod(M(r, numbered("made", n)), S_IFIFO | 0600, 0);
}

static int call_symlink(struct raw *r, int n)
{
	return symlink("to", M(r, numbered("made", n)));
}

static int call_link(struct raw *r, int n)
{
	return link(M(r, "good"), M(r, numbered("made", n)));
}

static int call_create(struct raw *r, int n)
{
	int fd = open(M(r, numbered("made", n)), O_RDWR | O_CREAT | O_CLOEXEC,
		      0600);

	return fd < 0 ? -1 : close(fd);
}

static int call_tmpfile(struct raw *r, int n)
{
	int fd = open(M(r, "dir"), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	(void)n;
	return fd < 0 ? -1 : close(fd);
}

static void undo_make(struct raw *r, int n)
{
	if (remove(M(r, numbered("made", n))) < 0)
		CHECK_EQ(errno, ENOENT);
}

static int call_open(struct raw *r, int n)
{
	int fd = open(M(r, "file"), O_RDWR | O_CLOEXEC);

	(void)n;
	return fd < 0 ? -1 : close(fd);
}

static int call_open_trunc(struct raw *r, int n)
{
	int fd = open(M(r, "empty"), O_RDWR | O_TRUNC | O_CLOEXEC);

	(void)n;
	return fd < 0 ? -1 : close(fd);
}

static int call_readdir(struct raw *r, int n)
{
	int fd = open(M(r, "dir"), O_RDONLY | O_CLOEXEC);
	char buf[4096];
	ssize_t ret;
	int err;

	(void)n;
	if (fd < 0)
		return -1;
	ret = getdents64(fd, buf, sizeof(buf));
	err = errno;
	close(fd);
	errno = err;
	return (int)ret;
}

/* The names are new to the kernel each time */
static void undo_names(struct raw *r, int n)
{
	(void)n;
	frame_drop_names(r);
}

static int call_read(struct raw *r, int n)
{
	char buf[4096];

	(void)r;
	return (int)pread(spare, buf, sizeof(buf), 4096 * (n % 8));
}

static int call_write(struct raw *r, int n)
{
	(void)r;
	return (int)pwrite(spare, "text", 4, 4096 * (n % 8));
}

static int call_fsync(struct raw *r, int n)
{
	(void)r;
	(void)n;
	return fsync(spare);
}

static int call_mmap(struct raw *r, int n)
{
	void *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, spare, 0);

	(void)r;
	(void)n;
	return p == MAP_FAILED ? -1 : munmap(p, 8192);
}

static int call_copy(struct raw *r, int n)
{
	(void)r;
	(void)n;
	return (int)copy_file_range(spare, &(loff_t){ 0 }, spare,
				    &(loff_t){ 9000 }, 100, 0);
}

static int call_stat(struct raw *r, int n)
{
	struct stat st;

	(void)n;
	return stat(M(r, "file"), &st);
}

static int call_chmod(struct raw *r, int n)
{
	return chmod(M(r, "file"), n % 2 ? 0600 : 0644);
}

static int call_truncate(struct raw *r, int n)
{
	return truncate(M(r, "file"), n % 2 ? 60000 : 70000);
}

static int call_setxattr(struct raw *r, int n)
{
	return setxattr(M(r, "file"), "user.n", &n, sizeof(n), 0);
}

static int call_getxattr(struct raw *r, int n)
{
	return (int)getxattr(M(r, "tagged"), "user.tag", &n, sizeof(n)) == 4 ||
	       errno == ERANGE ? 0 : -1;
}

static int call_set_acl(struct raw *r, int n)
{
	struct acl_entry e[] = {
		{ 0x01, 6, 0 }, { 0x02, 4, 100 + (unsigned int)n },
		{ 0x04, 4, 0 }, { 0x10, 4, 0 }, { 0x20, 0, 0 },
	};

	return set_acl(M(r, "file"), "system.posix_acl_access", e, 5);
}

static int call_get_acl(struct raw *r, int n)
{
	char buf[256];

	(void)n;
	return (int)getxattr(M(r, "acl"), "system.posix_acl_access", buf,
			     sizeof(buf));
}

static int call_readlink(struct raw *r, int n)
{
	char buf[64];

	(void)n;
	return (int)readlink(M(r, "link"), buf, sizeof(buf));
}

static int call_statfs(struct raw *r, int n)
{
	struct statvfs s;

	(void)n;
	return statvfs(M(r, "good"), &s);
}

/* Each time another one of many files, so that a failure changes nothing */
static int call_unlink(struct raw *r, int n)
{
	return unlink(M(r, numbered("private/f", n)));
}

static int call_rmdir(struct raw *r, int n)
{
	return rmdir(M(r, numbered("private/d", n)));
}

static int call_rename(struct raw *r, int n)
{
	char from[64];

	snprintf(from, sizeof(from), "private/g%d", n);
	return rename(M(r, from), M(r, numbered("sticky/g", n)));
}

static int call_exchange(struct raw *r, int n)
{
	(void)n;
	return renameat2(AT_FDCWD, M(r, "dir/a"), AT_FDCWD,
			 M(r, "sticky/other"), RENAME_EXCHANGE);
}

static int call_whiteout(struct raw *r, int n)
{
	char from[64];

	snprintf(from, sizeof(from), "private/h%d", n);
	return renameat2(AT_FDCWD, M(r, from), AT_FDCWD,
			 M(r, numbered("sticky/h", n)), RENAME_WHITEOUT);
}

#define CALLS(...)							\
	static const struct call calls[] = { __VA_ARGS__ };		\
	each_call(r, calls, sizeof(calls) / sizeof(*calls))

KTEST(fault, registering)
{
	spare = (int)CHECK_OK(open(S(r, "good"), O_PATH | O_CLOEXEC));
	CALLS({ "register", call_register, undo_register });
	close(spare);
}

KTEST(fault, binding)
{
	enum { FILES = 100 };
	int held[FILES];

	/* open, since only an inode that the kernel has can be bound */
	for (int i = 1; i < FILES; i++) {
		put_file(S(r, numbered("f", i)), "x", 1);
		held[i] = (int)CHECK_OK(open(M(r, numbered("f", i)),
					     O_PATH | O_CLOEXEC));
	}
	atomic_store(&r->u[0], raw_backing_path(r, "file", r->supported));
	CALLS({ "bind", call_bind, NULL });
	for (int i = 1; i < FILES; i++)
		close(held[i]);
}

KTEST(fault, lookup, .opt.ops = RAW_ALL)
{
	enum { FILES = 400 };

	for (int i = 1; i < FILES; i++)
		put_file(S(r, numbered("dir/sub/f", i)), "x", 1);
	CALLS({ "lookup", call_lookup, undo_names });
}

static void make_each(struct raw *r)
{
	CALLS({ "mkdir", call_mkdir, undo_make },
	      { "mknod", call_mknod, undo_make },
	      { "symlink", call_symlink, undo_make },
	      { "link", call_link, undo_make },
	      { "create", call_create, undo_make },
	      { "tmpfile", call_tmpfile, NULL });
}

KTEST(fault, making, .opt.ops = RAW_ALL)
{
	make_each(r);
}

KTEST(fault, subtree_lookup, .opt.ops = RAW_ALL, .opt.subtree = true)
{
	enum { FILES = 400 };

	for (int i = 1; i < FILES; i++)
		put_file(S(r, numbered("dir/sub/f", i)), "x", 1);
	CALLS({ "lookup", call_lookup, undo_names });
}

KTEST(fault, listing, .opt.ops = ~OP(READDIR), .opt.init_add = FUSE_DO_READDIRPLUS)
{
	CALLS({ "readdir", call_readdir, undo_names });
	CHECK(raw_count(r, FUSE_READDIR_PASSTHROUGH) > 0);
}

enum { HANDLES = 400 };

/* One for each fault, and a descriptor of the mount */
static struct handle *handles;
static int handles_root;

static int call_open_handle(struct raw *r, int n)
{
	int fd = open_by_handle_at(handles_root, (void *)&handles[n % HANDLES],
				   O_PATH | O_CLOEXEC);

	(void)r;
	if (fd >= 0)
		close(fd);
	return fd;
}

/* Of folders, as those are joined to the tree, and are made for it from the top down */
KTEST(fault, handles, .opt.ops = RAW_ALL, .opt.subtree = true)
{
	handles = calloc(HANDLES, sizeof(*handles));
	CHECK(handles);
	handles_root = (int)CHECK_OK(open(r->mnt, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	for (int i = 0; i < HANDLES; i++) {
		CHECK_OK(mkdir(S(r, numbered("dir/sub/d", i)), 0755));
		handles[i] = handle_of(M(r, numbered("dir/sub/d", i)));
	}
	frame_drop_names(r);
	CALLS({ "open_by_handle_at", call_open_handle, undo_names });
	close(handles_root);
	free(handles);
}

static int unname_all(struct raw_req *q, int err)
{
	const char *name = q->arg;

	if (err || name[0] != 'f')
		return err;
	err = raw_unname(q, name, q->r->every);
	return err < 0 ? err : 0;
}

KTEST(fault, unnamed, .opt.ops = RAW_ALL)
{
	enum { FILES = 400 };

	for (int i = 1; i < FILES; i++)
		put_file(S(r, numbered("dir/sub/f", i)), "x", 1);
	r->after[FUSE_LOOKUP] = unname_all;
	CALLS({ "lookup", call_lookup, undo_names });
}

/* The kernel has found them all before the daemon names them */
KTEST(fault, naming, .opt.ops = RAW_ALL, .opt.subtree = true)
{
	int root = raw_node_get(r, FUSE_ROOT_ID)->backing_id;
	uint64_t names = r->supported & ~RAW_SUBTREE;
	enum { FILES = 400 };

	CHECK_EQ(raw_backing_mask(r->fd, root, names), 0);
	for (int i = 1; i < FILES; i++) {
		put_file(S(r, numbered("dir/f", i)), "x", 1);
		CHECK_OK(access(M(r, numbered("dir/f", i)), F_OK));
	}
	CHECK_EQ(raw_backing_mask(r->fd, raw_node_find(r, "dir")->backing_id, names), 0);
	CALLS({ "lookup", call_naming, NULL });
}

KTEST(fault, subtree_making, .opt.ops = RAW_ALL, .opt.subtree = true)
{
	make_each(r);
}

KTEST(fault, linking_by_daemon, .opt.ops = RAW_ALL & ~OP(LINK))
{
	CALLS({ "link", call_link, undo_make });
}

KTEST(fault, names, .opt.ops = RAW_ALL)
{
	enum { FILES = 300 };

	for (int i = 1; i < FILES; i++) {
		put_file(S(r, numbered("private/f", i)), "x", 1);
		put_file(S(r, numbered("private/g", i)), "x", 1);
		put_file(S(r, numbered("private/h", i)), "x", 1);
		CHECK_OK(mkdir(S(r, numbered("private/d", i)), 0755));
	}
	CALLS({ "unlink", call_unlink, NULL }, { "rmdir", call_rmdir, NULL },
	      { "rename", call_rename, NULL },
	      { "exchange", call_exchange, NULL },
	      { "whiteout", call_whiteout, NULL });
}

KTEST(fault, opening, .opt.ops = RAW_ALL)
{
	CALLS({ "open", call_open, NULL },
	      { "open_trunc", call_open_trunc, NULL },
	      { "readdir", call_readdir, NULL });
}

KTEST(fault, opening_by_daemon,
      .opt.ops = OP(GETATTR) | OP(READ) | OP(WRITE) | OP(READDIR))
{
	CALLS({ "open", call_open, NULL }, { "readdir", call_readdir, NULL });
}

KTEST(fault, data, .opt.ops = RAW_ALL)
{
	spare = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	CALLS({ "read", call_read, NULL }, { "write", call_write, NULL },
	      { "fsync", call_fsync, NULL }, { "mmap", call_mmap, NULL },
	      { "copy", call_copy, NULL });
	close(spare);
}

KTEST(fault, attributes, .opt.ops = RAW_ALL)
{
	CALLS({ "stat", call_stat, NULL }, { "chmod", call_chmod, NULL },
	      { "truncate", call_truncate, NULL },
	      { "readlink", call_readlink, NULL },
	      { "statfs", call_statfs, NULL });
}

KTEST(fault, extended_attributes, .opt.ops = RAW_ALL)
{
	CALLS({ "setxattr", call_setxattr, NULL },
	      { "getxattr", call_getxattr, NULL },
	      { "set_acl", call_set_acl, NULL },
	      { "get_acl", call_get_acl, NULL });
}
