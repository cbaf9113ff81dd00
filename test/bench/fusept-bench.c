/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fusept-bench: what a file system call costs, in instructions.
 *
 * Runs each workload in the current folder and prints a JSON object a line.  To be run in a machine
 * whose clock counts instructions (`./run bench` does that); elsewhere --wall measures nanoseconds.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define MAX_RUNS	99
#define IDLE_LIMIT	UINT64_C(20000000)	/* the kernel counts it in steps of 10 ms */

struct options {
	const char *fs, *backing, *only, *scratch;
	struct stats stats;
	unsigned int runs, divisor;
	bool wall, fetch, list, parallel;
};

struct result {
	uint64_t cost, requests, idle;
	unsigned int calls;
};

static uint64_t loop_cost;	/* of one empty call, in thousandths */

static int run_once(const struct workload *w, struct place *place, unsigned int calls, uint64_t *elapsed)
{
	int ret = w->prepare ? w->prepare(place) : 0;
	uint64_t start;

	if (ret)
		return ret;
	start = clock_now();
	for (unsigned int i = 0; i < calls; i++) {
		ret = w->call(place);
		if (ret)
			return ret;
	}
	*elapsed = clock_now() - start;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint64_t cost_per_call(uint64_t elapsed, unsigned int calls, unsigned int each)
{
	uint64_t loop = loop_cost * calls / 1000;

	calls *= each ? each : 1;
	return elapsed > loop ? (elapsed - loop + calls / 2) / calls : 0;
}

static int run_all(const struct workload *w, struct place *place, const struct options *o, struct result *result)
{
	uint64_t elapsed[MAX_RUNS], before = 0, after = 0, idle;
	unsigned int calls = w->calls / o->divisor;
	int ret;

	calls = calls ? calls : 1;
	result->calls = calls * (w->each ? w->each : 1);
	/* the first calls find names and inodes, and copy up */
	ret = run_once(w, place, calls / 10 + 1, &elapsed[0]);
	if (!ret)
		ret = stats_total(&o->stats, &before);
	idle = clock_idle();
	for (unsigned int i = 0; i < o->runs && !ret; i++)
		ret = run_once(w, place, calls, &elapsed[i]);
	result->idle = clock_idle() - idle;
	if (!ret)
		ret = stats_total(&o->stats, &after);
	if (ret)
		return ret;
	qsort(elapsed, o->runs, sizeof(elapsed[0]), compare);
	result->cost = cost_per_call(elapsed[o->runs / 2], calls, w->each);
	result->requests = after - before;
	return 0;
}

static int measure(const struct workload *w, const struct options *o, struct result *result)
{
	struct place place = { .workload = w, .scratch = o->scratch, .fd = -1, .warm = o->wall };
	int ret = w->setup ? w->setup(&place) : 0;

	if (!ret)
		ret = run_all(w, &place, o, result);
	if (w->teardown)
		w->teardown(&place);
	return ret;
}

static bool chosen(const struct options *o, const char *name)
{
	size_t size = strlen(name);
	const char *at = o->only;

	if (!at)
		return true;
	while ((at = strstr(at, name))) {
		if ((at == o->only || at[-1] == ',') && (at[size] == ',' || !at[size]))
			return true;
		at += size;
	}
	return false;
}

static int report(const struct workload *w, const struct options *o)
{
	struct result r = { 0 };
	int ret = measure(w, o, &r);

	if (ret) {
		fprintf(stderr, "fusept-bench: %s on %s, %s: %s\n", w->name, o->backing, o->fs, strerror(-ret));
		return ret;
	}
	printf("{\"workload\":\"%s\",\"backing\":\"%s\",\"fs\":\"%s\",\"%s\":%" PRIu64 ",\"daemon_requests\":%" PRIu64
	       ",\"runs\":%u,\"calls\":%u,\"idle\":%" PRIu64 "}\n", w->name, o->backing, o->fs,
	       o->wall ? "nanoseconds" : "instructions", r.cost, r.requests, o->runs, r.calls, r.idle);
	fflush(stdout);
	fprintf(stderr, "%-6s %-10s %-15s %12" PRIu64, o->backing, o->fs, w->name, r.cost);
	/* of several processors some always wait */
	if (r.idle > IDLE_LIMIT && !o->parallel)
		fprintf(stderr, "  (with %" PRIu64 " ms of waiting, which are no instructions)", r.idle / 1000000);
	fputc('\n', stderr);
	return 0;
}

/* Goes on after a workload that failed; the first failure is returned. */
static int report_table(const struct workload *table, const struct options *o)
{
	int first = 0;

	for (const struct workload *w = table; w->name; w++) {
		int ret = chosen(o, w->name) ? report(w, o) : 0;

		if (ret && !first)
			first = ret;
	}
	return first;
}

static int measure_loop(void)
{
	const struct workload *nothing = &bench_calls[0];
	struct place place = { .fd = -1 };
	uint64_t elapsed, best = UINT64_MAX;

	for (int i = 0; i < 5; i++) {
		int ret = run_once(nothing, &place, nothing->calls, &elapsed);

		if (ret)
			return ret;
		if (elapsed < best)
			best = elapsed;
	}
	loop_cost = best * 1000 / nothing->calls;
	return 0;
}

static int run(const struct options *o)
{
	int ret = o->wall ? 0 : clock_check();
	int calls, programs;

	if (!ret)
		ret = measure_loop();
	if (ret)
		return ret;
	if (o->parallel)
		return report_table(bench_parallel, o);
	calls = report_table(bench_calls + 1, o);
	programs = o->scratch ? report_table(bench_programs, o) : 0;
	return calls ? calls : programs;
}

static void usage(FILE *to)
{
	fputs("Usage: fusept-bench --fs NAME --backing NAME [OPTION]...\n"
	      "       fusept-bench --prepare | --list [--parallel] | --check-clock\n"
	      "Measures file system calls in the current folder; prints a JSON object a line.\n\n"
	      "  --prepare        make the files that the calls use, in the current folder\n"
	      "  --list           print the names of the workloads\n"
	      "  --parallel       those of several processes at once instead, for a machine with 4 processors\n"
	      "  --check-clock    only find out whether the clock counts instructions\n"
	      "  --fs NAME, --backing NAME   what the rows are to say\n"
	      "  --scratch DIR    measure whole programs too; they run in ./tree and write to DIR\n"
	      "  --only A,B       only these workloads\n"
	      "  --runs N         take the median of N runs (5)\n"
	      "  --quick          a tenth of the calls\n"
	      "  --stats FILE --daemon PID   count the daemon's requests\n"
	      "  --fetch          only have the daemon write its counters, and print them\n"
	      "  --wall           measure nanoseconds, whatever the clock is; leave caches alone\n", to);
}

static void list_table(const struct workload *table)
{
	for (const struct workload *w = table; w->name; w++)
		puts(w->name);
}

static int list(const struct options *o)
{
	if (o->parallel) {
		list_table(bench_parallel);
	} else {
		list_table(bench_calls + 1);
		list_table(bench_programs);
	}
	return EXIT_SUCCESS;
}

enum { PREPARE = 256, LIST, CHECK, FS, BACKING, SCRATCH, ONLY, RUNS, QUICK, STATS, DAEMON, FETCH, WALL, PARALLEL, HELP };

static const struct option long_options[] = {
	{ "prepare", no_argument, NULL, PREPARE },
	{ "list", no_argument, NULL, LIST },
	{ "check-clock", no_argument, NULL, CHECK },
	{ "fs", required_argument, NULL, FS },
	{ "backing", required_argument, NULL, BACKING },
	{ "scratch", required_argument, NULL, SCRATCH },
	{ "only", required_argument, NULL, ONLY },
	{ "runs", required_argument, NULL, RUNS },
	{ "quick", no_argument, NULL, QUICK },
	{ "stats", required_argument, NULL, STATS },
	{ "daemon", required_argument, NULL, DAEMON },
	{ "fetch", no_argument, NULL, FETCH },
	{ "wall", no_argument, NULL, WALL },
	{ "parallel", no_argument, NULL, PARALLEL },
	{ "help", no_argument, NULL, HELP },
	{ NULL, 0, NULL, 0 },
};

static int take_number(const char *text, unsigned int max, unsigned int *out)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value < 1 || value > max)
		return -EINVAL;
	*out = (unsigned int)value;
	return 0;
}

