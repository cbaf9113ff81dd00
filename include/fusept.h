/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file fusept.h
 * FUSE passthrough for all operations: an extension of libfuse 3's low-level API.
 *
 * A daemon that stacks over another file system registers the file below an
 * inode with a mask of operations.  The kernel then does these operations on
 * the file below without asking the daemon.
 *
 *     fuse_session_new(), fuse_session_mount(), fuse_daemonize()
 *     fusept_session_new()       handles INIT; the level is known from here on
 *     fuse_session_loop_mt()
 *         lookup handler:        fusept_backing_open(), fusept_reply_entry()
 *         open handler:          fusept_reply_open()
 *     fusept_session_free(), fuse_session_unmount(), fuse_session_destroy()
 *
 * Errors: a function that returns int gives 0 (or a value that its comment
 * names) or a negative errno.  Results come back through the last pointer,
 * which is written only on success.  Nothing is ever logged.
 *
 * Threads: every function may be called from any thread at any time, except
 * that fusept_session_new(), fusept_session_free() and fusept_backing_close()
 * must not run at the same time as any other call on the same object.
 *
 * Descriptors: the library keeps none.  Those it opens for a moment are
 * close-on-exec.
 *
 * The user defines FUSE_USE_VERSION (30 or later) before this header, as for
 * libfuse itself.  libfuse 3.14 to 3.18 are supported.
 */
#ifndef FUSEPT_H
#define FUSEPT_H

#include <fuse_lowlevel.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FUSEPT_API     __attribute__((visibility("default")))
#define FUSEPT_CHECKED __attribute__((warn_unused_result))
#else
#define FUSEPT_API
#define FUSEPT_CHECKED
#endif

/* ------------------------------------------------------------------------
 * Operations and masks: pure functions, no session needed
 */

/**
 * Operations that can be in a mask.
 *
 * The numbers are those of the FUSE protocol.  Which of them a kernel can
 * really pass through is told by fusept_session_ops().
 *
 * Since: 0.1
 */
enum fusept_opcode {
	FUSEPT_LOOKUP = 1,
	FUSEPT_FORGET = 2,
	FUSEPT_GETATTR = 3,
	FUSEPT_SETATTR = 4,
	FUSEPT_READLINK = 5,
	FUSEPT_SYMLINK = 6,
	FUSEPT_MKNOD = 8,
	FUSEPT_MKDIR = 9,
	FUSEPT_UNLINK = 10,
	FUSEPT_RMDIR = 11,
	FUSEPT_RENAME = 12,
	FUSEPT_LINK = 13,
	FUSEPT_OPEN = 14,
	FUSEPT_READ = 15,
	FUSEPT_WRITE = 16,
	FUSEPT_STATFS = 17,
	FUSEPT_RELEASE = 18,
	FUSEPT_FSYNC = 20,
	FUSEPT_SETXATTR = 21,
	FUSEPT_GETXATTR = 22,
	FUSEPT_LISTXATTR = 23,
	FUSEPT_REMOVEXATTR = 24,
	FUSEPT_FLUSH = 25,
	FUSEPT_OPENDIR = 27,
	FUSEPT_READDIR = 28,
	FUSEPT_RELEASEDIR = 29,
	FUSEPT_FSYNCDIR = 30,
	FUSEPT_GETLK = 31,
	FUSEPT_SETLK = 32,
	FUSEPT_SETLKW = 33,
	FUSEPT_ACCESS = 34,
	FUSEPT_CREATE = 35,
	FUSEPT_BMAP = 37,
	FUSEPT_IOCTL = 39,
	FUSEPT_POLL = 40,
	FUSEPT_FALLOCATE = 43,
	FUSEPT_READDIRPLUS = 44,
	FUSEPT_RENAME2 = 45,
	FUSEPT_LSEEK = 46,
	FUSEPT_COPY_FILE_RANGE = 47,
	FUSEPT_SYNCFS = 50,
	FUSEPT_TMPFILE = 51,
	FUSEPT_STATX = 52
};

/** The bit of an operation in a mask; opcode is 1..63.  Since: 0.1 */
#define FUSEPT_OP(opcode) (UINT64_C(1) << ((opcode)-1))

/** No operation.  Since: 0.1 */
#define FUSEPT_OPS_NONE UINT64_C(0)

