// SPDX-License-Identifier: LGPL-2.1-or-later
/* Masks: names, text, dependencies. */
#include "internal.h"
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t parsed(const char *text)
{
	uint64_t ops = 0xdead;

	CHECK_EQ(fusept_ops_parse(text, &ops), 0);
	return ops;
}

static void check_round_trip(uint64_t ops)
{
	char text[1024];
	int len = fusept_ops_format(ops, text, sizeof(text));

	CHECK_EQ(len, strlen(text));
	CHECK_EQ(parsed(text), ops);
}

#define SAME(name)                                \
	{                                         \
#name, FUSEPT_##name, FUSE_##name \
	}

TEST(opcode_numbers_and_names_are_the_protocols)
{
	const struct {
		const char *name;
		int ours, protocol;
	} same[] = {SAME(LOOKUP),      SAME(FORGET),	  SAME(GETATTR),  SAME(SETATTR),
		    SAME(READLINK),    SAME(SYMLINK),	  SAME(MKNOD),	  SAME(MKDIR),
		    SAME(UNLINK),      SAME(RMDIR),	  SAME(RENAME),	  SAME(LINK),
		    SAME(OPEN),	       SAME(READ),	  SAME(WRITE),	  SAME(STATFS),
		    SAME(RELEASE),     SAME(FSYNC),	  SAME(SETXATTR), SAME(GETXATTR),
		    SAME(LISTXATTR),   SAME(REMOVEXATTR), SAME(FLUSH),	  SAME(OPENDIR),
		    SAME(READDIR),     SAME(RELEASEDIR),  SAME(FSYNCDIR), SAME(GETLK),
		    SAME(SETLK),       SAME(SETLKW),	  SAME(ACCESS),	  SAME(CREATE),
		    SAME(BMAP),	       SAME(IOCTL),	  SAME(POLL),	  SAME(FALLOCATE),
		    SAME(READDIRPLUS), SAME(RENAME2),	  SAME(LSEEK),	  SAME(COPY_FILE_RANGE),
		    SAME(SYNCFS),      SAME(TMPFILE),	  SAME(STATX)};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		CHECK_EQ(same[i].ours, same[i].protocol);
		CHECK_TEXT(fusept_op_name(same[i].ours), same[i].name);
		CHECK_EQ(parsed(same[i].name), FUSE_PASSTHROUGH_OP(same[i].protocol));
	}
}

TEST(every_opcode_of_the_protocol_has_a_name)
{
	int known = 0;

	for (int opcode = 1; opcode <= 63; opcode++) {
		const char *name = fusept_op_name(opcode);
		uint64_t ops = 0;
		int ret;

		if (!name)
			continue;
		known++;
		ret = fusept_ops_parse(name, &ops);
		CHECK(ret == 0 ? ops == FUSEPT_OP(opcode) : ret == -EINVAL);
	}
	CHECK_EQ(known, 51);
}

TEST(name_of_no_opcode_is_null)
{
	const int bad[] = {-1, 0, 7, 19, 53, 63, 64, 4096, INT32_MAX, INT32_MIN};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(fusept_op_name(bad[i]) == NULL);
	CHECK_TEXT(fusept_op_name(3), "GETATTR");
	CHECK_TEXT(fusept_op_name(26), "INIT");
}

TEST(every_single_bit_survives_text)
{
	for (int opcode = 1; opcode <= 64; opcode++) {
		check_round_trip(UINT64_C(1) << (opcode - 1));
		check_round_trip(~(UINT64_C(1) << (opcode - 1)));
	}
}

TEST(any_mask_survives_text)
{
	uint64_t ops = 88172645463325252u; /* xorshift: any start but 0 */

	for (int i = 0; i < 20000; i++) {
		ops ^= ops << 13;
		ops ^= ops >> 7;
		ops ^= ops << 17;
		check_round_trip(ops);
	}
}

