/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What /proc tells of a descriptor of the FUSE device:
 *
 *     fuse_connection:	40
 *     backing:	id 1 mask 0x1c008 inodes 1 path /srv/a\040b
 *
 * The first line is of kernels after 6.12, and only if the descriptor is mounted; the others
 * are of kernels with the patches, for files that have an id.
 */
#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Twice as large each time: at 0, 1, 2, 4, ... files there is no room for one more. */
static int grow(struct fdinfo *info)
{
	struct registered *files;

	if (info->count & (info->count - 1))
		return 0;
	files = reallocarray(info->files, info->count ? 2 * info->count : 1, sizeof(*files));
	if (!files)
		return -ENOMEM;
	info->files = files;
	return 0;
}

static int add_file(struct fdinfo *info, const char *line)
{
	struct registered file;
	int path = 0, err;

	if (sscanf(line, " id %d mask %" SCNx64 " inodes %u path %n", &file.id, &file.mask,
		   &file.inodes, &path) != 3 ||
	    !path)
		return -EPROTO;
	err = grow(info);
	if (err)
		return err;
	file.path = strndup(line + path, strcspn(line + path, "\n"));
	if (!file.path)
		return -ENOMEM;
	info->files[info->count++] = file;
	return 0;
}

static int read_line(struct fdinfo *info, const char *line)
{
	if (strncmp(line, "backing:", strlen("backing:")) == 0)
		return add_file(info, line + strlen("backing:"));
	if (sscanf(line, "fuse_connection: %u", &info->connection) == 1)
		info->named = true;
	return 0;
}

int fdinfo_read(pid_t pid, int fd, struct fdinfo *info)
{
	char name[64], *line = NULL;
	size_t size = 0;
	FILE *in;
	int err = 0;

	*info = (struct fdinfo){0};
	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", pid, fd);
	in = fopen(name, "re");
	if (!in)
		return -errno;
	errno = 0;
	while (!err && getline(&line, &size, in) > 0)
		err = read_line(info, line);
	if (!err && ferror(in))
		err = errno ? -errno : -EIO;
	free(line);
	fclose(in);
	if (err)
		fdinfo_clear(info);
	return err;
}

void fdinfo_clear(struct fdinfo *info)
{
	for (size_t i = 0; i < info->count; i++)
		free(info->files[i].path);
	free(info->files);
	*info = (struct fdinfo){0};
}

static bool same_file(const struct registered *a, const struct registered *b)
{
	return a->id == b->id && a->mask == b->mask && a->inodes == b->inodes &&
	       strcmp(a->path, b->path) == 0;
}

bool fdinfo_same(const struct fdinfo *a, const struct fdinfo *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_file(&a->files[i], &b->files[i]))
			return false;
	return true;
}
