// SPDX-License-Identifier: LGPL-2.1-or-later
/* fresh.c - what others change below is seen here at once */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diff.h"

/* Changes that a caller may make to the file below, by name */
static void do_chmod(const char *path)
{
	CHECK_OK(chmod(path, 0751));
}

static void do_chown(const char *path)
{
	CHECK_OK(chown(path, 31, 32));
}

static void do_utimens(const char *path)
{
	struct timespec ts[2] = { { 1000, 5 }, { 2000, 6 } };

	CHECK_OK(utimensat(AT_FDCWD, path, ts, 0));
}

static void do_setxattr(const char *path)
{
	CHECK_OK(setxattr(path, "user.fresh", "1", 1, 0));
}

static void do_setacl(const char *path)
{
	static const struct acl_entry e[] = {
		{ 0x01, 6, 0 }, { 0x02, 1, 99 }, { 0x04, 4, 0 },
		{ 0x10, 5, 0 }, { 0x20, 1, 0 },
	};

	CHECK_OK(set_acl(path, "system.posix_acl_access", e, 5));
}

static void do_truncate(const char *path)
{
	CHECK_OK(truncate(path, 12345));
}

static void do_write(const char *path)
{
	put_file(path, "written below", 13);
}

static void do_map(const char *path)
{
	int fd = (int)CHECK_OK(open(path, O_RDWR | O_CLOEXEC));
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED);
	memcpy(p, "mapped below", 12);
	CHECK_OK(munmap(p, 4096));
	close(fd);
}

static void do_link(const char *path)
{
	char to[PATH_MAX];

	snprintf(to, sizeof(to), "%.4000s.link", path);
	CHECK_OK(link(path, to));
}

static void (*const file_changes[])(const char *path) = {
	do_chmod, do_chown, do_utimens, do_setxattr, do_setacl, do_truncate,
	do_write, do_map, do_link,
};

static void same_content(struct raw *r, const char *name)
{
	static char a[TREE_FILE_SIZE + 1], b[sizeof(a)];
	ssize_t n = CHECK_OK(get_file(S(r, name), b, sizeof(b)));

	CHECK_EQ(get_file(M(r, name), a, sizeof(a)), n);
	CHECK(!memcmp(a, b, (size_t)n));
}

KTEST(fresh, file, .opt.ops = RAW_ALL)
{
	const size_t n = sizeof(file_changes) / sizeof(*file_changes);

	raw_reset(r);
	for (size_t i = 0; i < n; i++) {
		same_content(r, "file");
		file_changes[i](S(r, "file"));
		same_stat(M(r, "file"), S(r, "file"));
		same_content(r, "file");
		same_tree(M(r, "file"), S(r, "file"));
	}
	expect_no_requests(r, r->supported);
}

