// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A new file belongs to its caller: the thread takes the caller's user, group
 * and umask while it makes the file, so that owner, group of a directory with
 * S_ISGID, default ACL and the file's quota are the work of the file system
 * below. Quota binds who lacks CAP_SYS_RESOURCE; see fusept_stack_main().
 *
 * The kernel has checked the caller's permission, with the supplementary
 * groups that we don't know here. So the thread keeps its capabilities, all
 * but CAP_FSETID: it would keep S_ISGID in modes where the caller can't, and
 * suid and sgid of files whose data changes.
 */
#include "stack.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>

/* Has this thread a umask of its own? */
static _Thread_local bool thread_is_apart;

static int thread_set_apart(void)
{
	if (thread_is_apart)
		return 0;
	if (unshare(CLONE_FS) < 0)
		return -errno;
	thread_is_apart = true;
	return 0;
}

/* Makes all permitted capabilities but @without (-1: none) effective. */
static int capabilities_set(int without)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	data[0].effective = data[0].permitted;
	data[1].effective = data[1].permitted;
	if (without >= 0)
		data[CAP_TO_INDEX(without)].effective &= ~CAP_TO_MASK(without);
	if (syscall(SYS_capset, &head, data) < 0)
		return -errno;
	return 0;
}

/* Without the right to, these say nothing and change nothing: so ask. */
static int ids_set(uid_t uid, gid_t gid)
{
	setfsgid(gid);
	setfsuid(uid);
	if ((uid_t)setfsuid((uid_t)-1) != uid || (gid_t)setfsgid((gid_t)-1) != gid)
		return -EPERM;
	return 0;
}

/*
 * Makes the thread the caller of @req, until caller_leave(). Only root can;
 * else the daemon's user is the only one who may use the mount.
 */
int caller_become(struct fusept_stack *s, fuse_req_t req, bool with_umask)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	int err = 0;

	if (with_umask) {
		err = thread_set_apart();
		if (err)
			return err;
		umask(ctx->umask);
	}
	if (!s->owners)
		return 0;
	/* takes the capabilities away that are about files, unless it's root */
	err = ids_set(ctx->uid, ctx->gid);
	if (!err && ctx->uid)
		err = capabilities_set(CAP_FSETID);
	if (err)
		caller_leave(s);
	return err;
}

/* Becoming root again gives the capabilities back. */
void caller_leave(struct fusept_stack *s)
{
	int err = errno;

	if (s->owners) {
		setfsuid(0);
		setfsgid(0);
	}
	errno = err;
}

/*
 * Takes from the thread, until caller_change_end(), what would let suid and sgid
 * stay when a file's data changes. A write comes after the kernel has seen to
 * them, except with killpriv; the rest is not left to it in any case.
 *
 * Whether a caller who is root has CAP_FSETID we don't know: without killpriv it
 * is the kernel that asks him, with it he is taken for one who has not.
 */
int caller_change_begin(struct fusept_stack *s, fuse_req_t req)
{
	if (!s->owners || (!s->killpriv && !fuse_req_ctx(req)->uid))
		return 0;
	return capabilities_set(CAP_FSETID);
}

void caller_change_end(struct fusept_stack *s)
{
	int err = errno;

	if (s->owners)
		capabilities_set(-1);
	errno = err;
}
