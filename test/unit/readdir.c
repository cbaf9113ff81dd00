// SPDX-License-Identifier: LGPL-2.1-or-later
/* READDIR_PASSTHROUGH between a kernel played by the test and a readdirplus() handler. */
#include "door.h"
#include "harness.h"
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BACKING 77
#define ASKED	4096

/* What the daemon was asked for, and has answered with. */
static struct {
	struct fusept_backing *backing;
	fuse_ino_t ino;
	size_t size;
	int calls, passthrough;
	bool by_libfuse;
} seen;

static struct fuse_entry_param an_entry(void)
{
	return (struct fuse_entry_param){
		.ino = seen.ino,
		.attr = {.st_ino = 42, .st_mode = S_IFREG | 0640, .st_size = 12},
		.attr_timeout = 1.5,
		.entry_timeout = 3600,
	};
}

static void on_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	const struct fuse_entry_param e = an_entry();
	char buf[512];
	size_t used;

	(void)ino;
	(void)off;
	(void)fi;
	seen.calls++;
	seen.passthrough = fusept_readdir_passthrough(&size);
	seen.size = size;
	used = seen.by_libfuse
		       ? fuse_add_direntry_plus(req, buf, sizeof(buf), "a name", &e, 1234567)
		       : fusept_add_direntry_plus(req, seen.passthrough, buf, sizeof(buf), "a name",
						  &e, seen.backing, 1234567);
	CHECK(used <= sizeof(buf));
	fuse_reply_buf(req, buf, used);
}

static const struct fuse_lowlevel_ops daemon_ops = {.readdirplus = on_readdirplus};

static void start(struct wire *wire, uint32_t flags, uint64_t mask)
{
	const struct fusept_session_options options = {.size = sizeof(options), .flags = flags};

	memset(&seen, 0, sizeof(seen));
	seen.ino = 7;
	wire_start_with(wire, FUSEPT_LEVEL_OPS, 0, &options, &daemon_ops, NULL);
	door_expect((struct door_call){.request = FUSE_DEV_IOC_BACKING_OPEN,
				       .in.open.ops_mask = mask,
				       .ret = BACKING});
	CHECK_EQ(fusept_backing_open(wire->session, 0, mask, &seen.backing), 0);
}

static void finish(struct wire *wire)
{
	door_expect((struct door_call){.request = FUSE_DEV_IOC_BACKING_CLOSE, .in.close = BACKING});
	CHECK_EQ(fusept_backing_close(seen.backing), 0);
	wire_close(wire);
}

static struct wire_message ask(struct wire *wire, uint32_t opcode)
{
	const struct fuse_read_in in = {.size = ASKED};
	struct fuse_buf buf = {0};

	wire_send(wire, opcode, &in, sizeof(in));
	CHECK(fuse_session_receive_buf(wire->se, &buf) > 0);
	fusept_session_process_buf(wire->session, &buf);
	free(buf.mem);
	return wire_receive(wire);
}

/* The answer to READDIR_PASSTHROUGH; its entry with that backing is checked. */
static void check_entry(struct wire *wire, int32_t backing_id)
{
	const struct wire_message ours = ask(wire, FUSE_READDIR_PASSTHROUGH);
	struct fuse_direntpassthrough entry;
	struct wire_message plain;

	CHECK_EQ(seen.passthrough, 1);
	CHECK_EQ(seen.size, ASKED);
	seen.by_libfuse = true;
	plain = ask(wire, FUSE_READDIRPLUS);
	seen.by_libfuse = false;
	CHECK_EQ(plain.size, 160);
	CHECK_EQ(ours.size, 160 + 16);
	/* an entry of libfuse, with 16 bytes in the middle */
	CHECK_BYTES(ours.body, plain.body, 128);
	CHECK_BYTES(ours.body + 128 + 16, plain.body + 128, 32);
	memcpy(&entry, ours.body, sizeof(entry));
	CHECK_EQ(entry.passthrough_out.backing_id, backing_id);
	CHECK_EQ(entry.passthrough_out.flags + entry.passthrough_out.reserved, 0);
}

TEST(entries_bring_backings)
{
	struct wire wire;

	start(&wire, FUSEPT_SESSION_READDIR, FUSEPT_OP(FUSEPT_GETATTR));
	check_entry(&wire, BACKING);
	finish(&wire);
}

TEST(entries_may_have_none)
{
	struct fusept_backing *backing;
	struct wire wire;

	start(&wire, FUSEPT_SESSION_READDIR, FUSEPT_OP(FUSEPT_GETATTR));
	backing = seen.backing;
	seen.backing = NULL;
	check_entry(&wire, 0);
	seen.backing = backing;
	/* a name only: what can't be forgotten has a node id */
	seen.ino = 0;
	check_entry(&wire, 0);
	finish(&wire);

	start(&wire, FUSEPT_SESSION_READDIR, FUSEPT_OPS_NONE);
	check_entry(&wire, 0);
	finish(&wire);
}

TEST(plain_requests_have_plain_answers)
{
	struct wire_message ours, plain;
	struct wire wire;

	start(&wire, FUSEPT_SESSION_READDIR, FUSEPT_OP(FUSEPT_GETATTR));
	ours = ask(&wire, FUSE_READDIRPLUS);
	CHECK_EQ(seen.passthrough, 0);
	CHECK_EQ(seen.size, ASKED);
	seen.by_libfuse = true;
	plain = ask(&wire, FUSE_READDIRPLUS);
	CHECK_BYTES(&ours, &plain, sizeof(ours));
	finish(&wire);
}

TEST(without_the_flag_the_kernel_is_told_no)
{
	struct wire wire;

	start(&wire, 0, FUSEPT_OP(FUSEPT_GETATTR));
	CHECK_EQ(ask(&wire, FUSE_READDIR_PASSTHROUGH).header.error, -ENOSYS);
	CHECK_EQ(seen.calls, 0);
	finish(&wire);
}

TEST(what_is_cut_short_is_left_alone)
{
	struct fuse_buf buf = {0};
	struct wire wire;

	start(&wire, FUSEPT_SESSION_READDIR, FUSEPT_OP(FUSEPT_GETATTR));
	wire_send(&wire, FUSE_READDIR_PASSTHROUGH, "12345678", 8);
	CHECK(fuse_session_receive_buf(wire.se, &buf) > 0);
	fusept_session_process_buf(wire.session, &buf);
	free(buf.mem);
	CHECK_EQ(wire_receive(&wire).header.error, -ENOSYS);
	finish(&wire);
}

TEST(size_of_an_entry_is_told_when_it_does_not_fit)
{
	const struct fuse_entry_param e = {.ino = 7};
	char buf[176];

	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(fusept_add_direntry_plus(NULL, 1, NULL, 0, "1", &e, NULL, 1), 176);
	CHECK_EQ(fusept_add_direntry_plus(NULL, 1, buf, 175, "12345678", &e, NULL, 1), 176);
	CHECK(buf[0] == 'x' && buf[175] == 'x');
	CHECK_EQ(fusept_add_direntry_plus(NULL, 1, buf, 176, "1234567", &e, NULL, 1), 176);
	CHECK_EQ(buf[175], 0);
	CHECK_EQ(fusept_add_direntry_plus(NULL, 1, NULL, 0, "123456789", &e, NULL, 1), 184);
	CHECK_EQ(fusept_add_direntry_plus(NULL, 0, NULL, 0, "123456789", &e, NULL, 1), 168);
}
