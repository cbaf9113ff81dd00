// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Files by handle: a name for a file that survives closing its descriptor and
 * changes when the inode is used for another file.
 *
 * Opening a handle takes a descriptor in the same mount: what is opened has the
 * mount's flags. A file system that has no handles is found out by trying; its
 * nodes keep their descriptors.
 */
#include "stack.h"

#include <stdlib.h>
#include <string.h>

struct source_fs {
	UT_hash_handle hh;
	uint64_t mount;
	unsigned int nodes; /* in it; the last one closes fd */
	int fd;		    /* a directory of it, or -1 */
	bool works;	    /* files can be opened by handle */
};

struct handles {
	struct source_fs *by_mount;
};

struct handle_room {
	struct file_handle head;
	unsigned char bytes[MAX_HANDLE_SZ];
};

static void source_fs_free(struct source_fs *fs)
{
	if (fs->fd >= 0)
		close(fs->fd);
	free(fs);
}

struct handles *handles_new(void)
{
	return calloc(1, sizeof(struct handles));
}

void handles_free(struct handles *handles)
{
	struct source_fs *fs, *next;

	HASH_ITER(hh, handles->by_mount, fs, next)
	{
		HASH_DEL(handles->by_mount, fs);
		source_fs_free(fs);
	}
	free(handles);
}

static int handle_read(int fd, struct handle_room *room)
{
	int mount_id;

	room->head.handle_bytes = sizeof(room->bytes);
	if (name_to_handle_at(fd, "", &room->head, &mount_id, AT_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

static size_t handle_size(const struct file_handle *handle)
{
	return sizeof(*handle) + handle->handle_bytes;
}

/* 0, or -EMFILE and the like: not known, ask again. */
static int source_fs_try(struct source_fs *fs)
{
	struct handle_room room;
	int fd, err = handle_read(fs->fd, &room);

	if (err)
		return 0;
	fd = open_by_handle_at(fs->fd, &room.head, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == EMFILE || errno == ENFILE ? -errno : 0;
	close(fd);
	fs->works = true;
	return 0;
}

/* Looks whether there are handles; for want of descriptors, with a later one. */
static void source_fs_open(struct source_fs *fs, int dirfd)
{
	fs->fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fs->fd < 0 || !source_fs_try(fs))
		return;
	close(fs->fd);
	fs->fd = -1;
}

static struct source_fs *source_fs_new(struct handles *handles, uint64_t mount)
{
	struct source_fs *fs = calloc(1, sizeof(*fs));

	if (!fs)
		return NULL;
	fs->mount = mount;
	fs->fd = -1;
	HASH_ADD(hh, handles->by_mount, mount, sizeof(fs->mount), fs);
	if (!fs->hh.tbl) {
		free(fs);
		return NULL;
	}
	return fs;
}

struct source_fs *handles_join(struct handles *handles, uint64_t mount, mode_t mode, int fd)
{
	struct source_fs *fs;

	HASH_FIND(hh, handles->by_mount, &mount, sizeof(mount), fs);
	if (!fs)
		fs = source_fs_new(handles, mount);
	if (!fs)
		return NULL;
	if (fs->fd < 0 && S_ISDIR(mode))
		source_fs_open(fs, fd);
	fs->nodes++;
	return fs;
}

void handles_leave(struct handles *handles, struct source_fs *fs)
{
	if (--fs->nodes)
		return;
	HASH_DEL(handles->by_mount, fs);
	source_fs_free(fs);
}

/* Gives a node a handle, so that its descriptor may be closed. */
int handle_take(struct fusept_node *node)
{
	struct handle_room room;
	struct stat st;
	int err;

	if (fstatat(node->fd, "", &st, AT_EMPTY_PATH) < 0 || !st.st_nlink)
		return -ESTALE;
	if (node->handle)
		return 0;
	if (!node->fs->works)
		return -EOPNOTSUPP;
	err = handle_read(node->fd, &room);
	if (err)
		return err;
	node->handle = malloc(handle_size(&room.head));
	if (!node->handle)
		return -ENOMEM;
	memcpy(node->handle, &room, handle_size(&room.head));
	return 0;
}

/* Is the file of a descriptor the one that the node's handle names? */
bool handle_same(const struct fusept_node *node, int fd)
{
	struct handle_room room;

	if (handle_read(fd, &room) || room.head.handle_type != node->handle->handle_type ||
	    room.head.handle_bytes != node->handle->handle_bytes)
		return false;
	return !memcmp(&room, node->handle, handle_size(&room.head));
}

/* An O_PATH descriptor of the node's file, or -errno (-ESTALE: it is gone). */
int handle_open(const struct fusept_node *node)
{
	int fd = open_by_handle_at(node->fs->fd, node->handle, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}
