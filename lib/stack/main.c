// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The main() of a file system that has none of its own.  It speaks to whoever has typed
 * its command, on stderr; nothing else in the library does.
 */
#include "stack.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What libfuse makes of a command line that says nothing of them. */
enum { LIBFUSE_THREADS = 10 };

/* A timeout that was not given. */
#define UNSET (-1.0)

struct command {
	const char *program;
	char *source;
	char *ops;
	struct fuse_cmdline_opts fuse;
	struct fusept_stack_options opt;
	double entry_timeout, attr_timeout, negative_timeout;
	int killpriv, handles;
	bool allow_root;
};

#define OPTION(text, field)                                  \
	{                                                    \
		text, offsetof(struct command, opt.field), 0 \
	}
#define SWITCH(text, field)                              \
	{                                                \
		text, offsetof(struct command, field), 1 \
	}

static const struct fuse_opt specs[] = {
	{"ops=%s", offsetof(struct command, ops), 0},
	{"entry_timeout=%lf", offsetof(struct command, entry_timeout), 0},
	{"attr_timeout=%lf", offsetof(struct command, attr_timeout), 0},
	{"negative_timeout=%lf", offsetof(struct command, negative_timeout), 0},
	OPTION("max_fds=%u", max_fds),
	OPTION("max_stack_depth=%u", max_stack_depth),
	SWITCH("killpriv", killpriv),
	SWITCH("handles", handles),
	FUSE_OPT_END,
};

static void show_help(const struct command *c)
{
	printf("usage: %s SOURCE MOUNTPOINT [options]\n\n"
	       "    -o ops=LIST            operations for the kernel: all (default) that it has\n"
	       "                           on files of this file system, none, io (read and\n"
	       "                           write of open files, as stock kernels have it), or\n"
	       "                           names with +: getattr+open+read+...\n"
	       "    -o entry_timeout=SEC   how long names are trusted (1.0)\n"
	       "    -o attr_timeout=SEC    how long attributes are, where they are not read\n"
	       "                           from below each time (1.0)\n"
	       "    -o negative_timeout=SEC  how long missing names are (as entry_timeout)\n"
	       "    -o max_fds=N           descriptors for files not in use (3/4 of the limit)\n"
	       "    -o handles             none: files not in use are found by file handle\n"
	       "    -o max_stack_depth=N   1, or 2 if SOURCE is a stacking file system (1)\n"
	       "    -o killpriv            stock kernels: cheaper writes that clear suid and\n"
	       "                           sgid below, root's too; attr_timeout is 0\n\n",
	       c->program);
	fuse_cmdline_help();
	fuse_lowlevel_help();
}

static int complain(const struct command *c, const char *what, const char *why)
{
	fprintf(stderr, "%s: %s%s%s; see %s --help\n", c->program, what, *why ? ": " : "", why,
		c->program);
	return -EINVAL;
}

/* The first word is the source; the rest is libfuse's. */
static int take_word(void *data, const char *word, int key, struct fuse_args *args)
{
	struct command *c = data;

	(void)args;
	if (!strcmp(word, "allow_root"))
		c->allow_root = true;
	if (key != FUSE_OPT_KEY_NONOPT || c->source)
		return 1;
	c->source = strdup(word);
	return c->source ? 0 : -1;
}

static int read_ops(struct command *c)
{
	if (!c->ops)
		return 0;
	if (fusept_ops_parse(c->ops, &c->opt.ops))
		return complain(c, "an operation that nobody knows", c->ops);
	if (!(c->opt.ops & FUSEPT_OPS_SUPPORTED) && c->opt.ops & ~FUSEPT_OPS_IO)
		c->opt.ops = fusept_ops_complete(c->opt.ops);
	if (c->opt.ops == FUSEPT_OPS_NONE)
		c->opt.max_level = FUSEPT_LEVEL_NONE;
	if (!(c->opt.ops & ~FUSEPT_OPS_IO) && !c->opt.max_level)
		c->opt.max_level = FUSEPT_LEVEL_IO;
	return 0;
}

/* Here 0 is no time at all, in the options of the engine the default. */
static void take_timeout(double given, double *timeout)
{
	if (given != UNSET)
		*timeout = given > 0 ? given : -1;
}

static void read_timeouts(struct command *c)
{
	take_timeout(c->entry_timeout, &c->opt.entry_timeout);
	take_timeout(c->attr_timeout, &c->opt.attr_timeout);
	take_timeout(c->negative_timeout, &c->opt.negative_timeout);
}

