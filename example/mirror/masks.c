/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel is to do, and what it does. */
#include "mirror.h"

#include <string.h>

static gboolean is_something(uint64_t ops)
{
	return ops != FUSEPT_OPS_NONE;
}

gboolean masks_any(const struct options *opt)
{
	return dirs_any(opt, is_something);
}

uint64_t masks_of_node(void *userdata, const struct fusept_node *dir, const struct stat *st,
		       uint64_t ops)
{
	struct mirror *m = userdata;

	(void)ops;
	return dirs_ops(&m->opt, st, dir ? fusept_node_ops(dir) : m->opt.ops);
}

static void describe_ops(uint64_t ops, char *text, size_t size)
{
	if (fusept_ops_format(ops, text, size) >= (int)size)
		g_strlcpy(text, "(many)", size);
}

/* Operations asked for by name that the kernel does not have. */
static uint64_t ops_missing(struct mirror *m, uint64_t ops)
{
	if (ops & FUSEPT_OPS_SUPPORTED)
		return 0;
	return ops & ~fusept_session_ops(fusept_stack_session(m->stack));
}

static void warn_missing(struct mirror *m, uint64_t ops, const char *list)
{
	uint64_t missing = ops_missing(m, ops);
	char text[1024];

	if (!missing)
		return;
	describe_ops(missing, text, sizeof(text));
	mirror_complain(m,
			"ops=%s: this kernel can't pass through %s, so the "
			"daemon serves every operation; name fewer, or add "
			"'supported' to the list",
			list, text);
}

void masks_warn(struct mirror *m)
{
	if (fusept_stack_level(m->stack) < FUSEPT_LEVEL_OPS)
		return;
	warn_missing(m, m->opt.ops, m->opt.ops_text);
	for (guint i = 0; i < m->opt.dirs->len; i++) {
		const struct dir_ops *dir = &g_array_index(m->opt.dirs, struct dir_ops, i);

		warn_missing(m, dir->ops, dir->text);
	}
	if (fusept_stack_reason(m->stack))
		mirror_complain(m,
				"the root can't be passed through: %s; the "
				"daemon serves it",
				strerror(-fusept_stack_reason(m->stack)));
}

/* What the kernel does by itself, but for directories with a mask of their own. */
static uint64_t ops_in_force(struct mirror *m)
{
	switch (fusept_stack_level(m->stack)) {
	case FUSEPT_LEVEL_OPS:
		if (ops_missing(m, m->opt.ops))
			return FUSEPT_OPS_NONE;
		return m->opt.ops & fusept_session_ops(fusept_stack_session(m->stack));
	case FUSEPT_LEVEL_IO:
		/* both or nothing */
		if ((m->opt.ops & FUSEPT_OPS_IO) == FUSEPT_OPS_IO)
			return FUSEPT_OPS_IO;
		return FUSEPT_OPS_NONE;
	default:
		return FUSEPT_OPS_NONE;
	}
}

static const char *level_name(enum fusept_level level)
{
	if (level == FUSEPT_LEVEL_OPS)
		return "ops";
	return level == FUSEPT_LEVEL_IO ? "io" : "none";
}

void masks_describe(struct mirror *m, struct stats_about *about)
{
	struct fusept_session *session = fusept_stack_session(m->stack);

	about->level = level_name(fusept_stack_level(m->stack));
	about->reason = session ? fusept_session_reason(session) : 0;
	describe_ops(ops_in_force(m), about->ops, sizeof(about->ops));
	about->nodes = fusept_stack_nodes(m->stack);
	fusept_stack_counters(m->stack, &about->counters);
}
