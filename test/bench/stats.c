/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon's own counters: it writes them to a file (JSON) when it gets SIGUSR1. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "bench.h"

#define PATIENCE_MS	60000
#define MAX_SIZE	65536

/* Watches the folder, not the file: the daemon may write a new file and rename it. */
static int watch_folder(const char *file)
{
	char folder[PATH_MAX];
	char *slash;
	int fd, ret;

	if (snprintf(folder, sizeof(folder), "%s", file) >= (int)sizeof(folder))
		return -ENAMETOOLONG;
	slash = strrchr(folder, '/');
	if (!slash)
		return -EINVAL;
	*slash = '\0';
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (inotify_add_watch(fd, folder, IN_CLOSE_WRITE | IN_MOVED_TO) >= 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

static int wait_for(int watch, const char *name)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct pollfd ready = { .fd = watch, .events = POLLIN };

	while (poll(&ready, 1, PATIENCE_MS) == 1) {
		ssize_t size = read(watch, buf, sizeof(buf));
		const struct inotify_event *event;

		for (char *at = buf; at < buf + size; at += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)(const void *)at;
			if (event->len && strcmp(event->name, name) == 0)
				return 0;
		}
	}
	return -ETIMEDOUT;
}

/* Adds up the numbers of the object "requests": {"LOOKUP": 12, ...}; it has no object in it. */
static int add_up(const char *text, uint64_t *total)
{
	const char *at = strstr(text, "\"requests\"");
	const char *end = at ? strchr(at, '}') : NULL;

	at = at ? strchr(at, '{') : NULL;
	if (!at || !end || at > end)
		return -EBADMSG;
	while ((at = strchr(at, ':')) && at < end)
		*total += strtoull(++at, NULL, 10);
	return 0;
}

/* The caller frees *out. */
static int read_text(const char *file, char **out)
{
	char *text = calloc(1, MAX_SIZE);
	FILE *f = fopen(file, "re");
	int ret = 0;

	if (!text || !f)
		ret = -errno;
	else if (fread(text, 1, MAX_SIZE - 1, f) == 0 || ferror(f))
		ret = -EIO;
	if (f)
		fclose(f);
	if (!ret)
		*out = text;
	else
		free(text);
	return ret;
}

/* Makes the daemon write its counters now, and waits until it has. */
static int refresh(const struct stats *stats)
{
	int watch = watch_folder(stats->file);
	int ret;

	if (watch < 0)
		return watch;
	if (kill(stats->daemon, SIGUSR1))
		ret = -errno;
	else
		ret = wait_for(watch, strrchr(stats->file, '/') + 1);
	close(watch);
	return ret;
}

int stats_total(const struct stats *stats, uint64_t *total)
{
	char *text = NULL;
	int ret;

	*total = 0;
	if (!stats->file)
		return 0;
	ret = refresh(stats);
	if (!ret)
		ret = read_text(stats->file, &text);
	if (!ret)
		ret = add_up(text, total);
	free(text);
	return ret;
}

int stats_print(const struct stats *stats)
{
	char *text = NULL;
	int ret = refresh(stats);

	if (!ret)
		ret = read_text(stats->file, &text);
	if (!ret && fputs(text, stdout) < 0)
		ret = -EIO;
	free(text);
	return ret;
}
