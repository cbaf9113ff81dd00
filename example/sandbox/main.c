/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fusept-sandbox: what is found at a place is ours to say, and that nobody takes its name
 * away; all else is done by the kernel where it can, else by the engine.
 */
#include "sandbox.h"

#include <stdio.h>
#include <string.h>

/* The place that is about to be answered with, by this thread: the engine asks node_ops() then. */
static _Thread_local const struct place *entering;

/* Operations for the kernel, but for these; cut to what the rest allows. */
static uint64_t ops_without(const struct sandbox *s, uint64_t ours)
{
	return s->ops & ours ? (s->ops & ~ours) | FUSEPT_OPS_SUPPORTED : s->ops;
}

/*
 * What the kernel may do at the top of a place. Where another one is in it, names are ours:
 * it would find what is under that one; and it would take that away, unless it may not
 * anyway. ACLs of the skeleton: see on_getxattr().
 */
static uint64_t ops_of(const struct sandbox *s, const struct place *place)
{
	if (!place->source)
		return ops_without(s, FUSEPT_OPS_NAMES | FUSEPT_OP(FUSEPT_GETXATTR));
	if (!place->crowded)
		return s->ops;
	if (!place->writable)
		return ops_without(s, FUSEPT_OPS_NAMES);
	return ops_without(s, FUSEPT_OPS_NAMES | FUSEPT_OP(FUSEPT_UNLINK) |
				      FUSEPT_OP(FUSEPT_RMDIR) | FUSEPT_OP(FUSEPT_RENAME) |
				      FUSEPT_OP(FUSEPT_RENAME2));
}

/*
 * A file has what its directory has. But in a read-only place, where no directory moves, one
 * that leads to no other place is as in a place without; and what is no directory has no names.
 */
static uint64_t node_ops(void *userdata, const struct fusept_node *dir, const struct stat *st,
			 uint64_t ops)
{
	const struct sandbox *s = userdata;
	const uint64_t nameless = ops_without(s, FUSEPT_OPS_NAMES), ino = st->st_ino;

	if (entering)
		return S_ISDIR(st->st_mode) ? ops_of(s, entering) : nameless;
	if (!dir)
		return ops_of(s, g_ptr_array_index(s->places, 0));
	ops = fusept_node_ops(dir);
	if (ops == nameless && S_ISDIR(st->st_mode) && !g_hash_table_contains(s->ways, &ino))
		return s->ops;
	return ops;
}

static const struct place *place_at(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	const struct sandbox *s = fusept_req_userdata(req);
	struct fusept_stack *stack = fusept_req_stack(req);
	const struct place *place = NULL;
	struct fusept_node *node;
	int fd = fusept_node_get(stack, dir, &node);

	if (fd >= 0) {
		place = places_find(s->places, fd, name);
		fusept_node_put(stack, node);
	}
	return place;
}

static void on_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	const struct place *place = place_at(req, dir, name);
	int fd;

	if (!place) {
		fusept_stack_default()->lookup(req, dir, name);
		return;
	}
	fd = fcntl(place->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	entering = place;
	fusept_reply_fd(req, dir, fd);
	entering = NULL;
}

/* Is the name that of a place? It is in use then; in a read-only place it is that which counts. */
static gboolean is_busy(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	const struct place *place = place_at(req, dir, name);

	if (!place || !place->outer->writable)
		return FALSE;
	fuse_reply_err(req, EBUSY);
	return TRUE;
}

static void on_unlink(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	if (!is_busy(req, dir, name))
		fusept_stack_default()->unlink(req, dir, name);
}

static void on_rmdir(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	if (!is_busy(req, dir, name))
		fusept_stack_default()->rmdir(req, dir, name);
}

static void on_rename(fuse_req_t req, fuse_ino_t dir, const char *name, fuse_ino_t newdir,
		      const char *newname, unsigned int flags)
{
	if (!is_busy(req, dir, name) && !is_busy(req, newdir, newname))
		fusept_stack_default()->rename(req, dir, name, newdir, newname, flags);
}

/*
 * The skeleton has no ACLs, and can't have any. The engine would say the latter, which the
 * kernel takes for an error of whoever passes by and is not the owner.
 */
static void on_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	const struct sandbox *s = fusept_req_userdata(req);
	struct fusept_stack *stack = fusept_req_stack(req);
	gboolean between = FALSE;
	struct fusept_node *node;
	int fd = fusept_node_get(stack, ino, &node);

	if (fd >= 0) {
		between = places_between(s->places, fd);
		fusept_node_put(stack, node);
	}
	if (between)
		fuse_reply_err(req, ENODATA);
	else
		fusept_stack_default()->getxattr(req, ino, name, size);
}

/* The engine's main() takes a directory by its path; the user's words come later, and count. */
static int add_source(struct fuse_args *args, int top)
{
	g_autofree char *source = g_strdup_printf("/proc/self/fd/%d", top);

	if (fuse_opt_insert_arg(args, 1, source))
		return -ENOMEM;
	return fuse_opt_insert_arg(args, 1, "-osubtype=fusept-sandbox,fsname=sandbox") ? -ENOMEM
										       : 0;
}

static int run(struct sandbox *s, struct fuse_args *args)
{
	static const struct fuse_lowlevel_ops ops = {
		.lookup = on_lookup,
		.unlink = on_unlink,
		.rmdir = on_rmdir,
		.rename = on_rename,
		.getxattr = on_getxattr,
	};
	const struct fusept_stack_options options = {.size = sizeof(options), .node_ops = node_ops};
	const struct place *top;
	int err = fusept_stack_prepare_process(); /* places are descriptors */

	if (err)
		complain("CAP_SYS_RESOURCE can't be dropped: %s", strerror(-err));
	umask(0); /* modes are meant as they are given, here and for the engine */
	if (!err)
		err = places_open(s);
	if (err)
		return 1;
	top = g_ptr_array_index(s->places, 0);
	if (add_source(args, top->fd)) {
		complain("out of memory");
		return 1;
	}
	return fusept_stack_main(args->argc, args->argv, &ops, sizeof(ops), &options, s);
}

int main(int argc, char *argv[])
{
	struct sandbox s = {
		.places = g_ptr_array_new_with_free_func(place_free),
		.ways = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
	};
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	enum options_result options = options_read(&s, &args);
	int status = options == OPTIONS_BAD;

	if (options == OPTIONS_RUN)
		status = run(&s, &args);
	fuse_opt_free_args(&args);
	g_hash_table_destroy(s.ways);
	g_ptr_array_unref(s.places);
	return status;
}
