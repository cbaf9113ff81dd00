// SPDX-License-Identifier: LGPL-2.1-or-later
/* Replies byte by byte.  What is not ours has to be what libfuse itself sends. */
#include "door.h"
#include "harness.h"
#include "wire.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define GETATTR FUSEPT_OP(FUSEPT_GETATTR)
#define BACKING 77

/* What the daemon of these tests answers with. */
struct answer {
	struct fuse_entry_param e;
	struct fuse_file_info fi;
	struct fusept_backing *backing;
	bool by_libfuse;
	int ret;
};

static struct answer *answer_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void reply_entry(fuse_req_t req)
{
	struct answer *a = answer_of(req);

	a->ret = a->by_libfuse ? fuse_reply_entry(req, &a->e)
			       : fusept_reply_entry(req, &a->e, a->backing);
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent;
	(void)name;
	reply_entry(req);
}

static void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)parent;
	(void)name;
	(void)mode;
	reply_entry(req);
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct answer *a = answer_of(req);

	(void)ino;
	(void)fi;
	a->ret = a->by_libfuse ? fuse_reply_open(req, &a->fi)
			       : fusept_reply_open(req, &a->fi, a->backing);
}

static void on_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct answer *a = answer_of(req);

	(void)parent;
	(void)name;
	(void)mode;
	(void)fi;
	a->ret = a->by_libfuse ? fuse_reply_create(req, &a->e, &a->fi)
			       : fusept_reply_create(req, &a->e, &a->fi, a->backing);
}

static const struct fuse_lowlevel_ops daemon_ops = {
	.lookup = on_lookup,
	.mkdir = on_mkdir,
	.open = on_open,
	.create = on_create,
};

static const struct fuse_entry_param some_entry = {
	.ino = UINT64_C(0x1122334455667788),
	.generation = 3,
	.attr = {.st_ino = 42,
		 .st_mode = S_IFREG | S_ISUID | 0754,
		 .st_nlink = 2,
		 .st_uid = 1000,
		 .st_gid = 1001,
		 .st_rdev = 0x0801,
		 .st_size = INT64_C(0x123456789a),
		 .st_blksize = 4096,
		 .st_blocks = INT64_C(0x91a2b3),
		 .st_atim = {-1, 1},
		 .st_mtim = {1700000000, 999999999},
		 .st_ctim = {INT64_C(5000000000), 3}},
	.attr_timeout = 1.5,
	.entry_timeout = 86400.25,
};

static void start(struct wire *wire, struct answer *answer, enum fusept_level level, uint64_t mask)
{
	*answer = (struct answer){.e = some_entry, .fi = {.fh = UINT64_C(0xfeedfacecafebeef)}};
	wire_start(wire, level, &daemon_ops, answer);
	door_expect((struct door_call){.request = FUSE_DEV_IOC_BACKING_OPEN,
				       .in.open.ops_mask = level == FUSEPT_LEVEL_OPS ? mask : 0,
				       .ret = BACKING});
	CHECK_EQ(fusept_backing_open(wire->session, 0, mask, &answer->backing), 0);
}

static void finish(struct wire *wire, struct answer *answer)
{
	door_expect((struct door_call){.request = FUSE_DEV_IOC_BACKING_CLOSE, .in.close = BACKING});
	CHECK_EQ(fusept_backing_close(answer->backing), 0);
	wire_close(wire);
}

static struct wire_message ask(struct wire *wire, uint32_t opcode)
{
	const char name[128] = {0};

	wire_send(wire, opcode, name, sizeof(name));
	wire_serve(wire);
	return wire_receive(wire);
}

/* Two answers to the same question: ours and libfuse's. */
static void ask_both(struct wire *wire, struct answer *answer, uint32_t opcode,
		     struct wire_message *ours, struct wire_message *plain)
{
	answer->by_libfuse = true;
	*plain = ask(wire, opcode);
	CHECK_EQ(answer->ret, 0);
	answer->by_libfuse = false;
	*ours = ask(wire, opcode);
	CHECK_EQ(answer->ret, 0);
}

