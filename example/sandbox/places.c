/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Places: each source is opened as a mount of its own, and each place found in the one
 * that it is in.
 *
 * The outermost place, if no source is for it, is the skeleton: a file system in memory
 * that only we know, with a directory or an empty file for each place. It goes when we do.
 * It is ramfs, whose inode numbers go on from one mount to the next: those of tmpfs begin
 * at 1, and find(1) would take a source with that number for a directory above it.
 */
#include "sandbox.h"

#include <string.h>
#include <sys/mount.h>

#define MOUNT_RIGHTS                                                      \
	"run it as root, or as root of a user namespace of your own, as " \
	"unshare --user --map-root-user --mount makes one"

struct place *place_new(const char *path, const char *source, gboolean writable)
{
	struct place *place = g_new0(struct place, 1);

	place->path = g_strdup(path);
	place->source = g_strdup(source);
	place->writable = writable;
	place->fd = place->dir = -1;
	return place;
}

void place_free(gpointer data)
{
	struct place *place = data;

	if (place->fd >= 0)
		close(place->fd);
	if (place->dir >= 0)
		close(place->dir);
	g_free(place->path);
	g_free(place->source);
	g_free(place);
}

static const char *path_shown(const struct place *place)
{
	return *place->path ? place->path : "/";
}

static int spot_of(int fd, struct spot *spot)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &st) < 0)
		return -errno;
	*spot = (struct spot){.mount = st.stx_mnt_id, .ino = st.stx_ino};
	return 0;
}

