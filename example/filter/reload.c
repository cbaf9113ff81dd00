/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading the rules, at the beginning and on SIGHUP.
 *
 * New rules are for names that are looked up from then on. So of each file that the kernel
 * knows, and that has another view now, the name is taken from it. What can change for a
 * file that stays known, since somebody has it open, is changed at once.
 */
#include "filter.h"

#include <string.h>
#include <syslog.h>

int filter_read_rules(struct filter *f)
{
	g_autofree char *why = NULL;
	struct rules *old, *rules = rules_read(f->opt.rules_file, &why);

	if (!rules) {
		filter_say(f, LOG_ERR, "%s%s", why, f->rules ? "; the old rules stay" : "");
		return -EINVAL;
	}
	g_rw_lock_writer_lock(&f->lock);
	old = f->rules;
	f->rules = rules;
	g_rw_lock_writer_unlock(&f->lock);
	rules_free(old);
	return 0;
}

/* ---- files that the kernel knows ---- */

/* All of them, with new rules. */
struct reload {
	struct filter *f;
	/* their node ids by path: a directory has one for each view that it is known in */
	GHashTable *directories; /* to a GArray of fuse_ino_t */
	GPtrArray *changed;	 /* paths that have another view now */
	GArray *redacted;	 /* node ids of those with other bytes */
};

static void add_directory(struct reload *r, const char *path, fuse_ino_t ino)
{
	GArray *inos = g_hash_table_lookup(r->directories, path);

	if (!inos) {
		inos = g_array_new(FALSE, FALSE, sizeof(ino));
		g_hash_table_insert(r->directories, g_strdup(path), inos);
	}
	g_array_append_val(inos, ino);
}

/* Whoever has it open may not change its attributes any more, or may again. */
static void set_mask(struct filter *f, struct fusept_node *node, enum view is, enum view wanted,
		     mode_t mode)
{
	uint64_t ops = filter_mask(f, is, mode);
	int err = 0;

	if (is == VIEW_PLAIN && wanted != VIEW_PLAIN)
		ops = filter_mask_of_late(f, mode);
	if (fusept_node_ops(node) != ops)
		err = fusept_node_set_ops(f->stack, node, ops);
	if (err)
		filter_say(f, LOG_WARNING, "attributes of an open file stay as they were: %s",
			   strerror(-err));
}

/* Of an open file other bytes are redacted from now on; if none were, it stays as it is. */
static void set_redaction(struct reload *r, struct fusept_node *node, const char *path)
{
	struct redaction *redaction = fusept_node_data(node);
	fuse_ino_t ino = fusept_node_ino(r->f->stack, node);
	GArray *ranges, *old;

	if (!redaction)
		return;
	ranges = rules_ranges(r->f->rules, path); /* nobody else changes them */
	if (!ranges)
		return;
	g_rw_lock_writer_lock(&r->f->lock);
	old = redaction->ranges;
	redaction->ranges = ranges;
	g_rw_lock_writer_unlock(&r->f->lock);
	g_array_unref(old);
	g_array_append_val(r->redacted, ino);
}

static void look_again(void *data, struct fusept_node *node)
{
	struct reload *r = data;
	struct filter *f = r->f;
	fuse_ino_t ino = fusept_node_ino(f->stack, node);
	int fd = fusept_node_get(f->stack, ino, &node);
	g_autofree char *path = fd < 0 ? NULL : path_of(fd);
	struct stat st;

	if (path && !fstatat(fd, "", &st, AT_EMPTY_PATH)) {
		enum view is = trees_view(f, fd), wanted = filter_look(f, path).view;

		if (S_ISDIR(st.st_mode))
			add_directory(r, path, ino);
		if (wanted != is)
			g_ptr_array_add(r->changed, g_strdup(path));
		set_mask(f, node, is, wanted, st.st_mode);
		set_redaction(r, node, path);
	}
	if (fd >= 0)
		fusept_node_put(f->stack, node);
}

static void forget_name(const struct reload *r, const char *path)
{
	struct fuse_session *se = fusept_stack_fuse(r->f->stack);
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	g_autofree char *parent = g_strndup(path, slash ? (gsize)(slash - path) : 0);
	const GArray *inos = g_hash_table_lookup(r->directories, parent);

	for (guint i = 0; inos && i < inos->len; i++)
		fuse_lowlevel_notify_inval_entry(se, g_array_index(inos, fuse_ino_t, i), name,
						 strlen(name));
}

/* The kernel may wait for an answer of ours meanwhile: no lock is held, and no node. */
static void tell_kernel(const struct reload *r)
{
	struct fuse_session *se = fusept_stack_fuse(r->f->stack);

	for (guint i = 0; i < r->changed->len; i++)
		forget_name(r, g_ptr_array_index(r->changed, i));
	for (guint i = 0; i < r->redacted->len; i++)
		fuse_lowlevel_notify_inval_inode(se, g_array_index(r->redacted, fuse_ino_t, i), 0,
						 0);
}

void filter_reload(struct filter *f)
{
	struct reload r = {.f = f};

	if (filter_read_rules(f))
		return;
	r.directories = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					      (GDestroyNotify)g_array_unref);
	r.changed = g_ptr_array_new_with_free_func(g_free);
	r.redacted = g_array_new(FALSE, FALSE, sizeof(fuse_ino_t));
	if (fusept_stack_each_node(f->stack, look_again, &r))
		filter_say(f, LOG_WARNING, "out of memory: new rules count as names are forgotten");
	tell_kernel(&r);
	filter_say(f, LOG_INFO, "%s: read again, %u files are seen otherwise", f->opt.rules_file,
		   r.changed->len);
	g_hash_table_destroy(r.directories);
	g_ptr_array_unref(r.changed);
	g_array_unref(r.redacted);
}
