/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program outside the tree, C and C++, of both headers; needs no mount and no root. */
#define FUSE_USE_VERSION 314
#include <fusept.h>
#include <fusept_stack.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	struct fusept_stack_options options;
	struct fusept_stack *stack = NULL;
	int source, err;
	char text[64];
	uint64_t ops;

	err = fusept_ops_parse("subtree,-link", &ops);
	if (err)
		return 1;
	fusept_ops_format(ops, text, sizeof(text));
	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	source = open("/", O_RDONLY | O_DIRECTORY);
	err = fusept_stack_new(source, NULL, 0, &options, NULL, &stack);
	close(source);
	if (err)
		return 1;
	printf("%s and %zu node\n", text, fusept_stack_nodes(stack));
	fusept_stack_free(stack);
	return 0;
}
