// SPDX-License-Identifier: LGPL-2.1-or-later
/* A stacked file system from its beginning to its end. */
#include "stack.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>

enum { DEFAULT_THREADS = 10, DEFAULT_FDS = 256 };

/* As a caller gives it: 0 is the default, less is not at all. */
static double seconds(double timeout, double otherwise)
{
	if (timeout == 0)
		return otherwise;
	return timeout > 0 ? timeout : 0;
}

/* Of all that nodes have; a few are left to open files. */
static uint32_t descriptors(const struct fusept_stack_options *opt)
{
	struct rlimit limit;

	if (opt->flags & FUSEPT_STACK_HANDLES)
		return 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return opt->max_fds ? opt->max_fds : DEFAULT_FDS;
	if (opt->max_fds && opt->max_fds <= limit.rlim_cur)
		return opt->max_fds;
	return (uint32_t)MIN(limit.rlim_cur / 4 * 3, UINT_MAX);
}

static int read_options(struct fusept_stack *s, const struct fusept_stack_options *options)
{
	const uint32_t flags = FUSEPT_STACK_KILLPRIV | FUSEPT_STACK_HANDLES | FUSEPT_STACK_CLONE_FD;
	struct fusept_stack_options *opt = &s->opt;
	int err = fusept_sized_read(options, opt, sizeof(*opt));

	if (err)
		return err;
	if (opt->flags & ~flags || opt->max_stack_depth > 2 || opt->max_level > FUSEPT_LEVEL_OPS ||
	    opt->reserved || opt->override_types & ~UINT32_C(0xffff) ||
	    opt->entry_timeout != opt->entry_timeout || opt->attr_timeout != opt->attr_timeout ||
	    opt->negative_timeout != opt->negative_timeout)
		return -EINVAL;
	opt->entry_timeout = seconds(opt->entry_timeout, 1);
	opt->attr_timeout = seconds(opt->attr_timeout, 1);
	opt->negative_timeout = seconds(opt->negative_timeout, opt->entry_timeout);
	if (!opt->ops)
		opt->ops = FUSEPT_OPS_ALL;
	if (!opt->threads)
		opt->threads = DEFAULT_THREADS;
	if (!opt->override_types)
		opt->override_types = UINT32_MAX;
	opt->max_fds = descriptors(opt);
	return 0;
}

/* A newer program may have handlers that this library has never heard of. */
static int read_handlers(struct fusept_stack *s, const struct fuse_lowlevel_ops *ops, size_t size)
{
	const unsigned char *bytes = (const unsigned char *)ops;

	if (!ops)
		return 0;
	for (size_t i = sizeof(s->own); i < size; i++) {
		if (bytes[i] != 0)
			return -E2BIG;
	}
	memcpy(&s->own, ops, MIN(size, sizeof(s->own)));
	return ops_overridden(&s->own, &s->overridden);
}

