// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The table of nodes and the descriptors they hold.
 *
 * nodes->lock guards the table, the list and the fields of nodes that node.h
 * says. It is not held while a file is opened. A request may hold a node
 * after the kernel has forgotten it, since FORGET can overtake the end of the
 * request that was answered before: nlookup and users both keep a node.
 */
#include "stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

struct nodes {
	pthread_mutex_t lock;
	struct node_owner owner;
	struct fusept_node *table; /* by key */
	struct fusept_node *all;   /* also those that have lost their place there */
	struct fusept_node *idle;  /* may lose their fd; the newest first */
	struct handles *handles;
	size_t count;
	unsigned int fds; /* that nodes have */
	unsigned int max_fds;
	uint64_t generation;
	struct fusept_node *root;
	bool lost; /* a node was without fd once */
};

/*
 * The mount that a name, or "" a descriptor, is in; -errno. Where the kernel does
 * not tell (before 5.8), mounts of one file system are not kept apart. A number
 * is used again no sooner than the mount's last descriptor is closed.
 */
static int mount_of(int dirfd, const char *name, uint64_t *mount)
{
	const int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC;
	struct statx st;

	if (statx(dirfd, name, flags, STATX_MNT_ID | STATX_MNT_ID_UNIQUE, &st) < 0)
		return -errno;
	if (st.stx_mask & (STATX_MNT_ID | STATX_MNT_ID_UNIQUE))
		*mount = st.stx_mnt_id;
	else
		*mount = makedev(st.stx_dev_major, st.stx_dev_minor);
	return 0;
}

static struct node_key node_key(uint64_t mount, const struct stat *st)
{
	return (struct node_key){.mount = mount, .dev = st->st_dev, .ino = st->st_ino};
}

static struct fusept_node *node_find(struct nodes *nodes, uint64_t mount, const struct stat *st)
{
	struct node_key key = node_key(mount, st);
	struct fusept_node *node;

	HASH_FIND(hh, nodes->table, &key, sizeof(key), node);
	return node;
}

/* NULL: no memory. */
static struct fusept_node *node_alloc(int fd, uint64_t mount, const struct stat *st,
				      const struct node_masks *masks)
{
	struct fusept_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->key = node_key(mount, st);
	node->type = st->st_mode & S_IFMT;
	node->fd = fd;
	node->pinned = st->st_nlink == 0;
	atomic_init(&node->ops, masks->ops);
	atomic_init(&node->own, masks->own);
	pthread_mutex_init(&node->lock, NULL);
	return node;
}

/* NULL: no memory, and @fd is still the caller's. */
static struct fusept_node *node_add(struct nodes *nodes, int fd, uint64_t mount,
				    const struct stat *st, const struct node_masks *masks)
{
	struct fusept_node *node = node_alloc(fd, mount, st, masks);

	if (!node)
		return NULL;
	node->fs = handles_join(nodes->handles, mount, st->st_mode, fd);
	if (node->fs)
		HASH_ADD(hh, nodes->table, key, sizeof(node->key), node);
	if (!node->fs || !node->hh.tbl) {
		if (node->fs)
			handles_leave(nodes->handles, node->fs);
		pthread_mutex_destroy(&node->lock);
		free(node);
		return NULL;
	}
	node->hashed = true;
	node->generation = ++nodes->generation;
	DL_PREPEND(nodes->all, node);
	nodes->count++;
	nodes->fds++;
	return node;
}

static void idle_remove(struct nodes *nodes, struct fusept_node *node)
{
	if (!node->idle)
		return;
	DL_DELETE2(nodes->idle, node, newer, older);
	node->idle = false;
}

static void idle_add(struct nodes *nodes, struct fusept_node *node)
{
	DL_PREPEND2(nodes->idle, node, newer, older);
	node->idle = true;
}

/* Another file has the node's inode number now. */
static void node_unhash(struct nodes *nodes, struct fusept_node *node)
{
	HASH_DEL(nodes->table, node);
	node->hashed = false;
}

/* Closes the descriptor of the node idle longest; false: there is none. */
static bool lru_close_one(struct nodes *nodes)
{
	while (nodes->idle) {
		struct fusept_node *node = nodes->idle->newer; /* of the first: the last */

		idle_remove(nodes, node);
		if (handle_take(node)) {
			node->pinned = true;
			continue;
		}
		close(node->fd);
		node->fd = -1;
		nodes->fds--;
		nodes->lost = true;
		return true;
	}
	return false;
}

static void lru_shrink(struct nodes *nodes)
{
	while (nodes->fds > nodes->max_fds && lru_close_one(nodes))
		;
}

static void node_free(struct nodes *nodes, struct fusept_node *node)
{
	void *data = atomic_load(&node->data);

	if (data && nodes->owner.free)
		nodes->owner.free(nodes->owner.userdata, data);
	pass_forget(node);
	if (node->fd >= 0)
		close(node->fd);
	free(node->handle);
	pthread_mutex_destroy(&node->lock);
	free(node);
}

