/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fusept-mirror: from the command line to the loop, and the way back. */
#include "mirror.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

/* Descriptors 0 to 2 exist, so that no message is written to a file of the tree. */
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

static void count_refused(void *userdata, const struct fusept_node *node, int err)
{
	struct mirror *m = userdata;

	(void)node;
	stats_refused(m->stats, -err);
}

/* No timeout is the default of ours, but 0 is the engine's. */
static double timeout(double seconds)
{
	return seconds > 0 ? seconds : -1;
}

static int make_stack(struct mirror *m, int source)
{
	const struct options *opt = &m->opt;
	struct fusept_stack_options options = {
		.size = sizeof(options),
		.flags = (opt->killpriv ? FUSEPT_STACK_KILLPRIV : 0) |
			 (opt->clone_fd ? FUSEPT_STACK_CLONE_FD : 0),
		.max_stack_depth = opt->max_stack_depth,
		.max_fds = opt->max_fds,
		.threads = opt->singlethread ? 1 : opt->max_threads,
		.idle_threads = opt->max_idle_threads == UINT_MAX ? 0 : opt->max_idle_threads,
		.ops = opt->ops,
		.entry_timeout = timeout(opt->entry_timeout),
		.attr_timeout = timeout(opt->attr_timeout),
		.negative_timeout = timeout(opt->negative_timeout),
		.node_ops = opt->dirs->len ? masks_of_node : NULL,
		.refused = count_refused,
	};

	if (!masks_any(opt))
		options.max_level = FUSEPT_LEVEL_NONE;
	else if (opt->io_only)
		options.max_level = FUSEPT_LEVEL_IO;
	return fusept_stack_new(source, NULL, 0, &options, m, &m->stack);
}

/* Opens what is to be shown, before anything is mounted over it. */
static int open_source(struct mirror *m)
{
	int err, fd = open(m->opt.source, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		complain("SOURCE %s: %s; expected a directory", m->opt.source, strerror(errno));
		return -errno;
	}
	err = dirs_open(&m->opt, fd);
	if (!err) {
		err = make_stack(m, fd);
		if (err == -ENOENT)
			complain("/proc/self/fd: %s; expected proc to be mounted at /proc",
				 strerror(-err));
		else if (err)
			complain("SOURCE %s: %s", m->opt.source, strerror(-err));
	}
	close(fd);
	return err;
}

/* Before there are threads: each has limits in common, but capabilities of its own. */
static int set_up(struct mirror *m)
{
	int err = fusept_stack_prepare_process();

	if (err) {
		complain("CAP_SYS_RESOURCE can't be dropped: %s", strerror(-err));
		return err;
	}
	return open_source(m);
}

static int block_usr1(void)
{
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	return pthread_sigmask(SIG_BLOCK, &usr1, NULL);
}

static int loop(struct mirror *m)
{
	int result = fusept_stack_loop(m->stack);

	if (result < 0)
		mirror_complain(m, "requests can't be served: %s", strerror(-result));
	return result;
}

/* From a mounted session to its end: 0, -errno or a signal. */
static int serve(struct mirror *m)
{
	struct reporter *reporter = NULL;
	int result = fusept_stack_begin(m->stack);

	if (result) {
		mirror_complain(m, "the connection to the kernel failed: %s", strerror(-result));
	} else {
		masks_warn(m);
		reporter = reporter_start(m);
		result = loop(m);
	}
	reporter_stop(reporter);
	mirror_report(m);
	return result;
}

static int daemonize_and_serve(struct mirror *m)
{
	struct fuse_session *se = fusept_stack_fuse(m->stack);
	int result;

	if (fuse_set_signal_handlers(se))
		return -EINVAL;
	block_usr1();
	m->daemon = !m->opt.foreground;
	if (fuse_daemonize(m->opt.foreground))
		result = -errno;
	else
		result = serve(m);
	fuse_remove_signal_handlers(se);
	return result;
}

static int mount_and_serve(struct mirror *m, struct fuse_args *args)
{
	int err = fusept_stack_mount(m->stack, args, m->opt.mountpoint);

	if (err == -EPERM)
		complain("can't mount on %s; expected an empty directory and "
			 "the right to mount on it",
			 m->opt.mountpoint);
	else if (err)
		complain("see fusept-mirror --help");
	return err ? err : daemonize_and_serve(m);
}

static int run(struct mirror *m, struct fuse_args *args)
{
	int result = set_up(m);

	if (!result)
		result = mount_and_serve(m, args);
	fusept_stack_free(m->stack);
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
	if (options == OPTIONS_RUN)
		result = run(&m, &args);
	options_clear(&m.opt);
	stats_free(m.stats);
	fuse_opt_free_args(&args);
	return options == OPTIONS_BAD || result < 0;
}
