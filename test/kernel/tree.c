// SPDX-License-Identifier: LGPL-2.1-or-later
/* tree.c - make a tree that has one of everything */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ktest.h"
#include "tree.h"

static const char *join(const char *dir, const char *name)
{
	enum { RING = 8 };
	static _Thread_local char ring[RING][2 * PATH_MAX];
	static _Thread_local unsigned int next;
	char *buf = ring[next++ % RING];

	CHECK(snprintf(buf, sizeof(ring[0]), "%s/%s", dir, name) <
	      (int)sizeof(ring[0]));
	return buf;
}

const char *M(const struct raw *r, const char *name)
{
	return join(r->mnt, name);
}

const char *S(const struct raw *r, const char *name)
{
	return join(r->src, name);
}

void fill_pattern(void *data, size_t size, unsigned int seed)
{
	unsigned char *p = data;

	for (size_t i = 0; i < size; i++)
		p[i] = (unsigned char)(seed + i * 7 + (i >> 8));
}

void put_file(const char *path, const void *data, size_t size)
{
	int fd = (int)CHECK_OK(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
				    0644));

	CHECK_EQ(write(fd, data, size), size);
	CHECK_OK(close(fd));
}

ssize_t get_file(const char *path, void *data, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	size_t done = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -1;
	while (done < size && n > 0) {
		n = read(fd, (char *)data + done, size - done);
		if (n > 0)
			done += (size_t)n;
	}
	err = errno;
	close(fd);
	errno = err;
	return n < 0 ? -1 : (ssize_t)done;
}

int set_acl(const char *path, const char *name, const struct acl_entry *e,
	    size_t n)
{
	struct { unsigned int version; struct acl_entry e[16]; } x = { .version = 2 };

	memcpy(x.e, e, n * sizeof(*e));
	return setxattr(path, name, &x, sizeof(x.version) + n * sizeof(*e), 0);
}

static void make_file(const char *dir, const char *name, mode_t mode,
		      size_t size)
{
	static char data[TREE_FILE_SIZE];
	const char *path = join(dir, name);

	fill_pattern(data, size, (unsigned char)name[0]);
	put_file(path, data, size);
	CHECK_OK(chown(path, TREE_UID, TREE_GID));
	CHECK_OK(chmod(path, mode));
}

static void make_dir(const char *dir, const char *name, mode_t mode)
{
	const char *path = join(dir, name);

	CHECK_OK(mkdir(path, 0700));
	CHECK_OK(chown(path, TREE_UID, TREE_GID));
	CHECK_OK(chmod(path, mode));
}

static void make_node(const char *dir, const char *name, mode_t mode, dev_t dev)
{
	const char *path = join(dir, name);

	CHECK_OK(mknod(path, mode, dev));
	CHECK_OK(chown(path, TREE_UID, TREE_GID));
	CHECK_OK(chmod(path, mode & 07777));
}

/* "acl" lets uid 2000 write, denies 2001, lets the group 3000 read */
static void make_acl(const char *dir)
{
	static const struct acl_entry e[] = {
		{ 0x01, 6, 0 }, { 0x02, 6, 2000 }, { 0x02, 0, 2001 },
		{ 0x04, 0, 0 }, { 0x08, 4, 3000 }, { 0x10, 6, 0 },
		{ 0x20, 4, 0 },
	};
	static const struct acl_entry d[] = {
		{ 0x01, 7, 0 }, { 0x02, 5, 2000 }, { 0x04, 5, 0 },
		{ 0x10, 5, 0 }, { 0x20, 0, 0 },
	};

	make_file(dir, "acl", 0644, 100);
	CHECK_OK(set_acl(join(dir, "acl"), "system.posix_acl_access", e, 7));
	make_dir(dir, "acldir", 0755);
	CHECK_OK(set_acl(join(dir, "acldir"), "system.posix_acl_default", d, 5));
}

/* "capable" has a file capability and anybody may write it */
static void make_capable(const char *dir)
{
	static const uint32_t net_raw[5] = { 0x02000001, 1U << 13 };

	make_file(dir, "capable", 0777, 70);
	CHECK_OK(setxattr(join(dir, "capable"), "security.capability", net_raw,
			  sizeof(net_raw), 0));
}

void tree_make(const char *path)
{
	char dir[2 * PATH_MAX];

	/* the path may be one of the ring that the steps below use */
	snprintf(dir, sizeof(dir), "%s", path);
	CHECK_OK(mkdir(dir, 0755));
	CHECK_OK(chown(dir, TREE_UID, TREE_GID));
	CHECK_OK(chmod(dir, 0755));
	make_file(dir, "good", 0644, 20);
	make_file(dir, "file", 0644, TREE_FILE_SIZE);
	make_file(dir, "empty", 0644, 0);
	make_file(dir, "secret", 0600, 30);
	make_file(dir, "shared", 0666, 5000);
	make_file(dir, "group", 0660, 40);
	CHECK_OK(chown(join(dir, "group"), TREE_UID, TREE_GROUP));
	make_file(dir, "suid", 06777, 50);
	make_capable(dir);
	make_file(dir, "tagged", 0644, 60);
	CHECK_OK(setxattr(join(dir, "tagged"), "user.tag", "value", 5, 0));
	make_file(dir, "hard1", 0644, 10);
	CHECK_OK(link(join(dir, "hard1"), join(dir, "hard2")));
	make_dir(dir, "dir", 0755);
	make_dir(dir, "dir/sub", 0755);
	make_file(dir, "dir/a", 0644, 1);
	make_file(dir, "dir/b", 0644, 2);
	make_dir(dir, "sticky", 01777);
	make_file(dir, "sticky/other", 0644, 3);
	make_dir(dir, "private", 0700);
	make_file(dir, "private/x", 0644, 4);
	CHECK_OK(symlink("file", join(dir, "link")));
	CHECK_OK(symlink("nowhere", join(dir, "dangling")));
	make_node(dir, "fifo", S_IFIFO | 0644, 0);
	make_node(dir, "sock", S_IFSOCK | 0644, 0);
	make_node(dir, "null", S_IFCHR | 0666, makedev(1, 3));
	make_acl(dir);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void tree_remove(const char *dir)
{
	nftw(dir, remove_one, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

int try_handle(int dir, const char *path, struct handle *h, int flags)
{
	int mount_id;

	h->bytes = MAX_HANDLE_SZ;
	return name_to_handle_at(dir, path, (void *)h, &mount_id, flags);
}

struct handle handle_of(const char *path)
{
	struct handle h = { 0 };

	CHECK_OK(try_handle(AT_FDCWD, path, &h, 0));
	return h;
}

int count_entries(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	CHECK(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

int count_fds(void)
{
	return count_entries("/proc/self/fd");
}
