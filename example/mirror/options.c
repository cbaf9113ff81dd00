/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line: our options, mount(8)'s, and libfuse's. */
#include "mirror.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef MIRROR_VERSION
#define MIRROR_VERSION "unversioned"
#endif

enum { KEY_OPS, KEY_DIR_OPS, KEY_IGNORED };

/* An option whose value, or presence, goes to a field. */
#define VALUE(text, field)                               \
	{                                                \
		text, offsetof(struct options, field), 0 \
	}
#define SWITCH(text, field)                              \
	{                                                \
		text, offsetof(struct options, field), 1 \
	}

static const struct fuse_opt specs[] = {
	VALUE("entry_timeout=%lf", entry_timeout),
	VALUE("attr_timeout=%lf", attr_timeout),
	VALUE("negative_timeout=%lf", negative_timeout),
	VALUE("max_fds=%u", max_fds),
	VALUE("max_stack_depth=%u", max_stack_depth),
	VALUE("stats=%s", stats),
	SWITCH("killpriv", killpriv),
	FUSE_OPT_KEY("ops=", KEY_OPS),
	FUSE_OPT_KEY("dir_ops=", KEY_DIR_OPS),
	/* for mount(8) and boot scripts, not for a file system */
	FUSE_OPT_KEY("auto", KEY_IGNORED),
	FUSE_OPT_KEY("noauto", KEY_IGNORED),
	FUSE_OPT_KEY("defaults", KEY_IGNORED),
	FUSE_OPT_KEY("nofail", KEY_IGNORED),
	FUSE_OPT_KEY("_netdev", KEY_IGNORED),
	FUSE_OPT_KEY("user", KEY_IGNORED),
	FUSE_OPT_KEY("nouser", KEY_IGNORED),
	FUSE_OPT_KEY("users", KEY_IGNORED),
	FUSE_OPT_KEY("comment=", KEY_IGNORED),
	FUSE_OPT_END,
};

