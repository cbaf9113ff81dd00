/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files that the kernel knows: a node for each file below, found by mount,
 * device and inode number, so that all names of a file are one node; but not
 * those in two mounts of one file system, which may be read-only or nosuid each
 * by itself, and have a directory in two places.
 *
 * A node lives while the kernel has lookups of it or somebody holds it. While
 * it has a descriptor its inode can't be freed and its number not be used
 * again. Beyond the limit on descriptors, those of the nodes used least
 * recently are closed, and their files are found by file handle.
 */
#ifndef MIRROR_NODE_H
#define MIRROR_NODE_H

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>

#include <fusept.h>
#include <glib.h>

struct nodes;
struct source_fs;

struct node {
	uint64_t mount;
	dev_t dev;
	ino_t ino;
	uint64_t generation; /* tells apart users of one address */
	uint64_t ops;	     /* for the kernel to do */

	/* under the lock of struct nodes */
	uint64_t nlookup; /* the kernel's, and open files */
	unsigned int users;
	int fd; /* O_PATH, or -1: use the handle */
	gboolean hashed;
	gboolean pinned; /* keeps its descriptor */
	GList lru;	 /* data is NULL while not in the list */
	struct source_fs *fs;
	struct file_handle *handle;

	pthread_mutex_t lock; /* the rest: see pass.c */
	struct fusept_backing *backing;
	gboolean asked;
	unsigned int opens_passed;
	unsigned int opens_served;
};

struct nodes *nodes_new(int root_fd, uint64_t ops, unsigned int max_fds, int *err);
void nodes_free(struct nodes *nodes);

/* The node of a request, its descriptor usable until node_put(). */
int node_get(struct nodes *nodes, fuse_ino_t ino, struct node **out);
void node_put(struct nodes *nodes, struct node *node);

/* The node of a file just looked up; takes @fd; counts a lookup and holds. @ops if it is new. */
int node_enter(struct nodes *nodes, int fd, const struct stat *st, uint64_t ops, struct node **out);
/* An open file counts as a lookup too, until node_forget(). */
void node_keep(struct nodes *nodes, struct node *node);
void node_forget(struct nodes *nodes, struct node *node, uint64_t nlookup);

struct node *node_from_ino(struct nodes *nodes, fuse_ino_t ino);
fuse_ino_t node_to_ino(struct nodes *nodes, struct node *node);

/* openat(2) that makes room when descriptors run out; -errno on failure. */
int nodes_openat(struct nodes *nodes, int dirfd, const char *name, int flags, mode_t mode);
/* Opens the file of an O_PATH descriptor. */
int nodes_reopen(struct nodes *nodes, int fd, int flags);
/* Is @err (-errno) a lack of descriptors, and has one been closed now? */
gboolean nodes_make_room(struct nodes *nodes, int err);

/* "/proc/self/fd/N", for calls that want a path. */
struct fd_path {
	char text[32];
};
struct fd_path fd_path(int fd);

/* A node held until the end of the block: g_auto(held) at = hold(...). */
typedef struct held {
	struct nodes *nodes;
	struct node *node; /* NULL: not held, fd is -errno */
	int fd;
} held;

held hold(struct nodes *nodes, fuse_ino_t ino);
/* The node of a name, if there is one, while the name goes away: it stays reachable. */
held hold_name(struct nodes *nodes, int dirfd, const char *name);
static inline void held_clear(held *at)
{
	if (at->node)
		node_put(at->nodes, at->node);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(held, held_clear)

/* ---- handle.c: file handles; all but handle_open() under nodes->lock ---- */
struct handles;

struct handles *handles_new(void);
void handles_free(struct handles *handles);
/* The mount that a new node is in, until handles_leave(). */
struct source_fs *handles_join(struct handles *handles, uint64_t mount, mode_t mode, int fd);
void handles_leave(struct handles *handles, struct source_fs *fs);
int handle_take(struct node *node);
gboolean handle_same(const struct node *node, int fd);
int handle_open(const struct node *node);

#endif
