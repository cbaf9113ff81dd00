/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fusept: which command it is. */
#include "tool.h"

#include <string.h>

#ifndef TOOL_VERSION
#define TOOL_VERSION "unversioned"
#endif

static const char usage[] =
	"usage: fusept COMMAND [ARGUMENT...]\n"
	"\n"
	"FUSE passthrough: what can be had here, and who does what on a mount.\n"
	"\n"
	"    probe    what this kernel, this libfuse and this user can do, and why not\n"
	"    stat     operations of a mount by the kernel and by the daemon\n"
	"    top      the same as rates, again and again\n"
	"    list     files that the daemon of a mount has registered\n"
	"\n"
	"fusept COMMAND --help tells of a command, fusept --version the version.\n";

static const char probe_usage[] =
	"usage: fusept probe [--json] [PATH]\n"
	"\n"
	"Tells what FUSE passthrough can do here and, if that is not all, what is missing\n"
	"and what to do. It mounts a file system that nobody else can see, and registers\n"
	"a file at PATH: that file, or one without a name in that directory ($TMPDIR, or\n"
	"/tmp). Nothing is left.\n"
	"\n"
	"    --json   as JSON\n"
	"\n"
	"Status: 0 if the file can be passed through, at least to be read and written;\n"
	"else 1.\n";

static const char stat_usage[] =
	"usage: fusept stat [--json] MOUNT\n"
	"\n"
	"Tells how many operations on the file system at MOUNT the kernel has done on the\n"
	"files below, and how many requests it has sent to the daemon, since the file\n"
	"system was mounted.\n"
	"\n"
	"    --json   as JSON\n";

static const char top_usage[] =
	"usage: fusept top [--interval SEC] [--count N] MOUNT\n"
	"\n"
	"Shows operations on the file system at MOUNT for each second, by kernel and\n"
	"daemon, until it is interrupted. On a terminal the table stays in its place.\n"
	"\n"
	"    --interval SEC   seconds from table to table, 0.01 to 86400 (1)\n"
	"    --count N        end after N tables\n";

static const char list_usage[] =
	"usage: fusept list [--json] [--pid PID [--fd FD]] MOUNT\n"
	"\n"
	"Tells which files the daemon of the file system at MOUNT has registered, with\n"
	"their masks, and to how many inodes they are attached.\n"
	"\n"
	"    --json      as JSON\n"
	"    --pid PID   the daemon's process, if it can't be found out\n"
	"    --fd FD     its descriptor of /dev/fuse, if it has several\n";

static const struct command commands[] = {
	{.name = "probe", .options = "j", .run = cmd_probe, .usage = probe_usage},
	{.name = "stat", .options = "j", .needs_path = true, .run = cmd_stat, .usage = stat_usage},
	{.name = "top", .options = "in", .needs_path = true, .run = cmd_top, .usage = top_usage},
	{.name = "list",
	 .options = "jpf",
	 .needs_path = true,
	 .run = cmd_list,
	 .usage = list_usage},
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COUNT(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int run_command(int argc, char *argv[])
{
	const struct command *command = find_command(argv[0]);
	struct args args;
	int status;

	if (!command) {
		complain("unknown command %s; expected probe, stat, top or list; see "
			 "fusept --help",
			 argv[0]);
		return STATUS_USAGE;
	}
	status = args_read(command, argc, argv, &args);
	return status < 0 ? command->run(&args) : status;
}

static bool is_one_of(const char *word, const char *long_form, const char *short_form)
{
	return strcmp(word, long_form) == 0 || strcmp(word, short_form) == 0;
}

static int run(int argc, char *argv[])
{
	if (argc < 2) {
		fputs(usage, stderr);
		return STATUS_USAGE;
	}
	if (is_one_of(argv[1], "--help", "-h")) {
		fputs(usage, stdout);
		return STATUS_WELL;
	}
	if (is_one_of(argv[1], "--version", "-V")) {
		printf("fusept %s\nlibfuse %s\n", TOOL_VERSION, fuse_pkgversion());
		return STATUS_WELL;
	}
	return run_command(argc - 1, argv + 1);
}

int main(int argc, char *argv[])
{
	int status = run(argc, argv);

	if (fflush(stdout) || ferror(stdout)) {
		complain("the output can't be written");
		return STATUS_FAILED;
	}
	return status;
}
