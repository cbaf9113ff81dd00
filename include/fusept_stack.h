/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file fusept_stack.h
 * The stacking engine: a complete FUSE file system over a directory tree, of which an
 * author overrides what he cares about.
 *
 *     static const struct fuse_lowlevel_ops ops = {.open = my_open};
 *
 *     int main(int argc, char *argv[])
 *     {
 *             return fusept_stack_main(argc, argv, &ops, sizeof(ops), NULL, NULL);
 *     }
 *
 * What he does not override is done by the kernel where it can, and by the engine
 * where it can't: at every level the file system does the same.  His handlers are
 * libfuse's, and may call the engine's by fusept_stack_default().
 *
 * Step by step, for a main() of one's own:
 *
 *     fusept_stack_prepare_process()  limits and capabilities, before there are threads
 *     fusept_stack_new()              over an open directory
 *     fusept_stack_mount()            fuse_session_new() and fuse_session_mount()
 *     fuse_daemonize(), fuse_set_signal_handlers()
 *     fusept_stack_begin()            the level is known from here on
 *     fusept_stack_loop()
 *     fusept_stack_free()             unmounts, too
 *
 * Errors and threads: as in fusept.h.  fusept_stack_new(), _mount(), _begin(), _loop() and
 * _free() of one engine are not called at the same time; what takes a request or a node
 * may be called from any thread.
 */
#ifndef FUSEPT_STACK_H
#define FUSEPT_STACK_H

#include <fusept.h>
#include <sys/stat.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A file system that is stacked over a directory tree.  Since: 0.1 */
struct fusept_stack;

/** A file that the kernel knows.  Since: 0.1 */
struct fusept_node;

/**
 * The bit of a type of files in override_types; mode is a st_mode.  Since: 0.1
 */
#define FUSEPT_STACK_TYPE(mode) (UINT32_C(1) << (((unsigned int)(mode) & 0170000) >> 12))

/** Regular files.  Since: 0.1 */
#define FUSEPT_STACK_REG FUSEPT_STACK_TYPE(0100000)
/** Directories.  Since: 0.1 */
#define FUSEPT_STACK_DIR FUSEPT_STACK_TYPE(0040000)
/** Symbolic links.  Since: 0.1 */
#define FUSEPT_STACK_LNK FUSEPT_STACK_TYPE(0120000)

/** As FUSEPT_SESSION_KILLPRIV: the engine's handlers do what that asks for.  Since: 0.1 */
#define FUSEPT_STACK_KILLPRIV (UINT32_C(1) << 0)
/** A node keeps no descriptor while nobody uses it: its file is found by handle, where the
 *  file system below has handles.  Since: 0.1 */
#define FUSEPT_STACK_HANDLES (UINT32_C(1) << 1)
/** One descriptor of the FUSE device for each thread.  Since: 0.1 */
#define FUSEPT_STACK_CLONE_FD (UINT32_C(1) << 2)

/**
 * Options of fusept_stack_new(); fields that are 0 mean their default.
 *
 * Since: 0.1
 */
struct fusept_stack_options {
	/** sizeof(struct fusept_stack_options) */
	size_t size;
	/** FUSEPT_STACK_KILLPRIV and the like, or 0 */
	uint32_t flags;
	/** as in struct fusept_session_options */
	uint32_t max_stack_depth;
	/** an enum fusept_level that is not to be exceeded; 0 means no limit.  With
	 *  FUSEPT_LEVEL_NONE nothing is asked of the kernel. */
	uint32_t max_level;
	/** descriptors of nodes; beyond it, those that nobody uses have none.  0, or more than
	 *  RLIMIT_NOFILE, means 3/4 of that.  Not used with FUSEPT_STACK_HANDLES. */
	uint32_t max_fds;
	/** threads that serve; 0 means 10 */
	uint32_t threads;
	/** threads of these that are kept when there is nothing to do, with libfuse's loop; 0
	 *  means all */
	uint32_t idle_threads;
	/** types of files that handlers of the author are for, FUSEPT_STACK_REG and the
	 *  like; 0 means all.  With node_ops it is that which decides.  What is asked of a
	 *  name goes by its directory, the old one of rename; link goes by the file,
	 *  copy_file_range by the source. */
	uint32_t override_types;
	/** must be 0 */
	uint32_t reserved;
	/** operations for the kernel.  Those that the author overrides are taken away, where
	 *  his handlers are for; and FUSEPT_OPS_NAMES if he overrides any, or he would not
	 *  hear of files.  0 means FUSEPT_OPS_ALL */
	uint64_t ops;
	/** seconds that a name is trusted; 0 means 1 second, below 0 not at all */
	double entry_timeout;
	/** seconds that attributes are, where they are not read from below each time; 0
	 *  means 1 second, below 0 not at all */
	double attr_timeout;
	/** seconds that the absence of a name is; 0 means entry_timeout, below 0 not at all */
	double negative_timeout;
	/**
	 * The mask of a new node.  It is asked for each file that is looked up, and the answer
	 * used if that has no node yet.  An operation that the author overrides is his handler's
	 * if its bit is not in the mask, else the engine's or the kernel's.
	 *
	 * @param userdata of fusept_stack_new()
	 * @param dir the directory it was found in, or NULL for the root
	 * @param st of the file
	 * @param ops that it has without this function
	 * @return mask, as for fusept_backing_open(); it is cut to what its other bits allow
	 *         if it has FUSEPT_OPS_SUPPORTED
	 */
	uint64_t (*node_ops)(void *userdata, const struct fusept_node *dir, const struct stat *st,
			     uint64_t ops);
	/** Frees what fusept_node_set_data() gave a node, when that goes. */
	void (*free_data)(void *userdata, void *data);
	/** Told once for each node that the kernel refused to serve, and why: err is negative.
	 *  Not at FUSEPT_LEVEL_NONE, where it is not asked. */
	void (*refused)(void *userdata, const struct fusept_node *node, int err);
};

