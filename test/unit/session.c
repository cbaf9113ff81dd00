// SPDX-License-Identifier: LGPL-2.1-or-later
/* The INIT exchange between the real libfuse and a kernel played by the test. */
#include "wire.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLAGS2(flag) ((uint32_t)((flag) >> 32))
#define NO_OPS_CALL  INT32_MIN

static int inits;

static void on_init(void *userdata, struct fuse_conn_info *conn)
{
	const unsigned int *wanted = userdata;

	inits++;
	if (wanted)
		conn->want |= *wanted;
}

static const struct fuse_lowlevel_ops daemon_ops = {.init = on_init};

static void check_session(const struct wire *wire, enum fusept_level level, uint64_t ops,
			  int reason)
{
	CHECK_EQ(fusept_session_level(wire->session), level);
	CHECK_EQ(fusept_session_ops(wire->session), ops);
	CHECK_EQ(fusept_session_reason(wire->session), reason);
}

/* The reply to this INIT of a session that the library has not touched. */
static struct wire_message plain_reply(uint32_t minor, uint64_t offered, void *userdata)
{
	struct wire_message message;
	struct wire wire;

	wire_open(&wire, &daemon_ops, userdata);
	wire_send_init(&wire, minor, offered);
	wire_serve(&wire);
	message = wire_receive(&wire);
	wire_close(&wire);
	return message;
}

static void check_left_alone(struct wire *wire, uint32_t minor, uint64_t offered, void *userdata)
{
	const struct wire_message plain = plain_reply(minor, offered, userdata);
	const struct wire_message ours = wire_receive(wire);

	CHECK_EQ(ours.size, plain.size);
	CHECK_BYTES(&ours, &plain, sizeof(ours));
}

static int start(struct wire *wire, uint64_t offered, const struct fusept_session_options *options,
		 void *userdata)
{
	wire_open(wire, &daemon_ops, userdata);
	wire_send_init(wire, 41, offered);
	return fusept_session_new(wire->se, options, &wire->session);
}

TEST(patched_kernel_gives_ops)
{
	struct fuse_init_out plain = {0}, out;
	struct wire_message message = plain_reply(41, WIRE_OFFER, NULL);
	struct wire wire;

	memcpy(&plain, message.body, message.size);
	inits = 0;
	wire_expect_probe(-EBADF, 0, WIRE_OPS | FUSEPT_OPS_SUPPORTED);
	CHECK_EQ(start(&wire, WIRE_OFFER, NULL, NULL), 0);
	CHECK_EQ(inits, 1);
	check_session(&wire, FUSEPT_LEVEL_OPS, WIRE_OPS, 0);
	message = wire_receive(&wire);
	CHECK_EQ(message.size, 64);
	memcpy(&out, message.body, sizeof(out));
	plain.flags |= FUSE_INIT_EXT;
	plain.flags2 |= FLAGS2(FUSE_PASSTHROUGH) | FLAGS2(FUSE_PASSTHROUGH_MASK);
	plain.max_stack_depth = 1;
	CHECK_BYTES(&out, &plain, sizeof(out));
	wire_close(&wire);
}

TEST(stock_kernel_gives_io)
{
	struct fuse_init_out out;
	struct wire wire;

	wire_expect_probe(-EBADF, NO_OPS_CALL, 0);
	CHECK_EQ(start(&wire, FUSE_INIT_EXT | FUSE_PASSTHROUGH, NULL, NULL), 0);
	check_session(&wire, FUSEPT_LEVEL_IO, FUSEPT_OPS_IO, -EOPNOTSUPP);
	out = wire_receive_init(&wire);
	CHECK_EQ(out.flags2, FLAGS2(FUSE_PASSTHROUGH));
	CHECK_EQ(out.max_stack_depth, 1);
	wire_close(&wire);
}

TEST(kernels_that_offer_nothing_see_libfuse_alone)
{
	static const struct {
		uint32_t minor;
		uint64_t offered;
	} kernels[] = {
		{4, 0},
		{5, 0},
		{6, FUSE_ASYNC_READ},
		{12, FUSE_ASYNC_READ},
		{22, FUSE_BIG_WRITES | FUSE_POSIX_LOCKS},
		{23, FUSE_BIG_WRITES},
		{35, FUSE_MAX_PAGES},
		{36, FUSE_INIT_EXT},
		{39, FUSE_INIT_EXT | FUSE_MAX_PAGES | FUSE_HAS_EXPIRE_ONLY},
		{41, FUSE_INIT_EXT | FUSE_PASSTHROUGH_MASK},
		{41, FUSE_PASSTHROUGH | FUSE_PASSTHROUGH_MASK},
	};

	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
		struct wire wire;

		wire_open(&wire, &daemon_ops, NULL);
		wire_send_init(&wire, kernels[i].minor, kernels[i].offered);
		CHECK_EQ(fusept_session_new(wire.se, NULL, &wire.session), 0);
		check_session(&wire, FUSEPT_LEVEL_NONE, 0, -EOPNOTSUPP);
		check_left_alone(&wire, kernels[i].minor, kernels[i].offered, NULL);
		wire_close(&wire);
	}
}

