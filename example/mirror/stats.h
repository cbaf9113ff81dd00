/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who did how much of what, and what was refused. */
#ifndef MIRROR_STATS_H
#define MIRROR_STATS_H

#include <stdio.h>

#include <fusept_stack.h>
#include <glib.h>

struct stats;

/* What the figures were taken with. */
struct stats_about {
	const char *level; /* "none", "io", "ops" */
	char ops[1024];	   /* names of the mask in force */
	int reason;	   /* -errno that limits the level, or 0 */
	size_t nodes;
	struct fusept_counters counters; /* requests to us, and what the kernel did by itself */
};

struct stats *stats_new(void);
void stats_free(struct stats *stats);
void stats_refused(struct stats *stats, int err);
void stats_print(struct stats *stats, const struct stats_about *about, FILE *out);
/* Writes the file in one step: a reader finds all of it or none. */
int stats_write(struct stats *stats, const struct stats_about *about, const char *path);

#endif
