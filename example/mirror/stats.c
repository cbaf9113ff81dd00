/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counting requests, and showing the counts. */
#include "mirror.h"

#include <stdlib.h>
#include <string.h>

struct stats {
	pthread_mutex_t lock;
	GHashTable *refused; /* errno -> how often, under the lock */
};

struct stats *stats_new(void)
{
	struct stats *stats = g_new0(struct stats, 1);

	pthread_mutex_init(&stats->lock, NULL);
	stats->refused = g_hash_table_new(NULL, NULL);
	return stats;
}

void stats_free(struct stats *stats)
{
	if (!stats)
		return;
	g_hash_table_destroy(stats->refused);
	pthread_mutex_destroy(&stats->lock);
	g_free(stats);
}

/* A file could not be registered; @err is positive. */
void stats_refused(struct stats *stats, int err)
{
	gpointer key = GINT_TO_POINTER(err);
	guint times;

	pthread_mutex_lock(&stats->lock);
	times = GPOINTER_TO_UINT(g_hash_table_lookup(stats->refused, key));
	g_hash_table_insert(stats->refused, key, GUINT_TO_POINTER(times + 1));
	pthread_mutex_unlock(&stats->lock);
}

static const char *errno_name(int err)
{
	const char *name = strerrorname_np(err);

	return name ? name : "unknown";
}

static void print_refused(struct stats *stats, FILE *out)
{
	GHashTableIter at;
	gpointer err, times;

	pthread_mutex_lock(&stats->lock);
	g_hash_table_iter_init(&at, stats->refused);
	while (g_hash_table_iter_next(&at, &err, &times))
		fprintf(out, "not passed through, %s (%s): %u\n", errno_name(GPOINTER_TO_INT(err)),
			strerror(GPOINTER_TO_INT(err)), GPOINTER_TO_UINT(times));
	pthread_mutex_unlock(&stats->lock);
}

static void print_row(const char *name, guint64 daemon, guint64 kernel, FILE *out)
{
	fprintf(out, "%-20s %12" G_GUINT64_FORMAT " %12" G_GUINT64_FORMAT "\n", name, daemon,
		kernel);
}

void stats_print(struct stats *stats, const struct stats_about *about, FILE *out)
{
	guint64 daemon = 0, kernel = 0;

	fprintf(out, "level %s, operations of the kernel: %s", about->level, about->ops);
	if (about->reason)
		fprintf(out, " (limited: %s)", strerror(-about->reason));
	fprintf(out, "\n%-20s %12s %12s\n", "operation", "requests", "by kernel");
	for (int opcode = 1; opcode < FUSEPT_OPCODES; opcode++) {
		const char *name = fusept_op_name(opcode);
		guint64 ours = about->counters.daemon[opcode];
		guint64 its = about->counters.kernel[opcode];

		if (!ours && !its)
			continue;
		print_row(name ? name : "?", ours, its, out);
		daemon += ours;
		kernel += its;
	}
	print_row("all", daemon, kernel, out);
	print_refused(stats, out);
	fflush(out);
}

/* Names are upper-case words, so nothing needs an escape. */
static void json_counts(const uint64_t *counts, GString *json)
{
	const char *comma = "";

	for (int opcode = 1; opcode < FUSEPT_OPCODES; opcode++) {
		const char *name = fusept_op_name(opcode);

		if (!counts[opcode] || !name)
			continue;
		g_string_append_printf(json, "%s\"%s\":%" G_GUINT64_FORMAT, comma, name,
				       counts[opcode]);
		comma = ",";
	}
}

static void json_refused(struct stats *stats, GString *json)
{
	const char *comma = "";
	GHashTableIter at;
	gpointer err, times;

	pthread_mutex_lock(&stats->lock);
	g_hash_table_iter_init(&at, stats->refused);
	while (g_hash_table_iter_next(&at, &err, &times)) {
		g_string_append_printf(json, "%s\"%s\":%u", comma, errno_name(GPOINTER_TO_INT(err)),
				       GPOINTER_TO_UINT(times));
		comma = ",";
	}
	pthread_mutex_unlock(&stats->lock);
}

static GString *stats_json(struct stats *stats, const struct stats_about *about)
{
	GString *json = g_string_new(NULL);

	g_string_append_printf(json, "{\"level\":\"%s\",\"ops\":\"%s\",", about->level, about->ops);
	g_string_append_printf(json, "\"reason\":\"%s\",\"nodes\":%zu,\"requests\":{",
			       about->reason ? errno_name(-about->reason) : "", about->nodes);
	json_counts(about->counters.daemon, json);
	g_string_append(json, "},\"kernel\":{");
	json_counts(about->counters.kernel, json);
	g_string_append(json, "},\"refused\":{");
	json_refused(stats, json);
	g_string_append(json, "}}\n");
	return json;
}

static int write_all(int fd, const GString *text)
{
	gsize done = 0;

	while (done < text->len) {
		ssize_t n = write(fd, text->str + done, text->len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (gsize)n;
	}
	return fchmod(fd, 0644) < 0 ? -errno : 0;
}

int stats_write(struct stats *stats, const struct stats_about *about, const char *path)
{
	g_autofree char *temporary = g_strconcat(path, ".XXXXXX", NULL);
	GString *json;
	int err, fd = mkostemp(temporary, O_CLOEXEC);

	if (fd < 0)
		return -errno;
	json = stats_json(stats, about);
	err = write_all(fd, json);
	g_string_free(json, TRUE);
	if (close(fd) < 0 && !err)
		err = -errno;
	if (!err && rename(temporary, path) < 0)
		err = -errno;
	if (err)
		unlink(temporary);
	return err;
}