/** What every kernel with passthrough (stock 6.9 and later) has.  Since: 0.1 */
#define FUSEPT_OPS_IO (FUSEPT_OP(FUSEPT_READ) | FUSEPT_OP(FUSEPT_WRITE))

/**
 * No operation, but a request: a mask with this bit is limited to what the
 * kernel has, and where the kernel asks for what fusept_ops_complete() adds,
 * to operations that have it in the mask.  Without this bit a mask that the
 * kernel can't serve is refused.
 * Since: 0.1
 */
#define FUSEPT_OPS_SUPPORTED (UINT64_C(1) << 63)

/**
 * What looks names up and makes files.  With these in the mask of a directory the
 * kernel finds what is in it by itself, and passes through every operation on it, so
 * the daemon never hears of it.
 * Since: 0.1
 */
#define FUSEPT_OPS_NAMES                                                                 \
	(FUSEPT_OP(FUSEPT_LOOKUP) | FUSEPT_OP(FUSEPT_FORGET) | FUSEPT_OP(FUSEPT_SYMLINK) | \
	 FUSEPT_OP(FUSEPT_MKNOD) | FUSEPT_OP(FUSEPT_MKDIR) | FUSEPT_OP(FUSEPT_CREATE) |    \
	 FUSEPT_OP(FUSEPT_TMPFILE))

/**
 * Every operation that this kernel has: the daemon gives a directory and all that is
 * below it away.  FUSEPT_OPS_SUPPORTED is part of it.  Since: 0.1
 */
#define FUSEPT_OPS_SUBTREE (~UINT64_C(0))

/**
 * Every operation that this kernel has on files that the daemon knows: it still gives
 * out each name, and has a node for each file.  FUSEPT_OPS_SUPPORTED is part of it.
 * "Everything but X" is FUSEPT_OPS_ALL & ~FUSEPT_OP(X): what needs X is left to
 * the daemon with it, and without GETATTR no kernel with FUSEPT_LEVEL_OPS
 * passes anything.  Since: 0.1
 */
#define FUSEPT_OPS_ALL (FUSEPT_OPS_SUBTREE & ~FUSEPT_OPS_NAMES)

/**
 * Name of an opcode of the FUSE protocol.
 *
 * Opcodes that can't be in a mask (INIT, INTERRUPT, BATCH_FORGET, ...) have
 * names too, so that a daemon can name every request it counts.
 *
 * @param opcode any number
 * @return upper-case name without prefix, like "GETATTR", valid for ever;
 *         NULL if there is no such opcode
 *
 * Since: 0.1
 */
FUSEPT_API const char *fusept_op_name(int opcode);

/**
 * Read a mask from text.
 *
 * Words are separated by ',' or '+'; case does not matter and white space is
 * not allowed.  A word is an operation ("getattr"), "op" and a number from 1
 * to 63 ("op54"), or one of "all", "subtree", "names", "none", "io", "supported".
 * "-" before a word takes its bits away; words are applied from left to right.
 *
 * @param text NUL-terminated, for instance "all,-unlink" or "io+getattr"
 * @param ops where to store the mask
 * @return 0 or
 *         -EINVAL a word is unknown, empty, or names an opcode that can't be
 *                 in a mask
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED int fusept_ops_parse(const char *text, uint64_t *ops);

/**
 * Write a mask as text that fusept_ops_parse() reads back to the same mask.
 *
 * @param ops any mask
 * @param buf where to write; NUL-terminated if size is not 0; may be NULL if
 *        size is 0
 * @param size of buf in bytes; the text was cut if the result is not less
 * @return length of the whole text without NUL, in bytes
 *
 * Since: 0.1
 */
FUSEPT_API int fusept_ops_format(uint64_t ops, char *buf, size_t size);

/**
 * Add what the operations of a mask depend on.
 *
 * Every operation needs GETATTR (attributes of a bound inode are never
 * cached), OPEN needs RELEASE and OPENDIR needs RELEASEDIR (an open that the
 * daemon never saw can't be released by it), READDIRPLUS needs READDIR (there is
 * one stream of positions), LSEEK needs READ and COPY_FILE_RANGE needs READ and
 * WRITE (data that the daemon serves may not be what lies below), GETLK, SETLK and
 * SETLKW need each other and FLUSH (two sets of locks would keep nobody off the
 * other), and the others of FUSEPT_OPS_NAMES need LOOKUP (the daemon has no node
 * id for what the kernel makes).  FORGET needs all that the kernel has, which is
 * FUSEPT_OPS_SUBTREE.  Kernels refuse a mask without them with -EDOM.  A mask with
 * FUSEPT_OPS_SUPPORTED is cut to fit instead, so leave "everything but X" as it is:
 * this may add X again.
 *
 * @param ops any mask; FUSEPT_OPS_NONE stays as it is
 * @return the mask and its dependencies
 *
 * Since: 0.1
 */