/* 0: go on; else there is nothing more to do, and it may be an error. */
static int read_command(struct command *c, struct fuse_args *args)
{
	if (fuse_opt_parse(args, c, specs, take_word) < 0 || fuse_parse_cmdline(args, &c->fuse))
		return complain(c, "the options can't be read", "");
	if (c->fuse.show_help)
		show_help(c);
	if (c->fuse.show_version)
		printf("libfusept %s\nlibfuse %s\n", FUSEPT_VERSION, fuse_pkgversion());
	if (c->fuse.show_help || c->fuse.show_version)
		return 1;
	if (!c->source || !c->fuse.mountpoint)
		return complain(c, "too few arguments", "expected SOURCE and MOUNTPOINT");
	c->opt.flags |= (c->killpriv ? FUSEPT_STACK_KILLPRIV : 0) |
			(c->handles ? FUSEPT_STACK_HANDLES : 0) |
			(c->fuse.clone_fd ? FUSEPT_STACK_CLONE_FD : 0);
	if (c->fuse.singlethread)
		c->opt.threads = 1;
	else if (!c->opt.threads || c->fuse.max_threads != LIBFUSE_THREADS)
		c->opt.threads = c->fuse.max_threads;
	if (c->fuse.max_idle_threads != UINT_MAX)
		c->opt.idle_threads = c->fuse.max_idle_threads;
	read_timeouts(c);
	return read_ops(c);
}

/* fsname is the source; whoever is root shows his file system to all. */
static int add_mount_options(struct command *c, struct fuse_args *args)
{
	char *escaped = NULL, name[PATH_MAX + 16];
	int err;

	if (fuse_opt_add_opt_escaped(&escaped, c->source))
		return -ENOMEM;
	snprintf(name, sizeof(name), "-ofsname=%s", escaped);
	free(escaped);
	err = fuse_opt_insert_arg(args, 1, name);
	if (!err && !geteuid() && !c->allow_root)
		err = fuse_opt_add_arg(args, "-oallow_other");
	return err ? -ENOMEM : 0;
}

static int serve(struct fusept_stack *stack, struct command *c)
{
	int result;

	if (fuse_daemonize(c->fuse.foreground))
		return -errno;
	if (fuse_set_signal_handlers(fusept_stack_fuse(stack)))
		return -EINVAL;
	result = fusept_stack_begin(stack);
	if (!result)
		result = fusept_stack_loop(stack);
	if (result < 0)
		complain(c, "requests can't be served", strerror(-result));
	fuse_remove_signal_handlers(fusept_stack_fuse(stack));
	return result;
}

static int make(struct command *c, const struct fuse_lowlevel_ops *ops, size_t op_size,
		void *userdata, struct fusept_stack **stack)
{
	int err, source = open(c->source, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (source < 0)
		return complain(c, c->source, strerror(errno));
	err = fusept_stack_new(source, ops, op_size, &c->opt, userdata, stack);
	close(source);
	if (err)
		return complain(c, c->source, strerror(-err));
	return 0;
}

static int run(struct command *c, struct fuse_args *args, const struct fuse_lowlevel_ops *ops,
	       size_t op_size, void *userdata)
{
	struct fusept_stack *stack;
	int result = fusept_stack_prepare_process();

	if (result)
		return complain(c, "CAP_SYS_RESOURCE can't be dropped", strerror(-result));
	result = make(c, ops, op_size, userdata, &stack);
	if (result)
		return result;
	result = add_mount_options(c, args);
	if (!result)
		result = fusept_stack_mount(stack, args, c->fuse.mountpoint);
	if (result)
		complain(c, c->fuse.mountpoint, strerror(-result));
	else
		result = serve(stack, c);
	fusept_stack_free(stack);
	return result;
}

int fusept_stack_main(int argc, char *argv[], const struct fuse_lowlevel_ops *ops, size_t op_size,
		      const struct fusept_stack_options *options, void *userdata)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct command c = {
		.program = argc ? argv[0] : "fusept",
		.entry_timeout = UNSET,
		.attr_timeout = UNSET,
		.negative_timeout = UNSET,
	};
	int result = fusept_sized_read(options, &c.opt, sizeof(c.opt));

	if (result)
		complain(&c, "options of the program", strerror(-result));
	c.opt.size = sizeof(c.opt);
	if (!result)
		result = read_command(&c, &args);
	if (!result)
		result = run(&c, &args, ops, op_size, userdata);
	free(c.fuse.mountpoint);
	free(c.source);
	free(c.ops);
	fuse_opt_free_args(&args);
	return result < 0;
}
