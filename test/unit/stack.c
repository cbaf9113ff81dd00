// SPDX-License-Identifier: LGPL-2.1-or-later
/* The engine without a mount: what it takes and what it refuses. */
#define FUSE_USE_VERSION 314
#include <fusept_stack.h>

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int new_with(const struct fusept_stack_options *options, const struct fuse_lowlevel_ops *ops,
		    size_t size)
{
	int fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC), ret;
	struct fusept_stack *stack;

	CHECK_SYS(fd);
	ret = fusept_stack_new(fd, ops, size, options, NULL, &stack);
	close(fd);
	if (!ret)
		fusept_stack_free(stack);
	return ret;
}

static int with_options(struct fusept_stack_options options)
{
	options.size = sizeof(options);
	return new_with(&options, NULL, 0);
}

TEST(no_options_mean_defaults)
{
	CHECK_EQ(new_with(NULL, NULL, 0), 0);
	CHECK_EQ(with_options((struct fusept_stack_options){0}), 0);
	fusept_stack_free(NULL);
}

TEST(options_out_of_range_are_refused)
{
	typedef struct fusept_stack_options options;

	CHECK_EQ(with_options((options){.flags = 1u << 31}), -EINVAL);
	CHECK_EQ(with_options((options){.max_stack_depth = 3}), -EINVAL);
	CHECK_EQ(with_options((options){.max_level = 4}), -EINVAL);
	CHECK_EQ(with_options((options){.override_types = 1u << 16}), -EINVAL);
	CHECK_EQ(with_options((options){.reserved = 1}), -EINVAL);
	CHECK_EQ(with_options((options){.entry_timeout = -1, .attr_timeout = 0.5}), 0);
	CHECK_EQ(with_options((options){.flags = FUSEPT_STACK_HANDLES, .max_fds = 7}), 0);
}

TEST(not_a_number_is_no_timeout)
{
	const double nan = strtod("nan", NULL);
	typedef struct fusept_stack_options options;

	CHECK_EQ(with_options((options){.entry_timeout = nan}), -EINVAL);
	CHECK_EQ(with_options((options){.attr_timeout = nan}), -EINVAL);
	CHECK_EQ(with_options((options){.negative_timeout = nan}), -EINVAL);
}

TEST(options_of_other_versions)
{
	struct {
		struct fusept_stack_options options;
		char newer[8];
	} long_ones = {.options.size = sizeof(long_ones)};
	struct fusept_stack_options short_ones = {.size = sizeof(size_t), .reserved = 1};

	CHECK_EQ(new_with(&long_ones.options, NULL, 0), 0);
	long_ones.newer[7] = 1;
	CHECK_EQ(new_with(&long_ones.options, NULL, 0), -E2BIG);
	CHECK_EQ(new_with(&short_ones, NULL, 0), 0);
	short_ones.size--;
	CHECK_EQ(new_with(&short_ones, NULL, 0), -EINVAL);
}

static void forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	(void)req;
	(void)ino;
	(void)nlookup;
}

TEST(handlers_that_can_not_be_overridden)
{
	const struct fuse_lowlevel_ops forgets = {.forget = forget};
	struct {
		struct fuse_lowlevel_ops ops;
		char newer[8];
	} long_ones = {0};

	CHECK_EQ(new_with(NULL, &forgets, sizeof(forgets)), -EINVAL);
	CHECK_EQ(new_with(NULL, &long_ones.ops, sizeof(long_ones)), 0);
	long_ones.newer[0] = 1;
	CHECK_EQ(new_with(NULL, &long_ones.ops, sizeof(long_ones)), -E2BIG);
	/* an older program's table ends before what it does not have */
	CHECK_EQ(new_with(NULL, &forgets, offsetof(struct fuse_lowlevel_ops, forget)), 0);
}

TEST(sources_that_are_no_directory)
{
	struct fusept_stack *stack;
	int fd = open("/dev/null", O_PATH | O_CLOEXEC);

	CHECK_SYS(fd);
	CHECK_EQ(fusept_stack_new(fd, NULL, 0, NULL, NULL, &stack), -ENOTDIR);
	CHECK_EQ(fusept_stack_new(fd, NULL, 0, NULL, NULL, NULL), -EINVAL);
	close(fd);
	CHECK_EQ(fusept_stack_new(fd, NULL, 0, NULL, NULL, &stack), -EBADF);
	CHECK_EQ(fusept_stack_new(-1, NULL, 0, NULL, NULL, &stack), -EBADF);
}

TEST(what_is_not_mounted_does_not_begin)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fusept_counters counters;
	struct fusept_stack *stack;
	int fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

	CHECK_EQ(fusept_stack_new(fd, NULL, 0, NULL, NULL, &stack), 0);
	close(fd);
	CHECK_EQ(fusept_stack_begin(stack), -EINVAL);
	CHECK_EQ(fusept_stack_loop(stack), -EINVAL);
	CHECK_EQ(fusept_stack_mount(stack, &args, NULL), -EINVAL);
	CHECK_EQ(fusept_stack_begin(NULL), -EINVAL);
	CHECK_EQ(fusept_stack_level(stack), FUSEPT_LEVEL_NONE);
	CHECK_EQ(fusept_stack_reason(stack), 0);
	CHECK(!fusept_stack_fuse(stack) && !fusept_stack_session(stack));
	fusept_stack_counters(stack, &counters);
	CHECK_EQ(counters.daemon[FUSEPT_LOOKUP] + counters.kernel[FUSEPT_LOOKUP], 0);
	fusept_stack_free(stack);
}

TEST(the_engine_has_every_operation)
{
	const struct fuse_lowlevel_ops *ops = fusept_stack_default();

	CHECK(ops->lookup && ops->getattr && ops->setattr && ops->readlink && ops->mknod);
	CHECK(ops->mkdir && ops->unlink && ops->rmdir && ops->symlink && ops->rename && ops->link);
	CHECK(ops->open && ops->read && ops->write_buf && ops->flush && ops->release && ops->fsync);
	CHECK(ops->opendir && ops->readdir && ops->readdirplus && ops->releasedir && ops->fsyncdir);
	CHECK(ops->statfs && ops->setxattr && ops->getxattr && ops->listxattr && ops->removexattr);
	CHECK(ops->create && ops->fallocate && ops->copy_file_range && ops->lseek);
}