KTEST(fresh, open_file, .opt.ops = RAW_ALL)
{
	const size_t n = sizeof(file_changes) / sizeof(*file_changes);
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	struct stat a, b;
	char x[64], y[64];

	for (size_t i = 0; i < n; i++) {
		file_changes[i](S(r, "file"));
		CHECK_OK(stat(S(r, "file"), &b));
		CHECK_EQ(lseek(fd, 0, SEEK_END), b.st_size);
		CHECK_OK(fstat(fd, &a));
		CHECK_EQ(a.st_size, b.st_size);
		CHECK_EQ(a.st_mode, b.st_mode);
		CHECK_EQ(a.st_nlink, b.st_nlink);
		CHECK_EQ(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
		CHECK(pread(fd, x, sizeof(x), 0) > 0);
		CHECK(get_file(S(r, "file"), y, sizeof(y)) > 0);
		CHECK(!memcmp(x, y, 12));
	}
	close(fd);
}

/* The size of a directory changes with each name in it. The server lists it here. */
KTEST(fresh, end_of_directory, .opt.ops = RAW_ALL & ~OP(READDIR))
{
	int fd = (int)CHECK_OK(open(M(r, "dir"), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	char name[64];
	struct stat st;

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "dir/one-of-the-names-that-fill-a-block-%d", i);
		put_file(S(r, name), "x", 1);
	}
	CHECK_OK(stat(S(r, "dir"), &st));
	CHECK_EQ(lseek(fd, 0, SEEK_END), st.st_size);
	close(fd);
}

/* Calls that the VFS bounds by the size of the inode here */
KTEST(fresh, grown, .opt.ops = RAW_ALL)
{
	int in = (int)CHECK_OK(open(M(r, "empty"), O_RDONLY | O_CLOEXEC));
	int out = (int)CHECK_OK(open(M(r, "good"), O_RDWR | O_CLOEXEC));
	int to = (int)CHECK_OK(open("/dev/null", O_WRONLY | O_CLOEXEC));
	off_t off = 0;
	struct stat st;

	CHECK_EQ(copy_file_range(in, &(loff_t){ 0 }, out, &(loff_t){ 0 }, 9, 0), 0);
	do_write(S(r, "empty"));
	/* as programs do before they copy; the VFS looks at the size by itself */
	CHECK_OK(fstat(in, &st));
	CHECK_EQ(copy_file_range(in, &(loff_t){ 0 }, out, &(loff_t){ 0 }, 9, 0), 9);
	CHECK_OK(truncate(S(r, "empty"), 5000));
	CHECK_EQ(sendfile(to, in, &off, 10000), 5000);
	CHECK_EQ(lseek(in, -1, SEEK_END), 4999);
	do_write(S(r, "good"));
	CHECK_OK(fcntl(out, F_SETFL, O_APPEND));
	CHECK_EQ(write(out, "!", 1), 1);
	CHECK_EQ(lseek(out, 0, SEEK_CUR), 14);
	CHECK_OK(truncate(S(r, "good"), 20));
	close(in);
	close(out);
	close(to);
	expect_no_requests(r, r->supported);
}

/* A mapping here and a write below, and the reverse */
KTEST(fresh, mapping, .opt.ops = RAW_ALL)
{
	int above = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	int below = (int)CHECK_OK(open(S(r, "file"), O_RDWR | O_CLOEXEC));
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, above, 0);
	char buf[8];

	CHECK(p != MAP_FAILED);
	CHECK_EQ(pwrite(below, "below", 5, 4094), 5);
	CHECK(!memcmp(p + 4094, "below", 5));
	memcpy(p + 100, "above", 5);
	CHECK_EQ(pread(below, buf, 5, 100), 5);
	CHECK(!memcmp(buf, "above", 5));
	CHECK_OK(munmap(p, 8192));
	same_stat(M(r, "file"), S(r, "file"));
	close(above);
	close(below);
}

KTEST(fresh, folder, .opt.ops = RAW_ALL)
{
	raw_reset(r);
	same_stat(M(r, "dir"), S(r, "dir"));
	do_chmod(S(r, "dir"));
	same_stat(M(r, "dir"), S(r, "dir"));
	do_setacl(S(r, "dir"));
	same_stat(M(r, "dir"), S(r, "dir"));
	CHECK_OK(mkdir(S(r, "dir/made"), 0755));
	same_stat(M(r, "dir"), S(r, "dir"));
	same_tree(M(r, "dir"), S(r, "dir"));
	CHECK_OK(unlink(S(r, "dir/a")));
	CHECK_OK(rename(S(r, "dir/b"), S(r, "dir/c")));
	same_stat(M(r, "dir"), S(r, "dir"));
	do_utimens(S(r, "dir"));
	same_stat(M(r, "dir"), S(r, "dir"));
	expect_no_requests(r, r->supported);
}

KTEST(fresh, special, .opt.ops = RAW_ALL)
{
	static const char *const names[] = { "fifo", "sock", "null", "link" };

	raw_reset(r);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		same_stat(M(r, names[i]), S(r, names[i]));
		CHECK_OK(lchown(S(r, names[i]), 41, 42));
		same_stat(M(r, names[i]), S(r, names[i]));
	}
	expect_no_requests(r, r->supported);
}

