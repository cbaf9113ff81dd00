// SPDX-License-Identifier: LGPL-2.1-or-later
/* The beginning and end of a connection, and whose a request is. */
#include "stack.h"

struct fusept_stack *stack_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

enum { MAX_WRITE = 512 * 1024 };

/*
 * Modes and ACLs of new files are worked out by the file system below, which
 * needs the caller's umask (DONT_MASK) and shows its ACLs (POSIX_ACL).
 *
 * HANDLE_KILLPRIV, on by default, would promise that suid and sgid go away
 * when a file is written. The daemon writes as root, so they would not: the
 * kernel has to take them away. FUSEPT_STACK_KILLPRIV asks for version 2 by way
 * of the library; see caller.c for how it is kept.
 *
 * With ATOMIC_O_TRUNC, also a default, the kernel would leave suid and sgid of
 * a truncated file to OPEN, and not say there whether the caller may keep them.
 * Without it the kernel truncates by SETATTR, of which it works that out.
 *
 * libfuse moves data through pipes that hold a whole request, its head too. For
 * a MiB of data that is more than pipe-max-size, the limit of those who have no
 * CAP_SYS_RESOURCE, and it would copy instead.
 *
 * The writeback cache does not go together with passthrough, and would hide
 * what is written below.
 */
static void init_own(struct fusept_stack *s, struct fuse_conn_info *conn)
{
	if (s->own.init)
		s->own.init(s->userdata, conn);
	/* entries of READDIRPLUS would go past his LOOKUP or READDIR */
	if ((s->own.lookup || s->own.readdir) && !s->own.readdirplus)
		conn->want &= ~(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
}

void stack_init(void *userdata, struct fuse_conn_info *conn)
{
	const unsigned int wanted = FUSE_CAP_DONT_MASK | FUSE_CAP_POSIX_ACL | FUSE_CAP_SPLICE_READ |
				    FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE;
	struct fusept_stack *s = userdata;

	atomic_fetch_add(&s->served[FUSE_INIT], 1);
	conn->max_write = MIN(conn->max_write, MAX_WRITE);
	conn->want |= conn->capable & wanted;
	init_own(s, conn);
	conn->want &=
		~(FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_WRITEBACK_CACHE);
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
	conn->want &= ~FUSE_CAP_HANDLE_KILLPRIV_V2;
#endif
}

void stack_destroy(void *userdata)
{
	struct fusept_stack *s = userdata;

	atomic_fetch_add(&s->served[FUSE_DESTROY], 1);
	if (s->own.destroy)
		s->own.destroy(s->userdata);
}
