/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fusept-sandbox: many directories and files in one view, each read-only or writable.
 *
 * Each source is shown by a mount of its own, which is attached nowhere: a read-only one
 * refuses what changes something, whoever asks, the kernel or the engine. What is found
 * at a place is answered with a file of that mount; all that is below follows by itself.
 *
 * A function that can fail returns 0 or -errno, and has said on stderr what is wrong.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fusept_stack.h>
#include <glib.h>

/* A directory or file in a mount, which stays what it is while it is open. */
struct spot {
	uint64_t mount;
	uint64_t ino; /* of the mount's only file system */
};

struct place {
	char *path;   /* in the view, with "/" before each word; "" is the top */
	char *source; /* as it was given; NULL: the skeleton */
	gboolean writable;
	int fd; /* O_PATH, the top of its mount */
	uint64_t mount;

	struct place *outer; /* the place that it is in; NULL: none */
	gboolean crowded;    /* others are in it */
	const char *name;    /* the last word of path */
	int dir;	     /* O_PATH, the directory of outer that has the name */
	struct spot spot;    /* of that directory */
};

struct sandbox {
	GPtrArray *places; /* of struct place, by path: outer ones come first */
	GHashTable *ways;  /* inode numbers of directories that lead to places in places */
	uint64_t ops;	   /* for the kernel, as the command line has it */
};

/* ---- options.c: the command line ---- */
enum options_result { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_BAD };

/* What is left in @args is for fusept_stack_main(). */
enum options_result options_read(struct sandbox *s, struct fuse_args *args);
/* "fusept-sandbox: " and the text, a line on stderr. */
void complain(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* ---- places.c: sources and where they are shown ---- */
struct place *place_new(const char *path, const char *source, gboolean writable);
void place_free(gpointer place);
/* Opens all, and makes the skeleton of what no source has. */
int places_open(struct sandbox *s);
/* The place whose name is @name in the directory @dir, or NULL. */
const struct place *places_find(const GPtrArray *places, int dir, const char *name);
/* Is it a file of the skeleton? */
gboolean places_between(const GPtrArray *places, int fd);

#endif
