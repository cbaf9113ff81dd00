// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ktest.c - runs the cases and prints TAP
 *
 * fusept-ktest [--list | --first NUMBER] [CASE...]; a CASE is a name, a group or a
 * pattern; numbers of results begin at NUMBER. The plan is printed by run.sh.
 * TEST_DIR is the folder for the trees (default: /tmp).
 */
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frame.h"
#include "tree.h"

enum { EXIT_SKIP = 77, SECONDS = 600, SECONDS_TO_DIE = 60 };

static struct ktest_case *first, **last = &first;
const struct ktest_case *ktest_self;

/* Connections of the case that runs; shared with it */
static struct {
	_Atomic int count;
	int number[8];
} *connections;

void ktest_connection(int number)
{
	connections->number[atomic_fetch_add(&connections->count, 1)] = number;
}

/* Numbers are given to others after an umount: is it a mount of that process? */
static bool is_mounted(const char *pid, int number)
{
	char path[64], line[8192];
	unsigned int major, minor;
	bool found = false;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
	in = fopen(path, "re");
	while (in && !found && fgets(line, sizeof(line), in))
		found = sscanf(line, "%*d %*d %u:%u", &major, &minor) == 2 &&
			major == 0 && minor == (unsigned int)number;
	if (in)
		fclose(in);
	return found;
}

/*
 * A case that gives up may have requests waiting for a server in its own process:
 * nothing would ever end them.
 */
static void abort_connections(const char *pid)
{
	char path[64];

	for (int i = 0; connections && i < connections->count; i++) {
		int fd;

		if (!is_mounted(pid, connections->number[i]))
			continue;
		snprintf(path, sizeof(path), FUSE_CONTROL "/%d/abort",
			 connections->number[i]);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd >= 0 && write(fd, "1", 1) < 0)
			perror(path);
		if (fd >= 0)
			close(fd);
	}
}

void ktest_add(struct ktest_case *kc)
{
	*last = kc;
	last = &kc->next;
}

__attribute__((format(printf, 2, 0)))
static void say(const char *where, const char *fmt, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	fprintf(stderr, "# %s: %s%s\n", ktest_self ? ktest_self->name : "ktest",
		where, text);
}

void ktest_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char where[256];
	va_list ap;

	snprintf(where, sizeof(where), "%s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	say(where, fmt, ap);
	va_end(ap);
	abort_connections("self");
	_exit(EXIT_FAILURE);
}

void ktest_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
	abort_connections("self");
	_exit(EXIT_SKIP);
}

void ktest_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

static bool wanted(const struct ktest_case *kc, int n, char **patterns)
{
	char group[256];

	if (!n)
		return true;
	for (int i = 0; i < n; i++) {
		snprintf(group, sizeof(group), "%.200s.*", patterns[i]);
		if (!fnmatch(patterns[i], kc->name, 0) ||
		    !fnmatch(group, kc->name, 0))
			return true;
	}
	return false;
}

static bool wait_pid(int pidfd, unsigned int seconds)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int ret;

	do {
		ret = poll(&p, 1, (int)seconds * 1000);
	} while (ret < 0 && errno == EINTR);
	return ret > 0;
}

/* Exit status of the case as waitpid() gives it, or -1 for one that hung */
static int run_process(const struct ktest_case *kc, const char *dir)
{
	int pidfd, status = -1;
	char text[16];
	pid_t pid;

	fflush(NULL);
	atomic_store(&connections->count, 0);
	pid = (pid_t)CHECK_OK(fork());
	if (!pid) {
		setpgid(0, 0);
		ktest_self = kc;
		frame_run(kc, dir);
		_exit(EXIT_SUCCESS);
	}
	setpgid(pid, pid);
	pidfd = (int)CHECK_OK(syscall(SYS_pidfd_open, pid, 0));
	if (!wait_pid(pidfd, SECONDS)) {
		ktest_note("%s hangs", kc->name);
		frame_show_stacks(pid);
		snprintf(text, sizeof(text), "%d", pid);
		abort_connections(text);
		kill(-pid, SIGKILL);
		if (!wait_pid(pidfd, SECONDS_TO_DIE)) {
			ktest_note("%s cannot be killed", kc->name);
			frame_show_stacks(pid);
			close(pidfd);
			return -1;
		}
		waitpid(pid, NULL, 0);
	} else {
		waitpid(pid, &status, 0);
		/* those it left, of a case that failed */
		kill(-pid, SIGKILL);
	}
	close(pidfd);
	return status;
}

/* 1: passed, 0: failed, 77: skipped */
static int run_case(const struct ktest_case *kc, int number)
{
	const char *base = getenv("TEST_DIR");
	char dir[PATH_MAX];
	int status;

	snprintf(dir, sizeof(dir), "%s/ktest.XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(dir))
		FAIL("%s: %s", dir, strerror(errno));
	CHECK_OK(chmod(dir, 0755));
	status = run_process(kc, dir);
	if (status != -1)
		tree_remove(dir);
	if (status != -1 && WIFEXITED(status)) {
		if (WEXITSTATUS(status) == EXIT_SKIP) {
			printf("ok %d - %s # SKIP\n", number, kc->name);
			return EXIT_SKIP;
		}
		if (WEXITSTATUS(status) == EXIT_SUCCESS) {
			printf("ok %d - %s\n", number, kc->name);
			return 1;
		}
	} else if (status != -1) {
		ktest_note("%s: signal %d", kc->name, WTERMSIG(status));
	}
	printf("not ok %d - %s\n", number, kc->name);
	return 0;
}

static int list_cases(int n, char **patterns)
{
	for (struct ktest_case *kc = first; kc; kc = kc->next)
		if (wanted(kc, n, patterns))
			puts(kc->name);
	return EXIT_SUCCESS;
}

static int run_cases(int number, int n, char **patterns)
{
	int start = number, passed = 0, skipped = 0, failed;

	for (struct ktest_case *kc = first; kc; kc = kc->next) {
		if (!wanted(kc, n, patterns))
			continue;
		switch (run_case(kc, number++)) {
		case 1:
			passed++;
			break;
		case EXIT_SKIP:
			skipped++;
			break;
		}
	}
	failed = number - start - passed - skipped;
	printf("# %d passed, %d failed, %d skipped\n", passed, failed, skipped);
	return number > start && !failed ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	int number = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "--list"))
		return list_cases(argc - 2, argv + 2);
	if (argc > 2 && !strcmp(argv[1], "--first")) {
		number = atoi(argv[2]);
		argc -= 2;
		argv += 2;
	}
	connections = frame_prepare(sizeof(*connections));
	return run_cases(number, argc - 1, argv + 1);
}