FUSEPT_API uint64_t fusept_ops_complete(uint64_t ops);

/* ------------------------------------------------------------------------
 * Session: what the kernel can do
 */

/** A libfuse session with passthrough.  Since: 0.1 */
struct fusept_session;

/**
 * How much the kernel can do by itself; a greater value includes the lesser.
 *
 * Since: 0.1
 */
enum fusept_level {
	/** nothing: the daemon serves all */
	FUSEPT_LEVEL_NONE = 1,
	/**
	 * read, write, splice and mmap of regular files that were opened with a
	 * backing: stock kernels from 6.9 on
	 */
	FUSEPT_LEVEL_IO = 2,
	/** every operation in the mask of a backing, on files of every type */
	FUSEPT_LEVEL_OPS = 3
};

/**
 * The daemon takes privileges from files that it changes: a flag for struct
 * fusept_session_options.
 *
 * Without it, stock kernels ask the daemon for a file's capabilities at each
 * write that passes through.  With it they leave it to the daemon to clear
 * set-user-ID and set-group-ID bits and capabilities when a file's data or
 * size changes (FUSE_CAP_HANDLE_KILLPRIV_V2 of libfuse).  So give it only if
 * the handlers of write, setattr, open with O_TRUNC, fallocate and
 * copy_file_range do.  They do if their thread has no CAP_FSETID in its
 * effective set while they change the file below.  For what passes through,
 * the library sees to it.  Root's own writes then clear the bits as well.
 *
 * It has no effect if the kernel offers FUSEPT_LEVEL_OPS, where the kernel
 * does all this.
 *
 * Since: 0.1
 */
#define FUSEPT_SESSION_KILLPRIV (UINT32_C(1) << 0)

/**
 * Entries of directories bring their backings along: a flag for struct
 * fusept_session_options.
 *
 * The daemon's readdirplus() handler asks fusept_readdir_passthrough() and writes its
 * entries with fusept_add_direntry_plus(), and requests reach it by
 * fusept_session_loop() or fusept_session_process_buf().  With another loop nothing is
 * lost but the backings: libfuse refuses a request that it does not know, and the kernel
 * asks for plain entries from then on.
 *
 * Since: 0.1
 */
#define FUSEPT_SESSION_READDIR (UINT32_C(1) << 1)

/**
 * Options of fusept_session_new(); fields that are 0 mean their default.
 *
 * Since: 0.1
 */
struct fusept_session_options {
	/** sizeof(struct fusept_session_options) */
	size_t size;
	/** FUSEPT_SESSION_KILLPRIV, FUSEPT_SESSION_READDIR, both or 0 */
	uint32_t flags;
	/**
	 * Layers of stacking file systems this one counts as, itself included,
	 * 1 or 2.  1: files below must not be on a stacking file system.  2
	 * allows one such layer below, and none on top.  0 means what init()
	 * told libfuse together with FUSE_CAP_PASSTHROUGH (3.17 and later), if
	 * that is 1 or 2, else 1.
	 */
	uint32_t max_stack_depth;
	/** an enum fusept_level that is not to be exceeded; 0 means no limit */
	uint32_t max_level;
	/** must be 0 */
	uint32_t reserved;
};

