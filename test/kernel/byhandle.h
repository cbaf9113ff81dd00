/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* byhandle.h - what cases of file handles share */
#ifndef BYHANDLE_H
#define BYHANDLE_H

#include "diff.h"
#include "frame.h"

/* As the kernel has them: a word with the type below, or that and three of the top */
enum { BELOW = 0xf1, BELOW_TOP = 0xf2, WORD = 4, TOP = 3 * WORD };

struct file_handle *fh(struct handle *h);
int open_handle(const char *mount_, struct handle *h, int flags);

/* What is opened is the file at @path below, in every respect */
void opens(struct raw *r, struct handle *h, const char *path);

/* Nobody remembers a name in the file system at @path; drop_all(): here or below */
void drop_names(const char *path);
void drop_all(struct raw *r);

/* The names of the root are the daemon's, those of "dir" are not */
void give_dir_away(struct raw *r);

#endif
