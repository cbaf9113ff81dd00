/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who has the FUSE device open, as far as we may see. */
#include "tool.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int add(struct devices *devices, const struct device *device)
{
	struct device *list =
		reallocarray(devices->list, devices->count + 1, sizeof(*devices->list));

	if (!list)
		return -ENOMEM;
	devices->list = list;
	list[devices->count++] = *device;
	devices->named |= device->info.named;
	return 0;
}

/*
 * By the name of the link alone: to look at the file might ask a file system that does not
 * answer.  In front of the name there may be the folder of a container.
 */
static bool is_device(int dir, const char *name)
{
	static const char device[] = "/dev/fuse";
	char link[512];
	ssize_t length = readlinkat(dir, name, link, sizeof(link));

	return length >= (ssize_t)strlen(device) && length < (ssize_t)sizeof(link) &&
	       memcmp(link + length - strlen(device), device, strlen(device)) == 0;
}

static int look_at(pid_t pid, const char *name, struct devices *devices)
{
	struct device device = {.pid = pid, .fd = atoi(name)};
	int err = fdinfo_read(pid, device.fd, &device.info);

	/* closed, or the process has ended, while we looked */
	if (err == -ENOENT || err == -ESRCH)
		return 0;
	if (!err)
		err = add(devices, &device);
	if (err)
		fdinfo_clear(&device.info);
	return err;
}

static bool is_number(const char *name)
{
	return *name && name[strspn(name, "0123456789")] == '\0';
}

static int find_of_process(pid_t pid, struct devices *devices)
{
	char name[32];
	struct dirent *entry;
	DIR *dir;
	int err = 0;

	snprintf(name, sizeof(name), "/proc/%d/fd", pid);
	dir = opendir(name);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!err && (entry = readdir(dir)))
		if (is_number(entry->d_name) && is_device(dirfd(dir), entry->d_name))
			err = look_at(pid, entry->d_name, devices);
	closedir(dir);
	return err;
}

static int find_all(struct devices *devices)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int err = 0;

	if (!proc)
		return -errno;
	while (!err && (entry = readdir(proc))) {
		if (!is_number(entry->d_name))
			continue;
		err = find_of_process(atoi(entry->d_name), devices);
		if (err == -EACCES || err == -EPERM)
			devices->hidden++;
		if (err == -EACCES || err == -EPERM || err == -ESRCH)
			err = 0;
	}
	closedir(proc);
	return err;
}

int devices_find(pid_t pid, struct devices *devices)
{
	int err;

	*devices = (struct devices){0};
	err = pid ? find_of_process(pid, devices) : find_all(devices);
	if (err)
		devices_clear(devices);
	return err;
}

void devices_clear(struct devices *devices)
{
	for (size_t i = 0; i < devices->count; i++)
		fdinfo_clear(&devices->list[i].info);
	free(devices->list);
	*devices = (struct devices){0};
}
