/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fusept top: who does what, again and again. */
#include "tool.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

struct rate {
	const char *name;
	double kernel; /* for each second */
	double daemon;
};

struct screen {
	bool terminal; /* the table stays in its place */
	size_t rows;   /* for operations, without end if it is none */
};

struct sample {
	struct fusept_counters counters;
	double at; /* seconds */
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int take(const char *path, struct sample *sample)
{
	int err = fusept_counters_read(path, &sample->counters);

	sample->at = now();
	return err;
}

/* A count that is less than before is another mount's, which began at 0. */
static double rate_of(uint64_t before, uint64_t after, double seconds)
{
	return (double)(after < before ? after : after - before) / seconds;
}

/* The busiest first; equal ones by name, so that they stay where they are. */
static int compare(const void *a, const void *b)
{
	const struct rate *x = a, *y = b;
	double left = x->kernel + x->daemon, right = y->kernel + y->daemon;

	if (left != right)
		return left < right ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* Operations that were seen, and their sum as one more; gives their number. */
static size_t find_rates(const struct sample *before, const struct sample *after,
			 struct rate rates[FUSEPT_OPCODES + 1])
{
	struct rate all = {.name = "all"};
	double seconds = after->at - before->at;
	size_t count = 0;

	for (int opcode = 0; opcode < FUSEPT_OPCODES; opcode++) {
		struct rate rate = {.name = fusept_op_name(opcode)};

		rate.kernel = rate_of(before->counters.kernel[opcode],
				      after->counters.kernel[opcode], seconds);
		rate.daemon = rate_of(before->counters.daemon[opcode],
				      after->counters.daemon[opcode], seconds);
		if (!rate.name || !(rate.kernel + rate.daemon > 0))
			continue;
		all.kernel += rate.kernel;
		all.daemon += rate.daemon;
		rates[count++] = rate;
	}
	qsort(rates, count, sizeof(*rates), compare);
	rates[count] = all;
	return count;
}

static void print_rate(const struct rate *rate)
{
	printf("%-*s %14.1f %14.1f\n", NAME_WIDTH, rate->name, rate->kernel, rate->daemon);
}

static void show(const char *path, const struct screen *screen, const struct sample *before,
		 const struct sample *after)
{
	struct rate rates[FUSEPT_OPCODES + 1];
	size_t count = find_rates(before, after, rates);

	/* to the top, and nothing of the table before is left */
	if (screen->terminal)
		fputs("\033[H\033[J", stdout);
	print_safely(path, stdout);
	printf(", %.2f seconds\n", after->at - before->at);
	printf("%-*s %14s %14s\n", NAME_WIDTH, "operation", "kernel/s", "daemon/s");
	for (size_t i = 0; i < count && i < screen->rows; i++)
		print_rate(&rates[i]);
	print_rate(&rates[count]);
	if (!screen->terminal)
		putchar('\n');
}

/* Three lines are ours, and the last one is the cursor's. */
static struct screen find_screen(void)
{
	const char *term = getenv("TERM");
	struct screen screen = {
		.terminal = isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0,
		.rows = FUSEPT_OPCODES,
	};
	struct winsize size;

	if (screen.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 5)
		screen.rows = size.ws_row - 4u;
	return screen;
}

/* Waits; true if it was interrupted. */
static bool wait_for(double seconds, const sigset_t *signals)
{
	double end = now() + seconds, left = seconds;

	do {
		struct timespec ts = {.tv_sec = (time_t)left};

		ts.tv_nsec = (long)((left - (double)ts.tv_sec) * 1e9);
		if (sigtimedwait(signals, NULL, &ts) > 0)
			return true;
		left = end - now();
	} while (left > 0);
	return false;
}

/* Signals that end it are waited for, and so never come in the middle of a table. */
static void block(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	sigprocmask(SIG_BLOCK, signals, NULL);
}

int cmd_top(const struct args *args)
{
	struct sample samples[2];
	sigset_t signals;
	int err = take(args->path, &samples[0]);

	block(&signals);
	for (unsigned long i = 0; !err && (!args->count || i < args->count); i++) {
		struct screen screen = find_screen();
		struct sample *before = &samples[i % 2], *after = &samples[(i + 1) % 2];

		if (wait_for(args->interval, &signals))
			return STATUS_WELL;
		err = take(args->path, after);
		if (!err)
			show(args->path, &screen, before, after);
		/* who reads it is gone */
		if (fflush(stdout))
			return STATUS_FAILED;
	}
	if (err)
		explain_counters(args->path, err);
	return err ? STATUS_FAILED : STATUS_WELL;
}