static const char usage[] =
	"usage: fusept-mirror SOURCE MOUNTPOINT [options]\n"
	"\n"
	"Shows the directory SOURCE at MOUNTPOINT. What the kernel can do by itself on\n"
	"the files below it does without asking this daemon.\n"
	"\n"
	"    -o ops=LIST            operations for the kernel: all (default) that it has\n"
	"                           on files that the daemon knows, subtree (it finds\n"
	"                           and makes files by itself, too, and the daemon knows\n"
	"                           none but SOURCE), none, io (read and write of open\n"
	"                           files, as stock kernels have it), or names of\n"
	"                           operations: getattr,open,read,...\n"
	"    -o dir_ops=DIR=LIST    the same for the directory DIR of SOURCE and what is\n"
	"                           below it, with + for a comma; may be repeated\n"
	"    -o entry_timeout=SEC   how long names are trusted (1.0)\n"
	"    -o attr_timeout=SEC    how long attributes are, where they are not read\n"
	"                           from below each time (1.0)\n"
	"    -o negative_timeout=SEC  how long missing names are (as entry_timeout)\n"
	"    -o max_fds=N           descriptors for files not in use (3/4 of the\n"
	"                           limit); other files are found by file handle\n"
	"    -o max_stack_depth=N   1, or 2 if SOURCE is a stacking file system (1)\n"
	"    -o killpriv            stock kernels: cheaper writes that clear suid and\n"
	"                           sgid below, root's too; attr_timeout is 0\n"
	"    -o stats=FILE          write the number of requests served, as JSON, at\n"
	"                           the end and on SIGUSR1\n"
	"\n";

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("fusept-mirror: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

static enum options_result bad(const char *what, const char *expected)
{
	complain("%s; expected %s; see fusept-mirror --help", what, expected);
	return OPTIONS_BAD;
}

/* The operations may be separated by commas, as options are: "ops=open,read". */
static int add_ops(struct options *opt, const char *words)
{
	char *joined = opt->ops_text ? g_strconcat(opt->ops_text, ",", words, NULL)
				     : g_strdup(words);

	g_free(opt->ops_text);
	opt->ops_text = joined;
	opt->in_ops = TRUE;
	return 0;
}

static gboolean continues_ops(const struct options *opt, const char *word)
{
	uint64_t ops;

	return opt->in_ops && !fusept_ops_parse(word, &ops);
}

/* A word for libfuse (1), or one more operation, or a remark to mount(8) (0). */
static int take_other(struct options *opt, const char *word)
{
	if (continues_ops(opt, word))
		return add_ops(opt, word);
	opt->in_ops = FALSE;
	if (!strcmp(word, "allow_root"))
		opt->allow_root = TRUE;
	return g_ascii_strncasecmp(word, "x-", 2) != 0;
}

/* 1 leaves the word to libfuse. */
static int take_word(void *data, const char *word, int key, struct fuse_args *args)
{
	struct options *opt = data;

	(void)args;
	switch (key) {
	case KEY_OPS:
		g_free(g_steal_pointer(&opt->ops_text));
		return add_ops(opt, word + strlen("ops="));
	case KEY_DIR_OPS:
		opt->in_ops = FALSE;
		if (dirs_add(opt, word + strlen("dir_ops=")))
			return 0;
		bad(word, "dir_ops=DIR=LIST, DIR relative to SOURCE");
		return -1;
	case KEY_IGNORED:
		break;
	case FUSE_OPT_KEY_NONOPT:
		if (opt->source)
			return 1;
		opt->source = g_strdup(word);
		break;
	default:
		return take_other(opt, word);
	}
	opt->in_ops = FALSE;
	return 0;
}

/* A list of operations; @option is what it was given as. */
static enum options_result read_list(const char *option, const char *text, uint64_t *ops)
{
	g_autofree char *what = NULL;

	if (!fusept_ops_parse(text, ops))
		return OPTIONS_RUN;
	what = g_strdup_printf("%s=%s: unknown operation", option, text);
	return bad(what, "all, subtree, none, io or names as in "
			 "ops=getattr,open,release,read");
}

static gboolean is_more_than_io(uint64_t ops)
{
	return (ops & ~FUSEPT_OPS_IO) != 0;
}

/* Of all that the kernel can do, names are taken away with what needs them. */
static uint64_t complete(uint64_t ops)
{
	return ops & FUSEPT_OPS_SUPPORTED ? ops : fusept_ops_complete(ops);
}

static enum options_result read_ops(struct options *opt)
{
	enum options_result result;

	if (!opt->ops_text)
		opt->ops_text = g_strdup("all");
	result = read_list("ops", opt->ops_text, &opt->ops);
	for (guint i = 0; i < opt->dirs->len && result == OPTIONS_RUN; i++) {
		struct dir_ops *dir = &g_array_index(opt->dirs, struct dir_ops, i);
		g_autofree char *option = g_strconcat("dir_ops=", dir->path, NULL);

		result = read_list(option, dir->text, &dir->ops);
	}
	if (result != OPTIONS_RUN)
		return result;
	opt->io_only = !dirs_any(opt, is_more_than_io);
	if (opt->io_only)
		return result;
	opt->ops = complete(opt->ops);
	for (guint i = 0; i < opt->dirs->len; i++) {
		struct dir_ops *dir = &g_array_index(opt->dirs, struct dir_ops, i);

		dir->ops = complete(dir->ops);
	}
	return result;
}

static enum options_result read_values(struct options *opt)
{
	if (opt->negative_timeout < 0)
		opt->negative_timeout = opt->entry_timeout;
	if (!(opt->entry_timeout >= 0 && opt->attr_timeout >= 0))
		return bad("a timeout below 0", "seconds, as in "
						"entry_timeout=1.0");
	if (opt->max_stack_depth > 2)
		return bad("max_stack_depth is too large", "1 or 2");
	return read_ops(opt);
}

/* Paths are made absolute: a daemon's current directory is the root. */
static enum options_result read_paths(struct options *opt, char *mountpoint)
{
	g_autofree char *mount_prefix = NULL;
	g_autofree char *source = opt->source;
	char *stats = opt->stats;

	opt->mountpoint = mountpoint;
	opt->source = source ? realpath(source, NULL) : NULL;
	if (!source || !mountpoint)
		return bad("too few arguments", "SOURCE and MOUNTPOINT");
	if (!opt->source) {
		complain("SOURCE %s: %s; expected a directory", source, strerror(errno));
		return OPTIONS_BAD;
	}
	if (!stats)
		return OPTIONS_RUN;
	opt->stats = g_canonicalize_filename(stats, NULL);
	free(stats);
	mount_prefix = g_strconcat(mountpoint, "/", NULL);
	if (g_str_has_prefix(opt->stats, mount_prefix))
		return bad("stats=FILE is below the mount point",
			   "a file that this daemon does not serve");
	return OPTIONS_RUN;
}

static void show_help(void)
{
	fputs(usage, stdout);
	fuse_cmdline_help();
	fuse_lowlevel_help();
}

static enum options_result read_libfuse(struct options *opt, struct fuse_args *args)
{
	struct fuse_cmdline_opts cmdline;

	if (fuse_parse_cmdline(args, &cmdline)) {
		complain("see fusept-mirror --help");
		return OPTIONS_BAD;
	}
	if (cmdline.show_help || cmdline.show_version) {
		free(cmdline.mountpoint);
		if (cmdline.show_help)
			show_help();
		else
			printf("fusept-mirror %s\nlibfuse %s\n", MIRROR_VERSION, fuse_pkgversion());
		return OPTIONS_DONE;
	}
	opt->foreground = cmdline.foreground;
	opt->singlethread = cmdline.singlethread;
	opt->clone_fd = cmdline.clone_fd;
	opt->max_idle_threads = cmdline.max_idle_threads;
	opt->max_threads = cmdline.max_threads;
	return read_paths(opt, cmdline.mountpoint);
}

/* Who may use the mount, and what it is called. */
static int add_mount_options(struct options *opt, struct fuse_args *args)
{
	g_autofree char *name = NULL;
	char *escaped = NULL;
	int err;

	if (fuse_opt_add_opt_escaped(&escaped, opt->source))
		return -ENOMEM;
	name = g_strconcat("-ofsname=", escaped, NULL);
	free(escaped);
	/* first, so that the user's own count */
	err = fuse_opt_insert_arg(args, 1, "-osubtype=fusept-mirror");
	if (!err)
		err = fuse_opt_insert_arg(args, 1, name);
	if (!err && !geteuid() && !opt->allow_root)
		err = fuse_opt_add_arg(args, "-oallow_other");
	return err ? -ENOMEM : 0;
}

enum options_result options_read(struct options *opt, struct fuse_args *args)
{
	enum options_result result;

	*opt = (struct options){
		.entry_timeout = 1.0,
		.attr_timeout = 1.0,
		.negative_timeout = -1.0,
		.dirs = dirs_new(),
	};
	if (fuse_opt_parse(args, opt, specs, take_word) < 0)
		return bad("the options can't be read", "-o NAME[=VALUE],...");
	result = read_libfuse(opt, args);
	if (result == OPTIONS_RUN)
		result = read_values(opt);
	if (result == OPTIONS_RUN && add_mount_options(opt, args)) {
		complain("out of memory");
		return OPTIONS_BAD;
	}
	return result;
}

void options_clear(struct options *opt)
{
	free(opt->source);
	free(opt->mountpoint);
	g_free(opt->ops_text);
	g_free(opt->stats);
	g_clear_pointer(&opt->dirs, g_array_unref);
}