/**
 * Prepare a libfuse session for passthrough.
 *
 * Reads the INIT request that the mount has sent, gives it to libfuse, which
 * calls the daemon's init() handler in this thread, and adds the passthrough
 * flags to the reply of libfuse.  Then asks the kernel what it can do.  The
 * level is final when this returns; see fusept_session_level().
 *
 * Call it once, after fuse_session_mount() and, if used, fuse_daemonize(),
 * and before the session's loop and any thread that reads requests.  Do not
 * use the session's descriptor in init().  Splice, clone_fd and both loops
 * work as always; libfuse's io_uring transport is not used, and its max_write
 * is at most 1 MiB.
 *
 * A kernel, a mount or a daemon that rules passthrough out is no error: the
 * session then has a lower level, and fusept_session_reason() says why.
 *
 * @param se session, mounted; it stays the caller's
 * @param options NULL for defaults
 * @param out the session; to be freed with fusept_session_free()
 * @return 0 or
 *         -EINVAL se or out is NULL, or a field of options is out of range or
 *                 must be 0
 *         -E2BIG  options has bytes that this library does not know, not all
 *                 of them 0
 *         -EBADF  se is not mounted
 *         -ENOMEM no memory
 *         -EMFILE, -ENFILE  too many open files
 *         -ENODEV unmounted or aborted before INIT was answered
 *         -EPROTO libfuse or the daemon's init() refused the kernel's INIT
 *         or what reading and writing the device gave
 *
 * After an error the session is of no use any more, unless it is one of the
 * first six.
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED int fusept_session_new(struct fuse_session *se,
						 const struct fusept_session_options *options,
						 struct fusept_session **out);

/**
 * Free what fusept_session_new() made.
 *
 * Call it after the loop and after fusept_backing_close() of every backing,
 * and before fuse_session_destroy().  The libfuse session goes on without.
 *
 * @param session NULL is fine
 *
 * Since: 0.1
 */
FUSEPT_API void fusept_session_free(struct fusept_session *session);

/**
 * The level in force.
 *
 * @param session any
 * @return level, constant for the session's life
 *
 * Since: 0.1
 */
FUSEPT_API enum fusept_level fusept_session_level(const struct fusept_session *session);

/**
 * Operations that this kernel can pass through.
 *
 * @param session any
 * @return at FUSEPT_LEVEL_OPS what the kernel says, at FUSEPT_LEVEL_IO
 *         FUSEPT_OPS_IO, at FUSEPT_LEVEL_NONE FUSEPT_OPS_NONE; constant for
 *         the session's life
 *
 * Since: 0.1
 */
FUSEPT_API uint64_t fusept_session_ops(const struct fusept_session *session);

/**
 * What limits the level.
 *
 * @param session any
 * @return 0 at FUSEPT_LEVEL_OPS, else
 *         -EOPNOTSUPP the kernel does not offer more
 *         -EPERM      the daemon has no CAP_SYS_ADMIN in the initial user
 *                     namespace
 *         -ECANCELED  max_level of the options
 *         -EBUSY      the daemon's init() asked for the writeback cache,
 *                     which the kernel does not have together with passthrough
 *         -EALREADY   INIT was answered before fusept_session_new()
 *         -EPROTO     the kernel offered more, but did not keep to it
 *
 * Since: 0.1
 */
FUSEPT_API int fusept_session_reason(const struct fusept_session *session);

/**
 * Serve requests until the file system is unmounted or fuse_session_exit() is called.
 *
 * For FUSEPT_SESSION_READDIR; without that flag the loops of libfuse do as well, and only
 * they have clone_fd and threads that come and go.
 *
 * Threads of the loop's own serve, the calling thread waits.  SIGTERM, SIGINT, SIGHUP and
 * SIGQUIT are handled in it at once, so fuse_set_signal_handlers() works; block them in
 * the daemon's other threads.  fuse_session_exit() is seen at once if a signal's
 * handler calls it in this thread or a request's handler does, else with the next
 * request.  The loop can't be cancelled.  It holds one descriptor while it runs.
 *
 * @param session of a mounted file system
 * @param threads that serve; 0 means 1.  If only some can be started, these serve.
 * @return 0 when it is over, also by a signal, or
 *         -EAGAIN, -ENOMEM  no thread could be started
 *         -EMFILE, -ENFILE  too many open files
 *         or what reading the device gave
 *
 * Since: 0.1
 */
FUSEPT_API int fusept_session_loop(struct fusept_session *session, unsigned int threads);

/**
 * Handle one request: fuse_session_process_buf() for a loop of the daemon's own.
 *
 * @param session as for fusept_session_loop()
 * @param buf request that fuse_session_receive_buf() has read; may be changed
 *
 * Since: 0.1
 */
FUSEPT_API void fusept_session_process_buf(struct fusept_session *session, struct fuse_buf *buf);

/* ------------------------------------------------------------------------
 * Backing: a registered file
 */

/** A file that was registered with the kernel, and its mask.  Since: 0.1 */
struct fusept_backing;