TEST(groups_and_signs)
{
	CHECK_EQ(parsed("all"), FUSEPT_OPS_ALL);
	CHECK_EQ(parsed("none"), FUSEPT_OPS_NONE);
	CHECK_EQ(parsed("io"), FUSEPT_OPS_IO);
	CHECK_EQ(parsed("supported"), FUSEPT_OPS_SUPPORTED);
	CHECK_EQ(parsed("IO+GetAttr"), FUSEPT_OPS_IO | FUSEPT_OP(FUSEPT_GETATTR));
	CHECK_EQ(parsed("getattr,setattr"), 0xc);
	CHECK_EQ(parsed("subtree"), UINT64_MAX);
	CHECK_EQ(parsed("all,names"), FUSEPT_OPS_SUBTREE);
	CHECK_EQ(parsed("subtree,-names"), FUSEPT_OPS_ALL);
	CHECK_EQ(parsed("subtree,-lookup"), ~UINT64_C(1));
	CHECK_EQ(parsed("-unlink,all"), FUSEPT_OPS_ALL);
	CHECK_EQ(parsed("subtree+-supported,-op63"), UINT64_MAX >> 2);
	CHECK_EQ(parsed("all,-all,op1"), 1);
	CHECK_EQ(parsed("read,none"), FUSEPT_OP(FUSEPT_READ));
}

TEST(bad_text_is_refused_and_stores_nothing)
{
	const char *const bad[] = {"",
				   ",",
				   "getattr,",
				   ",getattr",
				   "getattr,,read",
				   "getatt",
				   "getattrs",
				   "get attr",
				   " getattr",
				   "getattr ",
				   "--read",
				   "-",
				   "+read",
				   "read;write",
				   "op",
				   "op0",
				   "op01",
				   "op64",
				   "op99",
				   "op-1",
				   "op1x",
				   "op100",
				   "init",
				   "interrupt",
				   "destroy",
				   "op 1",
				   "all-read",
				   "0x4",
				   "notify_reply",
				   "batch_forget",
				   "setupmapping",
				   "removemapping",
				   "\xff"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t ops = 42;

		CHECK_EQ(fusept_ops_parse(bad[i], &ops), -EINVAL);
		CHECK_EQ(ops, 42);
	}
	CHECK_EQ(fusept_ops_parse(NULL, &(uint64_t){0}), -EINVAL);
	CHECK_EQ(fusept_ops_parse("all", NULL), -EINVAL);
}

TEST(text_of_masks)
{
	char text[64];

	CHECK_EQ(fusept_ops_format(FUSEPT_OPS_ALL, text, sizeof(text)), 3);
	CHECK_TEXT(text, "all");
	CHECK_EQ(fusept_ops_format(0, text, sizeof(text)), 4);
	CHECK_TEXT(text, "none");
	fusept_ops_format(FUSEPT_OPS_IO, text, sizeof(text));
	CHECK_TEXT(text, "READ,WRITE");
	fusept_ops_format(FUSEPT_OPS_ALL & ~FUSEPT_OP(FUSEPT_OPEN) & ~FUSEPT_OP(60), text,
			  sizeof(text));
	CHECK_TEXT(text, "all,-OPEN,-op60");
	fusept_ops_format(FUSEPT_OPS_SUBTREE, text, sizeof(text));
	CHECK_TEXT(text, "subtree");
	fusept_ops_format(FUSEPT_OPS_SUBTREE & ~FUSEPT_OP(FUSEPT_MKDIR), text, sizeof(text));
	CHECK_TEXT(text, "subtree,-MKDIR");
	fusept_ops_format(FUSEPT_OPS_ALL | FUSEPT_OP(FUSEPT_MKDIR), text, sizeof(text));
	CHECK_TEXT(text, "all,MKDIR");
	fusept_ops_format(FUSEPT_OP(26), text, sizeof(text)); /* INIT is no operation on a file */
	CHECK_TEXT(text, "op26");
}

TEST(short_buffers_are_cut_and_never_overrun)
{
	for (size_t size = 0; size <= 12; size++) {
		char *text = malloc(size + 1);

		memset(text, 'x', size + 1);
		CHECK_EQ(fusept_ops_format(FUSEPT_OPS_IO, size ? text : NULL, size), 10);
		CHECK_EQ(text[size], 'x');
		if (size > 0)
			CHECK_EQ(strlen(text), size > 10 ? 10 : size - 1);
		free(text);
	}
	CHECK_EQ(fusept_ops_format(0, NULL, 1), -EINVAL);
}