TEST(daemon_without_the_right_gives_none)
{
	struct wire wire;

	wire_expect_probe(-EPERM, NO_OPS_CALL, 0);
	CHECK_EQ(start(&wire, WIRE_OFFER, NULL, NULL), 0);
	check_session(&wire, FUSEPT_LEVEL_NONE, 0, -EPERM);
	wire_close(&wire);
}

TEST(kernel_that_does_not_keep_to_its_offer)
{
	const int open_answers[] = {0, 1, -ENOTTY, -EINVAL, -ENOMEM};
	const int ops_answers[] = {-ENOTTY, -EPERM, -EINVAL, 1};
	struct wire wire;

	for (size_t i = 0; i < sizeof(open_answers) / sizeof(open_answers[0]); i++) {
		wire_expect_probe(open_answers[i], NO_OPS_CALL, 0);
		CHECK_EQ(start(&wire, WIRE_OFFER, NULL, NULL), 0);
		check_session(&wire, FUSEPT_LEVEL_NONE, 0, -EPROTO);
		wire_close(&wire);
	}
	for (size_t i = 0; i < sizeof(ops_answers) / sizeof(ops_answers[0]); i++) {
		wire_expect_probe(-EBADF, ops_answers[i], WIRE_OPS);
		CHECK_EQ(start(&wire, WIRE_OFFER, NULL, NULL), 0);
		check_session(&wire, FUSEPT_LEVEL_IO, FUSEPT_OPS_IO, -EPROTO);
		wire_close(&wire);
	}
	wire_expect_probe(-EBADF, 0, 0);
	CHECK_EQ(start(&wire, WIRE_OFFER, NULL, NULL), 0);
	check_session(&wire, FUSEPT_LEVEL_IO, FUSEPT_OPS_IO, -EPROTO);
	wire_close(&wire);
}

TEST(level_can_be_limited)
{
	struct fusept_session_options options = {.size = sizeof(options)};
	struct wire wire;

	options.max_level = FUSEPT_LEVEL_NONE;
	CHECK_EQ(start(&wire, WIRE_OFFER, &options, NULL), 0);
	check_session(&wire, FUSEPT_LEVEL_NONE, 0, -ECANCELED);
	check_left_alone(&wire, 41, WIRE_OFFER, NULL);
	wire_close(&wire);

	options.max_level = FUSEPT_LEVEL_IO;
	wire_expect_probe(-EBADF, NO_OPS_CALL, 0);
	CHECK_EQ(start(&wire, WIRE_OFFER, &options, NULL), 0);
	check_session(&wire, FUSEPT_LEVEL_IO, FUSEPT_OPS_IO, -ECANCELED);
	CHECK_EQ(wire_receive_init(&wire).flags2, FLAGS2(FUSE_PASSTHROUGH));
	wire_close(&wire);

	options.max_level = FUSEPT_LEVEL_OPS;
	wire_expect_probe(-EBADF, 0, WIRE_OPS);
	CHECK_EQ(start(&wire, WIRE_OFFER, &options, NULL), 0);
	check_session(&wire, FUSEPT_LEVEL_OPS, WIRE_OPS, 0);
	wire_close(&wire);
}

TEST(writeback_cache_rules_passthrough_out)
{
	unsigned int want = FUSE_CAP_WRITEBACK_CACHE;
	struct wire wire;

	CHECK_EQ(start(&wire, WIRE_OFFER | FUSE_WRITEBACK_CACHE, NULL, &want), 0);
	check_session(&wire, FUSEPT_LEVEL_NONE, 0, -EBUSY);
	check_left_alone(&wire, 41, WIRE_OFFER | FUSE_WRITEBACK_CACHE, &want);
	wire_close(&wire);
}

TEST(stack_depth_is_sent)
{
	struct fusept_session_options options = {.size = sizeof(options), .max_stack_depth = 2};
	struct wire wire;

	wire_expect_probe(-EBADF, 0, WIRE_OPS);
	CHECK_EQ(start(&wire, WIRE_OFFER, &options, NULL), 0);
	CHECK_EQ(wire_receive_init(&wire).max_stack_depth, 2);
	wire_close(&wire);
}

TEST(refused_init_is_an_error)
{
	unsigned int want = 1u << 31; /* no such capability */
	struct wire wire;

	CHECK_EQ(start(&wire, WIRE_OFFER, NULL, &want), -EPROTO);
	CHECK_EQ(wire_receive(&wire).header.error, -EPROTO);
	wire_close(&wire);
}

