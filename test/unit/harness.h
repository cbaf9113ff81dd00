/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A test is a function in a program.  Each runs in a process of its own, has
 * TEST_SECONDS (here, or in the environment) to end, and fails if it leaves a
 * file descriptor open that was not open when it began.  Results are written
 * as TAP; the program ends with 77 if none failed, but one was skipped, so that
 * nobody can overlook it.
 */
#ifndef TEST_HARNESS_H
#define TEST_HARNESS_H

#include <stddef.h>
#include <stdint.h>

#define TEST_SECONDS 20

void test_add(const char *name, void (*run)(void));
/* Run after each test, in its process; meant for checks of what is left over. */
void test_add_check(void (*check)(void));
/* What to do if this test fails, is skipped or takes too long; only async-signal-safe calls. */
void test_at_failure(void (*undo)(void));

_Noreturn void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void test_skip(const char *reason);
void test_equal(const char *file, int line, const char *what, long long left, long long right);
void test_same_text(const char *file, int line, const char *left, const char *right);
void test_same_bytes(const char *file, int line, const void *left, const void *right, size_t size);

#define TEST(name)                                                \
	static void name(void);                                   \
	static void __attribute__((constructor)) add_##name(void) \
	{                                                         \
		test_add(#name, name);                            \
	}                                                         \
	static void name(void)

#define CHECK(condition)                                                 \
	do {                                                             \
		if (!(condition))                                        \
			test_fail(__FILE__, __LINE__, "%s", #condition); \
	} while (0)
#define CHECK_EQ(left, right) \
	test_equal(__FILE__, __LINE__, #left " == " #right, (long long)(left), (long long)(right))
#define CHECK_TEXT(left, right)	       test_same_text(__FILE__, __LINE__, left, right)
#define CHECK_BYTES(left, right, size) test_same_bytes(__FILE__, __LINE__, left, right, size)
/* For calls that set errno. */
#define CHECK_SYS(call)                                                 \
	do {                                                            \
		if ((call) < 0)                                         \
			test_fail(__FILE__, __LINE__, "%s: %m", #call); \
	} while (0)

#endif