/* Folders right after each change, whoever does it */
static void look_at_parents(struct raw *r)
{
	static const char *const dirs[] = { "", "dir", "dir/sub" };

	for (int step = 0; step < 8; step++) {
		switch (step) {
		case 0: CHECK_OK(mkdir(M(r, "dir/x"), 0755)); break;
		case 1: CHECK_OK(mknod(M(r, "dir/y"), S_IFREG, 0)); break;
		case 2: CHECK_OK(symlink("t", M(r, "dir/z"))); break;
		case 3: CHECK_OK(link(M(r, "dir/y"), M(r, "dir/sub/y"))); break;
		case 4: CHECK_OK(rename(M(r, "dir/x"), M(r, "dir/sub/x"))); break;
		case 5: CHECK_OK(rmdir(M(r, "dir/sub/x"))); break;
		case 6: CHECK_OK(unlink(M(r, "dir/y"))); break;
		case 7:
			close((int)CHECK_OK(open(M(r, "dir/new"), O_CREAT | O_RDWR,
						 0600)));
			break;
		}
		for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
			same_stat(M(r, dirs[i]), S(r, dirs[i]));
	}
	same_stat(M(r, "dir/sub/y"), S(r, "dir/sub/y"));
	CHECK_OK(rename(M(r, "file"), M(r, "hard1")));
	same_stat(M(r, "hard2"), S(r, "hard2"));
}

KTEST(fresh, parents, .opt.ops = RAW_ALL)
{
	look_at_parents(r);
}

KTEST(fresh, parents_by_daemon, .opt.ops = RAW_ALL & ~OP(LINK) & ~OP(RENAME) &
					   ~OP(RMDIR) & ~OP(UNLINK))
{
	look_at_parents(r);
}

static void denied(void *arg)
{
	const struct raw *r = arg;

	CHECK_ERRNO(open(M(r, "good"), O_RDONLY), EACCES);
	CHECK_ERRNO(access(M(r, "dir/a"), F_OK), EACCES);
}

static void allowed(void *arg)
{
	const struct raw *r = arg;

	close((int)CHECK_OK(open(M(r, "good"), O_RDONLY)));
	CHECK_OK(access(M(r, "dir/a"), F_OK));
}

/* Permissions as well, with every name hot */
KTEST(fresh, permission, .opt.ops = RAW_ALL, .opt.wide = true)
{
	static const struct who other = { .name = "other", .uid = 2001, .gid = 2001 };

	for (int i = 0; i < 3; i++) {
		run_as(&other, allowed, r);
		CHECK_OK(chmod(S(r, "good"), 0600));
		CHECK_OK(chmod(S(r, "dir"), 0700));
		run_as(&other, denied, r);
		CHECK_OK(chmod(S(r, "good"), 0644));
		CHECK_OK(chmod(S(r, "dir"), 0755));
	}
	run_as(&other, allowed, r);
}

/* What chattr sets, beside flags that the file system keeps for itself */
static void set_flags(const char *path, int set)
{
	int fd = (int)CHECK_OK(open(path, O_RDONLY | O_CLOEXEC));
	int flags;

	CHECK_OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
	flags |= set;
	CHECK_OK(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	close(fd);
}

/* chattr +i and +a below */
KTEST(fresh, immutable, .opt.ops = RAW_ALL)
{
	int fd;

	set_flags(S(r, "file"), FS_IMMUTABLE_FL);
	CHECK_ERRNO(open(M(r, "file"), O_RDWR), EPERM);
	CHECK_ERRNO(chmod(M(r, "file"), 0600), EPERM);
	CHECK_ERRNO(truncate(M(r, "file"), 0), EPERM);
	CHECK_ERRNO(setxattr(M(r, "file"), "user.x", "1", 1, 0), EPERM);
	CHECK_ERRNO(unlink(M(r, "file")), EPERM);
	same_stat(M(r, "file"), S(r, "file"));
	set_flags(S(r, "file"), FS_APPEND_FL);
	CHECK_ERRNO(open(M(r, "file"), O_RDWR), EPERM);
	CHECK_ERRNO(truncate(M(r, "file"), 0), EPERM);
	fd = (int)CHECK_OK(open(M(r, "file"), O_WRONLY | O_APPEND | O_CLOEXEC));
	CHECK_EQ(write(fd, "more", 4), 4);
	CHECK_ERRNO(fcntl(fd, F_SETFL, 0), EPERM);
	close(fd);
	same_stat(M(r, "file"), S(r, "file"));
	set_flags(S(r, "file"), 0);
	CHECK_OK(truncate(M(r, "file"), 0));
}
