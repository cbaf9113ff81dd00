// SPDX-License-Identifier: LGPL-2.1-or-later
/* Masks: names, text and dependencies.  Pure. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const names[] = {
	[FUSE_LOOKUP] = "LOOKUP",
	[FUSE_FORGET] = "FORGET",
	[FUSE_GETATTR] = "GETATTR",
	[FUSE_SETATTR] = "SETATTR",
	[FUSE_READLINK] = "READLINK",
	[FUSE_SYMLINK] = "SYMLINK",
	[FUSE_MKNOD] = "MKNOD",
	[FUSE_MKDIR] = "MKDIR",
	[FUSE_UNLINK] = "UNLINK",
	[FUSE_RMDIR] = "RMDIR",
	[FUSE_RENAME] = "RENAME",
	[FUSE_LINK] = "LINK",
	[FUSE_OPEN] = "OPEN",
	[FUSE_READ] = "READ",
	[FUSE_WRITE] = "WRITE",
	[FUSE_STATFS] = "STATFS",
	[FUSE_RELEASE] = "RELEASE",
	[FUSE_FSYNC] = "FSYNC",
	[FUSE_SETXATTR] = "SETXATTR",
	[FUSE_GETXATTR] = "GETXATTR",
	[FUSE_LISTXATTR] = "LISTXATTR",
	[FUSE_REMOVEXATTR] = "REMOVEXATTR",
	[FUSE_FLUSH] = "FLUSH",
	[FUSE_INIT] = "INIT",
	[FUSE_OPENDIR] = "OPENDIR",
	[FUSE_READDIR] = "READDIR",
	[FUSE_RELEASEDIR] = "RELEASEDIR",
	[FUSE_FSYNCDIR] = "FSYNCDIR",
	[FUSE_GETLK] = "GETLK",
	[FUSE_SETLK] = "SETLK",
	[FUSE_SETLKW] = "SETLKW",
	[FUSE_ACCESS] = "ACCESS",
	[FUSE_CREATE] = "CREATE",
	[FUSE_INTERRUPT] = "INTERRUPT",
	[FUSE_BMAP] = "BMAP",
	[FUSE_DESTROY] = "DESTROY",
	[FUSE_IOCTL] = "IOCTL",
	[FUSE_POLL] = "POLL",
	[FUSE_NOTIFY_REPLY] = "NOTIFY_REPLY",
	[FUSE_BATCH_FORGET] = "BATCH_FORGET",
	[FUSE_FALLOCATE] = "FALLOCATE",
	[FUSE_READDIRPLUS] = "READDIRPLUS",
	[FUSE_RENAME2] = "RENAME2",
	[FUSE_LSEEK] = "LSEEK",
	[FUSE_COPY_FILE_RANGE] = "COPY_FILE_RANGE",
	[FUSE_SETUPMAPPING] = "SETUPMAPPING",
	[FUSE_REMOVEMAPPING] = "REMOVEMAPPING",
	[FUSE_SYNCFS] = "SYNCFS",
	[FUSE_TMPFILE] = "TMPFILE",
	[FUSE_STATX] = "STATX",
	[FUSE_READDIR_PASSTHROUGH] = "READDIR_PASSTHROUGH",
};

static const struct {
	const char *name;
	uint64_t ops;
} groups[] = {
	{"all", FUSEPT_OPS_ALL},
	{"subtree", FUSEPT_OPS_SUBTREE},
	{"names", FUSEPT_OPS_NAMES},
	{"none", FUSEPT_OPS_NONE},
	{"io", FUSEPT_OPS_IO},
	{"supported", FUSEPT_OPS_SUPPORTED},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_OPCODE   63

const char *fusept_op_name(int opcode)
{
	if (opcode < 0 || (size_t)opcode >= COUNT(names))
		return NULL;
	return names[opcode];
}

/* Opcodes between daemon and kernel that concern no file, or come in place of another. */
static bool never_in_a_mask(int opcode)
{
	switch (opcode) {
	case FUSE_INIT:
	case FUSE_INTERRUPT:
	case FUSE_DESTROY:
	case FUSE_NOTIFY_REPLY:
	case FUSE_BATCH_FORGET:
	case FUSE_SETUPMAPPING:
	case FUSE_REMOVEMAPPING:
	case FUSE_READDIR_PASSTHROUGH:
		return true;
	default:
		return false;
	}
}

static bool same_word(const char *name, const char *word, size_t len)
{
	return strlen(name) == len && strncasecmp(name, word, len) == 0;
}

/* "op54": 1..63 without leading zero, else 0 */
static int numbered_opcode(const char *word, size_t len)
{
	int number = 0;

	if (len < 3 || len > 4 || strncasecmp(word, "op", 2) != 0 || word[2] == '0')
		return 0;
	for (size_t i = 2; i < len; i++) {
		if (word[i] < '0' || word[i] > '9')
			return 0;
		number = number * 10 + (word[i] - '0');
	}
	return number <= MAX_OPCODE ? number : 0;
}

