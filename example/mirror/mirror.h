/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fusept-mirror: shows a directory tree as a FUSE file system. The file system is the
 * engine's; here are its command line, masks of single directories, and what it tells.
 *
 * A function that can fail returns 0 or -errno.
 */
#ifndef MIRROR_H
#define MIRROR_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fusept_stack.h>
#include <glib.h>

#include "options.h"
#include "stats.h"

struct mirror {
	struct options opt;
	struct fusept_stack *stack;
	struct stats *stats;
	gboolean daemon; /* nobody reads stderr */
};

/* ---- masks.c: what the kernel is to do, and does ---- */
/* Is there anything that it is to do? */
gboolean masks_any(const struct options *opt);
/* The mask of a new node, for struct fusept_stack_options. */
uint64_t masks_of_node(void *userdata, const struct fusept_node *dir, const struct stat *st,
		       uint64_t ops);
/* Complains about what was asked for by name, but can't be had. */
void masks_warn(struct mirror *m);
void masks_describe(struct mirror *m, struct stats_about *about);

/* ---- report.c: to whom it may concern ---- */
struct reporter;
struct reporter *reporter_start(struct mirror *m);
void reporter_stop(struct reporter *reporter);
/* Prints and writes the counts. */
void mirror_report(struct mirror *m);
/* What is wrong: on stderr, or in the system's log once it is a daemon. */
void mirror_complain(struct mirror *m, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