/**
 * Register a file.
 *
 * The kernel does the operations on the file with the credentials that the
 * calling thread has now; but for CAP_FSETID, if the session has
 * FUSE_CAP_HANDLE_KILLPRIV_V2 and the mask is empty.  A failure concerns this file only: answer its
 * requests without backing.
 *
 * @param session of a mounted file system
 * @param fd open file, not consumed; the caller may close it at once.  O_PATH
 *        is enough.  Any type at FUSEPT_LEVEL_OPS with operations in the
 *        mask, else a regular file.
 * @param ops operations to pass through, see fusept_ops_complete().
 *        FUSEPT_OPS_ALL (or any mask with FUSEPT_OPS_SUPPORTED) is limited to
 *        what the kernel takes; it is refused if that is nothing, as is
 *        FUSEPT_OPS_ALL & ~FUSEPT_OPS_IO at FUSEPT_LEVEL_IO.
 *        FUSEPT_OPS_NONE stands for what stock kernels
 *        do: read and write through an open file.  At FUSEPT_LEVEL_IO the mask
 *        must be FUSEPT_OPS_NONE or have READ and WRITE both and, without
 *        FUSEPT_OPS_SUPPORTED, nothing else.
 * @param out the backing; to be closed with fusept_backing_close()
 * @return 0 or
 *         -EOPNOTSUPP an operation that the kernel does not have, or with
 *                     FUSEPT_OPS_SUPPORTED none that it takes, or a file that it
 *                     can't pass through; at FUSEPT_LEVEL_IO that is each but
 *                     regular files
 *         -EDOM       a mask without FUSEPT_OPS_SUPPORTED that lacks what one
 *                     of its operations needs
 *         -EBADF      fd is not open, or the session is not mounted any more
 *         -EPERM      no CAP_SYS_ADMIN
 *         -ELOOP      the file is on a file system that is stacked too deep
 *         -ENOMEM, -ENOSPC  out of memory or of ids
 *         -EPROTO     the kernel gave no id
 *         or, at FUSEPT_LEVEL_NONE, what fusept_session_reason() gives
 *         or, if fd is an O_PATH one that the kernel wants opened, what opening
 *         it through /proc/self/fd gave:
 *         -EACCES     this thread may neither read nor write the file
 *         -EAGAIN     somebody has a lease on it
 *         -ETXTBSY    it can't be read, nor written, since it is being executed
 *         -EMFILE, -ENFILE  too many open files
 *         -ENOENT     /proc is not mounted
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED int fusept_backing_open(struct fusept_session *session, int fd,
						  uint64_t ops, struct fusept_backing **out);

/**
 * Take the registration back and free the handle.
 *
 * Inodes and open files that use the backing keep it in the kernel until they
 * go; no new ones can be given it.
 *
 * @param backing NULL is fine; freed in any case, also on error
 * @return 0 (also when the session is not mounted any more) or
 *         -ENOENT the kernel does not know it any more
 *         -EPERM  no CAP_SYS_ADMIN; the kernel keeps it until unmount
 *
 * Since: 0.1
 */
FUSEPT_API int fusept_backing_close(struct fusept_backing *backing);

/**
 * The mask in force.
 *
 * @param backing any
 * @return operations without FUSEPT_OPS_SUPPORTED; FUSEPT_OPS_NONE at
 *         FUSEPT_LEVEL_IO, where nothing is bound to an inode
 *
 * Since: 0.1
 */
FUSEPT_API uint64_t fusept_backing_ops(const struct fusept_backing *backing);

/**
 * The kernel's number for it.
 *
 * @param backing any
 * @return number, greater than 0
 *
 * Since: 0.1
 */
FUSEPT_API int fusept_backing_id(const struct fusept_backing *backing);