/* Is the node still needed? If not it is taken out of all lists. */
static bool node_is_done(struct nodes *nodes, struct fusept_node *node)
{
	if (node->users || node->nlookup)
		return false;
	idle_remove(nodes, node);
	if (node->hashed)
		node_unhash(nodes, node);
	DL_DELETE(nodes->all, node);
	nodes->count--;
	handles_leave(nodes->handles, node->fs);
	if (node->fd >= 0)
		nodes->fds--;
	return true;
}

static void node_use(struct nodes *nodes, struct fusept_node *node)
{
	node->users++;
	idle_remove(nodes, node);
}

static struct nodes *nodes_alloc(unsigned int max_fds, const struct node_owner *owner)
{
	struct nodes *nodes = calloc(1, sizeof(*nodes));

	if (!nodes)
		return NULL;
	nodes->handles = handles_new();
	if (!nodes->handles) {
		free(nodes);
		return NULL;
	}
	pthread_mutex_init(&nodes->lock, NULL);
	nodes->owner = *owner;
	nodes->max_fds = max_fds;
	return nodes;
}

struct nodes *nodes_new(int root_fd, unsigned int max_fds, const struct node_owner *owner, int *err)
{
	const struct node_masks none = {0};
	struct nodes *nodes;
	uint64_t mount;
	struct stat st;

	*err = mount_of(root_fd, "", &mount);
	if (!*err && fstatat(root_fd, "", &st, AT_EMPTY_PATH) < 0)
		*err = -errno;
	if (*err)
		return NULL;
	*err = -ENOMEM;
	nodes = nodes_alloc(max_fds, owner);
	if (!nodes)
		return NULL;
	nodes->root = node_add(nodes, root_fd, mount, &st, &none);
	if (!nodes->root) {
		nodes_free(nodes);
		return NULL;
	}
	nodes->root->users = 1;
	nodes->root->pinned = true;
	*err = 0;
	return nodes;
}

void nodes_free(struct nodes *nodes)
{
	struct fusept_node *node, *next;

	if (!nodes)
		return;
	HASH_CLEAR(hh, nodes->table);
	DL_FOREACH_SAFE(nodes->all, node, next)
	node_free(nodes, node);
	handles_free(nodes->handles);
	pthread_mutex_destroy(&nodes->lock);
	free(nodes);
}

struct fusept_node *nodes_root(struct nodes *nodes)
{
	return nodes->root;
}

size_t nodes_count(struct nodes *nodes)
{
	size_t count;

	pthread_mutex_lock(&nodes->lock);
	count = nodes->count;
	pthread_mutex_unlock(&nodes->lock);
	return count;
}

struct fusept_node *node_from_ino(struct nodes *nodes, fuse_ino_t ino)
{
	if (ino == FUSE_ROOT_ID)
		return nodes->root;
	return (struct fusept_node *)(uintptr_t)ino;
}

fuse_ino_t node_to_ino(struct nodes *nodes, struct fusept_node *node)
{
	return node == nodes->root ? FUSE_ROOT_ID : (uintptr_t)node;
}

struct fusept_node **nodes_hold_all(struct nodes *nodes, size_t *count)
{
	struct fusept_node **all, *node;

	*count = 0;
	pthread_mutex_lock(&nodes->lock);
	all = malloc(nodes->count * sizeof(struct fusept_node *));
	if (all) {
		DL_FOREACH(nodes->all, node)
		{
			node_use(nodes, node);
			all[(*count)++] = node;
		}
	}
	pthread_mutex_unlock(&nodes->lock);
	return all;
}

/* Opens the file of a held node again; another thread may be first. */
static int node_refill(struct nodes *nodes, struct fusept_node *node)
{
	int fd;

	pthread_mutex_unlock(&nodes->lock);
	do {
		fd = handle_open(node);
	} while (fd < 0 && nodes_make_room(nodes, fd));
	pthread_mutex_lock(&nodes->lock);
	if (node->fd >= 0) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	if (fd < 0)
		return fd;
	node->fd = fd;
	nodes->fds++;
	lru_shrink(nodes);
	return 0;
}

int node_get(struct nodes *nodes, fuse_ino_t ino, struct fusept_node **out)
{
	struct fusept_node *node = node_from_ino(nodes, ino);
	int fd, err = 0;

	pthread_mutex_lock(&nodes->lock);
	node_use(nodes, node);
	if (node->fd < 0)
		err = node_refill(nodes, node);
	fd = node->fd;
	pthread_mutex_unlock(&nodes->lock);
	if (err) {
		node_put(nodes, node);
		return err;
	}
	*out = node;
	return fd;
}

