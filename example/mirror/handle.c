/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files by handle: a name for a file that survives closing its descriptor and
 * changes when the inode is used for another file.
 *
 * Opening a handle takes a descriptor in the same mount: what is opened has the
 * mount's flags. A file system that has no handles is found out by trying; its
 * nodes keep their descriptors.
 */
#include "mirror.h"

#include <string.h>

struct source_fs {
	uint64_t mount;
	unsigned int nodes; /* in it; the last one closes fd */
	int fd;		    /* a directory of it, or -1 */
	gboolean works;	    /* files can be opened by handle */
};

struct handles {
	GHashTable *by_mount; /* of struct source_fs */
};

struct handle_room {
	struct file_handle head;
	unsigned char bytes[MAX_HANDLE_SZ];
};

static void source_fs_free(gpointer data)
{
	struct source_fs *fs = data;

	if (fs->fd >= 0)
		close(fs->fd);
	g_free(fs);
}

struct handles *handles_new(void)
{
	struct handles *handles = g_new0(struct handles, 1);

	handles->by_mount =
		g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, source_fs_free);
	return handles;
}

void handles_free(struct handles *handles)
{
	g_hash_table_destroy(handles->by_mount);
	g_free(handles);
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
	fs->works = TRUE;
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

struct source_fs *handles_join(struct handles *handles, uint64_t mount, mode_t mode, int fd)
{
	struct source_fs *fs;

	fs = g_hash_table_lookup(handles->by_mount, &mount);
	if (!fs) {
		fs = g_new0(struct source_fs, 1);
		fs->mount = mount;
		fs->fd = -1;
		g_hash_table_insert(handles->by_mount, &fs->mount, fs);
	}
	if (fs->fd < 0 && S_ISDIR(mode))
		source_fs_open(fs, fd);
	fs->nodes++;
	return fs;
}

void handles_leave(struct handles *handles, struct source_fs *fs)
{
	if (!--fs->nodes)
		g_hash_table_remove(handles->by_mount, &fs->mount);
}

/* Gives a node a handle, so that its descriptor may be closed. */
int handle_take(struct node *node)
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
	node->handle = g_memdup2(&room, handle_size(&room.head));
	return 0;
}

/* Is the file of a descriptor the one that the node's handle names? */
gboolean handle_same(const struct node *node, int fd)
{
	struct handle_room room;

	if (handle_read(fd, &room) || room.head.handle_type != node->handle->handle_type ||
	    room.head.handle_bytes != node->handle->handle_bytes)
		return FALSE;
	return !memcmp(&room, node->handle, handle_size(&room.head));
}

/* An O_PATH descriptor of the node's file, or -errno (-ESTALE: it is gone). */
int handle_open(const struct node *node)
{
	int fd = open_by_handle_at(node->fs->fd, node->handle, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}