/**
 * Bind a backing to an inode that the kernel knows already.
 *
 * For the root (FUSE_ROOT_ID), which is never looked up and which can be bound
 * as soon as fusept_session_new() returned, and for files that a daemon learns
 * late it can pass.  The inode keeps the backing for its life.
 *
 * @param backing with at least one operation in its mask
 * @param ino node id that a reply has given, or FUSE_ROOT_ID
 * @return 0, also if this backing is bound to it already, or
 *         -EOPNOTSUPP not at FUSEPT_LEVEL_OPS
 *         -EINVAL     the backing's mask is empty
 *         -ENOENT     the kernel has no inode of this node id (any more)
 *         -ESTALE     the types of the inode and of the file differ
 *         -EBUSY      another backing is bound to the inode
 *         -ETXTBSY    the file is open or mapped through the page cache
 *         -EBADF      the session is not mounted any more
 *         -EPERM      no CAP_SYS_ADMIN
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED int fusept_backing_bind(struct fusept_backing *backing, fuse_ino_t ino);

/**
 * Change the mask.
 *
 * Once an inode is bound, bits of locks and POLL can't be set, and only those can be
 * cleared that leave nothing behind: what changes or looks up names (so a directory that
 * was given away can be taken back), SETATTR, READLINK, xattrs, ACCESS, STATFS, IOCTL,
 * SYNCFS.  None can be cleared while a file that was given away (see
 * fusept_reply_entry()) uses the backing.
 * An empty mask stays empty, and no other becomes so.
 * Of two calls at the same time one comes second, in the kernel and for
 * fusept_backing_ops() alike.
 *
 * @param backing of a session at FUSEPT_LEVEL_OPS
 * @param ops the whole new mask, as in fusept_backing_open()
 * @return 0 or
 *         -EOPNOTSUPP an operation that the kernel does not have, or with
 *                     FUSEPT_OPS_SUPPORTED none that it takes; or not at
 *                     FUSEPT_LEVEL_OPS, unless ops would do in
 *                     fusept_backing_open() there
 *         -EDOM       as for fusept_backing_open()
 *         -EINVAL     the old or the new mask is empty
 *         -EBUSY      open files may depend on the bits, and an inode is bound
 *         -EBADF      the session is not mounted any more
 *         -EPERM      no CAP_SYS_ADMIN
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED int fusept_backing_set_ops(struct fusept_backing *backing, uint64_t ops);

/* ------------------------------------------------------------------------
 * Replies
 *
 * Each consumes the request, also on error, as libfuse's own do.  With a NULL
 * backing each is the reply of libfuse that it is named after.  An error means
 * that the kernel did not take the reply, most of the time -ENOENT because the
 * caller was interrupted: undo what the handler did, there will be no FORGET
 * or RELEASE.
 *
 * When the kernel takes the reply but can't use its backing, the caller sees
 * an error: EBADF (the backing was closed), EPROTO (the file below has another
 * type), EBUSY (another backing is bound to the inode), ETXTBSY (the file is
 * open or mapped through the page cache) or EINVAL; EIO for open files.  The
 * kernel then sends the FORGET or RELEASE that is due.  So keep one backing
 * for an inode and use it in each of its replies.  None counts, too: what the
 * first reply had, all have.
 */

/**
 * Reply with a directory entry and bind a backing to its inode.
 *
 * Attributes in e are ignored by the kernel when the mask has operations, but
 * the file type must be right or 0.  With e->ino 0 the file is given away: if the mask
 * has FORGET, as that of FUSEPT_OPS_SUBTREE has at FUSEPT_LEVEL_OPS, the kernel serves
 * all that is done with it, and the daemon needs no node for it and may close the
 * backing at once.  Without FORGET, and at other levels, e->ino 0 is a negative entry as
 * ever; so look at fusept_backing_ops() before.  At FUSEPT_LEVEL_IO, or if the mask is
 * empty, the plain entry is sent: the backing is then for fusept_reply_open().
 *
 * Possible requests: lookup, mknod, mkdir, symlink, link
 *
 * @param req request
 * @param e entry
 * @param backing of e->ino, or of a file that is given away, or NULL
 * @return 0 or
 *         -ENOENT the request was interrupted
 *         or what writing to the device gave
 *
 * Since: 0.1
 */
FUSEPT_API int fusept_reply_entry(fuse_req_t req, const struct fuse_entry_param *e,
				  struct fusept_backing *backing);

/**
 * Reply to open with a backing.
 *
 * If the mask has operations, the backing is bound to the inode, and the mask
 * tells what passes.  Else read, write, splice and mmap of this open file do.
 *
 * There is no page cache in such a file, so fi->keep_cache is not sent.
 * fi->direct_io sends reads and writes to the daemon and leaves only mmap on
 * the file below.  fi->nonseekable is not possible.
 *
 * Possible requests: open
 *
 * @param req request
 * @param fi fh and flags, as for fuse_reply_open()
 * @param backing of the inode, or NULL.  On stock kernels all open files of an
 *        inode have the same backing or all have none, else open fails with EIO.
 * @return 0 or
 *         -ENOENT the request was interrupted
 *         -EINVAL fi->nonseekable is set; the caller's open fails with EIO
 *         or what writing to the device gave
 *
 * Since: 0.1
 */
