// SPDX-License-Identifier: LGPL-2.1-or-later
/* INIT requests and replies as bytes, of every shape that kernels and libfuse have. */
#include "internal.h"
#include "harness.h"

#include <errno.h>
#include <string.h>

#define FLAGS2(flag) ((uint32_t)((flag) >> 32))
#define OFFER	     (FUSE_INIT_EXT | FUSE_PASSTHROUGH | FUSE_PASSTHROUGH_MASK)

struct request {
	struct fuse_in_header header;
	struct fuse_init_in in;
};

static const struct request request_41 = {
	.header = {.len = sizeof(struct request), .opcode = FUSE_INIT, .unique = 2},
	.in = {.major = 7,
	       .minor = 41,
	       .flags = FUSE_INIT_EXT | FUSE_ASYNC_READ,
	       .flags2 = FLAGS2(FUSE_PASSTHROUGH) | FLAGS2(FUSE_PASSTHROUGH_MASK)},
};

static struct fusept_init_reply reply_of(uint64_t flags)
{
	struct fusept_init_reply reply = {
		.header = {.len = sizeof(reply), .unique = 2},
		.out = {.major = 7,
			.minor = 38,
			.flags = (uint32_t)flags,
			.flags2 = FLAGS2(flags),
			.max_write = 4096},
	};

	return reply;
}

static struct fusept_init wishing(enum fusept_level max_level, uint32_t depth, uint64_t offered)
{
	return (struct fusept_init){.wish = {.max_stack_depth = depth, .max_level = max_level},
				    .unique = 2,
				    .offered = offered};
}

/* Of libfuse's reply, cut to size, make the one to send. */
static size_t amend(struct fusept_init *init, const struct fusept_init_reply *from, size_t size,
		    struct fusept_init_reply *to)
{
	size_t ret;

	memset(&init->reply, 0, sizeof(init->reply));
	memcpy(&init->reply, from, size);
	ret = fusept_init_amend(init, size);
	*to = init->reply;
	return ret;
}

static void check_left_alone(struct fusept_init *init, const struct fusept_init_reply *from,
			     size_t size)
{
	struct fusept_init_reply to;

	CHECK_EQ(amend(init, from, size, &to), size);
	CHECK_BYTES(&to, from, size);
}

TEST(request_tells_what_the_kernel_offers)
{
	struct fusept_init init = {0};

	CHECK_EQ(fusept_init_read(&init, &request_41, sizeof(request_41)), 0);
	CHECK_EQ(init.unique, 2);
	CHECK_EQ(init.offered, OFFER | FUSE_ASYNC_READ);
}

TEST(second_flags_count_only_with_init_ext)
{
	struct request request = request_41;
	struct fusept_init init = {0};

	request.in.flags = FUSE_ASYNC_READ;
	CHECK_EQ(fusept_init_read(&init, &request, sizeof(request)), 0);
	CHECK_EQ(init.offered, FUSE_ASYNC_READ);
}

TEST(short_requests_of_old_kernels_offer_nothing)
{
	const size_t fields = offsetof(struct request, in.flags2);

	for (size_t size = sizeof(struct fuse_in_header) + 8; size <= fields; size++) {
		struct fusept_init init = {0};

		CHECK_EQ(fusept_init_read(&init, &request_41, size), 0);
		CHECK(!(init.offered & (FUSE_PASSTHROUGH | FUSE_PASSTHROUGH_MASK)));
	}
}

TEST(what_is_no_init_is_told_apart)
{
	struct request request = request_41;
	struct fusept_init init = {0};

	for (size_t size = 0; size < sizeof(request.header); size++)
		CHECK_EQ(fusept_init_read(&init, &request, size), -EPROTO);
	request.in.major = 8;
	CHECK_EQ(fusept_init_read(&init, &request, sizeof(request)), -EPROTO);
	request.header.opcode = FUSE_GETATTR;
	CHECK_EQ(fusept_init_read(&init, &request, sizeof(request)), -EALREADY);
	CHECK_EQ(init.offered, 0);
}

TEST(all_flags_are_added)
{
	struct fusept_init init = wishing(FUSEPT_LEVEL_OPS, 0, OFFER);
	const struct fusept_init_reply from = reply_of(FUSE_ASYNC_READ | FUSE_BIG_WRITES);
	struct fusept_init_reply to, wanted = reply_of(FUSE_ASYNC_READ | FUSE_BIG_WRITES | OFFER);

	wanted.out.max_stack_depth = 1;
	CHECK_EQ(amend(&init, &from, sizeof(from), &to), sizeof(to));
	CHECK_BYTES(&to, &wanted, sizeof(to));
	CHECK_EQ(init.granted, FUSE_ASYNC_READ | FUSE_BIG_WRITES | OFFER);
}

TEST(only_offered_flags_are_added)
{
	struct fusept_init init = wishing(FUSEPT_LEVEL_OPS, 2, OFFER & ~FUSE_PASSTHROUGH_MASK);
	const struct fusept_init_reply from = reply_of(0);
	struct fusept_init_reply to;

	CHECK_EQ(amend(&init, &from, sizeof(from), &to), sizeof(to));
	CHECK_EQ(to.out.flags2, FLAGS2(FUSE_PASSTHROUGH));
	CHECK_EQ(to.out.max_stack_depth, 2);
	init = wishing(FUSEPT_LEVEL_OPS, 0, FUSE_INIT_EXT | FUSE_PASSTHROUGH_MASK);
	check_left_alone(&init, &from, sizeof(from));
	init = wishing(FUSEPT_LEVEL_OPS, 0, OFFER & ~(uint64_t)FUSE_INIT_EXT);
	check_left_alone(&init, &from, sizeof(from));
	CHECK_EQ(init.granted, 0);
}

