/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program outside the tree, C and C++, that needs every function of the library. */
#define FUSE_USE_VERSION 314
#include <fusept.h>
#include <stdio.h>

typedef void (*function)(void);

static const function functions[] = {
	(function)fusept_backing_bind,	(function)fusept_backing_close,
	(function)fusept_backing_id,	(function)fusept_backing_open,
	(function)fusept_backing_ops,	(function)fusept_backing_set_ops,
	(function)fusept_op_name,	(function)fusept_ops_complete,
	(function)fusept_ops_format,	(function)fusept_ops_parse,
	(function)fusept_reply_create,	(function)fusept_reply_entry,
	(function)fusept_reply_open,	(function)fusept_session_free,
	(function)fusept_session_level, (function)fusept_session_new,
	(function)fusept_session_ops,	(function)fusept_session_reason,
};

int main(void)
{
	char text[64];

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (!functions[i])
			return 1;
	}
	fusept_ops_format(FUSEPT_OPS_SUBTREE & ~FUSEPT_OP(FUSEPT_LINK), text, sizeof(text));
	puts(text);
	return 0;
}
