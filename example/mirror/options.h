/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of fusept-mirror. */
#ifndef MIRROR_OPTIONS_H
#define MIRROR_OPTIONS_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <fusept.h>
#include <glib.h>

/* The mask of a directory and of what is below it */
struct dir_ops {
	char *path; /* below the source */
	char *text;
	uint64_t ops;
	int fd; /* O_PATH, or -1 */
	dev_t dev;
	ino_t ino;
};

struct options {
	char *source; /* absolute */
	char *mountpoint;
	char *ops_text;
	char *stats;	      /* absolute, or NULL */
	double entry_timeout; /* seconds */
	double attr_timeout;
	double negative_timeout;      /* below 0: as entry_timeout */
	unsigned int max_fds;	      /* 0: by the limit on descriptors */
	unsigned int max_stack_depth; /* 0: the library's choice */
	uint64_t ops;
	GArray *dirs;	   /* of struct dir_ops */
	gboolean killpriv; /* asked for; see struct mirror */
	gboolean io_only;  /* ops=io everywhere: nothing before open */
	gboolean in_ops;   /* the last word belonged to ops= */
	gboolean allow_root;
	gboolean foreground;
	gboolean singlethread;
	gboolean clone_fd;
	unsigned int max_threads;
	unsigned int max_idle_threads;
};

enum options_result { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_BAD };

/*
 * Reads the command line; says on stderr what is wrong with it. What is left
 * in @args is for fuse_session_new().
 */
enum options_result options_read(struct options *opt, struct fuse_args *args);
void options_clear(struct options *opt);

/* ---- dirs.c: masks of single directories ---- */
GArray *dirs_new(void);
gboolean dirs_add(struct options *opt, const char *word);
int dirs_open(struct options *opt, int source);
uint64_t dirs_ops(const struct options *opt, const struct stat *st, uint64_t ops);
gboolean dirs_any(const struct options *opt, gboolean (*test)(uint64_t ops));

/* "fusept-mirror: " and the text, a line on stderr. */
void complain(const char *format, ...) G_GNUC_PRINTF(1, 2);

#endif