static int word_ops(const char *word, size_t len, uint64_t *ops)
{
	int opcode = numbered_opcode(word, len);

	for (size_t i = 0; i < COUNT(groups); i++) {
		if (same_word(groups[i].name, word, len)) {
			*ops = groups[i].ops;
			return 0;
		}
	}
	for (int i = 1; opcode == 0 && (size_t)i < COUNT(names); i++) {
		if (names[i] && !never_in_a_mask(i) && same_word(names[i], word, len))
			opcode = i;
	}
	if (opcode == 0)
		return -EINVAL;
	*ops = FUSEPT_OP(opcode);
	return 0;
}

int fusept_ops_parse(const char *text, uint64_t *ops)
{
	uint64_t result = 0, bits;

	if (!text || !ops)
		return -EINVAL;
	for (;;) {
		bool minus = *text == '-';
		const char *word = text + minus;
		size_t len = strcspn(word, ",+");
		int ret = word_ops(word, len, &bits);

		if (ret < 0)
			return ret;
		result = minus ? result & ~bits : result | bits;
		text = word + len;
		if (*text == '\0')
			break;
		text++;
	}
	*ops = result;
	return 0;
}

/* Append a word to what has been written so far; returns the new length. */
static size_t append(char *buf, size_t size, size_t len, const char *sign, int opcode)
{
	const char *name = never_in_a_mask(opcode) ? NULL : fusept_op_name(opcode);
	char number[16], *at = len < size ? buf + len : NULL;
	size_t room = len < size ? size - len : 0;

	snprintf(number, sizeof(number), "op%d", opcode);
	return len +
	       (size_t)snprintf(at, room, "%s%s%s", len > 0 ? "," : "", sign, name ? name : number);
}

/* What the text of a mask begins with; the bits of it */
static const char *format_group(uint64_t ops, uint64_t *group)
{
	*group = FUSEPT_OPS_NONE;
	if (!(ops & FUSEPT_OPS_SUPPORTED))
		return ops == FUSEPT_OPS_NONE ? "none" : "";
	*group = ops & FUSEPT_OP(FUSEPT_LOOKUP) ? FUSEPT_OPS_SUBTREE : FUSEPT_OPS_ALL;
	return *group == FUSEPT_OPS_ALL ? "all" : "subtree";
}

int fusept_ops_format(uint64_t ops, char *buf, size_t size)
{
	uint64_t group, differs;
	size_t len;

	if (!buf && size > 0)
		return -EINVAL;
	len = (size_t)snprintf(buf, size, "%s", format_group(ops, &group));
	differs = ops ^ group;
	for (int opcode = 1; opcode <= MAX_OPCODE; opcode++) {
		uint64_t bit = FUSEPT_OP(opcode);

		if (differs & bit)
			len = append(buf, size, len, group & bit ? "-" : "", opcode);
	}
	return (int)len;
}

#define OPS_LOCKS                                                                        \
	(FUSEPT_OP(FUSEPT_GETLK) | FUSEPT_OP(FUSEPT_SETLK) | FUSEPT_OP(FUSEPT_SETLKW))

/*
 * What the kernel asks for; any of op's bits needs all of needs'.  The last one
 * is about every bit, so also about those that come with the others.
 */
static const struct {
	uint64_t op;
	uint64_t needs;
} dependencies[] = {
	{FUSEPT_OP(FUSEPT_OPEN), FUSEPT_OP(FUSEPT_RELEASE)},
	{FUSEPT_OP(FUSEPT_OPENDIR), FUSEPT_OP(FUSEPT_RELEASEDIR)},
	{FUSEPT_OP(FUSEPT_READDIRPLUS), FUSEPT_OP(FUSEPT_READDIR)},
	{FUSEPT_OP(FUSEPT_LSEEK), FUSEPT_OP(FUSEPT_READ)},
	{FUSEPT_OP(FUSEPT_COPY_FILE_RANGE), FUSEPT_OPS_IO},
	{OPS_LOCKS, OPS_LOCKS | FUSEPT_OP(FUSEPT_FLUSH)},
	{FUSEPT_OPS_NAMES, FUSEPT_OP(FUSEPT_LOOKUP)},
	{~FUSEPT_OPS_SUPPORTED, FUSEPT_OP(FUSEPT_GETATTR)},
};

uint64_t fusept_ops_complete(uint64_t ops)
{
	if (ops & FUSEPT_OP(FUSEPT_FORGET))
		return FUSEPT_OPS_SUBTREE;
	for (size_t i = 0; i < sizeof(dependencies) / sizeof(*dependencies); i++)
		if (ops & dependencies[i].op)
			ops |= dependencies[i].needs;
	return ops;
}

uint64_t fusept_ops_prune(uint64_t ops, uint64_t kernel)
{
	for (size_t i = 0; i < sizeof(dependencies) / sizeof(*dependencies); i++)
		if ((ops & dependencies[i].needs) != dependencies[i].needs)
			ops &= ~dependencies[i].op;
	return ops == kernel ? ops : ops & ~FUSEPT_OP(FUSEPT_FORGET);
}