/**
 * Make the process fit for a file system: raise its limit of descriptors as far as it may,
 * and give up CAP_SYS_RESOURCE, so that quota below binds those who make files.
 *
 * Call it before there are threads.  It concerns all of the process.
 *
 * @return 0 or -errno of what could not be done
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED int fusept_stack_prepare_process(void);

/**
 * Make a file system over a directory.
 *
 * @param source open directory, O_PATH is enough; not consumed
 * @param ops the author's handlers, or NULL; copied.  Any of libfuse's but forget,
 *        forget_multi and retrieve_reply; init is called after the engine's own and
 *        gets userdata, and so does destroy, after the last free_data.  getlk, setlk, flock,
 *        bmap, poll and access are called for all nodes alike.  Node ids and the
 *        fh of open files and directories are the engine's.  Requests have the engine as userdata of libfuse, the author's is
 *        told by fusept_req_userdata().
 * @param op_size sizeof(*ops)
 * @param options NULL for defaults
 * @param userdata for the author's use
 * @param out the file system; to be freed with fusept_stack_free()
 * @return 0 or
 *         -EINVAL a field of options is out of range, ops has what can't be overridden, or
 *                 out is NULL
 *         -E2BIG  options or ops have bytes that this library does not know, not all 0
 *         -ENOTDIR, -EBADF  source is not an open directory
 *         -EACCES this thread may not search it
 *         -ENOENT /proc is not mounted
 *         -ENOMEM, -EMFILE, -ENFILE  out of memory or descriptors
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED int fusept_stack_new(int source, const struct fuse_lowlevel_ops *ops,
					       size_t op_size,
					       const struct fusept_stack_options *options,
					       void *userdata, struct fusept_stack **out);

/**
 * Mount it.
 *
 * @param stack file system
 * @param args options for fuse_session_new(); default_permissions is added
 * @param mountpoint absolute path of a directory
 * @return 0 or
 *         -EINVAL an option that libfuse does not know, which it has complained about on
 *                 stderr; or an argument is NULL, or this has been called already
 *         -EPERM  it can't be mounted there, libfuse has said why
 *         -ENOMEM no memory
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED int fusept_stack_mount(struct fusept_stack *stack, struct fuse_args *args,
						 const char *mountpoint);

/**
 * Ask the kernel for passthrough, and give it the root.
 *
 * Call it after fuse_daemonize(), if used.  That nothing can be passed through is no
 * error: see fusept_stack_reason().
 *
 * @param stack file system, mounted
 * @return 0 or -EINVAL (not mounted, or begun already), or what fusept_session_new() gives
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED int fusept_stack_begin(struct fusept_stack *stack);

/**
 * Serve requests until it is unmounted or a signal handler ends it.
 *
 * @param stack file system that has begun
 * @return 0 when it is over, also by a signal; -EINVAL if it is not mounted; or as
 *         fusept_session_loop()
 *
 * Since: 0.1
 */
FUSEPT_API int fusept_stack_loop(struct fusept_stack *stack);

/**
 * Unmount, and free everything; data of nodes, too.
 *
 * @param stack or NULL
 *
 * Since: 0.1
 */
FUSEPT_API void fusept_stack_free(struct fusept_stack *stack);

/**
 * All of it: the main() of a file system.
 *
 * Reads the command line "SOURCE MOUNTPOINT [options]" with libfuse's options, mounts,
 * becomes a daemon unless told otherwise, and serves.  Says on stderr what is wrong, and
 * answers --help and --version on stdout.
 *
 * @param argc of main()
 * @param argv of main()
 * @param ops as for fusept_stack_new()
 * @param op_size as for fusept_stack_new()
 * @param options defaults of the program, which options on its command line change
 * @param userdata as for fusept_stack_new()
 * @return status for exit(): 0 or 1
 *
 * Since: 0.1
 */
