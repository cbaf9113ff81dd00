/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A trial: a FUSE file system that nobody else sees, and a file that is registered in it.
 *
 * It runs in a process of its own, with a mount namespace of its own, so that it can be
 * ended whatever it waits for, and nothing stays mounted.  Requests are not served: there
 * is nobody who could make any.
 */
#include "tool.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What parent and child know. */
struct setting {
	const char *path;
	unsigned int depth;
	char mountpoint[256];
	struct trial *shared; /* written by the child alone, while it runs */
	int alive[2];	      /* a pipe: its end is the end of the child */
	sigset_t signals;     /* that are blocked */
};

/* ---- in the child ---- */

/* libfuse's words go where the parent finds them; its functions have no argument for us. */
static struct trial *listener;

static void PRINTF(2, 0)
	listen_to_libfuse(enum fuse_log_level level, const char *format, va_list args)
{
	size_t length;

	if (level > FUSE_LOG_ERR || *listener->said)
		return;
	vsnprintf(listener->said, sizeof(listener->said), format, args);
	length = strlen(listener->said);
	if (length && listener->said[length - 1] == '\n')
		listener->said[length - 1] = '\0';
}

static int write_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return err;
}

/* Who may not mount may do so in a user namespace of his own, where he is who he is. */
static int own_user_namespace(void)
{
	char uids[32], gids[32];
	int err;

	snprintf(uids, sizeof(uids), "%u %u 1", geteuid(), geteuid());
	snprintf(gids, sizeof(gids), "%u %u 1", getegid(), getegid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return -errno;
	err = write_file("/proc/self/setgroups", "deny");
	if (!err)
		err = write_file("/proc/self/uid_map", uids);
	return err ? err : write_file("/proc/self/gid_map", gids);
}

static int own_namespace(void)
{
	int err = unshare(CLONE_NEWNS) ? -errno : 0;

	if (err == -EPERM)
		err = own_user_namespace();
	if (!err && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		err = -errno;
	return err;
}

/* A file in a directory that is gone when it is closed. */
static int open_unnamed(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *name;

	/* not every file system has files without names */
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd < 0 ? -errno : fd;
	if (asprintf(&name, "%s/fusept-XXXXXX", dir) < 0)
		return -ENOMEM;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	else
		unlink(name);
	free(name);
	return fd;
}

static int open_file(const char *path)
{
	struct stat st;
	int err, fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	err = fstat(fd, &st) ? -errno : 0;
	if (!err && !S_ISDIR(st.st_mode))
		return fd;
	close(fd);
	return err ? err : open_unnamed(path);
}

static int try_file(struct fusept_session *session, const char *path, struct trial *trial)
{
	struct fusept_backing *backing;
	int err, fd;

	trial->step = TRIAL_FILE;
	fd = open_file(path);
	if (fd < 0)
		return fd;
	trial->step = TRIAL_REGISTER;
	err = fusept_backing_open(session, fd, FUSEPT_OPS_ALL, &backing);
	if (!err)
		err = fusept_backing_close(backing);
	close(fd);
	if (!err)
		trial->step = TRIAL_DONE;
	return err;
}

static int try_session(struct fuse_session *se, const struct setting *setting)
{
	const struct fusept_session_options options = {
		.size = sizeof(options),
		.max_stack_depth = setting->depth,
	};
	struct trial *trial = setting->shared;
	struct fusept_session *session;
	int err;

	trial->step = TRIAL_SESSION;
	err = fusept_session_new(se, &options, &session);
	if (err)
		return err;
	trial->level = fusept_session_level(session);
	trial->reason = fusept_session_reason(session);
	trial->ops = fusept_session_ops(session);
	err = try_file(session, setting->path, trial);
	fusept_session_free(session);
	return err;
}

/* libfuse tells what went wrong, but not in a number. */
static int try_mount(struct fuse_session *se, const struct setting *setting)
{
	int err;

	errno = 0;
	if (fuse_session_mount(se, setting->mountpoint))
		return errno ? -errno : -EIO;
	err = try_session(se, setting);
	/* before libfuse does, who would ask fusermount3 to */
	umount2(setting->mountpoint, MNT_DETACH);
	fuse_session_unmount(se);
	return err;
}

static int try_all(const struct setting *setting)
{
	static const struct fuse_lowlevel_ops ops;
	char *argv[] = {"fusept", "-ofsname=fusept-probe"};
	struct fuse_args args = FUSE_ARGS_INIT(COUNT(argv), argv);
	struct fuse_session *se;
	int err;

	setting->shared->step = TRIAL_NAMESPACE;
	err = own_namespace();
	if (err)
		return err;
	setting->shared->step = TRIAL_MOUNT;
	se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	err = se ? try_mount(se, setting) : -ENOMEM;
	if (se)
		fuse_session_destroy(se);
	fuse_opt_free_args(&args);
	return err;
}

/*
 * The parent must not wait for us in vain, nor who reads its output: all that we share with
 * them is the pipe.
 */
static void leave_output(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i <= 2 && fd >= 0; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static void __attribute__((noreturn)) run_child(const struct setting *setting)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	leave_output();
	listener = setting->shared;
	fuse_set_log_func(listen_to_libfuse);
	setting->shared->err = try_all(setting);
	_exit(0);
}

/* ---- in the parent ---- */

/* Until the child has ended, the time is over, or a signal waits; has it ended? */
static bool wait_for_end(const struct setting *setting, int signals, int seconds)
{
	struct pollfd fds[2] = {
		{.fd = setting->alive[0]},
		{.fd = signals, .events = POLLIN},
	};

	while (poll(fds, 2, seconds * 1000) < 0 && errno == EINTR)
		;
	return fds[0].revents;
}

static bool wait_or_kill(const struct setting *setting, pid_t child)
{
	int signals = signalfd(-1, &setting->signals, SFD_CLOEXEC);
	bool ended = wait_for_end(setting, signals, TRIAL_SECONDS);

	if (signals >= 0)
		close(signals);
	if (ended)
		return true;
	kill(child, SIGKILL);
	setting->shared->err = -ETIMEDOUT;
	/* it may not even end now, if it waits for another file system */
	return wait_for_end(setting, -1, 1);
}

static void supervise(const struct setting *setting, pid_t child)
{
	int status = 0;

	if (!wait_or_kill(setting, child))
		return;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (status && setting->shared->err != -ETIMEDOUT)
		setting->shared->err = -ECHILD;
}

static int fork_and_supervise(struct setting *setting)
{
	pid_t child;

	if (pipe2(setting->alive, O_CLOEXEC))
		return -errno;
	child = fork();
	if (child == 0)
		run_child(setting);
	close(setting->alive[1]);
	if (child < 0)
		setting->shared->err = -errno;
	else
		supervise(setting, child);
	close(setting->alive[0]);
	return 0;
}

const char *trial_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	return tmp && *tmp == '/' ? tmp : "/tmp";
}

static int run_in_folder(struct setting *setting)
{
	int err;

	snprintf(setting->mountpoint, sizeof(setting->mountpoint), "%s/fusept-XXXXXX",
		 trial_folder());
	if (!mkdtemp(setting->mountpoint))
		return -errno;
	err = fork_and_supervise(setting);
	rmdir(setting->mountpoint);
	return err;
}

/* Signals that would end us do so when all is cleared away. */
static void block(sigset_t *signals, sigset_t *before)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGHUP);
	sigaddset(signals, SIGQUIT);
	sigprocmask(SIG_BLOCK, signals, before);
}

void trial_run(const char *path, unsigned int depth, struct trial *trial)
{
	struct setting setting = {.path = path, .depth = depth};
	sigset_t before;
	int err;

	*trial = (struct trial){.err = -ENOMEM};
	setting.shared = mmap(NULL, sizeof(*trial), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (setting.shared == MAP_FAILED)
		return;
	block(&setting.signals, &before);
	err = run_in_folder(&setting);
	if (err)
		setting.shared->err = err;
	*trial = *setting.shared;
	munmap(setting.shared, sizeof(*trial));
	sigprocmask(SIG_SETMASK, &before, NULL);
}