TEST(dependencies_are_added)
{
	const uint64_t getattr = FUSEPT_OP(FUSEPT_GETATTR);

	CHECK_EQ(fusept_ops_complete(0), 0);
	CHECK_EQ(fusept_ops_complete(FUSEPT_OPS_SUPPORTED), FUSEPT_OPS_SUPPORTED);
	CHECK_EQ(fusept_ops_complete(FUSEPT_OPS_ALL), FUSEPT_OPS_ALL);
	CHECK_EQ(fusept_ops_complete(getattr), getattr);
	CHECK_EQ(fusept_ops_complete(FUSEPT_OPS_IO), FUSEPT_OPS_IO | getattr);
	CHECK_EQ(fusept_ops_complete(FUSEPT_OP(FUSEPT_OPEN)),
		 FUSEPT_OP(FUSEPT_OPEN) | FUSEPT_OP(FUSEPT_RELEASE) | getattr);
	CHECK_EQ(fusept_ops_complete(FUSEPT_OP(FUSEPT_OPENDIR)),
		 FUSEPT_OP(FUSEPT_OPENDIR) | FUSEPT_OP(FUSEPT_RELEASEDIR) | getattr);
	CHECK_EQ(fusept_ops_complete(FUSEPT_OP(FUSEPT_READDIRPLUS)),
		 FUSEPT_OP(FUSEPT_READDIRPLUS) | FUSEPT_OP(FUSEPT_READDIR) | getattr);
	CHECK_EQ(fusept_ops_complete(FUSEPT_OP(FUSEPT_FORGET)), FUSEPT_OPS_SUBTREE);
	CHECK_EQ(fusept_ops_complete(FUSEPT_OP(FUSEPT_LSEEK)),
		 FUSEPT_OP(FUSEPT_LSEEK) | FUSEPT_OP(FUSEPT_READ) | getattr);
	CHECK_EQ(fusept_ops_complete(FUSEPT_OP(FUSEPT_COPY_FILE_RANGE)),
		 FUSEPT_OP(FUSEPT_COPY_FILE_RANGE) | FUSEPT_OPS_IO | getattr);
	CHECK_EQ(fusept_ops_complete(FUSEPT_OP(FUSEPT_RELEASE)),
		 FUSEPT_OP(FUSEPT_RELEASE) | getattr);
	CHECK_EQ(fusept_ops_complete(FUSEPT_OP(FUSEPT_SETLK)),
		 FUSEPT_OP(FUSEPT_GETLK) | FUSEPT_OP(FUSEPT_SETLK) | FUSEPT_OP(FUSEPT_SETLKW) |
			 FUSEPT_OP(FUSEPT_FLUSH) | getattr);
	CHECK_EQ(fusept_ops_complete(FUSEPT_OP(FUSEPT_MKDIR)),
		 FUSEPT_OP(FUSEPT_MKDIR) | FUSEPT_OP(FUSEPT_LOOKUP) | getattr);
}

/* For a kernel that has all */
static uint64_t prune(uint64_t ops)
{
	return fusept_ops_prune(ops, FUSEPT_OPS_SUBTREE);
}

TEST(what_lacks_its_dependencies_is_pruned)
{
	const uint64_t getattr = FUSEPT_OP(FUSEPT_GETATTR);

	CHECK_EQ(prune(0), 0);
	CHECK_EQ(prune(FUSEPT_OPS_ALL), FUSEPT_OPS_ALL);
	CHECK_EQ(prune(FUSEPT_OPS_SUBTREE), FUSEPT_OPS_SUBTREE);
	CHECK_EQ(prune(FUSEPT_OPS_SUBTREE & ~FUSEPT_OP(FUSEPT_LOOKUP)), FUSEPT_OPS_ALL);
	CHECK_EQ(prune(FUSEPT_OPS_ALL & ~getattr), FUSEPT_OPS_SUPPORTED);
	for (int opcode = 1; opcode <= 63; opcode++) {
		const uint64_t most =
			prune(FUSEPT_OPS_SUBTREE & ~FUSEPT_OP(opcode));
		const uint64_t one = FUSEPT_OP(opcode);

		CHECK(!(most & one));
		CHECK_EQ(fusept_ops_complete(most), most);
		CHECK_EQ(prune(fusept_ops_complete(one)), fusept_ops_complete(one));
	}
}