/* Nothing that is mounted elsewhere is to come along. */
static int set_mount(int fd, gboolean writable)
{
	struct mount_attr attr = {
		.attr_set = writable ? 0 : MOUNT_ATTR_RDONLY,
		.propagation = MS_PRIVATE,
	};

	return mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static int open_source(struct place *place)
{
	struct spot spot;
	int err;

	place->fd = open_tree(AT_FDCWD, place->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	err = place->fd < 0 ? -errno : set_mount(place->fd, place->writable);
	if (!err)
		err = spot_of(place->fd, &spot);
	if (!err)
		place->mount = spot.mount;
	else if (err == -EPERM)
		complain("SOURCE %s can't be mounted: %s; " MOUNT_RIGHTS, place->source,
			 strerror(-err));
	else
		complain("SOURCE %s: %s; expected a directory or a file that can be mounted (see "
			 "--bind in mount(8))",
			 place->source, strerror(-err));
	return err;
}

/* Writable for us, until all places are in it. */
static int open_skeleton(struct place *place)
{
	int fs = fsopen("ramfs", FSOPEN_CLOEXEC), err = 0;
	struct spot spot;

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		err = -errno;
	if (!err)
		place->fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (!err && place->fd < 0)
		err = -errno;
	if (fs >= 0)
		close(fs);
	if (!err)
		err = spot_of(place->fd, &spot);
	if (err)
		complain("the file system for what is between places: %s; " MOUNT_RIGHTS,
			 strerror(-err));
	else
		place->mount = spot.mount;
	return err;
}

static gboolean is_directory(int fd)
{
	struct stat st;

	return !fstatat(fd, "", &st, AT_EMPTY_PATH) && S_ISDIR(st.st_mode);
}

/* One word further down; it is made in the skeleton. */
static int walk(const struct place *outer, int dir, const char *word)
{
	if (!outer->source)
		mkdirat(dir, word, 0755);
	return openat(dir, word, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void add_way(struct sandbox *s, int dir)
{
	struct spot spot;

	if (!spot_of(dir, &spot))
		g_hash_table_add(s->ways, g_memdup2(&spot.ino, sizeof(spot.ino)));
}

/* Opens the directory of the outer place that has the name of @place. */
static int open_way(struct sandbox *s, struct place *place)
{
	const struct place *outer = place->outer;
	g_auto(GStrv) words = g_strsplit(place->path + strlen(outer->path) + 1, "/", -1);
	int err = 0, dir = fcntl(outer->fd, F_DUPFD_CLOEXEC, 0);

	for (gchar **word = words; dir >= 0 && word[1]; word++) {
		int next = walk(outer, dir, *word);

		err = errno;
		close(dir);
		dir = next;
		if (dir >= 0)
			add_way(s, dir);
		else
			complain("place %s: %s in place %s: %s; expected a directory there, and no "
				 "symbolic link on the way",
				 place->path, *word, path_shown(outer), strerror(err));
	}
	place->dir = dir;
	place->name = strrchr(place->path, '/') + 1;
	return dir < 0 ? -err : spot_of(dir, &place->spot);
}

/* In the skeleton the name is made. */
static int make_name(const struct place *place, gboolean directory)
{
	int err;

	if (directory)
		err = mkdirat(place->dir, place->name, 0755) < 0 ? -errno : 0;
	else
		err = mknodat(place->dir, place->name, S_IFREG | 0444, 0) < 0 ? -errno : 0;
	if (err)
		complain("place %s: %s", place->path, strerror(-err));
	return err;
}

/* Elsewhere it has to be there, as it is what a listing shows. */
static int check_name(const struct place *place)
{
	gboolean directory = is_directory(place->fd);
	const char *kind = directory ? "directory" : "file";
	struct stat st;

	if (!place->outer->source)
		return make_name(place, directory);
	if (fstatat(place->dir, place->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		complain(
			"place %s: %s is not in place %s; make a %s with that name in its SOURCE %s",
			place->path, place->name, path_shown(place->outer), kind,
			place->outer->source);
		return -ENOENT;
	}
	if (directory ? S_ISDIR(st.st_mode) : !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode))
		return 0;
	complain("place %s: %s in place %s is something else; expected a %s, as SOURCE %s is",
		 place->path, place->name, path_shown(place->outer), kind, place->source);
	return -ENOTDIR;
}

/* The longest of those before, which are open. */
static struct place *outer_of(const GPtrArray *places, guint count, const char *path)
{
	struct place *outer = NULL;

	for (guint i = 0; i < count; i++) {
		struct place *other = g_ptr_array_index(places, i);

		if (g_str_has_prefix(path, other->path) && path[strlen(other->path)] == '/')
			outer = other;
	}
	return outer;
}

static int open_place(struct sandbox *s, guint index)
{
	const GPtrArray *places = s->places;
	struct place *place = g_ptr_array_index(places, index);
	const struct place *before = index ? g_ptr_array_index(places, index - 1) : NULL;
	int err = place->source ? open_source(place) : open_skeleton(place);

	if (err)
		return err;
	if (!before) {
		if (is_directory(place->fd))
			return 0;
		complain("SOURCE %s is a file; expected a directory for the place /",
			 place->source);
		return -ENOTDIR;
	}
	if (!strcmp(place->path, before->path)) {
		complain("two sources for the place %s: %s and %s; expected one", path_shown(place),
			 before->source, place->source);
		return -EEXIST;
	}
	place->outer = outer_of(places, index, place->path);
	place->outer->crowded = TRUE;
	err = open_way(s, place);
	return err ? err : check_name(place);
}

static gint by_path(gconstpointer a, gconstpointer b)
{
	const struct place *const *one = a, *const *other = b;

	return strcmp((*one)->path, (*other)->path);
}

int places_open(struct sandbox *s)
{
	GPtrArray *places = s->places;
	struct place *top;
	int err = 0;

	g_ptr_array_sort(places, by_path);
	top = g_ptr_array_index(places, 0);
	if (*top->path)
		g_ptr_array_insert(places, 0, place_new("", NULL, FALSE));
	for (guint i = 0; i < places->len && !err; i++)
		err = open_place(s, i);
	top = g_ptr_array_index(places, 0);
	return err || top->source ? err : set_mount(top->fd, FALSE);
}

const struct place *places_find(const GPtrArray *places, int dir, const char *name)
{
	struct spot spot = {0};

	for (guint i = 1; i < places->len; i++) {
		const struct place *place = g_ptr_array_index(places, i);

		if (strcmp(place->name, name))
			continue;
		if (!spot.mount && spot_of(dir, &spot))
			return NULL;
		if (place->spot.mount == spot.mount && place->spot.ino == spot.ino)
			return place;
	}
	return NULL;
}

gboolean places_between(const GPtrArray *places, int fd)
{
	const struct place *top = g_ptr_array_index(places, 0);
	struct spot spot;

	return !top->source && !spot_of(fd, &spot) && spot.mount == top->mount;
}
