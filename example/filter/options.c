/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line. */
#include "filter.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef FILTER_VERSION
#define FILTER_VERSION "unversioned"
#endif

#define VALUE(text, field)                               \
	{                                                \
		text, offsetof(struct options, field), 0 \
	}

static const struct fuse_opt specs[] = {
	VALUE("rules=%s", rules_file),
	VALUE("ops=%s", ops_text),
	VALUE("entry_timeout=%lf", entry_timeout),
	VALUE("attr_timeout=%lf", attr_timeout),
	VALUE("max_stack_depth=%u", max_stack_depth),
	FUSE_OPT_END,
};

static const char usage[] =
	"usage: fusept-filter -o rules=FILE SOURCE MOUNTPOINT [options]\n"
	"\n"
	"Shows the directory SOURCE at MOUNTPOINT by the rules in FILE, one a line:\n"
	"\n"
	"    hide PATTERN           it is not there, and can't be made\n"
	"    readonly PATTERN       it can't be changed, moved or removed\n"
	"    redact PATTERN FROM-TO[,FROM-TO]...\n"
	"                           the same, and X is read in place of these bytes; the\n"
	"                           first byte is 0, TO is one of them; FROM- is to the end\n"
	"    # ...                  a remark\n"
	"\n"
	"A PATTERN with a / is for paths in SOURCE, another one for names in any directory;\n"
	"*, ? and [...] are as in sh(1). What is below goes along. SIGHUP reads FILE again.\n"
	"\n"
	"    -o rules=FILE          the rules\n"
	"    -o ops=LIST            operations for the kernel: all (default) that it has,\n"
	"                           none, io (read and write of open files, as stock\n"
	"                           kernels have it), or names with +: getattr+open+...\n"
	"    -o entry_timeout=SEC   how long names are trusted (1.0)\n"
	"    -o attr_timeout=SEC    how long attributes are, where they are not read\n"
	"                           from below each time (1.0)\n"
	"    -o max_stack_depth=N   1, or 2 if SOURCE is a stacking file system (1)\n"
	"\n";

static enum options_result bad(const char *what, const char *expected)
{
	fprintf(stderr, "fusept-filter: %s; expected %s; see fusept-filter --help\n", what,
		expected);
	return OPTIONS_BAD;
}

/* 1 leaves the word to libfuse. */
static int take_word(void *data, const char *word, int key, struct fuse_args *args)
{
	struct options *opt = data;

	(void)args;
	if (!strcmp(word, "allow_root"))
		opt->allow_root = TRUE;
	if (key != FUSE_OPT_KEY_NONOPT || opt->source)
		return 1;
	opt->source = strdup(word);
	return opt->source ? 0 : -1;
}

/* The daemon's current directory is the root, so paths are made absolute. */
static enum options_result read_paths(struct options *opt)
{
	char *rules = opt->rules_file, *source = opt->source;

	if (!source || !opt->fuse.mountpoint)
		return bad("too few words", "SOURCE and MOUNTPOINT");
	if (!rules)
		return bad("there are no rules", "-o rules=FILE");
	opt->rules_file = g_canonicalize_filename(rules, NULL);
	free(rules);
	opt->source = g_canonicalize_filename(source, NULL);
	free(source);
	return OPTIONS_RUN;
}

static enum options_result read_ops(struct options *opt)
{
	g_autofree char *what = NULL;

	opt->ops = FUSEPT_OPS_ALL;
	if (!opt->ops_text)
		return OPTIONS_RUN;
	if (fusept_ops_parse(opt->ops_text, &opt->ops)) {
		what = g_strdup_printf("ops=%s has an unknown operation", opt->ops_text);
		return bad(what, "all, none, io or names as in ops=getattr+open+release+read");
	}
	if (!(opt->ops & FUSEPT_OPS_SUPPORTED) && opt->ops & ~FUSEPT_OPS_IO)
		opt->ops = fusept_ops_complete(opt->ops);
	return OPTIONS_RUN;
}

static enum options_result read_values(struct options *opt)
{
	enum options_result result = read_paths(opt);

	if (result == OPTIONS_RUN && !(opt->entry_timeout >= 0 && opt->attr_timeout >= 0))
		result = bad("a timeout below 0", "seconds, as in entry_timeout=1.0");
	if (result == OPTIONS_RUN && opt->max_stack_depth > 2)
		result = bad("max_stack_depth is too large", "1 or 2");
	return result == OPTIONS_RUN ? read_ops(opt) : result;
}

/* What df(1) shows; and whoever is root shows his file system to all. */
static int add_mount_options(const struct options *opt, struct fuse_args *args)
{
	g_autofree char *name = NULL;
	char *escaped = NULL;
	int err;

	if (fuse_opt_add_opt_escaped(&escaped, opt->source))
		return -ENOMEM;
	name = g_strconcat("-osubtype=fusept-filter,fsname=", escaped, NULL);
	free(escaped);
	/* first, so that the user's own count */
	err = fuse_opt_insert_arg(args, 1, name);
	if (!err && !geteuid() && !opt->allow_root)
		err = fuse_opt_add_arg(args, "-oallow_other");
	return err ? -ENOMEM : 0;
}

static void show_help(void)
{
	fputs(usage, stdout);
	fuse_cmdline_help();
	fuse_lowlevel_help();
}

enum options_result options_read(struct options *opt, struct fuse_args *args)
{
	enum options_result result;

	opt->entry_timeout = opt->attr_timeout = 1.0;
	if (fuse_opt_parse(args, opt, specs, take_word) < 0 || fuse_parse_cmdline(args, &opt->fuse))
		return bad("the options can't be read", "-o NAME[=VALUE],...");
	if (opt->fuse.show_help)
		show_help();
	if (opt->fuse.show_version)
		printf("fusept-filter %s\nlibfuse %s\n", FILTER_VERSION, fuse_pkgversion());
	if (opt->fuse.show_help || opt->fuse.show_version)
		return OPTIONS_DONE;
	result = read_values(opt);
	if (result == OPTIONS_RUN && add_mount_options(opt, args))
		return bad("out of memory", "some");
	return result;
}

void options_clear(struct options *opt)
{
	free(opt->fuse.mountpoint);
	free(opt->ops_text);
	g_free(opt->source);
	g_free(opt->rules_file);
}
