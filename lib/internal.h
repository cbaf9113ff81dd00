/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the rooms of the library share.  Nothing here is exported. */
#ifndef FUSEPT_INTERNAL_H
#define FUSEPT_INTERNAL_H

#define FUSE_USE_VERSION 314
#include "fusept.h"

#include <linux/ioctl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "uapi/fuse.h" /* after linux/ioctl.h, which it does not include */

/* Written by fusept_session_new() alone, but for the last two. */
struct fusept_session {
	struct fuse_session *se;
	enum fusept_level level;
	uint64_t ops;	      /* fusept_session_ops() */
	int reason;	      /* fusept_session_reason() */
	bool readdir;	      /* FUSEPT_SESSION_READDIR */
	bool killpriv;	      /* HANDLE_KILLPRIV_V2: the kernel leaves clearing privileges to us */
	atomic_bool reopen;   /* the kernel wants no O_PATH fd without a mask */
	pthread_mutex_t lock; /* of every change of a mask, in the kernel and in ops of a backing */
};

struct fusept_backing {
	struct fusept_session *session;
	int id;
	_Atomic uint64_t ops; /* changed under the session's lock */
};

/* What is to be asked for in the INIT reply. */
struct fusept_init_wish {
	uint32_t max_stack_depth; /* 0: what the daemon told libfuse, or 1 */
	enum fusept_level max_level;
	bool killpriv;
	bool readdir; /* not of INIT, but of the same options */
};

/* An INIT reply with room for all that the kernel may take. */
struct fusept_init_reply {
	struct fuse_out_header header;
	struct fuse_init_out out;
};

/* One INIT exchange. */
struct fusept_init {
	struct fusept_init_wish wish;
	uint64_t unique;  /* of the request */
	uint64_t offered; /* FUSE_* flags of the kernel */
	uint64_t granted; /* FUSE_* flags of the reply */
	struct fusept_init_reply reply;
};

/* session.c: options of a caller, which may be older or newer.  0, -EINVAL or -E2BIG. */
int fusept_sized_read(const void *options, void *known, size_t size);

/* counters.c: @file as the kernel writes it.  0, or -errno. */
int fusept_counters_parse(const char *file, struct fusept_counters *counters);

/* sys.c: the one door to the kernel's ioctls.  Not negative, or -errno. */
int fusept_sys_ioctl(int fd, unsigned long request, void *arg);

/* ops.c: a mask without the operations that lack what they need */
uint64_t fusept_ops_prune(uint64_t ops, uint64_t kernel);

/*
 * cred.c: take CAP_FSETID from the calling thread.  1 if it had it, and is to be
 * given back with fusept_fsetid_restore(); 0 if not; or -errno.
 */
int fusept_fsetid_drop(void);
void fusept_fsetid_restore(void);

/* negotiate.c */
int fusept_init_read(struct fusept_init *init, const void *request, size_t size);
size_t fusept_init_amend(struct fusept_init *init, size_t size);
int fusept_negotiate(struct fuse_session *se, struct fusept_init *init);

/* session.c */
void fusept_session_probe(struct fusept_session *session, const struct fusept_init *init);

#endif
