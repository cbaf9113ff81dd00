/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole programs in the source tree; their output goes to another file system. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/* tar looks at its archive and reads no file when that is /dev/null: so every output is a real file. */
static void become(const struct place *place)
{
	char name[PATH_MAX];
	int out;

	snprintf(name, sizeof(name), "%s/output", place->scratch);
	out = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0644);
	if (out < 0 || dup2(out, STDOUT_FILENO) < 0 || chdir(BENCH_TREE))
		_exit(126);
	execvp(place->argv[0], (char *const *)(uintptr_t)place->argv);
	_exit(127);
}

static int call_program(struct place *place)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		become(place);
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

static int setup_find(struct place *place)
{
	static const char *const argv[] = { "find", ".", NULL };

	place->argv = argv;
	return 0;
}

static int setup_git_status(struct place *place)
{
	static const char *const argv[] = { "git", "status", NULL };

	place->argv = argv;
	return 0;
}

static int setup_tar(struct place *place)
{
	static const char *const argv[] = { "tar", "cf", "-", ".", NULL };

	place->argv = argv;
	return 0;
}

const struct workload bench_programs[] = {
	{ "find", 1, setup_find, call_program, NULL },
	{ "git-status", 1, setup_git_status, call_program, NULL },
	{ "tar", 1, setup_tar, call_program, NULL },
	{ NULL, 0, NULL, NULL, NULL },
};
