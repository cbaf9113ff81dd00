/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tree.h - the tree below, and how to look at two of them */
#ifndef TREE_H
#define TREE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "rawfuse.h"

enum {
	TREE_FILE_SIZE = 70000,	/* of "file": more than one page, no multiple */
	TREE_UID = 1000,	/* owns most of it */
	TREE_GID = 1000,
	TREE_GROUP = 3000,	/* of "group" */
};

/* Path of a name through the mount, and below; good until some calls later */
const char *M(const struct raw *r, const char *name);
const char *S(const struct raw *r, const char *name);

void tree_make(const char *dir);
void tree_remove(const char *dir);

/* Writes the whole of a file; reads it whole, gives its size or -1 */
void put_file(const char *path, const void *data, size_t size);
ssize_t get_file(const char *path, void *data, size_t size);
void fill_pattern(void *data, size_t size, unsigned int seed);

/* Fails the case when what a caller sees of the two files differs */
void same_stat(const char *a, const char *b);
void same_tree(const char *a, const char *b);
void same_all(const char *a, const char *b);	/* statx() of each file below */

/* "user::rw-,user:1000:r--" as a POSIX ACL; an error of setxattr in errno */
struct acl_entry { unsigned short tag, perm; unsigned int id; };
int set_acl(const char *path, const char *name, const struct acl_entry *e, size_t n);

/* A struct file_handle with room for any */
struct handle {
	unsigned int bytes;
	int type;
	unsigned char f_handle[MAX_HANDLE_SZ];
};

int try_handle(int dir, const char *path, struct handle *h, int flags);
struct handle handle_of(const char *path);

int count_entries(const char *path);	/* with "." and ".." */
int count_fds(void);

#endif
