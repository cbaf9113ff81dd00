/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rawfuse.h - a FUSE server that speaks the bare protocol
 *
 * It mirrors a folder ("src") at a mount point ("mnt"), one request at a time, in
 * a thread or in a process of its own, and lets a case step in before and after
 * each answer. All its state is in shared memory, so that the case sees the
 * counters of a server process, too.
 */
#ifndef RAWFUSE_H
#define RAWFUSE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "uapi/fuse.h"

#define OP(name)	FUSE_PASSTHROUGH_OP(FUSE_##name)
#define RAW_ALL		(~UINT64_C(0))	/* everything this kernel has */
#define RAW_NONE	UINT64_C(0)
/* With these a directory has files that the server does not know */
#define RAW_SUBTREE	(OP(LOOKUP) | OP(CREATE) | OP(MKNOD) | OP(MKDIR) | OP(SYMLINK) | \
			 OP(TMPFILE))

enum {
	RAW_OPCODES = 64,
	RAW_NODES = 8192,
	RAW_MAX_WRITE = 128 * 1024,
	RAW_BUF = RAW_MAX_WRITE + 4096,
	RAW_SCRATCH = 16,
	RAW_LISTED = 64,
};

struct raw_req;
typedef int (*raw_handler)(struct raw_req *q);
typedef int (*raw_after)(struct raw_req *q, int err);

struct raw_options {
	uint64_t ops;		/* in the mask of every file that is looked up; those
				 * that the kernel lacks, or that lack another, are
				 * left out */
	uint64_t init_drop;	/* INIT flags not to ask for */
	uint64_t init_add;	/* INIT flags to ask for beyond the usual ones */
	uint32_t max_stack_depth;	/* 0: 1 */
	uint32_t open_flags;	/* FOPEN_* of every OPEN reply */
	raw_after after_init;	/* may change the INIT reply */
	const char *mount_options;	/* after "fd=,rootmode=,..." */
	bool process;		/* a process serves, and only it holds the device */
	bool no_cache_names;	/* each use of a name is revalidated */
	bool root_unbound;	/* leave the root to the daemon */
	bool open_attach;	/* stock way: ops_mask 0, attached by OPEN */
	bool wide;		/* allow_other */
	bool subtree;		/* RAW_SUBTREE is meant by RAW_ALL, too */
};

struct raw_node {
	bool used;
	int fd;			/* O_PATH */
	dev_t dev;
	ino_t ino;
	int64_t nlookup;
	int backing_id;
	uint64_t ops;		/* in force for this node */
	char name[NAME_MAX + 1];	/* that it was first looked up by */
};

struct raw;

/* One request and its answer */
struct raw_req {
	struct raw *r;
	const struct fuse_in_header *in;
	const void *arg;
	size_t arg_len;
	struct raw_node *node;	/* of in->nodeid */
	char *out;
	size_t out_len;
	int64_t entries;	/* lookup counts that the answer hands out */
	struct raw_node *entry;	/* to this node */
	struct raw_node *listed[RAW_LISTED];	/* or one to each of these */
	size_t n_listed;
	int close_id;		/* a registration that ends once the answer is out */
};

/* What a hook says beside 0 and -errno, which are answers */
enum { RAW_DEFAULT = 1, RAW_NO_REPLY = 2 };

struct raw {
	struct raw_options opt;
	char dir[PATH_MAX], src[PATH_MAX], mnt[PATH_MAX];
	int fd;			/* /dev/fuse; -1 in the case if opt.process */
	int conn;		/* number in the control file system */
	uint64_t offered;	/* INIT flags of the kernel */
	uint64_t accepted;	/* INIT flags of our answer */
	uint64_t every;		/* by BACKING_OPS: what a file without a node id has */
	uint64_t supported;	/* without FORGET, and RAW_SUBTREE if not opt.subtree */
	int ops_ioctl;		/* what that ioctl returned */
	pthread_t thread;
	pid_t pid;
	bool running;

	_Atomic uint32_t event;	/* a futex: something below changed */
	_Atomic uint32_t ready;	/* INIT is over */
	_Atomic uint64_t count[RAW_OPCODES];
	_Atomic uint64_t total;
	_Atomic int64_t nlookup;	/* counts handed out less those given back */
	_Atomic uint64_t held[RAW_OPCODES];	/* request without an answer */
	_Atomic int attach_errno;	/* of the last file that could not be registered */
	_Atomic int write_errno;	/* of the last answer that was refused */

	raw_handler before[RAW_OPCODES];
	raw_after after[RAW_OPCODES];
	_Atomic int64_t u[RAW_SCRATCH];	/* between a case and its hooks */

	size_t top;		/* no node in use is above */
	struct raw_node node[RAW_NODES];
	_Alignas(8) char in_buf[RAW_BUF];
	_Alignas(8) char out_buf[RAW_BUF];
};