static int take_option(int c, struct options *o)
{
	unsigned int pid = 0;
	int ret = 0;

	switch (c) {
	case FS: o->fs = optarg; break;
	case BACKING: o->backing = optarg; break;
	case SCRATCH: o->scratch = optarg; break;
	case ONLY: o->only = optarg; break;
	case RUNS: ret = take_number(optarg, MAX_RUNS, &o->runs); break;
	case QUICK: o->divisor = 10; break;
	case STATS: o->stats.file = optarg; break;
	case DAEMON:
		ret = take_number(optarg, INT_MAX, &pid);
		o->stats.daemon = (pid_t)pid;
		break;
	case FETCH: o->fetch = true; break;
	case WALL: o->wall = true; break;
	case LIST: o->list = true; break;
	case PARALLEL: o->parallel = true; break;
	default: ret = -EINVAL;
	}
	return ret;
}

static int finish(int ret)
{
	if (ret)
		fprintf(stderr, "fusept-bench: %s\n", strerror(-ret));
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options o = { .runs = 5, .divisor = 1 };
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case PREPARE: return finish(tree_make());
		case CHECK: return clock_check() ? EXIT_FAILURE : EXIT_SUCCESS;
		case HELP: usage(stdout); return EXIT_SUCCESS;
		default:
			if (take_option(c, &o) == 0)
				continue;
			usage(stderr);
			return 2;
		}
	}
	if (optind == argc && o.list)
		return list(&o);
	if (optind == argc && o.fetch && o.stats.file && o.stats.daemon)
		return finish(stats_print(&o.stats));
	if (optind != argc || o.fetch || !o.fs || !o.backing || !o.stats.file != !o.stats.daemon) {
		usage(stderr);
		return 2;
	}
	return run(&o) ? EXIT_FAILURE : EXIT_SUCCESS;
}
