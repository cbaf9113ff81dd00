/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many requests of each opcode the daemon served. */
#ifndef MIRROR_STATS_H
#define MIRROR_STATS_H

#include <stdio.h>

#include <glib.h>

struct stats;

/* What the figures were taken with. */
struct stats_about {
	const char *level; /* "none", "io", "ops" */
	char ops[1024];	   /* names of the mask in force */
	int reason;	   /* -errno that limits the level, or 0 */
	const uint64_t *kernel; /* what it did by itself, by opcode; NULL if nobody knows */
};

/* A mirror's own opcodes, below and above those that a mask may have. */
enum { STATS_INIT = 26, STATS_DESTROY = 38, STATS_BATCH_FORGET = 42 };

struct stats *stats_new(void);
void stats_free(struct stats *stats);
void stats_count(struct stats *stats, int opcode);
void stats_refused(struct stats *stats, int err);
void stats_print(struct stats *stats, const struct stats_about *about, FILE *out);
/* Writes the file in one step: a reader finds all of it or none. */
int stats_write(struct stats *stats, const struct stats_about *about, const char *path);

#endif
