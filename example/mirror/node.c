/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of nodes and the descriptors they hold.
 *
 * nodes->lock guards the table, the list and the fields of nodes that node.h
 * says. It is not held while a file is opened. A request may hold a node
 * after the kernel has forgotten it, since FORGET can overtake the end of the
 * request that was answered before: nlookup and users both keep a node.
 */
#include "mirror.h"

#include <stdio.h>
#include <sys/sysmacros.h>

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

struct nodes {
	pthread_mutex_t lock;
	GHashTable *table; /* set of struct node */
	GHashTable *stray; /* set of those that have lost their place in it */
	GQueue lru;	   /* idle, may lose their fd; newest first */
	struct handles *handles;
	unsigned int fds; /* that nodes have */
	unsigned int max_fds;
	uint64_t generation;
	struct node *root;
	gboolean lost; /* a node was without fd once */
};

static guint node_hash(gconstpointer key)
{
	const struct node *node = key;
	uint64_t mix = node->ino * UINT64_C(0x9e3779b97f4a7c15) ^ node->dev;

	mix ^= node->mount * UINT64_C(0xff51afd7ed558ccd);
	return (guint)(mix >> 32) ^ (guint)mix;
}

static gboolean node_equal(gconstpointer one, gconstpointer other)
{
	const struct node *a = one, *b = other;

	return a->ino == b->ino && a->dev == b->dev && a->mount == b->mount;
}

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

static struct node *node_find(struct nodes *nodes, uint64_t mount, const struct stat *st)
{
	struct node key = {.mount = mount, .dev = st->st_dev, .ino = st->st_ino};

	return g_hash_table_lookup(nodes->table, &key);
}

static struct node *node_add(struct nodes *nodes, int fd, uint64_t mount, const struct stat *st,
			     uint64_t ops)
{
	struct node *node = g_new0(struct node, 1);

	node->mount = mount;
	node->dev = st->st_dev;
	node->ino = st->st_ino;
	node->generation = ++nodes->generation;
	node->ops = ops;
	node->fd = fd;
	node->pinned = st->st_nlink == 0;
	node->fs = handles_join(nodes->handles, mount, st->st_mode, fd);
	pthread_mutex_init(&node->lock, NULL);
	node->hashed = TRUE;
	g_hash_table_add(nodes->table, node);
	nodes->fds++;
	return node;
}

static void lru_remove(struct nodes *nodes, struct node *node)
{
	if (!node->lru.data)
		return;
	g_queue_unlink(&nodes->lru, &node->lru);
	node->lru.data = NULL;
}

/* Another file has the node's inode number now. */
static void node_unhash(struct nodes *nodes, struct node *node)
{
	g_hash_table_remove(nodes->table, node);
	g_hash_table_add(nodes->stray, node);
	node->hashed = FALSE;
}

/* Closes the descriptor of the node idle longest; FALSE: there is none. */
static gboolean lru_close_one(struct nodes *nodes)
{
	GList *last;

	while ((last = g_queue_peek_tail_link(&nodes->lru))) {
		struct node *node = last->data;

		lru_remove(nodes, node);
		if (handle_take(node)) {
			node->pinned = TRUE;
			continue;
		}
		close(node->fd);
		node->fd = -1;
		nodes->fds--;
		nodes->lost = TRUE;
		return TRUE;
	}
	return FALSE;
}

static void lru_shrink(struct nodes *nodes)
{
	while (nodes->fds > nodes->max_fds && lru_close_one(nodes))
		;
}

static void node_free(struct node *node)
{
	pass_forget(node);
	if (node->fd >= 0)
		close(node->fd);
	g_free(node->handle);
	pthread_mutex_destroy(&node->lock);
	g_free(node);
}

/* Is the node still needed? If not it is taken out of all lists. */
static gboolean node_is_done(struct nodes *nodes, struct node *node)
{
	if (node->users || node->nlookup)
		return FALSE;
	lru_remove(nodes, node);
	g_hash_table_remove(node->hashed ? nodes->table : nodes->stray, node);
	handles_leave(nodes->handles, node->fs);
	if (node->fd >= 0)
		nodes->fds--;
	return TRUE;
}

static void node_use(struct nodes *nodes, struct node *node)
{
	node->users++;
	lru_remove(nodes, node);
}

struct nodes *nodes_new(int root_fd, uint64_t ops, unsigned int max_fds, int *err)
{
	struct nodes *nodes;
	uint64_t mount;
	struct stat st;