TEST(the_wished_level_is_not_exceeded)
{
	struct fusept_init init = wishing(FUSEPT_LEVEL_IO, 0, OFFER);
	const struct fusept_init_reply from = reply_of(0);
	struct fusept_init_reply to;

	CHECK_EQ(amend(&init, &from, sizeof(from), &to), sizeof(to));
	CHECK_EQ(init.granted, FUSE_INIT_EXT | FUSE_PASSTHROUGH);
	init = wishing(FUSEPT_LEVEL_NONE, 0, OFFER);
	check_left_alone(&init, &from, sizeof(from));
	CHECK_EQ(init.granted, 0);
}

TEST(clearing_of_privileges_is_negotiated_for_level_io_alone)
{
	const uint64_t offered = OFFER | FUSE_HANDLE_KILLPRIV_V2;
	const struct fusept_init_reply from = reply_of(0);
	struct fusept_init init = wishing(FUSEPT_LEVEL_OPS, 0, offered);
	struct fusept_init_reply to;

	init.wish.killpriv = true;
	amend(&init, &from, sizeof(from), &to);
	CHECK_EQ(init.granted, OFFER);
	init.offered &= ~FUSE_PASSTHROUGH_MASK;
	amend(&init, &from, sizeof(from), &to);
	CHECK_EQ(init.granted, init.offered);
	CHECK_EQ(to.out.flags, FUSE_INIT_EXT | FUSE_HANDLE_KILLPRIV_V2);
	init.offered &= ~(uint64_t)FUSE_HANDLE_KILLPRIV_V2;
	amend(&init, &from, sizeof(from), &to);
	CHECK_EQ(init.granted, init.offered);
	init.offered = offered;
	init.wish.max_level = FUSEPT_LEVEL_IO;
	amend(&init, &from, sizeof(from), &to);
	CHECK_EQ(init.granted, offered & ~FUSE_PASSTHROUGH_MASK);
	init.wish.max_level = FUSEPT_LEVEL_NONE;
	check_left_alone(&init, &from, sizeof(from));
}

TEST(writeback_cache_of_the_daemon_is_kept)
{
	struct fusept_init init = wishing(FUSEPT_LEVEL_OPS, 0, OFFER);
	const struct fusept_init_reply from = reply_of(FUSE_WRITEBACK_CACHE);

	check_left_alone(&init, &from, sizeof(from));
	CHECK_EQ(init.granted, FUSE_WRITEBACK_CACHE);
}

TEST(stack_depth_of_the_daemon_counts_unless_wished_otherwise)
{
	struct fusept_init init = wishing(FUSEPT_LEVEL_OPS, 0, OFFER);
	struct fusept_init_reply to, from = reply_of(FUSE_INIT_EXT | FUSE_PASSTHROUGH);

	from.out.max_stack_depth = 2;
	amend(&init, &from, sizeof(from), &to);
	CHECK_EQ(to.out.max_stack_depth, 2);
	init.wish.max_stack_depth = 1;
	amend(&init, &from, sizeof(from), &to);
	CHECK_EQ(to.out.max_stack_depth, 1);
	init.wish.max_stack_depth = 0;
	from.out.max_stack_depth = 0;
	amend(&init, &from, sizeof(from), &to);
	CHECK_EQ(to.out.max_stack_depth, 1);
	from.out.max_stack_depth = 3; /* no kernel takes it */
	amend(&init, &from, sizeof(from), &to);
	CHECK_EQ(to.out.max_stack_depth, 1);
	from = reply_of(FUSE_INIT_EXT); /* without the flag it means nothing */
	from.out.max_stack_depth = 2;
	amend(&init, &from, sizeof(from), &to);
	CHECK_EQ(to.out.max_stack_depth, 1);
}

TEST(short_replies_grow)
{
	const size_t size = sizeof(struct fuse_out_header) + FUSE_COMPAT_22_INIT_OUT_SIZE;
	struct fusept_init init = wishing(FUSEPT_LEVEL_OPS, 0, OFFER);
	struct fusept_init_reply to, wanted = reply_of(OFFER), from = reply_of(0);

	memset(&from.out.time_gran, 0xff, sizeof(from.out) - FUSE_COMPAT_22_INIT_OUT_SIZE);
	wanted.out.max_stack_depth = 1;
	CHECK_EQ(amend(&init, &from, size, &to), sizeof(to));
	CHECK_BYTES(&to, &wanted, sizeof(to));
}

TEST(second_flags_without_init_ext_are_not_flags)
{
	struct fusept_init init = wishing(FUSEPT_LEVEL_OPS, 0, OFFER);
	struct fusept_init_reply to, from = reply_of(FUSE_SECURITY_CTX);

	CHECK_EQ(amend(&init, &from, sizeof(from), &to), sizeof(to));
	CHECK_EQ(to.out.flags2, FLAGS2(FUSE_PASSTHROUGH) | FLAGS2(FUSE_PASSTHROUGH_MASK));
}

TEST(replies_of_other_shapes_are_left_alone)
{
	struct fusept_init init = wishing(FUSEPT_LEVEL_OPS, 0, OFFER);
	struct fusept_init_reply from = reply_of(0);

	for (size_t size = sizeof(from.header);
	     size < sizeof(from.header) + FUSE_COMPAT_22_INIT_OUT_SIZE; size++)
		check_left_alone(&init, &from, size);
	from.header.error = -EPROTO;
	check_left_alone(&init, &from, sizeof(from));
	from.header.error = 0;
	from.out.major = 8;
	check_left_alone(&init, &from, sizeof(from));
	CHECK_EQ(init.granted, 0);
}
