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
#ifndef FUSEPT_STACK_NODE_H
#define FUSEPT_STACK_NODE_H

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>

/* A table that can't grow says so, and does not end the program. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

struct nodes;
struct source_fs;

/* Nothing lies between its fields: it is compared as bytes. */
struct node_key {
	uint64_t mount;
	uint64_t dev;
	uint64_t ino;
};

struct fusept_node {
	struct node_key key;
	uint64_t generation; /* tells apart users of one address */
	mode_t type;	     /* S_IFREG, ... */

	/* under the lock of struct nodes */
	uint64_t nlookup; /* the kernel's, and open files */
	unsigned int users;
	int fd; /* O_PATH, or -1: use the handle */
	bool hashed;
	bool pinned; /* keeps its descriptor */
	bool idle;   /* is in the list of those that may lose theirs */
	UT_hash_handle hh;
	struct fusept_node *prev, *next;   /* all nodes */
	struct fusept_node *newer, *older; /* idle ones */
	struct source_fs *fs;
	struct file_handle *handle;

	pthread_mutex_t lock; /* the rest: see pass.c */
	_Atomic uint64_t ops; /* for the kernel to do */
	_Atomic uint64_t own; /* that the author's handlers have */
	struct fusept_backing *backing;
	bool asked;
	int reason; /* why there is none */
	bool told;  /* the author of that */
	unsigned int opens_passed;
	unsigned int opens_served;

	void *_Atomic data; /* the author's */
};

/* What happens to the data of a node that is freed. */
struct node_owner {
	void (*free)(void *userdata, void *data);
	void *userdata;
};

struct nodes *nodes_new(int root_fd, unsigned int max_fds, const struct node_owner *owner,
			int *err);
void nodes_free(struct nodes *nodes);
struct fusept_node *nodes_root(struct nodes *nodes);
size_t nodes_count(struct nodes *nodes);
/* All that there are now, each held, or NULL: no memory. */
struct fusept_node **nodes_hold_all(struct nodes *nodes, size_t *count);

/* The node of a request, its descriptor usable until node_put(). */
int node_get(struct nodes *nodes, fuse_ino_t ino, struct fusept_node **out);
void node_put(struct nodes *nodes, struct fusept_node *node);

/* Whose an operation on a new node is. */
struct node_masks {
	uint64_t ops, own;
};

/* The node of a file just looked up; takes @fd; counts a lookup and holds. @masks if it is new. */
int node_enter(struct nodes *nodes, int fd, const struct stat *st, const struct node_masks *masks,
	       struct fusept_node **out);
/* An open file counts as a lookup too, until node_forget(). */
void node_keep(struct nodes *nodes, struct fusept_node *node);
void node_forget(struct nodes *nodes, struct fusept_node *node, uint64_t nlookup);

struct fusept_node *node_from_ino(struct nodes *nodes, fuse_ino_t ino);
fuse_ino_t node_to_ino(struct nodes *nodes, struct fusept_node *node);

/* openat(2) that makes room when descriptors run out; -errno on failure. */
int nodes_openat(struct nodes *nodes, int dirfd, const char *name, int flags, mode_t mode);
/* Opens the file of an O_PATH descriptor. */
int nodes_reopen(struct nodes *nodes, int fd, int flags);
/* Is @err (-errno) a lack of descriptors, and has one been closed now? */
bool nodes_make_room(struct nodes *nodes, int err);

/* "/proc/self/fd/N", for calls that want a path. */
struct fd_path {
	char text[32];
};
struct fd_path fd_path(int fd);

/* A node held until the end of the block: HELD at = hold(...). */
typedef struct held {
	struct nodes *nodes;
	struct fusept_node *node; /* NULL: not held, fd is -errno */
	int fd;
} held;

#define HELD __attribute__((cleanup(held_clear))) held

held hold(struct nodes *nodes, fuse_ino_t ino);
/* The node of a name, if there is one, while the name goes away: it stays reachable. */
held hold_name(struct nodes *nodes, int dirfd, const char *name);
static inline void held_clear(held *at)
{
	if (at->node)
		node_put(at->nodes, at->node);
}

/* ---- handle.c: file handles; all but handle_open() under nodes->lock ---- */
struct handles;

struct handles *handles_new(void);
void handles_free(struct handles *handles);
/* The mount that a new node is in, until handles_leave().  NULL: no memory. */
struct source_fs *handles_join(struct handles *handles, uint64_t mount, mode_t mode, int fd);
void handles_leave(struct handles *handles, struct source_fs *fs);
int handle_take(struct fusept_node *node);
bool handle_same(const struct fusept_node *node, int fd);
int handle_open(const struct fusept_node *node);

#endif
