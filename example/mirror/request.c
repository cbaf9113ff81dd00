/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every request begins with, and the beginning and end of all. */
#include "mirror.h"

struct mirror *request_begin(fuse_req_t req, int opcode)
{
	struct mirror *m = fuse_req_userdata(req);

	stats_count(m->stats, opcode);
	return m;
}

enum { MAX_WRITE = 512 * 1024 };

/*
 * Modes and ACLs of new files are worked out by the file system below, which
 * needs the caller's umask (DONT_MASK) and shows its ACLs (POSIX_ACL).
 *
 * HANDLE_KILLPRIV, on by default, would promise that suid and sgid go away
 * when a file is written. The daemon writes as root, so they would not: the
 * kernel has to take them away. The option killpriv asks for version 2 by way
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
void mirror_init(void *userdata, struct fuse_conn_info *conn)
{
	const unsigned int wanted = FUSE_CAP_DONT_MASK | FUSE_CAP_POSIX_ACL | FUSE_CAP_SPLICE_READ |
				    FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE;
	struct mirror *m = userdata;

	stats_count(m->stats, STATS_INIT);
	conn->max_write = MIN(conn->max_write, MAX_WRITE);
	conn->want |= conn->capable & wanted;
	conn->want &=
		~(FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_WRITEBACK_CACHE);
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
	conn->want &= ~FUSE_CAP_HANDLE_KILLPRIV_V2;
#endif
}

void mirror_destroy(void *userdata)
{
	struct mirror *m = userdata;

	stats_count(m->stats, STATS_DESTROY);
}
