// SPDX-License-Identifier: LGPL-2.1-or-later
/* byhandle.c - what cases of file handles share */
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "byhandle.h"

struct file_handle *fh(struct handle *h)
{
	return (struct file_handle *)(void *)h;
}

int open_handle(const char *mount_, struct handle *h, int flags)
{
	int root = (int)CHECK_OK(open(mount_, O_RDONLY | O_DIRECTORY | O_CLOEXEC)), fd, err;

	fd = open_by_handle_at(root, fh(h), flags | O_CLOEXEC);
	err = errno;
	close(root);
	errno = err;
	return fd;
}

void opens(struct raw *r, struct handle *h, const char *path)
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

void drop_names(const char *path)
{
	int fs = (int)CHECK_OK(fspick(AT_FDCWD, path, FSPICK_CLOEXEC));

	CHECK_OK(fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0));
	close(fs);
}

/* Nobody remembers a name, here or below; tmpfs has no other place for them */
void drop_all(struct raw *r)
{
	frame_drop_names(r);
	drop_names(r->src);
	frame_drop_names(r);
}

void give_dir_away(struct raw *r)
{
	CHECK_EQ(raw_backing_mask(r->fd, raw_node_get(r, FUSE_ROOT_ID)->backing_id,
				  r->supported & ~RAW_SUBTREE), 0);
	CHECK_OK(access(M(r, "dir"), F_OK));
}
