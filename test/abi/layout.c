// SPDX-License-Identifier: LGPL-2.1-or-later
/* What programs compiled against version 0.1 rely on.  It may grow, but not change. */
#define FUSE_USE_VERSION 314
#include <fusept.h>

#define SAME(left, right) _Static_assert((left) == (right), #left)
#define FIELD(name, off)  SAME(offsetof(struct fusept_session_options, name), off)

FIELD(size, 0);
FIELD(flags, sizeof(size_t));
FIELD(max_stack_depth, sizeof(size_t) + 4);
FIELD(max_level, sizeof(size_t) + 8);
FIELD(reserved, sizeof(size_t) + 12);
SAME(sizeof(struct fusept_session_options), sizeof(size_t) + 16);

SAME(FUSEPT_LEVEL_NONE, 1);
SAME(FUSEPT_LEVEL_IO, 2);
SAME(FUSEPT_LEVEL_OPS, 3);

SAME(FUSEPT_SESSION_KILLPRIV, 1);
SAME(FUSEPT_SESSION_READDIR, 2);

SAME(FUSEPT_OP(1), 1);
SAME(FUSEPT_OP(52), UINT64_C(1) << 51);
SAME(FUSEPT_OPS_NONE, 0);
SAME(FUSEPT_OPS_IO, UINT64_C(0xc000));
SAME(FUSEPT_OPS_SUBTREE, UINT64_MAX);
SAME(FUSEPT_OPS_NAMES, UINT64_C(0x40004000001a3));
SAME(FUSEPT_OPS_ALL, UINT64_MAX & ~FUSEPT_OPS_NAMES);
SAME(FUSEPT_OPS_SUPPORTED, UINT64_C(1) << 63);

SAME(FUSEPT_OPCODES, 64);
SAME(offsetof(struct fusept_counters, kernel), 0);
SAME(offsetof(struct fusept_counters, daemon), 64 * 8);
SAME(sizeof(struct fusept_counters), 2 * 64 * 8);

int main(void)
{
	return 0;
}
