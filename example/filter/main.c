/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fusept-filter: from the command line to the loop, and the way back. */
#include "filter.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

void filter_say(const struct filter *f, int priority, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	if (f->daemon)
		syslog(LOG_DAEMON | priority, "%s", text);
	else
		fprintf(stderr, "fusept-filter: %s\n", text);
}

static const struct fuse_lowlevel_ops handlers = {
	.lookup = filter_lookup,
	.readdir = filter_readdir,
	.create = filter_create,
	.mkdir = filter_mkdir,
	.mknod = filter_mknod,
	.symlink = filter_symlink,
	.link = filter_link,
	.unlink = filter_unlink,
	.rmdir = filter_rmdir,
	.rename = filter_rename,
	.setattr = filter_setattr,
	.setxattr = filter_setxattr,
	.removexattr = filter_removexattr,
	.ioctl = filter_ioctl,
	.open = filter_open,
	.read = filter_read,
	.copy_file_range = filter_copy_file_range,
	.lseek = filter_lseek,
};

/* No time at all is 0 for the user, but less for the engine. */
static double timeout(double seconds)
{
	return seconds > 0 ? seconds : -1;
}

static int make_stack(struct filter *f)
{
	const struct options *opt = &f->opt;
	struct fusept_stack_options options = {
		.size = sizeof(options),
		.flags = opt->fuse.clone_fd ? FUSEPT_STACK_CLONE_FD : 0,
		.max_stack_depth = opt->max_stack_depth,
		.threads = opt->fuse.singlethread ? 1 : opt->fuse.max_threads,
		.ops = opt->ops,
		.entry_timeout = timeout(opt->entry_timeout),
		.attr_timeout = timeout(opt->attr_timeout),
		.node_ops = filter_node_ops,
		.free_data = filter_free_data,
	};
	int err;

	if (opt->fuse.max_idle_threads != UINT_MAX)
		options.idle_threads = opt->fuse.max_idle_threads;
	if (!opt->ops)
		options.max_level = FUSEPT_LEVEL_NONE;
	else if (!(opt->ops & ~FUSEPT_OPS_IO))
		options.max_level = FUSEPT_LEVEL_IO;
	err = fusept_stack_new(f->trees[VIEW_PLAIN].fd, &handlers, sizeof(handlers), &options, f,
			       &f->stack);
	if (err)
		filter_say(f, LOG_ERR, "SOURCE %s: %s", opt->source, strerror(-err));
	return err;
}

/* Before there are threads. */
static int set_up(struct filter *f)
{
	int err = fusept_stack_prepare_process();

	if (err)
		filter_say(f, LOG_ERR, "CAP_SYS_RESOURCE can't be dropped: %s", strerror(-err));
	if (!err)
		err = filter_read_rules(f);
	if (!err)
		err = trees_open(f);
	return err ? err : make_stack(f);
}

static int loop(struct filter *f)
{
	struct watcher *watcher;
	int result = fusept_stack_begin(f->stack);

	if (!result) {
		watcher = watcher_start(f);
		result = fusept_stack_loop(f->stack);
		watcher_stop(watcher);
	}
	if (result < 0)
		filter_say(f, LOG_ERR, "requests can't be served: %s", strerror(-result));
	return result;
}

static int serve(struct filter *f)
{
	struct fuse_session *se = fusept_stack_fuse(f->stack);
	int result;

	if (fuse_set_signal_handlers(se))
		return -EINVAL;
	f->daemon = !f->opt.fuse.foreground;
	result = fuse_daemonize(f->opt.fuse.foreground) ? -errno : loop(f);
	fuse_remove_signal_handlers(se);
	return result;
}

static int run(struct filter *f, struct fuse_args *args)
{
	int err = set_up(f);

	if (err)
		return err;
	err = fusept_stack_mount(f->stack, args, f->opt.fuse.mountpoint);
	if (err)
		filter_say(f, LOG_ERR,
			   "MOUNTPOINT %s: %s; expected a directory that may be mounted on, and "
			   "options as fusept-filter --help tells",
			   f->opt.fuse.mountpoint, strerror(-err));
	return err ? err : serve(f);
}

/* SIGHUP is for one thread, which reads it from a descriptor. */
static void block_hup(void)
{
	sigset_t hup;

	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &hup, NULL);
}

int main(int argc, char *argv[])
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct filter f = {.trees = {{.fd = -1}, {.fd = -1}, {.fd = -1}}};
	enum options_result options = options_read(&f.opt, &args);
	int result = 0;

	block_hup();
	g_rw_lock_init(&f.lock);
	if (options == OPTIONS_RUN)
		result = run(&f, &args);
	fusept_stack_free(f.stack);
	trees_close(&f);
	rules_free(f.rules);
	g_rw_lock_clear(&f.lock);
	options_clear(&f.opt);
	fuse_opt_free_args(&args);
	return options == OPTIONS_BAD || result < 0;
}
