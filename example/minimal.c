/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * minimal: a directory tree that tells who opens its files, on stderr with -f.
 *
 * OPEN is ours; everything else is done by the kernel where it can, else by the engine.
 */
#define FUSE_USE_VERSION 314
#include <fusept_stack.h>

#include <stdio.h>
#include <unistd.h>

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fusept_stack *stack = fusept_req_stack(req);
	char link[32], path[4096];
	struct fusept_node *node;
	int fd = fusept_node_get(stack, ino, &node);
	ssize_t length;

	if (fd >= 0) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		length = readlink(link, path, sizeof(path) - 1);
		path[length < 0 ? 0 : length] = '\0';
		fprintf(stderr, "uid %u opens %s\n", fuse_req_ctx(req)->uid, path);
		fusept_node_put(stack, node);
	}
	fusept_stack_default()->open(req, ino, fi);
}

int main(int argc, char *argv[])
{
	static const struct fuse_lowlevel_ops ops = {.open = on_open};
	const struct fusept_stack_options options = {.size = sizeof(options)};

	return fusept_stack_main(argc, argv, &ops, sizeof(ops), &options, NULL);
}
