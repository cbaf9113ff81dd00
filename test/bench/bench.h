/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fusept-bench: what its files share.  Functions return 0 or -errno unless they say otherwise. */
#ifndef FUSEPT_BENCH_H
#define FUSEPT_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct workload;

/* Where a workload works: the current folder, and what its setup opened in it. */
struct place {
	const char *scratch;	/* folder on another file system, for what programs write */
	int fd;
	char *buf;
	size_t pos;		/* next offset of a sequential workload */
	const char *const *argv;	/* of a program */
	const struct workload *workload;
	bool warm;		/* leave the kernel's caches alone */
};

struct workload {
	const char *name;
	unsigned int calls;	/* in one run; a program is one call */
	int (*setup)(struct place *place);
	int (*call)(struct place *place);
	void (*teardown)(struct place *place);
	int (*prepare)(struct place *place);	/* before each run, and not measured */
	unsigned int each;	/* calls that one call makes, if it is not one */
};

/* calls.c: system calls; the first entry costs nothing but the loop itself.  Ends with a NULL name. */
extern const struct workload bench_calls[];

/* programs.c: whole programs in the folder "tree".  Ends with a NULL name. */
extern const struct workload bench_programs[];

/* parallel.c: several processes in one folder.  Ends with a NULL name. */
extern const struct workload bench_parallel[];

/* tree.c: names and sizes of the files the calls use, made in the current folder by tree_make(). */
#define BENCH_FILE	"file"
#define BENCH_WRITTEN	"written"
#define BENCH_LINK	"link"
#define BENCH_MISSING	"missing"	/* never there */
#define BENCH_MADE	"made"		/* between two calls */
#define BENCH_DIR	"dir"
#define BENCH_TREE	"tree"
#define BENCH_XATTR	"user.bench"
#define BENCH_SIZE	((size_t)8 << 20)
#define BENCH_ENTRIES	10000
int tree_make(void);

/* cold.c: forget names and inodes, unless place->warm. */
int cold_caches(const struct place *place);

/* clock.c: nanoseconds; under icount these are instructions, which clock_check() makes sure of. */
uint64_t clock_now(void);
int clock_check(void);
uint64_t clock_idle(void);

/* stats.c: the daemon's own counters. */
struct stats {
	const char *file;	/* NULL: there is no daemon */
	pid_t daemon;
};
int stats_total(const struct stats *stats, uint64_t *total);
int stats_print(const struct stats *stats);

#endif
