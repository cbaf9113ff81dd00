/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is missing for passthrough, in words: what is so, what was expected, what to do. */
#include "tool.h"

#include <stdarg.h>
#include <string.h>

static void PRINTF(4, 5)
	add(struct probe *probe, const char *expected, const char *todo, const char *format, ...)
{
	struct problem *problem = &probe->problems[probe->problem_count];
	va_list args;

	if (probe->problem_count == COUNT(probe->problems))
		return;
	va_start(args, format);
	vsnprintf(problem->what, sizeof(problem->what), format, args);
	va_end(args);
	problem->expected = expected;
	problem->todo = todo;
	probe->problem_count++;
}

static void add_device(struct probe *probe)
{
	int err = -probe->facts.device;

	if (err == ENOENT)
		add(probe, "the device of the kernel's FUSE",
		    "load the module: modprobe fuse; a container has to be given the device",
		    "there is no /dev/fuse");
	else if (err == EACCES || err == EPERM)
		add(probe, "this user to read and write it",
		    "run it as root, or chmod 666 /dev/fuse as udev does; a container has to be "
		    "given the device",
		    "/dev/fuse may not be opened: %s", strerror(err));
	else if (err)
		add(probe, "a kernel with FUSE", "load the module: modprobe fuse",
		    "/dev/fuse can't be opened: %s", strerror(err));
}

static bool is_built_without(const struct probe *probe)
{
	return strcmp(probe->facts.config, "n") == 0;
}

static void add_config(struct probe *probe)
{
	if (is_built_without(probe))
		add(probe, "CONFIG_FUSE_PASSTHROUGH=y, which Linux has from 6.9 on",
		    "boot a kernel that has it", "kernel %s was built without FUSE passthrough",
		    probe->facts.release);
}

static bool has_rights(const struct probe *probe)
{
	return probe->facts.admin && probe->facts.initial;
}

static void add_rights(struct probe *probe)
{
	if (!probe->facts.admin)
		add(probe, "CAP_SYS_ADMIN among its effective capabilities",
		    "run the daemon as root, or give it the capability: setcap cap_sys_admin+ep "
		    "DAEMON",
		    "this process may not register files");
	else if (!probe->facts.initial)
		add(probe, "the initial one",
		    "run the daemon outside of the container, or without unshare --user",
		    "this process is in a user namespace, where its capabilities do not count");
}

/* ---- the trial ---- */

static const char *const doing[] = {
	[TRIAL_FOLDER] = "making a folder",
	[TRIAL_NAMESPACE] = "making a mount namespace",
	[TRIAL_MOUNT] = "mounting a FUSE file system",
	[TRIAL_SESSION] = "agreeing with the kernel",
	[TRIAL_FILE] = "opening a file",
	[TRIAL_REGISTER] = "registering a file",
	[TRIAL_DONE] = "unmounting",
};

/* It had no result.  False: it had one. */
static bool add_no_result(struct probe *probe)
{
	const struct trial *trial = &probe->trial;

	if (trial->err == -ETIMEDOUT && trial->step == TRIAL_FILE)
		add(probe, "its file system to answer",
		    "name another PATH, or look at the daemon or server of its file system",
		    "%s: no end within %d seconds", probe->path, TRIAL_SECONDS);
	else if (trial->err == -ETIMEDOUT)
		add(probe, "an answer at once", "look at the kernel's log (dmesg)",
		    "%s had no end within %d seconds", doing[trial->step], TRIAL_SECONDS);
	else if (trial->err == -ECHILD)
		add(probe, "it to go well", "report it, with the versions of kernel and libfuse",
		    "the trial crashed while %s", doing[trial->step]);
	else
		return false;
	return true;
}

static void add_namespace(struct probe *probe, int err)
{
	add(probe, "CAP_SYS_ADMIN, or user namespaces for everybody",
	    "run it as root, or see sysctl user.max_user_namespaces, user.max_mnt_namespaces, "
	    "kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns",
	    "there can be no mount namespace to try it in: %s", strerror(err));
}

