/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line: places are ours, the rest is fusept_stack_main()'s and libfuse's. */
#include "sandbox.h"

#include <stdio.h>
#include <string.h>

#ifndef SANDBOX_VERSION
#define SANDBOX_VERSION "unversioned"
#endif

enum { KEY_READ_ONLY, KEY_WRITABLE, KEY_OPS, KEY_HELP, KEY_VERSION };

static const struct fuse_opt specs[] = {
	FUSE_OPT_KEY("-r ", KEY_READ_ONLY),	FUSE_OPT_KEY("--read-only ", KEY_READ_ONLY),
	FUSE_OPT_KEY("-w ", KEY_WRITABLE),	FUSE_OPT_KEY("--writable ", KEY_WRITABLE),
	FUSE_OPT_KEY("ops=", KEY_OPS),		FUSE_OPT_KEY("-h", KEY_HELP),
	FUSE_OPT_KEY("--help", KEY_HELP),	FUSE_OPT_KEY("-V", KEY_VERSION),
	FUSE_OPT_KEY("--version", KEY_VERSION), FUSE_OPT_END,
};

static const char usage[] =
	"usage: fusept-sandbox [-r SOURCE[:/PLACE]]... [-w SOURCE[:/PLACE]]... MOUNTPOINT\n"
	"                      [options]\n"
	"\n"
	"Shows each SOURCE, a directory or a file, at MOUNTPOINT/PLACE; without a PLACE at\n"
	"its own path. What is between places is there, empty and read-only.\n"
	"\n"
	"    -r, --read-only=SOURCE[:/PLACE]   a part that nobody can change here\n"
	"    -w, --writable=SOURCE[:/PLACE]    a part that can be changed: SOURCE is\n"
	"\n"
	"A place may be inside another one if SOURCE of that has the name. What is mounted\n"
	"below a SOURCE is not part of it: give it a place of its own.\n"
	"\n"
	"    -o ops=LIST            operations for the kernel: all (default) that it has\n"
	"                           on files that the daemon knows; subtree: it also finds\n"
	"                           and makes files by itself, where that leads to no\n"
	"                           other place; none; io: read and write of open files;\n"
	"                           or names with +: getattr+open+read+...\n"
	"    -o entry_timeout=SEC   how long names are trusted (1.0)\n"
	"    -o attr_timeout=SEC    how long attributes are, where they are not read\n"
	"                           from below each time (1.0)\n"
	"    -o max_fds=N           descriptors for files not in use (3/4 of the limit)\n"
	"    -o max_stack_depth=N   2 if a SOURCE is on a stacking file system (1)\n"
	"\n";

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("fusept-sandbox: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

static int bad(const char *what, const char *expected)
{
	complain("%s; expected %s; see fusept-sandbox --help", what, expected);
	return -1;
}

struct reading {
	struct sandbox *s;
	guint words;
	gboolean help, version;
};

/* Behind the option: libfuse gives "-r VALUE" and "--read-only VALUE" as one word. */
static const char *value_of(const char *word)
{
	static const char *const names[] = {"--read-only", "--writable", "-r", "-w"};

	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		if (!g_str_has_prefix(word, names[i]))
			continue;
		word += strlen(names[i]);
		return word + (i < 2 && *word == '=');
	}
	return word;
}

/* "SOURCE:/PLACE", or "/SOURCE" which is its place, too. */
static int add_place(struct sandbox *s, const char *word, gboolean writable)
{
	const char *value = value_of(word), *colon = g_strrstr(value, ":/");
	g_autofree char *source = g_strndup(value, colon ? (gsize)(colon - value) : strlen(value));
	g_autofree char *path = g_canonicalize_filename(colon ? colon + 1 : source, "/");

	if (!*source || (!colon && *source != '/')) {
		complain("%s: this is no place; expected SOURCE:/PLACE, or an absolute path; see "
			 "fusept-sandbox --help",
			 value);
		return -1;
	}
	g_ptr_array_add(s->places, place_new(strcmp(path, "/") ? path : "", source, writable));
	return 0;
}

/* 1 leaves the word to others, 0 takes it. */
static int take_word(void *data, const char *word, int key, struct fuse_args *args)
{
	struct reading *reading = data;
	struct sandbox *s = reading->s;

	(void)args;
	switch (key) {
	case KEY_READ_ONLY:
	case KEY_WRITABLE:
		return add_place(s, word, key == KEY_WRITABLE);
	case KEY_OPS:
		/* what is wrong with it is said by fusept_stack_main() */
		if (!fusept_ops_parse(word + strlen("ops="), &s->ops) &&
		    !(s->ops & FUSEPT_OPS_SUPPORTED) && s->ops & ~FUSEPT_OPS_IO)
			s->ops = fusept_ops_complete(s->ops);
		return 1;
	case KEY_HELP:
		reading->help = TRUE;
		return 0;
	case KEY_VERSION:
		reading->version = TRUE;
		return 0;
	case FUSE_OPT_KEY_NONOPT:
		reading->words++;
		return 1;
	default:
		return 1;
	}
}

static void show_help(void)
{
	fputs(usage, stdout);
	fuse_cmdline_help();
	fuse_lowlevel_help();
}

enum options_result options_read(struct sandbox *s, struct fuse_args *args)
{
	struct reading reading = {.s = s};

	s->ops = FUSEPT_OPS_ALL;
	if (fuse_opt_parse(args, &reading, specs, take_word) < 0)
		return OPTIONS_BAD;
	if (reading.help)
		show_help();
	if (reading.version)
		printf("fusept-sandbox %s\nlibfuse %s\n", SANDBOX_VERSION, fuse_pkgversion());
	if (reading.help || reading.version)
		return OPTIONS_DONE;
	if (!s->places->len)
		bad("there is nothing to be shown", "-r SOURCE:/PLACE or -w SOURCE:/PLACE");
	else if (reading.words != 1)
		bad(reading.words ? "too many words" : "there is no MOUNTPOINT",
		    "one directory to mount on");
	else
		return OPTIONS_RUN;
	return OPTIONS_BAD;
}