static void check_plain(struct wire *wire, struct answer *answer, uint32_t opcode)
{
	struct wire_message ours, plain;

	ask_both(wire, answer, opcode, &ours, &plain);
	CHECK_BYTES(&ours, &plain, sizeof(ours));
}

TEST(entry_with_a_backing)
{
	const struct fuse_entry_passthrough_out extra = {.backing_id = BACKING};
	const uint32_t opcodes[] = {FUSE_LOOKUP, FUSE_MKDIR};
	struct wire_message ours, plain;
	struct answer answer;
	struct wire wire;

	start(&wire, &answer, FUSEPT_LEVEL_OPS, GETATTR);
	for (size_t i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++) {
		ask_both(&wire, &answer, opcodes[i], &ours, &plain);
		CHECK_EQ(plain.size, 128);
		CHECK_EQ(ours.size, 128 + 16);
		CHECK_EQ(ours.header.error, 0);
		CHECK_BYTES(ours.body, plain.body, 128);
		CHECK_BYTES(ours.body + 128, &extra, 16);
	}
	finish(&wire, &answer);
}

TEST(timeouts_of_entries)
{
	const double same[] = {0, 0.5, 1, 1e-9, 0.9999999999, 3600, 4e9, 1e15, -1, -0.0};
	const double for_ever[] = {1e19, 1e30, INFINITY};
	struct wire_message ours, plain;
	struct fuse_entry_out out;
	struct answer answer;
	struct wire wire;

	start(&wire, &answer, FUSEPT_LEVEL_OPS, GETATTR);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		answer.e.attr_timeout = answer.e.entry_timeout = same[i];
		ask_both(&wire, &answer, FUSE_LOOKUP, &ours, &plain);
		CHECK_BYTES(ours.body, plain.body, 128);
	}
	for (size_t i = 0; i < sizeof(for_ever) / sizeof(for_ever[0]); i++) {
		answer.e.attr_timeout = answer.e.entry_timeout = for_ever[i];
		ours = ask(&wire, FUSE_LOOKUP);
		memcpy(&out, ours.body, sizeof(out));
		CHECK(out.entry_valid == INT64_MAX && out.attr_valid == INT64_MAX);
		CHECK_EQ(out.entry_valid_nsec, 999999999);
	}
	answer.e.attr_timeout = NAN;
	ours = ask(&wire, FUSE_LOOKUP);
	memcpy(&out, ours.body, sizeof(out));
	CHECK(out.attr_valid == 0 && out.attr_valid_nsec == 0);
	finish(&wire, &answer);
}

TEST(entries_that_bind_nothing_are_plain)
{
	struct fusept_backing *backing;
	struct answer answer;
	struct wire wire;

	start(&wire, &answer, FUSEPT_LEVEL_OPS, GETATTR);
	backing = answer.backing;
	answer.backing = NULL;
	check_plain(&wire, &answer, FUSE_LOOKUP);
	answer.backing = backing;
	answer.e.ino = 0;
	check_plain(&wire, &answer, FUSE_LOOKUP);
	finish(&wire, &answer);

	start(&wire, &answer, FUSEPT_LEVEL_OPS, FUSEPT_OPS_NONE);
	check_plain(&wire, &answer, FUSE_LOOKUP);
	finish(&wire, &answer);

	start(&wire, &answer, FUSEPT_LEVEL_IO, FUSEPT_OPS_ALL);
	check_plain(&wire, &answer, FUSE_LOOKUP);
	check_plain(&wire, &answer, FUSE_MKDIR);
	finish(&wire, &answer);
}

static void check_open(struct answer *answer, const char *reply, uint32_t flags)
{
	const struct fuse_open_out wanted = {
		.fh = answer->fi.fh, .open_flags = flags, .backing_id = BACKING};

	CHECK_BYTES(reply, &wanted, sizeof(wanted));
}

