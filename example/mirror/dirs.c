/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Masks of single directories: -o dir_ops=DIR=LIST.
 *
 * A file goes by the mask of the directory that it is in; such a directory, found by
 * its inode, begins a new one for itself and what is below. What the kernel looks up by
 * itself never comes here, so none may lie where names are the kernel's.
 */
#include "mirror.h"

#include <stdlib.h>
#include <string.h>

/* Is @path the directory @dir, or something below it? */
static gboolean is_within(const char *path, const char *dir)
{
	size_t length = strlen(dir);

	return !strncmp(path, dir, length) && (path[length] == '/' || path[length] == '\0');
}

/* The mask that @dir would have without a word of its own. */
static uint64_t ops_around(const struct options *opt, const struct dir_ops *dir)
{
	uint64_t ops = opt->ops;
	size_t longest = 0;

	for (guint i = 0; i < opt->dirs->len; i++) {
		const struct dir_ops *other = &g_array_index(opt->dirs, struct dir_ops, i);
		size_t length = strlen(other->path);

		if (other == dir || length < longest || !is_within(dir->path, other->path))
			continue;
		longest = length;
		ops = other->ops;
	}
	return ops;
}

static int dir_open(const struct options *opt, struct dir_ops *dir, int source)
{
	struct stat st;

	if (ops_around(opt, dir) & FUSEPT_OP(FUSEPT_LOOKUP)) {
		complain("dir_ops=%s: what is around it is looked up by the kernel, which does not "
			 "ask us for it; expected a mask without lookup there",
			 dir->path);
		return -EINVAL;
	}
	dir->fd = openat(source, dir->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir->fd < 0 || fstat(dir->fd, &st) < 0) {
		complain("dir_ops=%s: %s; expected a directory below SOURCE", dir->path,
			 strerror(errno));
		return -errno;
	}
	dir->dev = st.st_dev;
	dir->ino = st.st_ino;
	return 0;
}

/* They stay open, so that no other file gets an inode number of theirs. */
int dirs_open(struct options *opt, int source)
{
	int err = 0;

	for (guint i = 0; i < opt->dirs->len && !err; i++)
		err = dir_open(opt, &g_array_index(opt->dirs, struct dir_ops, i), source);
	return err;
}

/* The mask of a file in a directory whose mask is @ops. */
uint64_t dirs_ops(const struct options *opt, const struct stat *st, uint64_t ops)
{
	for (guint i = 0; i < opt->dirs->len && S_ISDIR(st->st_mode); i++) {
		const struct dir_ops *dir = &g_array_index(opt->dirs, struct dir_ops, i);

		if (dir->ino == st->st_ino && dir->dev == st->st_dev)
			return dir->ops;
	}
	return ops;
}

/* Is there a mask of which @test holds? */
gboolean dirs_any(const struct options *opt, gboolean (*test)(uint64_t ops))
{
	gboolean any = test(opt->ops);

	for (guint i = 0; i < opt->dirs->len && !any; i++)
		any = test(g_array_index(opt->dirs, struct dir_ops, i).ops);
	return any;
}

static void dir_clear(gpointer data)
{
	struct dir_ops *dir = data;

	if (dir->fd >= 0)
		close(dir->fd);
	g_free(dir->path);
	g_free(dir->text);
}

GArray *dirs_new(void)
{
	GArray *dirs = g_array_new(FALSE, FALSE, sizeof(struct dir_ops));

	g_array_set_clear_func(dirs, dir_clear);
	return dirs;
}

/* "DIR=LIST"; the last "=", for DIR may have one. FALSE: it is not of that form. */
gboolean dirs_add(struct options *opt, const char *word)
{
	const char *equals = strrchr(word, '=');
	struct dir_ops dir = {.fd = -1};
	size_t length = equals ? (size_t)(equals - word) : 0;

	while (length && word[length - 1] == '/')
		length--;
	if (!length || *word == '/')
		return FALSE;
	dir.path = g_strndup(word, length);
	dir.text = g_strdup(equals + 1);
	g_array_append_val(opt->dirs, dir);
	return TRUE;
}
