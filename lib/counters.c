// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who did what: the kernel's own count, from its control file system. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECTIONS "/sys/fs/fuse/connections"

/* The kernel's own number of a device, 20 bits of which are the minor one. */
static unsigned int connection_number(const struct statx *stx)
{
	return stx->stx_dev_major << 20 | stx->stx_dev_minor;
}

/*
 * The control folder of the mount.  Nothing is asked of the mount's file system but who it
 * is, which no daemon has to answer: it may be ourselves.
 */
static int connection_folder(const char *path, char *folder, size_t size)
{
	struct statx stx;

	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, 0, &stx))
		return -errno;
	snprintf(folder, size, CONNECTIONS "/%u", connection_number(&stx));
	return 0;
}

/* There is no such file: is it the mount or the kernel that has none? */
static int why_missing(const char *folder)
{
	struct stat st;

	return stat(folder, &st) ? -ENODEV : -EOPNOTSUPP;
}

static int opcode_of(const char *name)
{
	for (int opcode = 1; opcode < FUSEPT_OPCODES; opcode++) {
		const char *known = fusept_op_name(opcode);

		if (known && strcmp(known, name) == 0)
			return opcode;
	}
	return 0;
}

/* Operations that are newer than this library are left out. */
static int read_counters(FILE *in, struct fusept_counters *counters)
{
	uint64_t kernel, daemon;
	char name[32];
	int fields;

	while ((fields = fscanf(in, "%31s %" SCNu64 " %" SCNu64, name, &kernel, &daemon)) == 3) {
		int opcode = opcode_of(name);

		if (!opcode)
			continue;
		counters->kernel[opcode] = kernel;
		counters->daemon[opcode] = daemon;
	}
	if (ferror(in))
		return errno ? -errno : -EIO;
	return fields == EOF ? 0 : -EPROTO;
}

int fusept_counters_parse(const char *file, struct fusept_counters *counters)
{
	FILE *in = fopen(file, "re");
	int ret;

	if (!in)
		return -errno;
	errno = 0;
	ret = read_counters(in, counters);
	fclose(in);
	return ret;
}

int fusept_counters_read(const char *path, struct fusept_counters *counters)
{
	struct fusept_counters read = {0};
	char folder[64], file[80];
	int ret;

	if (!path || !counters)
		return -EINVAL;
	ret = connection_folder(path, folder, sizeof(folder));
	if (ret)
		return ret;
	snprintf(file, sizeof(file), "%s/ops", folder);
	ret = fusept_counters_parse(file, &read);
	if (ret == -ENOENT)
		return why_missing(folder);
	if (ret)
		return ret;
	*counters = read;
	return 0;
}