TEST(open_with_a_backing)
{
	const enum fusept_level levels[] = {FUSEPT_LEVEL_OPS, FUSEPT_LEVEL_IO};

	for (size_t i = 0; i < 2; i++) {
		struct wire_message ours;
		struct answer answer;
		struct wire wire;

		start(&wire, &answer, levels[i], FUSEPT_OPS_ALL & WIRE_OPS & FUSEPT_OPS_IO);
		ours = ask(&wire, FUSE_OPEN);
		CHECK_EQ(ours.size, 16);
		check_open(&answer, ours.body, FOPEN_PASSTHROUGH);
		answer.fi.direct_io = answer.fi.noflush = 1;
		ours = ask(&wire, FUSE_OPEN);
		check_open(&answer, ours.body, FOPEN_PASSTHROUGH | FOPEN_DIRECT_IO | FOPEN_NOFLUSH);
		answer.fi = (struct fuse_file_info){.keep_cache = 1, .cache_readdir = 1};
		ours = ask(&wire, FUSE_OPEN);
		check_open(&answer, ours.body, FOPEN_PASSTHROUGH);
		finish(&wire, &answer);
	}
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 15)
TEST(parallel_direct_writes_are_sent)
{
	struct wire_message ours;
	struct answer answer;
	struct wire wire;

	start(&wire, &answer, FUSEPT_LEVEL_OPS, GETATTR);
	answer.fi.direct_io = answer.fi.parallel_direct_writes = 1;
	ours = ask(&wire, FUSE_OPEN);
	check_open(&answer, ours.body,
		   FOPEN_PASSTHROUGH | FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES);
	finish(&wire, &answer);
}
#endif

TEST(create_with_a_backing)
{
	const enum fusept_level levels[] = {FUSEPT_LEVEL_OPS, FUSEPT_LEVEL_IO};

	for (size_t i = 0; i < 2; i++) {
		struct wire_message ours, plain;
		struct answer answer;
		struct wire wire;

		start(&wire, &answer, levels[i], FUSEPT_OPS_IO);
		ask_both(&wire, &answer, FUSE_CREATE, &ours, &plain);
		CHECK_EQ(ours.size, 128 + 16);
		CHECK_EQ(plain.size, ours.size);
		CHECK_BYTES(ours.body, plain.body, 128);
		check_open(&answer, ours.body + 128, FOPEN_PASSTHROUGH);
		finish(&wire, &answer);
	}
}

TEST(open_and_create_without_a_backing_are_plain)
{
	struct fusept_backing *backing;
	struct answer answer;
	struct wire wire;

	start(&wire, &answer, FUSEPT_LEVEL_OPS, GETATTR);
	backing = answer.backing;
	answer.backing = NULL;
	answer.fi.keep_cache = answer.fi.nonseekable = 1;
	check_plain(&wire, &answer, FUSE_OPEN);
	check_plain(&wire, &answer, FUSE_CREATE);
	answer.backing = backing;
	finish(&wire, &answer);
}

TEST(nonseekable_is_refused)
{
	const uint32_t opcodes[] = {FUSE_OPEN, FUSE_CREATE};
	struct answer answer;
	struct wire wire;

	start(&wire, &answer, FUSEPT_LEVEL_OPS, GETATTR);
	answer.fi.nonseekable = 1;
	for (size_t i = 0; i < 2; i++) {
		struct wire_message ours = ask(&wire, opcodes[i]);

		CHECK_EQ(ours.header.error, -EIO);
		CHECK_EQ(ours.size, 0);
		CHECK_EQ(answer.ret, -EINVAL);
	}
	finish(&wire, &answer);
}

TEST(errors_of_the_device_come_back)
{
	const uint32_t opcodes[] = {FUSE_LOOKUP, FUSE_OPEN, FUSE_CREATE};
	const char name[128] = {0};
	struct answer answer;
	struct wire wire;

	start(&wire, &answer, FUSEPT_LEVEL_OPS, GETATTR);
	for (size_t i = 0; i < 3; i++)
		wire_send(&wire, opcodes[i], name, sizeof(name));
	signal(SIGPIPE, SIG_IGN);
	shutdown(wire.peer, SHUT_RD);
	for (size_t i = 0; i < 3; i++) {
		wire_serve(&wire);
		CHECK_EQ(answer.ret, -EPIPE);
	}
	finish(&wire, &answer);
}
