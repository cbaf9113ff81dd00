/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fusept stat: who did what since the file system was mounted. */
#include "tool.h"

#include <inttypes.h>

static void print_row(const char *name, uint64_t kernel, uint64_t daemon)
{
	printf("%-*s %14" PRIu64 " %14" PRIu64 "\n", NAME_WIDTH, name, kernel, daemon);
}

static void print_table(const struct fusept_counters *c)
{
	uint64_t kernel = 0, daemon = 0;

	printf("%-*s %14s %14s\n", NAME_WIDTH, "operation", "kernel", "daemon");
	for (int opcode = 0; opcode < FUSEPT_OPCODES; opcode++) {
		const char *name = fusept_op_name(opcode);

		if (!name || !(c->kernel[opcode] | c->daemon[opcode]))
			continue;
		print_row(name, c->kernel[opcode], c->daemon[opcode]);
		kernel += c->kernel[opcode];
		daemon += c->daemon[opcode];
	}
	print_row("all", kernel, daemon);
	if (!kernel && !daemon)
		puts("\nNothing is counted: the kernel counts where the daemon has the level "
		     "\"ops\".");
}

/* Names are upper-case words, so nothing needs an escape. */
static void print_json_counts(const char *by, const uint64_t *counts)
{
	const char *comma = "";

	printf("\"%s\":{", by);
	for (int opcode = 0; opcode < FUSEPT_OPCODES; opcode++) {
		const char *name = fusept_op_name(opcode);

		if (!name || !counts[opcode])
			continue;
		printf("%s\"%s\":%" PRIu64, comma, name, counts[opcode]);
		comma = ",";
	}
	putchar('}');
}

static void print_json(const struct fusept_counters *c)
{
	putchar('{');
	print_json_counts("kernel", c->kernel);
	putchar(',');
	print_json_counts("daemon", c->daemon);
	puts("}");
}

int cmd_stat(const struct args *args)
{
	struct fusept_counters counters;
	int err = fusept_counters_read(args->path, &counters);

	if (err) {
		explain_counters(args->path, err);
		return STATUS_FAILED;
	}
	if (args->json)
		print_json(&counters);
	else
		print_table(&counters);
	return STATUS_WELL;
}
