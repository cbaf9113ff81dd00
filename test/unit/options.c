// SPDX-License-Identifier: LGPL-2.1-or-later
/* What fusept_session_new() is given. */
#include "wire.h"
#include "harness.h"

#include <errno.h>

static const struct fuse_lowlevel_ops daemon_ops;

TEST(arguments_are_checked_before_anything_is_read)
{
	struct fusept_session *session = NULL;
	struct fuse_session *se;
	struct wire wire;

	wire_open(&wire, &daemon_ops, NULL);
	CHECK_EQ(fusept_session_new(NULL, NULL, &session), -EINVAL);
	CHECK_EQ(fusept_session_new(wire.se, NULL, NULL), -EINVAL);
	se = wire.se;
	wire_send_init(&wire, 41, FUSE_INIT_EXT);
	CHECK_EQ(fusept_session_new(se, NULL, &session), 0);
	fusept_session_free(session);
	fusept_session_free(NULL);
	wire_close(&wire);
}

TEST(session_that_is_not_mounted_is_refused)
{
	char *argv[] = {(char *)"session", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_session *se = fuse_session_new(&args, &daemon_ops, sizeof(daemon_ops), NULL);
	struct fusept_session *session;

	CHECK(se);
	CHECK_EQ(fusept_session_new(se, NULL, &session), -EBADF);
	fuse_session_destroy(se);
	fuse_opt_free_args(&args);
}

static int try_options(const struct fusept_session_options *options)
{
	struct wire wire;
	int ret;

	wire_open(&wire, &daemon_ops, NULL);
	wire_send_init(&wire, 41, FUSE_INIT_EXT);
	ret = fusept_session_new(wire.se, options, &wire.session);
	wire_close(&wire);
	return ret;
}

TEST(options_of_other_versions)
{
	struct {
		struct fusept_session_options known;
		unsigned char unknown[16];
	} newer = {.known.size = sizeof(newer)};
	struct fusept_session_options older = {.size = sizeof(older.size), .max_level = 99};

	CHECK_EQ(try_options(&newer.known), 0);
	newer.unknown[15] = 1;
	CHECK_EQ(try_options(&newer.known), -E2BIG);
	newer.unknown[15] = 0;
	newer.unknown[0] = 1;
	CHECK_EQ(try_options(&newer.known), -E2BIG);
	CHECK_EQ(try_options(&older), 0);
	for (older.size = 0; older.size < sizeof(older.size); older.size++)
		CHECK_EQ(try_options(&older), -EINVAL);
}

TEST(options_out_of_range)
{
	const struct fusept_session_options good = {.size = sizeof(good)};
	struct fusept_session_options options = good;

	CHECK_EQ(try_options(&options), 0);
	options.flags = FUSEPT_SESSION_KILLPRIV;
	CHECK_EQ(try_options(&options), 0);
	options.flags = FUSEPT_SESSION_KILLPRIV | FUSEPT_SESSION_READDIR;
	CHECK_EQ(try_options(&options), 0);
	options.flags = FUSEPT_SESSION_READDIR << 1;
	CHECK_EQ(try_options(&options), -EINVAL);
	options = good;
	options.max_stack_depth = 3;
	CHECK_EQ(try_options(&options), -EINVAL);
	options = good;
	options.max_level = FUSEPT_LEVEL_OPS + 1;
	CHECK_EQ(try_options(&options), -EINVAL);
	options = good;
	options.reserved = 1;
	CHECK_EQ(try_options(&options), -EINVAL);
}
