// SPDX-License-Identifier: LGPL-2.1-or-later
/* The kernel's count as it is written, and where there is none. */
#include "internal.h"
#include "harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int parse(const char *text, struct fusept_counters *counters)
{
	char name[] = "/tmp/fusept-counters-XXXXXX";
	int ret, fd = mkstemp(name);

	CHECK_SYS(fd);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	memset(counters, 0, sizeof(*counters));
	ret = fusept_counters_parse(name, counters);
	unlink(name);
	return ret;
}

TEST(each_operation_has_its_two_counts)
{
	struct fusept_counters c;

	CHECK_EQ(parse("LOOKUP 12 3\nGETATTR 0 18446744073709551615\nSTATX 7 0\n", &c), 0);
	CHECK_EQ(c.kernel[FUSEPT_LOOKUP], 12);
	CHECK_EQ(c.daemon[FUSEPT_LOOKUP], 3);
	CHECK_EQ(c.kernel[FUSEPT_GETATTR], 0);
	CHECK(c.daemon[FUSEPT_GETATTR] == UINT64_MAX);
	CHECK_EQ(c.kernel[FUSEPT_STATX], 7);
	CHECK_EQ(c.kernel[FUSEPT_READ] + c.daemon[FUSEPT_READ], 0);
}

TEST(a_mount_that_is_not_counted_has_none)
{
	struct fusept_counters c;

	CHECK_EQ(parse("", &c), 0);
	for (int i = 0; i < FUSEPT_OPCODES; i++)
		CHECK_EQ(c.kernel[i] + c.daemon[i], 0);
}

TEST(operations_of_a_newer_kernel_are_left_out)
{
	struct fusept_counters c;

	CHECK_EQ(parse("TELEPORT 1 2\nREAD 3 4\n", &c), 0);
	CHECK_EQ(c.kernel[FUSEPT_READ], 3);
	CHECK_EQ(c.daemon[FUSEPT_READ], 4);
}

TEST(what_nobody_understands_is_refused)
{
	static const char *const bad[] = {"READ\n", "READ 1\n", "READ x 1\n", "READ 1 2\nWRITE",
					  "1 2 3 4\n"};
	struct fusept_counters c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(parse(bad[i], &c), -EPROTO);
	CHECK_EQ(fusept_counters_parse("/nonexistent", &c), -ENOENT);
	CHECK_EQ(fusept_counters_parse("/", &c), -EISDIR);
}

TEST(paths_without_a_mount_of_ours)
{
	struct fusept_counters c;

	c.kernel[1] = 4711;
	CHECK_EQ(fusept_counters_read("/proc", &c), -ENODEV);
	CHECK_EQ(fusept_counters_read("/nonexistent", &c), -ENOENT);
	CHECK_EQ(fusept_counters_read("/proc/version/x", &c), -ENOTDIR);
	CHECK_EQ(fusept_counters_read(NULL, &c), -EINVAL);
	CHECK_EQ(fusept_counters_read("/proc", NULL), -EINVAL);
	CHECK_EQ(c.kernel[1], 4711);
}
