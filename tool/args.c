/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of one command. */
#include "tool.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
	{"help", no_argument, NULL, 'h'},
	{"json", no_argument, NULL, 'j'},
	{"interval", required_argument, NULL, 'i'},
	{"count", required_argument, NULL, 'n'},
	{"pid", required_argument, NULL, 'p'},
	{"fd", required_argument, NULL, 'f'},
	{NULL, 0, NULL, 0},
};

static const char *option_name(int letter)
{
	const struct option *option = options;

	while (option->val != letter)
		option++;
	return option->name;
}

static int bad(const struct command *command, const char *what, const char *expected)
{
	complain("%s: %s; expected %s; see fusept %s --help", command->name, what, expected,
		 command->name);
	return STATUS_USAGE;
}

static int bad_value(const struct command *command, int letter, const char *expected)
{
	char what[160];

	snprintf(what, sizeof(what), "--%s %s", option_name(letter), optarg);
	return bad(command, what, expected);
}

/* Digits alone: neither a sign nor what strtoul() would skip. */
static bool read_number(const char *text, unsigned long max, unsigned long *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoul(text, &end, 10);
	return !*end && !errno && *number <= max;
}

static int read_interval(const struct command *command, struct args *args)
{
	char *end;

	args->interval = strtod(optarg, &end);
	/* this way NAN is refused as well */
	if (end != optarg && !*end && args->interval >= 0.01 && args->interval <= 86400)
		return -1;
	return bad_value(command, 'i', "seconds, 0.01 to 86400");
}

static int read_integer(const struct command *command, int letter, struct args *args)
{
	unsigned long number, max = letter == 'n' ? ULONG_MAX : INT_MAX;

	if (!read_number(optarg, max, &number) || (number == 0 && letter != 'f'))
		return bad_value(command, letter, "a number");
	if (letter == 'n')
		args->count = number;
	else if (letter == 'p')
		args->pid = (pid_t)number;
	else
		args->fd = (int)number;
	return -1;
}

/* What getopt_long() could not read is the word before optind, which else may be a value. */
static int bad_option(const struct command *command, int letter, char *argv[])
{
	char what[160];

	if (letter == '?' || letter == ':')
		snprintf(what, sizeof(what), "%s", argv[optind - 1]);
	else
		snprintf(what, sizeof(what), "--%s", option_name(letter));
	return bad(command, what, letter == ':' ? "a value" : "one of its options");
}

static int read_option(const struct command *command, int letter, char *argv[], struct args *args)
{
	if (letter == 'h') {
		fputs(command->usage, stdout);
		return STATUS_WELL;
	}
	if (letter == ':' || letter == '?' || !strchr(command->options, letter))
		return bad_option(command, letter, argv);
	if (letter == 'j') {
		args->json = true;
		return -1;
	}
	if (letter == 'i')
		return read_interval(command, args);
	return read_integer(command, letter, args);
}

static int read_path(const struct command *command, int argc, char *argv[], struct args *args)
{
	if (optind < argc)
		args->path = argv[optind++];
	if (optind < argc)
		return bad(command, argv[optind], "one path");
	if (command->needs_path && !args->path)
		return bad(command, "too few arguments", "MOUNT");
	if (args->fd >= 0 && !args->pid)
		return bad(command, "--fd without --pid", "the process, too");
	return -1;
}

int args_read(const struct command *command, int argc, char *argv[], struct args *args)
{
	int letter, status = -1;

	*args = (struct args){.interval = 1, .fd = -1};
	opterr = 0;
	while (status < 0 && (letter = getopt_long(argc, argv, ":h", options, NULL)) != -1)
		status = read_option(command, letter, argv, args);
	return status < 0 ? read_path(command, argc, argv, args) : status;
}
