/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fusept-filter: a directory tree with files that are hidden, read-only or redacted, by
 * rules that can be read again while it is mounted.
 *
 * SOURCE is opened three times, as mounts that are attached nowhere: one for plain files,
 * one that is read-only, and one more that is read-only, for redacted files. A file is
 * taken from the mount of its view, so a file that a rule has changed is another one for
 * the kernel: who has it open keeps it as it was, who looks it up again finds the new one.
 * And what is read-only is refused by the mount, whoever asks.
 *
 * A function that can fail returns 0 or -errno.
 */
#ifndef FILTER_H
#define FILTER_H

#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fusept_stack.h>
#include <glib.h>

/* How a file is seen; of several rules the last of these counts. */
enum view { VIEW_PLAIN, VIEW_READ_ONLY, VIEW_REDACTED, VIEW_HIDDEN };

/* ---- rules.c: pure ---- */
struct rules;

/* What rules say of a path. */
struct look {
	enum view view;
	gboolean leads; /* there may be files below it that have rules by its name */
};

/* NULL: *why says what is wrong, and where. */
struct rules *rules_read(const char *file, char **why);
void rules_free(struct rules *rules);
struct look rules_look(const struct rules *rules, const char *path);
/* All that is redacted in a file, or NULL; of struct range. */
GArray *rules_ranges(const struct rules *rules, const char *path);
/* Puts an X in place of each byte that is in @ranges; @data is at @off in the file. */
void ranges_apply(const GArray *ranges, char *data, size_t size, off_t off);

/* ---- options.c ---- */
enum options_result { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_BAD };

struct options {
	char *rules_file; /* absolute */
	char *source;
	char *ops_text;
	uint64_t ops;
	double entry_timeout, attr_timeout; /* seconds */
	unsigned int max_stack_depth;
	gboolean allow_root;
	struct fuse_cmdline_opts fuse;
};

/* What is left in @args is for fusept_stack_mount(). */
enum options_result options_read(struct options *opt, struct fuse_args *args);
void options_clear(struct options *opt);

/* ---- the file system ---- */
struct tree {
	int fd; /* O_PATH, its top */
	uint64_t mount;
};

struct filter {
	struct options opt;
	struct tree trees[VIEW_HIDDEN]; /* SOURCE, by view */
	struct fusept_stack *stack;
	GRWLock lock;	     /* of rules, and of what is redacted in each node */
	struct rules *rules; /* NULL: none yet */
	gboolean daemon;     /* nobody reads stderr */
};

/* Data of a node of which something is redacted. */
struct redaction {
	GArray *ranges; /* under filter->lock */
};

/* On stderr, or in the system's log once it is a daemon. */
void filter_say(const struct filter *f, int priority, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* ---- trees.c: files by their paths, and the other way round ---- */
int trees_open(struct filter *f);
void trees_close(struct filter *f);
/* The view that an O_PATH descriptor is of. */
enum view trees_view(const struct filter *f, int fd);
/* The file that has @name in the directory @dir, as it is in the tree of @view. */
int trees_open_in(const struct filter *f, enum view view, const char *path, int dir,
		  const char *name);
/* Relative to SOURCE, which is "" itself; NULL: it can't be told. */
char *path_of(int fd);

/* ---- view.c: what the rules say of a file, and whose an operation on it is ---- */
struct look filter_look(struct filter *f, const char *path);
/* Operations that are the kernel's, on a file of this view. */
uint64_t filter_mask(const struct filter *f, enum view view, mode_t mode);
/* The same for a plain file that has got a rule while somebody uses it. */
uint64_t filter_mask_of_late(const struct filter *f, mode_t mode);
/* For struct fusept_stack_options. */
uint64_t filter_node_ops(void *userdata, const struct fusept_node *dir, const struct stat *st,
			 uint64_t ops);
/* It is asked in the middle of a lookup, for a file of this view. */
void filter_looking_up(enum view view);

/* The file of a request, or a name in it. */
struct file {
	struct filter *f;
	struct fusept_stack *stack;
	struct fusept_node *node; /* NULL: not held, fd is -errno */
	int fd;			  /* O_PATH: the file, or the directory that has the name */
	char *path;		  /* with the name; NULL: not asked for, or fd is -errno */
	struct look look;
};

/* The node itself, or with @name what has or gets that name in it; all with its path. */
struct file file_at(fuse_req_t req, fuse_ino_t ino, const char *name);
/* The node itself, without. */
struct file file_held(fuse_req_t req, fuse_ino_t ino);
void file_clear(struct file *file);
#define FILE_AT __attribute__((cleanup(file_clear))) struct file

/* An errno or 0: may somebody make this name, take it away, or change the file? */
int may_make(const struct file *file);
int may_remove(const struct file *file);
int may_change(const struct file *file);

/* ---- names.c: handlers, of names and of what changes a file ---- */
void filter_lookup(fuse_req_t req, fuse_ino_t dir, const char *name);
void filter_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi);
void filter_create(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode,
		   struct fuse_file_info *fi);
void filter_mkdir(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode);
void filter_mknod(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode, dev_t dev);
void filter_symlink(fuse_req_t req, const char *target, fuse_ino_t dir, const char *name);
void filter_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t dir, const char *name);
void filter_unlink(fuse_req_t req, fuse_ino_t dir, const char *name);
void filter_rmdir(fuse_req_t req, fuse_ino_t dir, const char *name);
void filter_rename(fuse_req_t req, fuse_ino_t dir, const char *name, fuse_ino_t newdir,
		   const char *newname, unsigned int flags);
void filter_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set,
		    struct fuse_file_info *fi);
void filter_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		     size_t size, int flags);
void filter_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);
void filter_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
		  struct fuse_file_info *fi, unsigned int flags, const void *in, size_t in_size,
		  size_t out_size);

/* ---- redact.c: handlers, of the data of files ---- */
void filter_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void filter_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void filter_copy_file_range(fuse_req_t req, fuse_ino_t ino, off_t off, struct fuse_file_info *fi,
			    fuse_ino_t ino_out, off_t off_out, struct fuse_file_info *fi_out,
			    size_t len, int flags);
void filter_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);
void filter_free_data(void *userdata, void *data);

/* ---- reload.c ---- */
int filter_read_rules(struct filter *f);
/* The same while it is mounted. */
void filter_reload(struct filter *f);

/* ---- signals.c: SIGHUP is to be blocked before ---- */
struct watcher;
/* In the thread that serves. NULL, with a message: the rules stay as they are. */
struct watcher *watcher_start(struct filter *f);
void watcher_stop(struct watcher *watcher);

#endif
