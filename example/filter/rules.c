/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules: reading them, and what they say of a path.
 *
 * A pattern is matched word by word, so that '*' is never a '/'. One of a single word is
 * for names in any directory, unless a '/' is before it; others begin at SOURCE. Who
 * matches takes what is below along.
 */
#include "filter.h"

#include <fnmatch.h>
#include <string.h>

struct range {
	guint64 from, to; /* both are in it */
};

struct rule {
	enum view view;
	GStrv words;
	gboolean anywhere;
	GArray *ranges; /* NULL: it does not redact */
};

struct rules {
	GPtrArray *list; /* of struct rule */
};

static void rule_free(gpointer data)
{
	struct rule *rule = data;

	g_strfreev(rule->words);
	g_clear_pointer(&rule->ranges, g_array_unref);
	g_free(rule);
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	g_ptr_array_unref(rules->list);
	g_free(rules);
}

/* The words of a path, without empty ones. */
static GStrv split(const char *path)
{
	GStrv words = g_strsplit(path, "/", -1);
	gchar **to = words;

	for (gchar **from = words; *from; from++) {
		if (**from)
			*to++ = *from;
		else
			g_free(*from);
	}
	*to = NULL;
	return words;
}

/* A number; *text is behind it then. */
static gboolean take_number(const char **text, guint64 *number)
{
	char *end;

	if (!g_ascii_isdigit(**text))
		return FALSE;
	errno = 0;
	*number = g_ascii_strtoull(*text, &end, 10);
	*text = end;
	return !errno && *number <= G_MAXINT64;
}

/* "FROM-TO[,FROM-TO]..."; the last TO may be left out. NULL: it is not of that form. */
static GArray *read_ranges(const char *text)
{
	GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct range));
	struct range range;

	while (take_number(&text, &range.from) && *text++ == '-') {
		if (!*text)
			range.to = G_MAXUINT64;
		else if (!take_number(&text, &range.to) || range.to < range.from)
			break;
		g_array_append_val(ranges, range);
		if (!*text)
			return ranges;
		if (*text++ != ',')
			break;
	}
	g_array_unref(ranges);
	return NULL;
}

/* Takes the last word of a line away; NULL: there are none before it. */
static char *cut_last_word(char *line)
{
	char *space = strrchr(line, ' '), *tab = strrchr(line, '\t');
	char *at = MAX(space, tab);

	if (!at)
		return NULL;
	*at = '\0';
	g_strchomp(line);
	return at + 1;
}

static const char *read_pattern(struct rule *rule, const char *pattern)
{
	rule->words = split(pattern);
	rule->anywhere = !strchr(pattern, '/') ||
			 (rule->words[0] && !rule->words[1] && *pattern != '/');
	if (!*rule->words)
		return "there is no PATTERN";
	if (g_strv_contains((const gchar *const *)rule->words, ".") ||
	    g_strv_contains((const gchar *const *)rule->words, ".."))
		return "a PATTERN with . or .., which no path has";
	return NULL;
}

/* NULL, or what is wrong. */
static const char *read_rule(struct rule *rule, char *line)
{
	static const char *const names[] = {
		[VIEW_READ_ONLY] = "readonly", [VIEW_REDACTED] = "redact", [VIEW_HIDDEN] = "hide"};
	char *rest = line + strcspn(line, " \t");
	char *ranges;

	if (*rest)
		*rest++ = '\0';
	g_strchug(rest);
	for (rule->view = VIEW_READ_ONLY; strcmp(line, names[rule->view]); rule->view++) {
		if (rule->view == VIEW_HIDDEN)
			return "an unknown word";
	}
	if (rule->view == VIEW_REDACTED) {
		ranges = cut_last_word(rest);
		rule->ranges = ranges ? read_ranges(ranges) : NULL;
		if (!rule->ranges)
			return "no bytes to redact";
	}
	return read_pattern(rule, rest);
}

