// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whose an operation is: of a node whose mask the author has left it out of, it is his
 * if he has a handler; else the engine's.
 *
 * Not in the table: locks, which the kernel keeps by itself then (they are seen by users
 * of the mount, not by those of the tree); ACCESS, which the kernel does not ask with
 * default_permissions; POLL and BMAP, which concern the file below and not what is
 * stacked on it.  An author may have handlers for them.
 */
#include "stack.h"

#include <string.h>

/* Each operation of the engine: its opcode, the node that it is about, and how it is called. */
#define ENGINE_OPS(op)                                                                          \
	op(lookup, FUSE_LOOKUP, parent, (fuse_req_t req, fuse_ino_t parent, const char *name),    \
	   (req, parent, name))                                                                   \
	op(getattr, FUSE_GETATTR, ino,                                                            \
	   (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), (req, ino, fi))           \
	op(setattr, FUSE_SETATTR, ino,                                                            \
	   (fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set,                           \
	    struct fuse_file_info *fi), (req, ino, attr, set, fi))                                \
	op(readlink, FUSE_READLINK, ino, (fuse_req_t req, fuse_ino_t ino), (req, ino))            \
	op(statfs, FUSE_STATFS, ino, (fuse_req_t req, fuse_ino_t ino), (req, ino))                \
	op(mknod, FUSE_MKNOD, parent,                                                             \
	   (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev),        \
	   (req, parent, name, mode, rdev))                                                       \
	op(mkdir, FUSE_MKDIR, parent,                                                             \
	   (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode),                    \
	   (req, parent, name, mode))                                                             \
	op(symlink, FUSE_SYMLINK, parent,                                                         \
	   (fuse_req_t req, const char *target, fuse_ino_t parent, const char *name),             \
	   (req, target, parent, name))                                                           \
	op(link, FUSE_LINK, parent,                                                               \
	   (fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name),                 \
	   (req, ino, parent, name))                                                              \
	op(unlink, FUSE_UNLINK, parent, (fuse_req_t req, fuse_ino_t parent, const char *name),    \
	   (req, parent, name))                                                                   \
	op(rmdir, FUSE_RMDIR, parent, (fuse_req_t req, fuse_ino_t parent, const char *name),      \
	   (req, parent, name))                                                                   \
	op(rename, (flags ? FUSE_RENAME2 : FUSE_RENAME), parent,                                  \
	   (fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to,                   \
	    const char *newname, unsigned int flags), (req, parent, name, to, newname, flags))    \
	op(open, FUSE_OPEN, ino, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi),     \
	   (req, ino, fi))                                                                        \
	op(create, FUSE_CREATE, parent,                                                           \
	   (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,                     \
	    struct fuse_file_info *fi), (req, parent, name, mode, fi))                            \
	op(flush, FUSE_FLUSH, ino, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi),   \
	   (req, ino, fi))                                                                        \
	op(release, FUSE_RELEASE, ino,                                                            \
	   (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), (req, ino, fi))           \
	op(read, FUSE_READ, ino,                                                                  \
	   (fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi),   \
	   (req, ino, size, off, fi))                                                             \
	op(fsync, FUSE_FSYNC, ino,                                                                \
	   (fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi),             \
	   (req, ino, datasync, fi))                                                              \
	op(fallocate, FUSE_FALLOCATE, ino,                                                        \
	   (fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t length,                    \
	    struct fuse_file_info *fi), (req, ino, mode, off, length, fi))                        \
	op(lseek, FUSE_LSEEK, ino,                                                                \
	   (fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi),    \
	   (req, ino, off, whence, fi))                                                           \
	op(copy_file_range, FUSE_COPY_FILE_RANGE, ino,                                            \
	   (fuse_req_t req, fuse_ino_t ino, off_t off, struct fuse_file_info *fi,                 \
	    fuse_ino_t ino_out, off_t off_out, struct fuse_file_info *fi_out, size_t len,         \
	    int flags), (req, ino, off, fi, ino_out, off_out, fi_out, len, flags))                \
	op(opendir, FUSE_OPENDIR, ino,                                                            \
	   (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), (req, ino, fi))           \
	op(readdir, FUSE_READDIR, ino,                                                            \
	   (fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi),   \
	   (req, ino, size, off, fi))                                                             \
	op(readdirplus, FUSE_READDIRPLUS, ino,                                                    \
	   (fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi),   \
	   (req, ino, size, off, fi))                                                             \
	op(releasedir, FUSE_RELEASEDIR, ino,                                                      \
	   (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), (req, ino, fi))           \
	op(fsyncdir, FUSE_FSYNCDIR, ino,                                                          \
	   (fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi),             \
	   (req, ino, datasync, fi))                                                              \
	op(setxattr, FUSE_SETXATTR, ino,                                                          \
	   (fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,     \
	    int flags), (req, ino, name, value, size, flags))                                     \
	op(getxattr, FUSE_GETXATTR, ino,                                                          \
	   (fuse_req_t req, fuse_ino_t ino, const char *name, size_t size),                       \
	   (req, ino, name, size))                                                                \
	op(listxattr, FUSE_LISTXATTR, ino, (fuse_req_t req, fuse_ino_t ino, size_t size),         \
	   (req, ino, size))                                                                      \
	op(removexattr, FUSE_REMOVEXATTR, ino,                                                    \
	   (fuse_req_t req, fuse_ino_t ino, const char *name), (req, ino, name))                  \
	op(ioctl, FUSE_IOCTL, ino,                                                                \
	   (fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,                          \
	    struct fuse_file_info *fi, unsigned int ioctl_flags, const void *in, size_t in_size,  \
	    size_t out_size), (req, ino, cmd, arg, fi, ioctl_flags, in, in_size, out_size))       \
	op(write_buf, FUSE_WRITE, ino,                                                            \
	   (fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,                    \
	    struct fuse_file_info *fi), (req, ino, in, off, fi))                                  \
	ENGINE_TMPFILE(op)                                                                        \
	ENGINE_STATX(op)

