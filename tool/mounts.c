/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The mount that figures are wanted of, and why there are none. */
#include "tool.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define CONNECTIONS	     "/sys/fs/fuse/connections"
#define FUSE_CTL_SUPER_MAGIC 0x65735543

/*
 * Is it this device's line?  "36 35 0:40 / /mnt rw - fuse.x /source rw": the type is behind
 * a lonely "-".
 */
static bool read_type(const char *line, unsigned int connection, char *type, size_t size)
{
	unsigned int major, minor;
	const char *at;

	if (sscanf(line, "%*d %*d %u:%u", &major, &minor) != 2 ||
	    (major << 20 | minor) != connection)
		return false;
	at = strstr(line, " - ");
	if (!at)
		return false;
	at += strlen(" - ");
	snprintf(type, size, "%.*s", (int)strcspn(at, " \n"), at);
	return true;
}

static void find_type(struct mount *mount)
{
	FILE *in = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;

	if (!in)
		return;
	while (getline(&line, &size, in) > 0)
		if (read_type(line, mount->connection, mount->type, sizeof(mount->type)))
			break;
	free(line);
	fclose(in);
}

/* As fusept_counters_read() does: no daemon has to answer. */
int mount_find(const char *path, struct mount *mount)
{
	struct statx stx;

	*mount = (struct mount){0};
	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, 0, &stx))
		return -errno;
	mount->connection = stx.stx_dev_major << 20 | stx.stx_dev_minor;
	find_type(mount);
	return 0;
}

bool mount_is_fuse(const struct mount *mount)
{
	const char *type = mount->type;

	return !*type || strcmp(type, "fuse") == 0 || strncmp(type, "fuse.", 5) == 0 ||
	       strcmp(type, "fuseblk") == 0 || strcmp(type, "virtiofs") == 0;
}

size_t mount_count(void)
{
	DIR *dir = opendir(CONNECTIONS);
	struct dirent *entry;
	size_t count = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static bool has_control(void)
{
	struct statfs fs;

	return statfs(CONNECTIONS, &fs) == 0 && fs.f_type == FUSE_CTL_SUPER_MAGIC;
}

/* -ENODEV has three reasons. */
static void describe_no_device(const char *path, struct problem *problem)
{
	struct mount mount;

	if (mount_find(path, &mount) == 0 && !mount_is_fuse(&mount)) {
		snprintf(problem->what, sizeof(problem->what), "no FUSE file system, but %s",
			 mount.type);
		problem->expected = "a FUSE file system's mount point, or a file in it";
		problem->todo = "see 'grep fuse /proc/self/mountinfo' for those that are mounted";
	} else if (!has_control()) {
		snprintf(problem->what, sizeof(problem->what),
			 "the control file system of FUSE is not mounted");
		problem->expected = "it to be mounted on " CONNECTIONS;
		problem->todo = "as root: mount -t fusectl fusectl " CONNECTIONS;
	} else {
		snprintf(problem->what, sizeof(problem->what),
			 "it has no folder in the control file system of FUSE");
		problem->expected = "a FUSE file system whose daemon is a process of this machine";
		problem->todo = "nothing: virtiofs and the like are not counted";
	}
}

static const struct {
	int err;
	const char *what;
	const char *expected;
	const char *todo;
} explanations[] = {
	{EOPNOTSUPP, "this kernel does not count operations",
	 "a kernel with the patches of libfusept",
	 "boot such a kernel, or let the daemon count: fusept-mirror -o stats=FILE"},
	{EACCES, "you may not see its figures", "root, or the user who has mounted it",
	 "run it as root"},
	{ENOENT, "there is nothing of that name", "a FUSE file system's mount point",
	 "look for a typing error"},
	{ENOTDIR, "a part of the path is no directory", "a FUSE file system's mount point",
	 "look for a typing error"},
	{ELOOP, "symbolic links that lead in a circle, or too many",
	 "a FUSE file system's mount point", "name it by another path"},
	{ENAMETOOLONG, "the path is too long", "a path of less than 4096 bytes",
	 "name it by a shorter path"},
	{ENOTCONN, "the daemon of the file system is gone", "a daemon that runs",
	 "unmount it (umount, or fusermount3 -u) and start the daemon again"},
	{ENOMEM, "there is no memory", "some", "end other programs"},
	{EMFILE, "this process has too many open files", "a few that are free",
	 "raise the limit: ulimit -n 1024"},
	{ENFILE, "the system has too many open files", "a few that are free",
	 "end other programs, or raise fs.file-max with sysctl"},
	{EPROTO, "the kernel says what this program does not understand",
	 "lines of an operation and two numbers in the file 'ops' of its control folder",
	 "use the libfusept that belongs to this kernel's patches"},
	{EINVAL, "the path is missing", "a FUSE file system's mount point", "name one"},
};

void explain_counters(const char *path, int err)
{
	struct problem problem = {.expected = "the figures of the mount",
				  .todo = "see what the error says"};

	snprintf(problem.what, sizeof(problem.what), "%s", strerror(-err));
	if (err == -ENODEV)
		describe_no_device(path, &problem);
	for (size_t i = 0; i < COUNT(explanations); i++) {
		if (explanations[i].err != -err)
			continue;
		snprintf(problem.what, sizeof(problem.what), "%s", explanations[i].what);
		problem.expected = explanations[i].expected;
		problem.todo = explanations[i].todo;
	}
	complain_of(path, &problem);
}