FUSEPT_API int fusept_stack_main(int argc, char *argv[], const struct fuse_lowlevel_ops *ops,
				 size_t op_size, const struct fusept_stack_options *options,
				 void *userdata);

/**
 * The engine's own handlers, for an author's to call.
 *
 * It has none for write (but for write_buf), access, locks, bmap, poll, and what
 * begins and ends.  A name that he gives them is one word of a path, as the kernel's are:
 * one with a '/' leads anywhere.
 *
 * @return handlers, valid for ever
 *
 * Since: 0.1
 */
FUSEPT_API const struct fuse_lowlevel_ops *fusept_stack_default(void);

/**
 * The file system of a request.
 *
 * @param req request
 * @return file system
 *
 * Since: 0.1
 */
FUSEPT_API struct fusept_stack *fusept_req_stack(fuse_req_t req);

/**
 * What the author gave fusept_stack_new() for his own use.
 *
 * @param req request
 * @return userdata
 *
 * Since: 0.1
 */
FUSEPT_API void *fusept_req_userdata(fuse_req_t req);

/**
 * The session of libfuse.
 *
 * @param stack file system
 * @return session, the engine's; NULL before fusept_stack_mount()
 *
 * Since: 0.1
 */
FUSEPT_API struct fuse_session *fusept_stack_fuse(struct fusept_stack *stack);

/**
 * The session with passthrough.
 *
 * @param stack file system
 * @return session, the engine's; NULL before fusept_stack_begin(), or if nothing was to
 *         be asked of the kernel
 *
 * Since: 0.1
 */
FUSEPT_API struct fusept_session *fusept_stack_session(struct fusept_stack *stack);

/**
 * What the kernel can do by itself, whatever the masks leave to it.
 *
 * @param stack file system
 * @return level; FUSEPT_LEVEL_NONE before fusept_stack_begin()
 *
 * Since: 0.1
 */
FUSEPT_API enum fusept_level fusept_stack_level(const struct fusept_stack *stack);

/**
 * Why the kernel does less than it could: it has not more (see fusept_session_reason(), also
 * at FUSEPT_LEVEL_IO), or the root can't be passed through, and so most likely nothing can.
 *
 * @param stack file system that has begun
 * @return 0, or as fusept_session_reason(), fusept_backing_open() or
 *         fusept_backing_bind()
 *
 * Since: 0.1
 */
FUSEPT_API int fusept_stack_reason(const struct fusept_stack *stack);

/**
 * Who did what since it was mounted.  The daemon's part is counted by the engine, on any
 * kernel; the kernel's is 0 where the kernel does not count.
 *
 * @param stack file system
 * @param counters where to store them
 *
 * Since: 0.1
 */
FUSEPT_API void fusept_stack_counters(struct fusept_stack *stack, struct fusept_counters *counters);

/**
 * How many files the kernel knows; the root is one.
 *
 * @param stack file system
 * @return number of nodes
 *
 * Since: 0.1
 */
FUSEPT_API size_t fusept_stack_nodes(struct fusept_stack *stack);

/** Called with each node.  Since: 0.1 */
typedef void fusept_node_visitor(void *arg, struct fusept_node *node);

/**
 * Call a function for each node that the kernel knows now.
 *
 * @param stack file system
 * @param each called without a lock of the engine's; the node is good until it returns
 * @param arg for each
 * @return 0 or
 *         -ENOMEM no memory; each was not called
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED int fusept_stack_each_node(struct fusept_stack *stack,
						     fusept_node_visitor *each, void *arg);

/**
 * Answer lookup() with a file from anywhere, also of another tree.
 *
 * It gets a node like any other; its mask is what a file in the directory would have.
 *
 * Possible requests: lookup, mkdir, mknod, symlink, link
 *
 * @param req request; answered in any case, with the error if there is one
 * @param parent directory that the name is in
 * @param fd O_PATH descriptor of the file, not through a symbolic link; consumed
 *
 * Since: 0.1
 */
FUSEPT_API void fusept_reply_fd(fuse_req_t req, fuse_ino_t parent, int fd);

/**
 * The node id of a node, which requests name it by.
 *
 * @param stack file system
 * @param node of it
 * @return node id
 *
 * Since: 0.1
 */
FUSEPT_API fuse_ino_t fusept_node_ino(struct fusept_stack *stack, struct fusept_node *node);

