/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ktest.h - the frame that the cases run in
 *
 * Each case is a function that gets a mounted raw server (rawfuse.h). It runs in
 * a process and a mount namespace of its own, with a time limit. When it returns,
 * the frame checks that the mount still works, that every lookup count was given
 * back, that it can be unmounted, that nothing pins the tree below, and that no
 * file descriptor is left.
 */
#ifndef KTEST_H
#define KTEST_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "rawfuse.h"

/* What a case leaves behind; the frame then leaves out the matching check */
enum ktest_flags {
	KT_DEAD = 1 << 0,	/* the connection is gone: no request gets an answer */
	KT_UNMOUNTED = 1 << 1,	/* the case unmounted by itself */
	KT_LIES = 1 << 2,	/* the daemon lied, and lost counts and handles */
	KT_STOCK = 1 << 3,	/* also means something on a kernel without masks */
};

struct ktest_case {
	const char *name;
	void (*run)(struct raw *r);
	struct raw_options opt;
	unsigned int flags;
	intptr_t arg;
	struct ktest_case *next;
};

void ktest_add(struct ktest_case *kc);

/* A connection to abort should the case fail */
void ktest_connection(int number);

/* The case that runs now */
extern const struct ktest_case *ktest_self;

/*
 * KTEST(group, id, .opt.ops = ..., .flags = ...) { body } defines the case
 * "group.id"; the body sees the server as `r`.
 */
#define KTEST(group, id, ...)						\
	static void group##_##id(struct raw *r);			\
	static struct ktest_case group##_##id##_case = {		\
		.name = #group "." #id, .run = group##_##id, ##__VA_ARGS__ \
	};								\
	__attribute__((constructor)) static void group##_##id##_add(void) \
	{								\
		ktest_add(&group##_##id##_case);			\
	}								\
	static void group##_##id(struct raw *r)

__attribute__((noreturn, format(printf, 3, 4)))
void ktest_fail(const char *file, int line, const char *fmt, ...);
__attribute__((noreturn, format(printf, 1, 2)))
void ktest_skip(const char *fmt, ...);
__attribute__((format(printf, 1, 2)))
void ktest_note(const char *fmt, ...);

#define FAIL(...) ktest_fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(cond) do {						\
	if (!(cond))							\
		FAIL("%s", #cond);					\
} while (0)

#define CHECK_EQ(got, want) do {					\
	long long got_ = (long long)(got), want_ = (long long)(want);	\
	if (got_ != want_)						\
		FAIL("%s is %lld, not %lld (%s)", #got, got_, want_, #want); \
} while (0)

/* A call that must not return -1; gives its result */
#define CHECK_OK(call) ({						\
	long long ret_ = (long long)(call);				\
	if (ret_ == -1)							\
		FAIL("%s: %s", #call, strerror(errno));			\
	ret_;								\
})

/* A call that must return -1 and set errno */
#define CHECK_ERRNO(call, want) do {					\
	errno = 0;							\
	long long ret_ = (long long)(call);				\
	int err_ = errno;						\
	if (ret_ != -1)							\
		FAIL("%s gives %lld, not %s", #call, ret_, #want);	\
	if (err_ != (want))						\
		FAIL("%s: %s, not %s", #call, strerror(err_), #want);	\
} while (0)

#endif