/* rawfuse.c: life */
struct raw *raw_new(const char *dir);
void raw_start(struct raw *r, const struct raw_options *opt);
void raw_stop(struct raw *r);
void raw_kill(struct raw *r);
void raw_abort(struct raw *r);
void raw_mount(struct raw *r, const char *mnt);
void raw_free(struct raw *r);

/* raw_loop.c: requests */
void raw_loop(struct raw *r);
bool raw_step(struct raw *r);
int raw_send(struct raw *r, uint64_t unique, int err, const void *data, size_t len);
int raw_hold(struct raw_req *q);
void raw_release(struct raw *r, int opcode, int err);
extern const raw_handler raw_default[RAW_OPCODES];

/* raw_init.c: negotiation */
int raw_init(struct raw_req *q);
void raw_init_done(struct raw *r);

/* raw_wait.c: events */
void raw_post(struct raw *r);
bool raw_wait_count(struct raw *r, int opcode, uint64_t n);
bool raw_wait_balance(struct raw *r);
bool raw_wait_ready(struct raw *r);
void raw_barrier(struct raw *r);
void raw_let_go(struct raw *r);
void raw_reset(struct raw *r);
uint64_t raw_count(struct raw *r, int opcode);
const char *raw_opcode_name(int opcode);

/* raw_backing.c: the ioctls; an id, 0 or -errno */
int raw_backing_open(int dev, int fd, uint64_t ops);
int raw_backing_close(int dev, int id);
int raw_backing_bind(int dev, uint64_t nodeid, int id);
int raw_backing_mask(int dev, int id, uint64_t ops);
int raw_backing_ops(int dev, uint64_t *ops);
int raw_ioctl(int dev, unsigned long cmd, void *arg);
int raw_backing_path(struct raw *r, const char *name, uint64_t ops);
uint64_t raw_complete(uint64_t ops);
uint64_t raw_prune(uint64_t ops);

/* raw_node.c: nodes */
struct raw_node *raw_node_get(struct raw *r, uint64_t nodeid);
struct raw_node *raw_node_find(struct raw *r, const char *name);
uint64_t raw_nodeid(struct raw *r, const struct raw_node *n);
struct raw_node *raw_node_make(struct raw *r, int fd, const char *name);
void raw_node_forget(struct raw *r, struct raw_node *n, uint64_t count);
int raw_node_attach(struct raw *r, struct raw_node *n, uint64_t ops);
int raw_node_reopen(const struct raw_node *n, int flags);
void raw_attr(struct fuse_attr *a, const struct stat *st);

/* raw_entry.c, raw_attr.c, raw_file.c, raw_dir.c, raw_xattr.c: the mirror */
uint64_t raw_fh(int fd);
int raw_fd(uint64_t fh);
int raw_entry(struct raw_req *q, const char *name);
int raw_entry_fill(struct raw_req *q, int fd, const char *name,
		   struct fuse_entry_out *e, struct fuse_entry_passthrough_out *p);
void raw_entry_drop(struct raw_req *q);
int raw_unname(struct raw_req *q, const char *name, uint64_t mask);
int raw_unname_at(struct raw_req *q, int dir, const char *name, uint64_t mask);
int raw_lookup(struct raw_req *q);
int raw_forget(struct raw_req *q);
int raw_batch_forget(struct raw_req *q);
int raw_mknod(struct raw_req *q);
int raw_mkdir(struct raw_req *q);
int raw_symlink(struct raw_req *q);
int raw_link(struct raw_req *q);
int raw_create(struct raw_req *q);
int raw_tmpfile(struct raw_req *q);
int raw_unlink(struct raw_req *q);
int raw_rmdir(struct raw_req *q);
int raw_rename(struct raw_req *q);
int raw_rename2(struct raw_req *q);
int raw_getattr(struct raw_req *q);
int raw_statx(struct raw_req *q);
int raw_setattr(struct raw_req *q);
int raw_readlink(struct raw_req *q);
int raw_access(struct raw_req *q);
int raw_statfs(struct raw_req *q);
int raw_open(struct raw_req *q);
void raw_fsetid(bool on);
int raw_read(struct raw_req *q);
int raw_write(struct raw_req *q);
int raw_flush(struct raw_req *q);
int raw_fsync(struct raw_req *q);
int raw_release_file(struct raw_req *q);
int raw_fallocate(struct raw_req *q);
int raw_lseek(struct raw_req *q);
int raw_copy_file_range(struct raw_req *q);
int raw_opendir(struct raw_req *q);
int raw_readdir(struct raw_req *q);
int raw_readdirplus(struct raw_req *q);
void raw_listed_drop(struct raw_req *q, uint64_t nodeid);
int raw_setxattr(struct raw_req *q);
int raw_getxattr(struct raw_req *q);
int raw_listxattr(struct raw_req *q);
int raw_removexattr(struct raw_req *q);

#endif