#ifdef HAVE_FUSE_TMPFILE
#define ENGINE_TMPFILE(op)                                                                     \
	op(tmpfile, FUSE_TMPFILE, parent,                                                         \
	   (fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi),           \
	   (req, parent, mode, fi))
#else
#define ENGINE_TMPFILE(op)
#endif

#ifdef HAVE_FUSE_STATX
#define ENGINE_STATX(op)                                                                       \
	op(statx, FUSE_STATX, ino,                                                                \
	   (fuse_req_t req, fuse_ino_t ino, int flags, int mask, struct fuse_file_info *fi),      \
	   (req, ino, flags, mask, fi))
#else
#define ENGINE_STATX(op)
#endif

/* What only an author has handlers for, all nodes alike; the bits are from one to another. */
#define AUTHOR_OPS(op)                                                                         \
	op(access, FUSE_ACCESS, FUSE_ACCESS, (fuse_req_t req, fuse_ino_t ino, int mask),          \
	   (req, ino, mask))                                                                      \
	op(getlk, FUSE_GETLK, FUSE_GETLK,                                                         \
	   (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock),       \
	   (req, ino, fi, lock))                                                                  \
	op(setlk, FUSE_SETLK, FUSE_SETLKW,                                                        \
	   (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock,        \
	    int sleep), (req, ino, fi, lock, sleep))                                              \
	op(flock, FUSE_SETLK, FUSE_SETLKW,                                                        \
	   (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int operation),            \
	   (req, ino, fi, operation))                                                             \
	op(bmap, FUSE_BMAP, FUSE_BMAP,                                                            \
	   (fuse_req_t req, fuse_ino_t ino, size_t size, uint64_t index),                         \
	   (req, ino, size, index))                                                               \
	op(poll, FUSE_POLL, FUSE_POLL,                                                            \
	   (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,                            \
	    struct fuse_pollhandle *handle), (req, ino, fi, handle))

static void count(struct fusept_stack *s, int opcode)
{
	atomic_fetch_add_explicit(&s->served[opcode], 1, memory_order_relaxed);
}

/* The kernel has a lookup of the node while it asks about it. */
static bool is_own(struct fusept_stack *s, fuse_ino_t ino, int opcode)
{
	const struct fusept_node *node = node_from_ino(s->nodes, ino);

	return atomic_load_explicit(&node->own, memory_order_relaxed) & FUSEPT_OP(opcode);
}

