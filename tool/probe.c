/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fusept probe: what can be had here. */
#include "tool.h"

#include <stdlib.h>
#include <string.h>

#ifndef TOOL_VERSION
#define TOOL_VERSION "unversioned"
#endif

#define LABEL_WIDTH 25
#define LINE_WIDTH  90

static bool has_level(const struct probe *probe)
{
	return probe->trial.step >= TRIAL_FILE;
}

static const char *level_name(const struct probe *probe)
{
	if (!has_level(probe))
		return "unknown";
	if (probe->trial.level == FUSEPT_LEVEL_OPS)
		return "ops";
	return probe->trial.level == FUSEPT_LEVEL_IO ? "io" : "none";
}

static const char *level_meaning(const struct probe *probe)
{
	if (!has_level(probe))
		return ", it could not be tried";
	if (probe->trial.level == FUSEPT_LEVEL_OPS)
		return ": what a mask names, on files of every type";
	return probe->trial.level == FUSEPT_LEVEL_IO ? ": reads and writes of open files"
						     : ": the daemon serves all";
}

/* Of mounting and agreeing with the kernel, 0 or negative. */
static int mount_error(const struct probe *probe)
{
	return has_level(probe) ? 0 : probe->trial.err;
}

/* Of opening and registering a file. */
static int file_error(const struct probe *probe)
{
	return has_level(probe) ? probe->trial.err : 0;
}

/* ---- as text ---- */

static void print_fact(const char *label, const char *value, const char *rest)
{
	printf("%-*s %s%s\n", LABEL_WIDTH, label, value, rest);
}

static void print_result(const char *label, int err, const char *well, const char *ill)
{
	if (err)
		printf("%-*s %s: %s\n", LABEL_WIDTH, label, ill, errno_name(err));
	else
		printf("%-*s %s\n", LABEL_WIDTH, label, well);
}

/* Words with commas between, in as many lines as it takes. */
static void print_words(const char *label, const char *text)
{
	int at = printf("%-*s ", LABEL_WIDTH, label);

	while (*text) {
		int length = (int)strcspn(text, ",");

		length += text[length] == ',';
		if (at + length > LINE_WIDTH)
			at = printf("\n%-*s ", LABEL_WIDTH, "") - 1;
		at += printf("%.*s", length, text);
		text += length;
	}
	putchar('\n');
}

static void print_file(const struct probe *probe)
{
	char label[64];

	/* the path, if it fits */
	snprintf(label, sizeof(label), "a file at %s", probe->path);
	if (strlen(label) > LABEL_WIDTH || strpbrk(label, "\n\033"))
		snprintf(label, sizeof(label), "the file");
	if (!has_level(probe))
		print_fact(label, "could not be tried", "");
	else if (probe->depth == 2)
		print_fact(label, "can be registered with max_stack_depth 2", "");
	else
		print_result(label, file_error(probe), "can be registered", "can't be registered");
}

static void print_problems(const struct probe *probe)
{
	for (size_t i = 0; i < probe->problem_count; i++) {
		putchar('\n');
		problem_print(&probe->problems[i], "  ", stdout);
	}
}

static void print_text(const struct probe *probe, const char *ops)
{
	const struct facts *facts = &probe->facts;

	print_fact("kernel", facts->release, "");
	print_fact("CONFIG_FUSE_PASSTHROUGH", facts->config, "");
	print_result("/dev/fuse", facts->device, "can be opened", "can't be opened");
	print_fact("CAP_SYS_ADMIN", facts->admin ? "yes" : "no",
		   facts->initial ? "" : ", but in a user namespace");
	print_fact("libfuse", fuse_pkgversion(), "");
	print_fact("libfusept", TOOL_VERSION, "");
	print_result("a mount", mount_error(probe), "works", "does not work");
	print_fact("level", level_name(probe), level_meaning(probe));
	print_words("operations", ops);
	print_file(probe);
	print_problems(probe);
}

/* ---- as JSON ---- */

static void print_pair(const char *key, const char *value)
{
	printf("\"%s\":", key);
	json_string(value, stdout);
	putchar(',');
}

static void print_json_problems(const struct probe *probe)
{
	fputs("\"problems\":[", stdout);
	for (size_t i = 0; i < probe->problem_count; i++) {
		const struct problem *problem = &probe->problems[i];

		fputs(i ? ",{" : "{", stdout);
		print_pair("what", problem->what);
		print_pair("expected", problem->expected);
		fputs("\"todo\":", stdout);
		json_string(problem->todo, stdout);
		putchar('}');
	}
	putchar(']');
}

static void print_json(const struct probe *probe, const char *ops)
{
	const struct facts *facts = &probe->facts;

	putchar('{');
	print_pair("kernel", facts->release);
	print_pair("config", facts->config);
	print_pair("device", errno_name(facts->device));
	printf("\"cap_sys_admin\":%s,\"initial_user_namespace\":%s,",
	       facts->admin ? "true" : "false", facts->initial ? "true" : "false");
	print_pair("libfuse", fuse_pkgversion());
	print_pair("libfusept", TOOL_VERSION);
	print_pair("mount", errno_name(mount_error(probe)));
	print_pair("level", level_name(probe));
	print_pair("reason", errno_name(has_level(probe) ? probe->trial.reason : 0));
	print_pair("ops", ops);
	print_pair("path", probe->path);
	print_pair("file", errno_name(file_error(probe)));
	printf("\"stack_depth\":%u,", probe->depth);
	print_json_problems(probe);
	puts("}");
}

/* ---- the command ---- */

static bool is_stacked(const struct trial *trial)
{
	return trial->step == TRIAL_REGISTER && trial->err == -ELOOP;
}

static void try_depths(struct probe *probe)
{
	struct trial deeper;

	trial_run(probe->path, 1, &probe->trial);
	if (probe->trial.step == TRIAL_DONE && !probe->trial.err)
		probe->depth = 1;
	if (!is_stacked(&probe->trial))
		return;
	trial_run(probe->path, 2, &deeper);
	if (deeper.step == TRIAL_DONE && !deeper.err)
		probe->depth = 2;
}

int cmd_probe(const struct args *args)
{
	struct probe probe = {.path = args->path ? args->path : trial_folder()};
	char ops[OPS_TEXT];

	facts_find(&probe.facts);
	try_depths(&probe);
	problems_find(&probe);
	fusept_ops_format(has_level(&probe) ? probe.trial.ops : FUSEPT_OPS_NONE, ops, sizeof(ops));
	if (args->json)
		print_json(&probe, ops);
	else
		print_text(&probe, ops);
	return probe.depth ? STATUS_WELL : STATUS_FAILED;
}