static void add_mount(struct probe *probe, int err)
{
	const char *said = probe->trial.said;

	/* it can't be mounted without the device, of which was told */
	if (!probe->facts.device)
		add(probe, "the right to mount in a mount namespace of its own",
		    "run it as root, outside of containers",
		    "a FUSE file system can't be mounted: %s", *said ? said : strerror(err));
}

static void add_register(struct probe *probe, int err)
{
	/* nothing can be registered then, of which was told */
	if (probe->trial.level == FUSEPT_LEVEL_NONE)
		return;
	if (err == ELOOP && probe->depth == 2)
		add(probe, "a file system that is not stacked, since a daemon counts as one layer",
		    "let the daemon count as two: max_stack_depth 2, which was tried and works",
		    "%s is on a stacking file system, such as overlayfs", probe->path);
	else if (err == ELOOP)
		add(probe, "at most one layer below the daemon's",
		    "register files of a layer below it",
		    "%s is on a file system that is stacked too deep", probe->path);
	else if (err == EOPNOTSUPP)
		add(probe, "a regular file on a local file system",
		    "leave such files to the daemon", "%s can't be passed through", probe->path);
	else
		add(probe, "this user to read or write it",
		    "run it as root; see what the error says", "%s can't be registered: %s",
		    probe->path, strerror(err));
}

static void add_trial(struct probe *probe)
{
	int err = -probe->trial.err;

	if (!err || add_no_result(probe))
		return;
	if (probe->trial.step == TRIAL_FOLDER)
		add(probe, "a directory for temporary files that may be written to",
		    "set TMPDIR to one", "%s: no mount point can be made: %s", trial_folder(),
		    strerror(err));
	else if (probe->trial.step == TRIAL_NAMESPACE)
		add_namespace(probe, err);
	else if (probe->trial.step == TRIAL_MOUNT)
		add_mount(probe, err);
	else if (probe->trial.step == TRIAL_SESSION)
		add(probe, "libfuse 3.14 to 3.18, and Linux", "install one of these",
		    "libfuse and the kernel do not agree: %s", strerror(err));
	else if (probe->trial.step == TRIAL_FILE)
		add(probe, "a file, or a directory in which this user may make one",
		    "name another PATH", "%s: no file to try it with: %s", probe->path,
		    strerror(err));
	else
		add_register(probe, err);
}

static void add_level(struct probe *probe)
{
	int reason = -probe->trial.reason;

	if (probe->trial.step < TRIAL_FILE || !reason)
		return;
	if (reason == EOPNOTSUPP && probe->trial.level == FUSEPT_LEVEL_IO)
		add(probe, "for the other operations a kernel with the patches of libfusept",
		    "nothing, if that is enough; else boot a kernel with libfusept's "
		    "kernel-patches",
		    "kernel %s passes reads and writes of open files through, and nothing else",
		    probe->facts.release);
	else if (reason == EOPNOTSUPP && !is_built_without(probe))
		add(probe, "Linux from 6.9 on, with CONFIG_FUSE_PASSTHROUGH=y",
		    "boot such a kernel", "kernel %s has no FUSE passthrough",
		    probe->facts.release);
	else if (reason == EPERM && has_rights(probe))
		add(probe, "CAP_SYS_ADMIN to be enough",
		    "look for a security module or a filter of system calls that forbids it",
		    "the kernel does not let this process register files");
	else if (reason == EPROTO)
		add(probe, "a kernel with the patches of libfusept, or without",
		    "report it, with the kernel's release",
		    "kernel %s offers more than it then does", probe->facts.release);
}

void problems_find(struct probe *probe)
{
	add_device(probe);
	add_config(probe);
	add_rights(probe);
	add_level(probe);
	add_trial(probe);
}
