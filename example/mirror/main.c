/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fusept-mirror: from the command line to the loop, and the way back. */
#include "mirror.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>

/* Descriptors 0 to 2 exist, so that 0 is never one of ours: see file.c. */
static int fill_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* As many descriptors as we may have; the number that nodes may hold. */
static unsigned int raise_fd_limit(unsigned int wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return wanted ? wanted : 256;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	if (!wanted || wanted > limit.rlim_cur)
		wanted = (unsigned int)MIN(limit.rlim_cur / 4 * 3, UINT_MAX);
	return MAX(wanted, 1);
}

/* Opens what is to be shown, before anything is mounted over it. */
static int open_source(struct mirror *m, unsigned int max_fds)
{
	int err, fd = open(m->opt.source, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		complain("SOURCE %s: %s; expected a directory", m->opt.source, strerror(errno));
		return -errno;
	}
	if (access(fd_path(fd).text, F_OK) < 0) {
		complain("/proc/self/fd: %s; expected proc to be mounted at "
			 "/proc",
			 strerror(errno));
		close(fd);
		return -ENOENT;
	}
	m->nodes = nodes_new(fd, m->opt.ops, max_fds, &err);
	if (!m->nodes) {
		complain("SOURCE %s: %s", m->opt.source, strerror(-err));
		close(fd);
		return err;
	}
	return dirs_open(&m->opt, fd);
}

/* Before there are threads: each has limits in common, but capabilities of its own. */
static int set_up(struct mirror *m)
{
	unsigned int max_fds = raise_fd_limit(m->opt.max_fds);
	int err = caller_respect_quota();

	if (err) {
		complain("CAP_SYS_RESOURCE can't be dropped: %s", strerror(-err));
		return err;
	}
	return open_source(m, max_fds);
}

/* Is the mount point the source, or below it? Then we may meet ourselves. */
static gboolean is_below(const char *path, const char *top)
{
	size_t length = strlen(top);

	if (!strcmp(top, "/"))
		return TRUE;
	return !strncmp(path, top, length) && (path[length] == '\0' || path[length] == '/');
}

/* The mount's device number, without asking the file system: that is us. */
static void learn_own_mount(struct mirror *m)
{
	int fd = open(m->opt.mountpoint, O_PATH | O_CLOEXEC);
	struct statx st;

	if (fd >= 0 && !statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st)) {
		m->own_dev = makedev(st.stx_dev_major, st.stx_dev_minor);
		m->guard = is_below(m->opt.mountpoint, m->opt.source);
	}
	if (fd >= 0)
		close(fd);
}

static int block_usr1(void)
{
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	return pthread_sigmask(SIG_BLOCK, &usr1, NULL);
}

static int loop_threads(struct mirror *m)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int result;

	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_clone_fd(config, (unsigned int)m->opt.clone_fd);
	fuse_loop_cfg_set_max_threads(config, m->opt.max_threads);
	if (m->opt.max_idle_threads != UINT_MAX)
		fuse_loop_cfg_set_idle_threads(config, m->opt.max_idle_threads);
	result = fuse_session_loop_mt(m->se, config);
	fuse_loop_cfg_destroy(config);
	return result;
}

/*
 * libfuse's own loops, unless directories are listed by us and files come along, which
 * they can't.
 */
static int loop(struct mirror *m)
{
	int err;

	if (!pass_entries(m) || pass_lists(m) || m->opt.clone_fd)
		return m->opt.singlethread ? fuse_session_loop(m->se) : loop_threads(m);
	err = fusept_session_loop(m->session, m->opt.singlethread ? 1 : m->opt.max_threads);
	if (err)
		mirror_complain(m, "requests can't be served: %s", strerror(-err));
	return err;
}

static gboolean is_something(uint64_t ops)
{
	return ops != FUSEPT_OPS_NONE;
}

/* Asks the kernel for passthrough, if there is anything to pass. */
static int begin_passing(struct mirror *m)
{
	struct fusept_session_options options = {
		.size = sizeof(options),
		.flags = (m->opt.killpriv ? FUSEPT_SESSION_KILLPRIV : 0) | FUSEPT_SESSION_READDIR,
		.max_stack_depth = m->opt.max_stack_depth,
		.max_level = m->opt.io_only ? FUSEPT_LEVEL_IO : 0,
	};
	int err;

	if (!dirs_any(&m->opt, is_something))
		return 0;
	err = fusept_session_new(m->se, &options, &m->session);
	if (err) {
		mirror_complain(m, "the connection to the kernel failed: %s", strerror(-err));
		return err;
	}
	pass_begin(m);
	return 0;
}

/* From a mounted session to its end: 0, -errno or a signal. */
static int serve(struct mirror *m)
{
	struct reporter *reporter = NULL;
	int result = begin_passing(m);

	if (!result) {
		reporter = reporter_start(m);
		result = loop(m);
	}
	reporter_stop(reporter);
	mirror_report(m, FALSE);
	nodes_free(g_steal_pointer(&m->nodes));
	fusept_session_free(m->session);
	return result;
}

static int mount_and_serve(struct mirror *m)
{
	int result;

	if (fuse_session_mount(m->se, m->opt.mountpoint)) {
		complain("can't mount on %s; expected an empty directory and "
			 "the right to mount on it",
			 m->opt.mountpoint);
		return -EPERM;
	}
	learn_own_mount(m);
	m->daemon = !m->opt.foreground;
	if (fuse_daemonize(m->opt.foreground))
		result = -errno;
	else
		result = serve(m);
	fuse_session_unmount(m->se);
	return result;
}

static int run(struct mirror *m, struct fuse_args *args)
{
	int result;

	m->se = fuse_session_new(args, &mirror_ops, sizeof(mirror_ops), m);
	if (!m->se) {
		complain("see fusept-mirror --help");
		return -EINVAL;
	}
	result = set_up(m);
	if (!result && fuse_set_signal_handlers(m->se))
		result = -EINVAL;
	if (!result) {
		block_usr1();
		result = mount_and_serve(m);
		fuse_remove_signal_handlers(m->se);
	}
	nodes_free(m->nodes);
	fuse_session_destroy(m->se);
	return result;
}

int main(int argc, char *argv[])
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct mirror m = {.stats = stats_new()};
	enum options_result options = OPTIONS_BAD;
	int result = 0;

	if (!fill_standard_fds())
		options = options_read(&m.opt, &args);
	m.owners = !geteuid();
	if (options == OPTIONS_RUN)
		result = run(&m, &args);
	options_clear(&m.opt);
	stats_free(m.stats);
	fuse_opt_free_args(&args);
	return options == OPTIONS_BAD || result < 0;
}