/**
 * Use a node.
 *
 * @param stack file system
 * @param ino that a request names, or one has named and the kernel not forgotten
 * @param out the node, until fusept_node_put()
 * @return an O_PATH descriptor of its file, the engine's, good until then; or -errno: what
 *         opening it by handle gave
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED int fusept_node_get(struct fusept_stack *stack, fuse_ino_t ino,
					      struct fusept_node **out);

/**
 * End the use of a node.
 *
 * @param stack file system
 * @param node of fusept_node_get()
 *
 * Since: 0.1
 */
FUSEPT_API void fusept_node_put(struct fusept_stack *stack, struct fusept_node *node);

/**
 * The mask that the node was given.
 *
 * @param node of a file system
 * @return mask
 *
 * Since: 0.1
 */
FUSEPT_API uint64_t fusept_node_ops(const struct fusept_node *node);

/**
 * Change the mask of a node, and so whose operations are: an operation that the author
 * overrides is his handler's if its bit is not in the mask.
 *
 * @param stack file system
 * @param node of fusept_node_get()
 * @param ops as for fusept_backing_set_ops()
 * @return 0, or as fusept_backing_set_ops() if the kernel has the file; the mask is as
 *         before then
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED int fusept_node_set_ops(struct fusept_stack *stack,
						  struct fusept_node *node, uint64_t ops);

/**
 * Why the kernel refused to serve a file.
 *
 * @param node of the file
 * @return 0 if it did not, or was not asked; or as fusept_backing_open()
 *
 * Since: 0.1
 */
FUSEPT_API int fusept_node_reason(struct fusept_node *node);

/**
 * What fusept_node_set_data() gave a node.
 *
 * @param node of a file system
 * @return data, or NULL
 *
 * Since: 0.1
 */
FUSEPT_API void *fusept_node_data(const struct fusept_node *node);

/**
 * Give a node data of the author's; free_data of the options gets it in the end.
 *
 * @param node of fusept_node_get()
 * @param data not NULL
 * @return NULL, or the data that it has already: yours was not taken
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED void *fusept_node_set_data(struct fusept_node *node, void *data);

/**
 * The open file of a request, opened by the engine's open() or create().
 *
 * @param fi of the handler, or NULL
 * @return descriptor, the engine's; -1: there is none, since the kernel closes the file
 *         without saying so.  Override release as well to have one in each request, or
 *         use fusept_file_pread() and fusept_file_pwrite().  Not for directories.
 *
 * Since: 0.1
 */
static inline int fusept_file_fd(const struct fuse_file_info *fi)
{
	return fi && fi->fh ? (int)(fi->fh - 1) : -1;
}

/**
 * Read from the file below, as the engine's read() does: from the open file of the
 * request, or one that is opened for the moment.
 *
 * @param req request
 * @param ino of the handler
 * @param fi of the handler, or NULL
 * @param buf where to
 * @param size bytes that are wanted
 * @param off where from, in bytes
 * @return bytes that were read, less than size at the end; or -errno
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED ssize_t fusept_file_pread(fuse_req_t req, fuse_ino_t ino,
						    const struct fuse_file_info *fi, void *buf,
						    size_t size, off_t off);

/**
 * Write to the file below, as the engine's write_buf() does: suid, sgid and the file's
 * capabilities go where they must.
 *
 * @param req request
 * @param ino of the handler
 * @param fi of the handler
 * @param buf what to write
 * @param size bytes
 * @param off where to, in bytes; the file's end if the caller appends
 * @return bytes that were written; or -errno
 *
 * Since: 0.1
 */
FUSEPT_API FUSEPT_CHECKED ssize_t fusept_file_pwrite(fuse_req_t req, fuse_ino_t ino,
						     const struct fuse_file_info *fi,
						     const void *buf, size_t size, off_t off);

/**
 * What an author makes of a name on its way to a reply of readdir.
 *
 * @param arg of fusept_stack_readdir()
 * @param name of the entry below, "." and ".." included
 * @param shown 256 bytes for the name that is shown; has name already
 * @return 0 to leave the entry out, else 1
 */
typedef int fusept_name_filter(void *arg, const char *name, char *shown);

/**
 * Answer readdir() or readdirplus() with names that the author has changed or left out.
 *
 * Entries of readdirplus are names only then: each is looked up, by the author's lookup(),
 * when it is used.
 *
 * @param req request
 * @param ino of the handler
 * @param size of the handler
 * @param off of the handler
 * @param fi of the handler
 * @param plus 1 in readdirplus()
 * @param filter to be asked for each name, more than once for one that does not fit; or
 *        NULL
 * @param arg for filter
 *
 * Since: 0.1
 */
FUSEPT_API void fusept_stack_readdir(fuse_req_t req, fuse_ino_t ino, size_t size,
				     off_t off, struct fuse_file_info *fi, int plus,
				     fusept_name_filter *filter, void *arg);

#ifdef __cplusplus
}
#endif

#endif
