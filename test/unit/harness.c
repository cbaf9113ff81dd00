// SPDX-License-Identifier: LGPL-2.1-or-later
#include "harness.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED	   77
#define MAX_TESTS  64
#define MAX_CHECKS 4

static struct {
	const char *name;
	void (*run)(void);
} tests[MAX_TESTS];
static void (*checks[MAX_CHECKS])(void);
static void (*undo_test)(void);
static int test_count, check_count;

void test_add(const char *name, void (*run)(void))
{
	if (test_count == MAX_TESTS)
		abort();
	tests[test_count].name = name;
	tests[test_count++].run = run;
}

void test_add_check(void (*check)(void))
{
	if (check_count == MAX_CHECKS)
		abort();
	checks[check_count++] = check;
}

void test_at_failure(void (*undo)(void))
{
	undo_test = undo;
}

static _Noreturn void stop(int status)
{
	if (undo_test)
		undo_test();
	_exit(status);
}

static _Noreturn void on_timeout(int sig)
{
	(void)sig;
	stop(EXIT_FAILURE);
}

void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "# %s:%d: ", file, line);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	stop(EXIT_FAILURE);
}

void test_skip(const char *reason)
{
	fprintf(stderr, "# SKIP: %s\n", reason);
	stop(SKIPPED);
}

void test_equal(const char *file, int line, const char *what, long long left, long long right)
{
	if (left != right)
		test_fail(file, line, "%s: %lld (0x%llx) and %lld (0x%llx)", what, left, left,
			  right, right);
}

void test_same_text(const char *file, int line, const char *left, const char *right)
{
	if (!left || !right || strcmp(left, right) != 0)
		test_fail(file, line, "\"%s\" and \"%s\"", left ? left : "(null)",
			  right ? right : "(null)");
}

void test_same_bytes(const char *file, int line, const void *left, const void *right, size_t size)
{
	const unsigned char *a = left, *b = right;

	for (size_t i = 0; i < size; i++) {
		if (a[i] != b[i])
			test_fail(file, line, "byte %zu of %zu: 0x%02x and 0x%02x", i, size, a[i],
				  b[i]);
	}
}

/* What libfuse's threads read at their first splice, and leave open if cancelled there. */
#define LEFT_BY_LIBFUSE "/proc/sys/fs/pipe-max-size"

/* The open descriptors as text, in /proc's order, which is theirs: "3 /dev/fuse". */
static void list_fds(char *list, size_t size)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	size_t len = 0;

	if (!dir)
		test_fail(__FILE__, __LINE__, "/proc/self/fd: %m");
	list[0] = '\0';
	while ((entry = readdir(dir))) {
		char what[256] = "";

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir))
			continue;
		(void)!readlinkat(dirfd(dir), entry->d_name, what, sizeof(what) - 1);
		if (strcmp(what, LEFT_BY_LIBFUSE) == 0)
			continue;
		len += (size_t)snprintf(list + len, size - len, " %s %s,", entry->d_name, what);
		if (len >= size)
			test_fail(__FILE__, __LINE__, "too many descriptors");
	}
	closedir(dir);
}

static _Noreturn void run_here(void (*run)(void))
{
	char before[4096], after[4096];

	list_fds(before, sizeof(before));
	run();
	for (int i = 0; i < check_count; i++)
		checks[i]();
	list_fds(after, sizeof(after));
	if (strcmp(before, after) != 0)
		test_fail(__FILE__, __LINE__, "descriptors before:%s after:%s", before, after);
	exit(EXIT_SUCCESS);
}

/* The wait status of the test, which is killed when its time is over. */
static int run_forked(void (*run)(void))
{
	const char *text = getenv("TEST_SECONDS");
	const int seconds = text ? atoi(text) : TEST_SECONDS;
	struct pollfd pfd = {.events = POLLIN};
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		signal(SIGTERM, on_timeout);
		run_here(run);
	}
	pfd.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (poll(&pfd, 1, seconds * 1000) == 0) {
		fprintf(stderr, "# not over after %d seconds\n", seconds);
		kill(pid, SIGTERM);
		if (poll(&pfd, 1, 1000) == 0)
			kill(pid, SIGKILL);
	}
	close(pfd.fd);
	waitpid(pid, &status, 0);
	kill(-pid, SIGKILL); /* what the test left running */
	return status;
}

int main(void)
{
	int failed = 0, skips = 0;

	printf("1..%d\n", test_count);
	for (int i = 0; i < test_count; i++) {
		int status = run_forked(tests[i].run);
		bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED;
		bool passed = skipped || (WIFEXITED(status) && WEXITSTATUS(status) == 0);

		if (WIFSIGNALED(status))
			fprintf(stderr, "# killed by signal %d\n", WTERMSIG(status));
		printf("%s %d - %s%s\n", passed ? "ok" : "not ok", i + 1, tests[i].name,
		       skipped ? " # SKIP" : "");
		failed += !passed;
		skips += skipped;
	}
	if (failed)
		return EXIT_FAILURE;
	return skips ? SKIPPED : EXIT_SUCCESS;
}
