/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stacking engine: what its rooms share.  Nothing here is exported.
 *
 * A function that can fail returns 0 (or a descriptor) or -errno.  Handlers of requests
 * are named after their operation: stack_lookup() is the engine's; ops.c decides between
 * it and the author's.
 */
#ifndef FUSEPT_STACK_STACK_H
#define FUSEPT_STACK_STACK_H

#include "../internal.h"
#include "fusept_stack.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node.h"

#define MIN(a, b) ((a) < (b) ? (a) : (b))

/* Written before the first request but for the counters. */
struct fusept_stack {
	struct fusept_stack_options opt; /* timeouts as they are used */
	void *userdata;
	struct fuse_lowlevel_ops own; /* the author's */
	uint64_t overridden;	      /* operations in it */
	struct fuse_session *se;
	struct fusept_session *session; /* NULL: nothing is asked of the kernel */
	struct nodes *nodes;
	char *mountpoint; /* NULL: not mounted */
	dev_t own_dev;	  /* st_dev of our own mount */
	bool mounted;
	int reason;    /* why the root is not passed through */
	bool guard;    /* our own mount may be met in the tree */
	bool owners;   /* we can make files for other users */
	bool killpriv; /* the kernel leaves suid and sgid to us */
	_Atomic uint64_t served[FUSEPT_OPCODES];
};

/* A new name for a file, on its way to the kernel. */
struct entry {
	struct fuse_entry_param e;
	struct fusept_node *node; /* held; has the lookup of this reply */
};

struct fusept_stack *stack_of(fuse_req_t req);

/* ---- init.c ---- */
void stack_init(void *userdata, struct fuse_conn_info *conn);
void stack_destroy(void *userdata);

/* ---- pass.c: what is handed to the kernel ---- */
struct fusept_backing *pass_entry(struct fusept_stack *s, struct fusept_node *node);
struct fusept_backing *pass_open(struct fusept_stack *s, struct fusept_node *node, int fd);
void pass_release(struct fusept_stack *s, struct fusept_node *node);
bool pass_has(struct fusept_stack *s, struct fusept_node *node, int opcode);
bool pass_entries(const struct fusept_stack *s);
bool pass_lists(const struct fusept_stack *s);
int pass_begin(struct fusept_stack *s);
void pass_forget(struct fusept_node *node);
/* Those of a new node; @dir is NULL for the root. */
struct node_masks pass_masks(struct fusept_stack *s, const struct fusept_node *dir,
			     const struct stat *st);

/* ---- caller.c: files are made with the caller's identity ---- */
int caller_become(struct fusept_stack *s, fuse_req_t req, bool with_umask);
void caller_leave(struct fusept_stack *s);
int caller_change_begin(struct fusept_stack *s, fuse_req_t req);
void caller_change_end(struct fusept_stack *s);

/* ---- entry.c ---- */
/* @dir says which mask a new node has. */
int entry_from_fd(struct fusept_stack *s, const struct fusept_node *dir, int fd, struct entry *out);
int entry_from_name(struct fusept_stack *s, const struct fusept_node *dir, int dirfd,
		    const char *name, struct entry *out);
void entry_undo(struct fusept_stack *s, struct entry *entry);
void entry_reply(fuse_req_t req, struct fusept_stack *s, int err, struct entry *entry);

/* ---- the operations, a family a room ---- */
void stack_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void stack_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup);
void stack_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);

void stack_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void stack_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		   struct fuse_file_info *fi);
void stack_readlink(fuse_req_t req, fuse_ino_t ino);
void stack_statfs(fuse_req_t req, fuse_ino_t ino);
#ifdef HAVE_FUSE_STATX
void stack_statx(fuse_req_t req, fuse_ino_t ino, int flags, int mask, struct fuse_file_info *fi);
#endif

void stack_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void stack_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void stack_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void stack_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname);
void stack_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void stack_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void stack_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		  const char *newname, unsigned int flags);

void stack_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void stack_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		  struct fuse_file_info *fi);
void stack_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi);
void stack_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void stack_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

void stack_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void stack_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
		     struct fuse_file_info *fi);
void stack_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void stack_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t length,
		     struct fuse_file_info *fi);
void stack_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);
void stack_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			   struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
			   struct fuse_file_info *fi_out, size_t len, int flags);

void stack_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void stack_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   struct fuse_file_info *fi);
void stack_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi);
void stack_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void stack_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);

void stack_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
		 struct fuse_file_info *fi, unsigned int flags, const void *in, size_t in_size,
		 size_t out_size);

void stack_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		    size_t size, int flags);
void stack_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void stack_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void stack_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

/* ---- ops.c: who has the operation ---- */
/* What can't be overridden, or an opcode of the mask that is the author's then. */
int ops_overridden(const struct fuse_lowlevel_ops *own, uint64_t *ops);
/* The table for libfuse. */
void ops_table(const struct fuse_lowlevel_ops *own, struct fuse_lowlevel_ops *table);

#endif