TEST(init_of_another_version_is_an_error)
{
	const struct fuse_init_in in = {.major = 8};
	struct wire wire;

	wire_open(&wire, &daemon_ops, NULL);
	wire_send(&wire, FUSE_INIT, &in, sizeof(in));
	CHECK_EQ(fusept_session_new(wire.se, NULL, &wire.session), -EPROTO);
	wire_close(&wire);
}

TEST(device_that_is_gone_is_an_error)
{
	struct wire wire;

	wire_open(&wire, &daemon_ops, NULL);
	close(wire.peer);
	CHECK_EQ(fusept_session_new(wire.se, NULL, &wire.session), -EPROTO);
	wire_close(&wire);
}

TEST(reply_that_is_not_taken_is_an_error)
{
	struct wire wire;

	wire_open(&wire, &daemon_ops, NULL);
	wire_send_init(&wire, 41, WIRE_OFFER);
	shutdown(wire.peer, SHUT_RD);
	signal(SIGPIPE, SIG_IGN);
	CHECK_EQ(fusept_session_new(wire.se, NULL, &wire.session), -EPIPE);
	wire_close(&wire);
}

TEST(io_uring_is_not_offered_to_libfuse)
{
	const uint64_t over_io_uring = UINT64_C(1) << 41;
	struct wire wire;

	setenv("FUSE_URING_ENABLE", "1",
	       1); /* libfuse 3.18 starts its rings while it handles INIT */
	wire_expect_probe(-EBADF, 0, WIRE_OPS);
	CHECK_EQ(start(&wire, WIRE_OFFER | over_io_uring, NULL, NULL), 0);
	CHECK(!(wire_receive_init(&wire).flags2 & FLAGS2(over_io_uring)));
	wire_close(&wire);
}

TEST(descriptor_keeps_its_flags)
{
	const int all_flags[] = {0, FD_CLOEXEC};

	for (size_t i = 0; i < 2; i++) {
		struct wire wire;
		int fd;

		wire_open(&wire, &daemon_ops, NULL);
		fd = fuse_session_fd(wire.se);
		CHECK_SYS(fcntl(fd, F_SETFD, all_flags[i]));
		wire_send_init(&wire, 41, FUSE_INIT_EXT);
		CHECK_EQ(fusept_session_new(wire.se, NULL, &wire.session), 0);
		CHECK_EQ(fuse_session_fd(wire.se), fd);
		CHECK_EQ(fcntl(fd, F_GETFD), all_flags[i]);
		wire_close(&wire);
	}
}

TEST(want_of_descriptors_is_known_before_init_is_read)
{
	struct rlimit before, limit;
	struct wire wire;

	wire_open(&wire, &daemon_ops, NULL);
	wire_send_init(&wire, 41, FUSE_INIT_EXT);
	CHECK_SYS(getrlimit(RLIMIT_NOFILE, &before));
	for (rlim_t free_fds = 0; free_fds < 3; free_fds++) {
		limit = before;
		limit.rlim_cur = (rlim_t)fuse_session_fd(wire.se) + 1 + free_fds;
		CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
		CHECK_EQ(fusept_session_new(wire.se, NULL, &wire.session), -EMFILE);
	}
	CHECK_SYS(setrlimit(RLIMIT_NOFILE, &before));
	CHECK_EQ(fusept_session_new(wire.se, NULL, &wire.session), 0);
	CHECK_EQ(wire_receive_init(&wire).major, 7);
	wire_close(&wire);
}

TEST(init_that_is_over_leaves_the_session_as_it_is)
{
	struct wire wire;

	wire_open(&wire, &daemon_ops, NULL);
	wire_send_init(&wire, 41, WIRE_OFFER);
	wire_serve(&wire);
	CHECK_EQ(wire_receive(&wire).header.error, 0);
	CHECK_EQ(fusept_session_new(wire.se, NULL, &wire.session), 0);
	check_session(&wire, FUSEPT_LEVEL_NONE, 0, -EALREADY);
	wire_send(&wire, FUSE_STATFS, NULL, 0);
	wire_serve(&wire);
	CHECK_EQ(wire_receive(&wire).size, sizeof(struct fuse_statfs_out));
	wire_close(&wire);
}

TEST(request_that_waits_instead_of_init_is_served)
{
	struct wire wire;

	wire_open(&wire, &daemon_ops, NULL);
	wire_send_init(&wire, 41, WIRE_OFFER);
	wire_serve(&wire);
	CHECK_EQ(wire_receive(&wire).header.error, 0);
	wire_send(&wire, FUSE_STATFS, NULL, 0);
	CHECK_EQ(fusept_session_new(wire.se, NULL, &wire.session), 0);
	check_session(&wire, FUSEPT_LEVEL_NONE, 0, -EALREADY);
	CHECK_EQ(wire_receive(&wire).size, sizeof(struct fuse_statfs_out));
	wire_close(&wire);
}