	*err = mount_of(root_fd, "", &mount);
	if (!*err && fstatat(root_fd, "", &st, AT_EMPTY_PATH) < 0)
		*err = -errno;
	if (*err)
		return NULL;
	nodes = g_new0(struct nodes, 1);
	pthread_mutex_init(&nodes->lock, NULL);
	nodes->table = g_hash_table_new(node_hash, node_equal);
	nodes->stray = g_hash_table_new(NULL, NULL);
	g_queue_init(&nodes->lru);
	nodes->handles = handles_new();
	nodes->max_fds = max_fds;
	nodes->root = node_add(nodes, root_fd, mount, &st, ops);
	nodes->root->users = 1;
	nodes->root->pinned = TRUE;
	return nodes;
}

static void free_value(gpointer key, gpointer value, gpointer data)
{
	(void)value;
	(void)data;
	node_free(key);
}

void nodes_free(struct nodes *nodes)
{
	if (!nodes)
		return;
	g_hash_table_foreach(nodes->table, free_value, NULL);
	g_hash_table_foreach(nodes->stray, free_value, NULL);
	g_hash_table_destroy(nodes->table);
	g_hash_table_destroy(nodes->stray);
	handles_free(nodes->handles);
	pthread_mutex_destroy(&nodes->lock);
	g_free(nodes);
}

struct node *node_from_ino(struct nodes *nodes, fuse_ino_t ino)
{
	if (ino == FUSE_ROOT_ID)
		return nodes->root;
	return (struct node *)(uintptr_t)ino;
}

fuse_ino_t node_to_ino(struct nodes *nodes, struct node *node)
{
	return node == nodes->root ? FUSE_ROOT_ID : (uintptr_t)node;
}

/* Opens the file of a held node again; another thread may be first. */
static int node_refill(struct nodes *nodes, struct node *node)
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

int node_get(struct nodes *nodes, fuse_ino_t ino, struct node **out)
{
	struct node *node = node_from_ino(nodes, ino);
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

void node_put(struct nodes *nodes, struct node *node)
{
	gboolean done;

	pthread_mutex_lock(&nodes->lock);
	node->users--;
	done = node_is_done(nodes, node);
	if (!done && !node->users && !node->pinned && node->fd >= 0) {
		node->lru.data = node;
		g_queue_push_head_link(&nodes->lru, &node->lru);
		lru_shrink(nodes);
	}
	pthread_mutex_unlock(&nodes->lock);
	if (done)
		node_free(node);
}

/*
 * A node without descriptor may stand for a file that is gone, whose inode
 * number the new one has got: it then loses its place in the table, and the
 * kernel forgets it in time.
 */
static struct node *node_find_same(struct nodes *nodes, int fd, uint64_t mount,
				   const struct stat *st)
{
	struct node *node = node_find(nodes, mount, st);

	if (!node || node->fd >= 0 || handle_same(node, fd))
		return node;
	node_unhash(nodes, node);
	return NULL;
}

int node_enter(struct nodes *nodes, int fd, const struct stat *st, uint64_t ops, struct node **out)
{
	struct node *node;
	uint64_t mount;
	int err = mount_of(fd, "", &mount);

	if (err) {
		close(fd);
		return err;
	}
	pthread_mutex_lock(&nodes->lock);
	node = node_find_same(nodes, fd, mount, st);
	if (!node) {
		node = node_add(nodes, fd, mount, st, ops);
		fd = -1;
	} else if (node->fd < 0) {
		node->fd = fd;
		nodes->fds++;
		fd = -1;
	}
	node->nlookup++;
	node_use(nodes, node);
	lru_shrink(nodes);
	*out = node;
	pthread_mutex_unlock(&nodes->lock);
	if (fd >= 0)
		close(fd);
	return 0;
}

void node_keep(struct nodes *nodes, struct node *node)
{
	pthread_mutex_lock(&nodes->lock);
	node->nlookup++;
	pthread_mutex_unlock(&nodes->lock);
}

void node_forget(struct nodes *nodes, struct node *node, uint64_t nlookup)
{
	gboolean done;

	pthread_mutex_lock(&nodes->lock);
	node->nlookup -= MIN(nlookup, node->nlookup);
	done = node_is_done(nodes, node);
	pthread_mutex_unlock(&nodes->lock);
	if (done)
		node_free(node);
}

static gboolean nodes_lost(struct nodes *nodes)
{
	gboolean lost;

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

gboolean nodes_make_room(struct nodes *nodes, int err)
{
	gboolean closed;

	if (err != -EMFILE && err != -ENFILE)
		return FALSE;
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