#define HANDLER(name_, opcode, node, params, args)                                                \
	static void on_##name_ params                                                             \
	{                                                                                         \
		struct fusept_stack *s = stack_of(req);                                           \
                                                                                                  \
		count(s, opcode);                                                                 \
		if (s->own.name_ && is_own(s, node, opcode))                                      \
			s->own.name_ args;                                                        \
		else                                                                              \
			stack_##name_ args;                                                       \
	}
ENGINE_OPS(HANDLER)

#define AUTHOR_HANDLER(name_, opcode, last, params, args)                                         \
	static void on_##name_ params                                                             \
	{                                                                                         \
		struct fusept_stack *s = stack_of(req);                                           \
                                                                                                  \
		count(s, opcode);                                                                 \
		s->own.name_ args;                                                                \
	}
AUTHOR_OPS(AUTHOR_HANDLER)

static void on_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	count(stack_of(req), FUSE_FORGET);
	stack_forget(req, ino, nlookup);
}

static void on_forget_multi(fuse_req_t req, size_t count_, struct fuse_forget_data *forgets)
{
	count(stack_of(req), FUSE_BATCH_FORGET);
	stack_forget_multi(req, count_, forgets);
}

/* An author's write() in place of write_buf(), which libfuse would prefer. */
static void on_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	struct fuse_bufvec in = FUSE_BUFVEC_INIT(size);
	struct fusept_stack *s = stack_of(req);

	count(s, FUSE_WRITE);
	if (is_own(s, ino, FUSE_WRITE)) {
		s->own.write(req, ino, buf, size, off, fi);
		return;
	}
	in.buf[0].mem = (void *)(uintptr_t)buf;
	stack_write_buf(req, ino, &in, off, fi);
}

#define DEFAULT(name, ...) .name = stack_##name,
static const struct fuse_lowlevel_ops defaults = {ENGINE_OPS(DEFAULT)};

const struct fuse_lowlevel_ops *fusept_stack_default(void)
{
	return &defaults;
}

#define ON(name, ...) .name = on_##name,
static const struct fuse_lowlevel_ops handlers = {
	.init = stack_init,
	.destroy = stack_destroy,
	.forget = on_forget,
	.forget_multi = on_forget_multi,
	ENGINE_OPS(ON)};

#define TAKE(name, ...)    \
	if (own->name)     \
		table->name = on_##name;

/*
 * An operation that the engine would do by other means than the author's handler is left
 * out, so that the kernel or libfuse comes by his: STATX by GETATTR, a write from a pipe,
 * copies by READ and WRITE, holes by what READ gives.
 */
void ops_table(const struct fuse_lowlevel_ops *own, struct fuse_lowlevel_ops *table)
{
	*table = handlers;
	AUTHOR_OPS(TAKE)
	if (own->write && !own->write_buf) {
		table->write = on_write;
		table->write_buf = NULL;
	}
	if ((own->read || own->write || own->write_buf) && !own->copy_file_range)
		table->copy_file_range = NULL;
	if (own->read && !own->lseek)
		table->lseek = NULL;
#ifdef HAVE_FUSE_STATX
	if (own->getattr && !own->statx)
		table->statx = NULL;
#endif
}

#define BITS_OF(name, opcode, ...)                                                                \
	for (unsigned int flags = 0; own->name && flags < 2; flags++)                             \
		*ops |= FUSEPT_OP(opcode);
#define BITS_FROM_TO(name, first, last, ...)                                                        \
	for (int opcode = first; own->name && opcode <= last; opcode++)                           \
		*ops |= FUSEPT_OP(opcode);

/*
 * Nodes come and go by the engine's count, so FORGET can't be overridden; what has no
 * place in the table can't either.
 */
int ops_overridden(const struct fuse_lowlevel_ops *own, uint64_t *ops)
{
	*ops = 0;
	if (own->forget || own->forget_multi || own->retrieve_reply)
		return -EINVAL;
	ENGINE_OPS(BITS_OF)
	AUTHOR_OPS(BITS_FROM_TO)
	if (own->write)
		*ops |= FUSEPT_OP(FUSE_WRITE);
	if (own->getattr)
		*ops |= FUSEPT_OP(FUSE_STATX);
	return 0;
}