static gboolean add_line(struct rules *rules, const char *file, guint number, char *line,
			 char **why)
{
	g_autofree char *shown = g_strdup(g_strstrip(line));
	struct rule *rule;
	const char *wrong;

	if (!*line || *line == '#')
		return TRUE;
	rule = g_new0(struct rule, 1);
	g_ptr_array_add(rules->list, rule);
	wrong = read_rule(rule, line);
	if (wrong)
		*why = g_strdup_printf(
			"%s:%u: %s in \"%s\"; expected hide PATTERN, readonly PATTERN "
			"or redact PATTERN FROM-TO[,FROM-TO]...",
			file, number, wrong, shown);
	return !wrong;
}

struct rules *rules_read(const char *file, char **why)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	struct rules *rules;
	gsize length;

	if (!g_file_get_contents(file, &text, &length, &error)) {
		*why = g_strdup_printf("%s; expected a file with rules", error->message);
		return NULL;
	}
	if (strlen(text) != length) {
		*why = g_strdup_printf("%s: it has a byte 0; expected text", file);
		return NULL;
	}
	rules = g_new0(struct rules, 1);
	rules->list = g_ptr_array_new_with_free_func(rule_free);
	lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i]; i++) {
		if (add_line(rules, file, i + 1, lines[i], why))
			continue;
		rules_free(rules);
		return NULL;
	}
	return rules;
}

static gboolean word_fits(const char *pattern, const char *word)
{
	return !fnmatch(pattern, word, 0);
}

/* How many words of the pattern fit, from the first on; *all says whether there are no more. */
static guint words_fitting(const struct rule *rule, const GStrv path, gboolean *all)
{
	guint i = 0;

	while (rule->words[i] && path[i] && word_fits(rule->words[i], path[i]))
		i++;
	*all = !rule->words[i];
	return i;
}

static gboolean rule_fits(const struct rule *rule, const GStrv path)
{
	gboolean all = FALSE;

	if (!rule->anywhere)
		words_fitting(rule, path, &all);
	for (guint i = 0; rule->anywhere && path[i] && !all; i++)
		all = word_fits(rule->words[0], path[i]);
	return all;
}

/* Would the rule not find its files any more, were this directory called otherwise? */
static gboolean rule_leads(const struct rule *rule, const GStrv path)
{
	gboolean all;

	return !rule->anywhere && !path[words_fitting(rule, path, &all)] && !all;
}

struct look rules_look(const struct rules *rules, const char *path)
{
	g_auto(GStrv) words = split(path);
	struct look look = {.view = VIEW_PLAIN};

	for (guint i = 0; i < rules->list->len; i++) {
		const struct rule *rule = g_ptr_array_index(rules->list, i);

		if (rule->view > look.view && rule_fits(rule, words))
			look.view = rule->view;
		look.leads = look.leads || rule_leads(rule, words);
	}
	return look;
}

GArray *rules_ranges(const struct rules *rules, const char *path)
{
	g_auto(GStrv) words = split(path);
	GArray *ranges = NULL;

	for (guint i = 0; i < rules->list->len; i++) {
		const struct rule *rule = g_ptr_array_index(rules->list, i);

		if (!rule->ranges || !rule_fits(rule, words))
			continue;
		if (!ranges)
			ranges = g_array_new(FALSE, FALSE, sizeof(struct range));
		g_array_append_vals(ranges, rule->ranges->data, rule->ranges->len);
	}
	return ranges;
}

void ranges_apply(const GArray *ranges, char *data, size_t size, off_t off)
{
	guint64 begin = (guint64)off, end = begin + size;

	for (guint i = 0; i < ranges->len; i++) {
		const struct range *range = &g_array_index(ranges, struct range, i);
		guint64 from = MAX(range->from, begin);
		guint64 to = range->to < end ? range->to + 1 : end;

		if (from < to)
			memset(data + (from - begin), 'X', to - from);
	}
}
