/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fusept-mirror: shows a directory tree as a FUSE file system.
 *
 * Every room of the daemon includes this header. A function that can fail
 * returns 0 (or a descriptor) or -errno.
 */
#ifndef MIRROR_H
#define MIRROR_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define FUSE_USE_VERSION 312

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fusept.h>
#include <glib.h>

#include "node.h"
#include "options.h"
#include "stats.h"

struct mirror {
	struct options opt;
	struct fuse_session *se;
	struct fusept_session *session; /* NULL: nothing is asked of the kernel */
	struct nodes *nodes;
	struct stats *stats;
	dev_t own_dev;	   /* st_dev of our own mount */
	gboolean guard;	   /* our own mount may be met below SOURCE */
	gboolean owners;   /* we can make files for other users */
	gboolean killpriv; /* the kernel leaves suid and sgid to us */
	gboolean daemon;   /* nobody reads stderr */
};

/* A new name for a file, on its way to the kernel. */
struct entry {
	struct fuse_entry_param e;
	struct node *node; /* held; has the lookup of this reply */
};

/* ---- request.c: what every request begins with, and the connection ---- */
struct mirror *request_begin(fuse_req_t req, int opcode);
void mirror_init(void *userdata, struct fuse_conn_info *conn);
void mirror_destroy(void *userdata);

/* ---- report.c: to whom it may concern ---- */
struct reporter;
struct reporter *reporter_start(struct mirror *m);
void reporter_stop(struct reporter *reporter);
/* Prints and writes the counts. */
/* What the kernel did is known while it is @mounted. */
void mirror_report(struct mirror *m, gboolean mounted);
/* What is wrong: on stderr, or in the system's log once it is a daemon. */
void mirror_complain(struct mirror *m, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* ---- pass.c: what is handed to the kernel ---- */
struct fusept_backing *pass_entry(struct mirror *m, struct node *node);
struct fusept_backing *pass_open(struct mirror *m, struct node *node, int fd);
void pass_release(struct mirror *m, struct node *node);
gboolean pass_has(struct mirror *m, struct node *node, int opcode);
gboolean pass_entries(const struct mirror *m);
gboolean pass_lists(const struct mirror *m);
void pass_begin(struct mirror *m);
void pass_describe(struct mirror *m, struct stats_about *about);
void pass_forget(struct node *node);

/* ---- caller.c: files are made with the caller's identity ---- */
int caller_respect_quota(void);
int caller_become(struct mirror *m, fuse_req_t req, gboolean with_umask);
void caller_leave(struct mirror *m);
int caller_change_begin(struct mirror *m, fuse_req_t req);
void caller_change_end(struct mirror *m);

/* ---- entry.c ---- */
/* @dir says which mask a new node has. */
int entry_from_fd(struct mirror *m, const struct node *dir, int fd, struct entry *out);
int entry_from_name(struct mirror *m, const struct node *dir, int dirfd, const char *name,
		    struct entry *out);
void entry_undo(struct mirror *m, struct entry *entry);
void entry_reply(fuse_req_t req, struct mirror *m, int err, struct entry *entry);

/* ---- the operations, a family a room; ops.c has the table of them ---- */
extern const struct fuse_lowlevel_ops mirror_ops;

void mirror_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void mirror_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup);
void mirror_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);

void mirror_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void mirror_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		    struct fuse_file_info *fi);
void mirror_readlink(fuse_req_t req, fuse_ino_t ino);
void mirror_statfs(fuse_req_t req, fuse_ino_t ino);
#ifdef HAVE_FUSE_STATX
void mirror_statx(fuse_req_t req, fuse_ino_t ino, int flags, int mask, struct fuse_file_info *fi);
#endif

void mirror_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void mirror_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void mirror_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void mirror_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname);
void mirror_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void mirror_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void mirror_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		   const char *newname, unsigned int flags);

void mirror_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void mirror_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		   struct fuse_file_info *fi);
void mirror_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi);
void mirror_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void mirror_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

void mirror_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void mirror_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
		      struct fuse_file_info *fi);
void mirror_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void mirror_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t length,
		      struct fuse_file_info *fi);
void mirror_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);
void mirror_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			    struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
			    struct fuse_file_info *fi_out, size_t len, int flags);

void mirror_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void mirror_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi);
void mirror_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			struct fuse_file_info *fi);
void mirror_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void mirror_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);

void mirror_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		     size_t size, int flags);
void mirror_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void mirror_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void mirror_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

#endif