static int open_source(struct fusept_stack *s, int source)
{
	const struct node_owner owner = {.free = s->opt.free_data, .userdata = s->userdata};
	int err, fd = openat(source, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (access(fd_path(fd).text, F_OK) < 0) {
		close(fd);
		return -ENOENT;
	}
	s->nodes = nodes_new(fd, s->opt.max_fds, &owner, &err);
	if (!s->nodes)
		close(fd);
	return err;
}

/* The root has its mask by the same rules as all nodes. */
static int give_root_masks(struct fusept_stack *s)
{
	struct fusept_node *root = nodes_root(s->nodes);
	struct node_masks masks;
	struct stat st;

	if (fstatat(root->fd, "", &st, AT_EMPTY_PATH) < 0)
		return -errno;
	masks = pass_masks(s, NULL, &st);
	atomic_store(&root->ops, masks.ops);
	atomic_store(&root->own, masks.own);
	return 0;
}

int fusept_stack_new(int source, const struct fuse_lowlevel_ops *ops, size_t op_size,
		     const struct fusept_stack_options *options, void *userdata,
		     struct fusept_stack **out)
{
	struct fusept_stack *s;
	int err;

	if (!out)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->userdata = userdata;
	s->owners = !geteuid();
	err = read_options(s, options);
	if (!err)
		err = read_handlers(s, ops, op_size);
	if (!err)
		err = open_source(s, source);
	if (!err)
		err = give_root_masks(s);
	if (err) {
		fusept_stack_free(s);
		return err;
	}
	*out = s;
	return 0;
}

/* Is the mount point the tree's top, or below it? Then we may meet ourselves. */
static bool is_in_tree(struct fusept_stack *s, const char *mountpoint)
{
	struct fd_path link = fd_path(nodes_root(s->nodes)->fd);
	char top[PATH_MAX];
	ssize_t length = readlink(link.text, top, sizeof(top));

	if (length < 0 || length == sizeof(top) || (length == 1 && *top == '/'))
		return true;
	return !strncmp(mountpoint, top, (size_t)length) &&
	       (mountpoint[length] == '\0' || mountpoint[length] == '/');
}

/* The mount's device number, without asking the file system: that is us. */
static void learn_own_mount(struct fusept_stack *s)
{
	struct statx st;

	if (statx(AT_FDCWD, s->mountpoint, AT_STATX_DONT_SYNC, 0, &st))
		return;
	s->own_dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	s->guard = is_in_tree(s, s->mountpoint);
}

int fusept_stack_mount(struct fusept_stack *s, struct fuse_args *args, const char *mountpoint)
{
	struct fuse_lowlevel_ops table;

	if (!s || !args || !mountpoint || s->mountpoint)
		return -EINVAL;
	s->mountpoint = strdup(mountpoint);
	if (!s->mountpoint || fuse_opt_add_arg(args, "-odefault_permissions"))
		return -ENOMEM;
	ops_table(&s->own, &table);
	s->se = fuse_session_new(args, &table, sizeof(table), s);
	if (!s->se)
		return -EINVAL;
	if (fuse_session_mount(s->se, mountpoint))
		return -EPERM;
	s->mounted = true;
	learn_own_mount(s);
	return 0;
}

static int ask_kernel(struct fusept_stack *s)
{
	const struct fusept_session_options options = {
		.size = sizeof(options),
		.flags = (s->opt.flags & FUSEPT_STACK_KILLPRIV ? FUSEPT_SESSION_KILLPRIV : 0) |
			 FUSEPT_SESSION_READDIR,
		.max_stack_depth = s->opt.max_stack_depth,
		.max_level = s->opt.max_level,
	};
	int err = fusept_session_new(s->se, &options, &s->session);

	if (!err)
		s->reason = pass_begin(s);
	return err;
}

int fusept_stack_begin(struct fusept_stack *s)
{
	if (!s || !s->mounted || s->session)
		return -EINVAL;
	return s->opt.max_level == FUSEPT_LEVEL_NONE ? 0 : ask_kernel(s);
}

static int loop_of_libfuse(struct fusept_stack *s)
{
	struct fuse_loop_config *config;
	int result;

	if (s->opt.threads == 1)
		return MIN(fuse_session_loop(s->se), 0);
	config = fuse_loop_cfg_create();
	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_clone_fd(config, !!(s->opt.flags & FUSEPT_STACK_CLONE_FD));
	fuse_loop_cfg_set_max_threads(config, s->opt.threads);
	if (s->opt.idle_threads)
		fuse_loop_cfg_set_idle_threads(config, s->opt.idle_threads);
	result = fuse_session_loop_mt(s->se, config);
	fuse_loop_cfg_destroy(config);
	return MIN(result, 0);
}

/*
 * libfuse's own loops, unless directories are listed by us and files come along, which
 * they can't.
 */
int fusept_stack_loop(struct fusept_stack *s)
{
	if (!s || !s->mounted)
		return -EINVAL;
	if (!pass_entries(s) || pass_lists(s) || s->opt.flags & FUSEPT_STACK_CLONE_FD)
		return loop_of_libfuse(s);
	return fusept_session_loop(s->session, s->opt.threads);
}

void fusept_stack_free(struct fusept_stack *s)
{
	if (!s)
		return;
	nodes_free(s->nodes);
	fusept_session_free(s->session);
	if (s->mounted)
		fuse_session_unmount(s->se);
	if (s->se)
		fuse_session_destroy(s->se);
	free(s->mountpoint);
	free(s);
}

struct fusept_stack *fusept_req_stack(fuse_req_t req)
{
	return stack_of(req);
}

void *fusept_req_userdata(fuse_req_t req)
{
	return stack_of(req)->userdata;
}

struct fuse_session *fusept_stack_fuse(struct fusept_stack *s)
{
	return s->se;
}

struct fusept_session *fusept_stack_session(struct fusept_stack *s)
{
	return s->session;
}

enum fusept_level fusept_stack_level(const struct fusept_stack *s)
{
	return s->session ? fusept_session_level(s->session) : FUSEPT_LEVEL_NONE;
}

int fusept_stack_reason(const struct fusept_stack *s)
{
	int reason = s->session ? fusept_session_reason(s->session) : 0;

	return reason ? reason : s->reason;
}

size_t fusept_stack_nodes(struct fusept_stack *s)
{
	return nodes_count(s->nodes);
}

void fusept_stack_counters(struct fusept_stack *s, struct fusept_counters *counters)
{
	if (!s->mounted || fusept_counters_read(s->mountpoint, counters))
		memset(counters, 0, sizeof(*counters));
	for (int opcode = 0; opcode < FUSEPT_OPCODES; opcode++)
		counters->daemon[opcode] = atomic_load(&s->served[opcode]);
}
