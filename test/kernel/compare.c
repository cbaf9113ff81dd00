// SPDX-License-Identifier: LGPL-2.1-or-later
/* compare.c - two files, or two trees, must look alike to a caller */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ktest.h"
#include "tree.h"

static struct statx get_statx(const char *path)
{
	struct statx sx;

	memset(&sx, 0, sizeof(sx));
	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC,
		  STATX_BASIC_STATS | STATX_BTIME, &sx) < 0)
		FAIL("%s: %s", path, strerror(errno));
	return sx;
}

static bool same_time(const struct statx_timestamp *a,
		      const struct statx_timestamp *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

#define SAME(field) do {						\
	if (a.field != b.field)						\
		FAIL("%s: " #field " is 0x%llx, 0x%llx below", path,	\
		     (unsigned long long)a.field,			\
		     (unsigned long long)b.field);			\
} while (0)

#define SAME_TIME(field) do {						\
	if (!same_time(&a.field, &b.field))				\
		FAIL("%s: " #field " is %lld.%09u, %lld.%09u below", path, \
		     (long long)a.field.tv_sec, a.field.tv_nsec,	\
		     (long long)b.field.tv_sec, b.field.tv_nsec);	\
} while (0)

/* All but the device, and being the root of a mount */
static void compare_statx(const char *path, struct statx a, struct statx b)
{
	a.stx_attributes &= ~(uint64_t)STATX_ATTR_MOUNT_ROOT;
	b.stx_attributes &= ~(uint64_t)STATX_ATTR_MOUNT_ROOT;
	SAME(stx_mask);
	SAME(stx_mode);
	SAME(stx_nlink);
	SAME(stx_uid);
	SAME(stx_gid);
	SAME(stx_ino);
	SAME(stx_size);
	SAME(stx_blocks);
	SAME(stx_blksize);
	SAME(stx_attributes);
	SAME(stx_rdev_major);
	SAME(stx_rdev_minor);
	SAME_TIME(stx_mtime);
	SAME_TIME(stx_ctime);
	SAME_TIME(stx_atime);
	SAME_TIME(stx_btime);
}

void same_stat(const char *a, const char *b)
{
	struct statx sa = get_statx(a);

	compare_statx(a, sa, get_statx(b));
}

/* What does not depend on when and where a file was made */
static void compare_made(const char *path, struct statx a, struct statx b)
{
	SAME(stx_mode);
	SAME(stx_nlink);
	SAME(stx_uid);
	SAME(stx_gid);
	SAME(stx_rdev_major);
	SAME(stx_rdev_minor);
	if (!S_ISDIR(a.stx_mode))
		SAME(stx_size);
}

static void compare_data(const char *a, const char *b)
{
	enum { MAX = 1 << 21 };
	char *da = malloc(MAX), *db = malloc(MAX);
	ssize_t n = CHECK_OK(get_file(a, da, MAX));

	CHECK_EQ(get_file(b, db, MAX), n);
	if (memcmp(da, db, (size_t)n))
		FAIL("%s: contents differ from %s", a, b);
	free(da);
	free(db);
}

static void compare_xattrs(const char *a, const char *b)
{
	enum { MAX = 65536 };
	static char va[MAX], vb[MAX];
	char la[4096], lb[4096];
	ssize_t na = CHECK_OK(llistxattr(a, la, sizeof(la)));
	ssize_t nb = CHECK_OK(llistxattr(b, lb, sizeof(lb)));

	if (na != nb)
		FAIL("%s: %zd bytes of attribute names, %zd below", a, na, nb);
	for (const char *p = la; p < la + na; p += strlen(p) + 1) {
		ssize_t n = CHECK_OK(lgetxattr(a, p, va, sizeof(va)));

		if (lgetxattr(b, p, vb, sizeof(vb)) != n ||
		    memcmp(va, vb, (size_t)n))
			FAIL("%s: %s differs", a, p);
	}
}

static void compare_link(const char *a, const char *b)
{
	char la[PATH_MAX], lb[PATH_MAX];
	ssize_t n = CHECK_OK(readlink(a, la, sizeof(la)));

	CHECK_EQ(readlink(b, lb, sizeof(lb)), n);
	CHECK(!memcmp(la, lb, (size_t)n));
}

static int not_dot(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

static void compare_dir(const char *a, const char *b)
{
	struct dirent **la, **lb;
	int na = (int)CHECK_OK(scandir(a, &la, not_dot, alphasort));
	int nb = (int)CHECK_OK(scandir(b, &lb, not_dot, alphasort));
	char pa[PATH_MAX], pb[PATH_MAX];

	if (na != nb)
		FAIL("%s has %d names, %s has %d", a, na, b, nb);
	for (int i = 0; i < na; i++) {
		if (strcmp(la[i]->d_name, lb[i]->d_name) ||
		    la[i]->d_type != lb[i]->d_type)
			FAIL("%s: %s (%d), below %s (%d)", a, la[i]->d_name,
			     la[i]->d_type, lb[i]->d_name, lb[i]->d_type);
		snprintf(pa, sizeof(pa), "%.3000s/%s", a, la[i]->d_name);
		snprintf(pb, sizeof(pb), "%.3000s/%s", b, lb[i]->d_name);
		same_tree(pa, pb);
		free(la[i]);
		free(lb[i]);
	}
	free(la);
	free(lb);
}

/* Names, kinds, owners, modes, contents and attributes; not times */
void same_tree(const char *a, const char *b)
{
	struct statx sa = get_statx(a);

	compare_made(a, sa, get_statx(b));
	if (S_ISDIR(sa.stx_mode))
		compare_dir(a, b);
	else if (S_ISREG(sa.stx_mode))
		compare_data(a, b);
	else if (S_ISLNK(sa.stx_mode))
		compare_link(a, b);
	if (S_ISDIR(sa.stx_mode) || S_ISREG(sa.stx_mode))
		compare_xattrs(a, b);
}

/* Each file of a tree, through the mount and below: the same to statx() */
void same_all(const char *a, const char *b)
{
	struct dirent **list;
	char pa[PATH_MAX], pb[PATH_MAX];
	struct stat st;
	int n;

	CHECK_OK(lstat(b, &st));
	if (S_ISDIR(st.st_mode)) {
		n = (int)CHECK_OK(scandir(b, &list, not_dot, alphasort));
		for (int i = 0; i < n; i++) {
			snprintf(pa, sizeof(pa), "%.3000s/%s", a, list[i]->d_name);
			snprintf(pb, sizeof(pb), "%.3000s/%s", b, list[i]->d_name);
			same_all(pa, pb);
			free(list[i]);
		}
		free(list);
	}
	same_stat(a, b);
}