FUSEPT_API int fusept_reply_open(fuse_req_t req, const struct fuse_file_info *fi,
				 struct fusept_backing *backing);

/**
 * Reply with a new file that is open, with a backing.
 *
 * As fusept_reply_entry() and fusept_reply_open() together.
 *
 * Possible requests: create, tmpfile
 *
 * @param req request
 * @param e entry of the new file
 * @param fi fh and flags, as for fuse_reply_create(); fh 0 if RELEASE is in
 *        the mask, since the kernel sends none
 * @param backing of the new file, or NULL
 * @return as fusept_reply_open()
 *
 * Since: 0.1
 */
FUSEPT_API int fusept_reply_create(fuse_req_t req, const struct fuse_entry_param *e,
				   const struct fuse_file_info *fi, struct fusept_backing *backing);

/**
 * In a readdirplus() handler: may entries have backings?
 *
 * Call it first in each, if the session has FUSEPT_SESSION_READDIR.
 *
 * @param size the handler's argument; changed to the size in bytes of the reply
 * @return 1 if so, else 0: for fusept_add_direntry_plus()
 *
 * Since: 0.1
 */
FUSEPT_API int fusept_readdir_passthrough(size_t *size);

/**
 * Add an entry to a reply to readdirplus, and bind a backing to its inode.
 *
 * As fuse_add_direntry_plus(), and so without passthrough.  An entry that was added
 * counts one lookup when the reply is taken, unless e->ino is 0 or it is "." or "..",
 * whose backing is not used either.  An entry without a node id is a name only, or a
 * file that is given away, see fusept_reply_entry().  The kernel looks for a backing when
 * the reply is written: do not close it before.
 *
 * A backing that the kernel can't use is no error of the caller's: the name is listed,
 * its lookup comes back by FORGET, and the file is looked up when it is used.
 *
 * @param req request
 * @param passthrough what fusept_readdir_passthrough() gave
 * @param buf where to write; NULL: only the size is wanted
 * @param bufsize bytes left in buf
 * @param name of the entry
 * @param e entry
 * @param backing as for fusept_reply_entry(), or NULL; not used without passthrough
 * @param off where the next entry is
 * @return size of the entry in bytes; if that is more than bufsize nothing was written
 *
 * Since: 0.1
 */
FUSEPT_API size_t fusept_add_direntry_plus(fuse_req_t req, int passthrough, char *buf,
					   size_t bufsize, const char *name,
					   const struct fuse_entry_param *e,
					   struct fusept_backing *backing, off_t off);

/* ------------------------------------------------------------------------
 * Counters: who did what
 */

/** Opcodes that are counted are less than this.  Since: 0.1 */
#define FUSEPT_OPCODES 64

/**
 * Operations on a mounted file system since it was mounted, by opcode, which is
 * one of enum fusept_opcode or another that fusept_op_name() knows.
 *
 * Since: 0.1
 */
struct fusept_counters {
	/** done by the kernel on the file below */
	uint64_t kernel[FUSEPT_OPCODES];
	/** requests that the kernel has sent to the daemon */
	uint64_t daemon[FUSEPT_OPCODES];
};

/**
 * Ask the kernel who did what on a FUSE mount; any program may that is root or runs
 * as who has mounted it.
 *
 * Mounts of daemons with FUSEPT_LEVEL_OPS are counted; for others all is 0.  A
 * daemon may ask about its own mount, also in a handler: the mount point itself is
 * looked at without a request.
 *
 * @param path the mount point, or anything in the file system
 * @param counters where to store them
 * @return 0 or
 *         -EINVAL path or counters is NULL
 *         -ENODEV no FUSE file system is mounted there, or the control file system
 *                 not on /sys/fs/fuse/connections
 *         -EOPNOTSUPP  this kernel does not count
 *         -EACCES neither root nor who has mounted it
 *         -ENOMEM, -EMFILE, -ENFILE  out of memory or descriptors
 *         -EPROTO the kernel said what nobody understands
 *         or what looking path up gave: -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG,
 *         -ENOTCONN
 *
 * Kernel: one with the patches of this project.
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED int fusept_counters_read(const char *path,
						   struct fusept_counters *counters);

#ifdef __cplusplus
}
#endif

#endif