void node_put(struct nodes *nodes, struct fusept_node *node)
{
	bool done;

	pthread_mutex_lock(&nodes->lock);
	node->users--;
	done = node_is_done(nodes, node);
	if (!done && !node->users && !node->pinned && node->fd >= 0) {
		idle_add(nodes, node);
		lru_shrink(nodes);
	}
	pthread_mutex_unlock(&nodes->lock);
	if (done)
		node_free(nodes, node);
}

/*
 * A node without descriptor may stand for a file that is gone, whose inode
 * number the new one has got: it then loses its place in the table, and the
 * kernel forgets it in time.
 */
static struct fusept_node *node_find_same(struct nodes *nodes, int fd, uint64_t mount,
					  const struct stat *st)
{
	struct fusept_node *node = node_find(nodes, mount, st);

	if (!node || node->fd >= 0 || handle_same(node, fd))
		return node;
	node_unhash(nodes, node);
	return NULL;
}

/* The node of @fd, which is given to it if it needs one; else *@spare. */
static struct fusept_node *node_take(struct nodes *nodes, int fd, uint64_t mount,
				     const struct stat *st, const struct node_masks *masks,
				     int *spare)
{
	struct fusept_node *node = node_find_same(nodes, fd, mount, st);

	*spare = -1;
	if (!node) {
		node = node_add(nodes, fd, mount, st, masks);
		if (!node)
			*spare = fd;
	} else if (node->fd < 0) {
		node->fd = fd;
		nodes->fds++;
	} else {
		*spare = fd;
	}
	return node;
}

int node_enter(struct nodes *nodes, int fd, const struct stat *st, const struct node_masks *masks,
	       struct fusept_node **out)
{
	struct fusept_node *node;
	uint64_t mount;
	int spare, err = mount_of(fd, "", &mount);

	if (err) {
		close(fd);
		return err;
	}
	pthread_mutex_lock(&nodes->lock);
	node = node_take(nodes, fd, mount, st, masks, &spare);
	if (node) {
		node->nlookup++;
		node_use(nodes, node);
		lru_shrink(nodes);
	}
	pthread_mutex_unlock(&nodes->lock);
	if (spare >= 0)
		close(spare);
	*out = node;
	return node ? 0 : -ENOMEM;
}

void node_keep(struct nodes *nodes, struct fusept_node *node)
{
	pthread_mutex_lock(&nodes->lock);
	node->nlookup++;
	pthread_mutex_unlock(&nodes->lock);
}

void node_forget(struct nodes *nodes, struct fusept_node *node, uint64_t nlookup)
{
	bool done;

	pthread_mutex_lock(&nodes->lock);
	node->nlookup -= MIN(nlookup, node->nlookup);
	done = node_is_done(nodes, node);
	pthread_mutex_unlock(&nodes->lock);
	if (done)
		node_free(nodes, node);
}

static bool nodes_lost(struct nodes *nodes)
{
	bool lost;

	pthread_mutex_lock(&nodes->lock);
	lost = nodes->lost;
	pthread_mutex_unlock(&nodes->lock);
	return lost;
}

/*
 * Some file systems do not find a file by handle once it has no name, so an
 * open file would be lost with its last name. A node that has a descriptor when
 * that goes keeps it: handle_take() refuses files without a name.
 */
held hold_name(struct nodes *nodes, int dirfd, const char *name)
{
	held at = {.nodes = nodes, .fd = -ENOENT};
	uint64_t mount;
	struct stat st;

	if (!nodes_lost(nodes) || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    mount_of(dirfd, name, &mount))
		return at;
	pthread_mutex_lock(&nodes->lock);
	at.node = node_find(nodes, mount, &st);
	if (at.node) {
		node_use(nodes, at.node);
		if (at.node->fd < 0)
			node_refill(nodes, at.node);
		at.fd = at.node->fd;
	}
	pthread_mutex_unlock(&nodes->lock);
	return at;
}

bool nodes_make_room(struct nodes *nodes, int err)
{
	bool closed;

	if (err != -EMFILE && err != -ENFILE)
		return false;
	pthread_mutex_lock(&nodes->lock);
	closed = lru_close_one(nodes);
	pthread_mutex_unlock(&nodes->lock);
	return closed;
}

int nodes_openat(struct nodes *nodes, int dirfd, const char *name, int flags, mode_t mode)
{
	int fd;

	do {
		fd = openat(dirfd, name, flags | O_CLOEXEC, mode);
		if (fd < 0)
			fd = -errno;
	} while (fd < 0 && nodes_make_room(nodes, fd));
	return fd;
}

int nodes_reopen(struct nodes *nodes, int fd, int flags)
{
	return nodes_openat(nodes, AT_FDCWD, fd_path(fd).text, flags, 0);
}

struct fd_path fd_path(int fd)
{
	struct fd_path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", fd);
	return path;
}

held hold(struct nodes *nodes, fuse_ino_t ino)
{
	held at = {.nodes = nodes};

	at.fd = node_get(nodes, ino, &at.node);
	return at;
}
