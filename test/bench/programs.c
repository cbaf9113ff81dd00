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
static void become(const struct place *place, const char *const *argv)
{
	char name[PATH_MAX];
	int out;

	snprintf(name, sizeof(name), "%s/output", place->scratch);
	out = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0644);
	if (out < 0 || dup2(out, STDOUT_FILENO) < 0 || chdir(BENCH_TREE))
		_exit(126);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int run_program(const struct place *place, const char *const *argv)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		become(place, argv);
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

static int call_program(struct place *place)
{
	return run_program(place, place->argv);
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

static int setup_ls(struct place *place)
{
	static const char *const argv[] = { "ls", "-ln", "../" BENCH_DIR, NULL };

	place->argv = argv;
	return 0;
}

static int prepare_cold(struct place *place)
{
	return cold_caches(place);
}

/* A part of the tree as an archive on the other file system, to be unpacked in a folder of its own */
static char archive[PATH_MAX];
static const char *const pack[] = { "tar", "cf", archive, "fs", NULL };
static const char *const unpack[] = { "tar", "xf", archive, "-C", "../" BENCH_MADE, NULL };
static const char *const make[] = { "mkdir", "../" BENCH_MADE, NULL };
static const char *const clear[] = { "rm", "-rf", "../" BENCH_MADE, NULL };

static int setup_pack(struct place *place, const char *const *argv)
{
	snprintf(archive, sizeof(archive), "%s/part.tar", place->scratch);
	place->argv = argv;
	return run_program(place, pack);
}

static int setup_untar(struct place *place)
{
	return setup_pack(place, unpack);
}

static int prepare_untar(struct place *place)
{
	int ret = run_program(place, clear);

	return ret ? ret : run_program(place, make);
}

static int setup_rm(struct place *place)
{
	return setup_pack(place, clear);
}

static int prepare_rm(struct place *place)
{
	int ret = prepare_untar(place);

	return ret ? ret : run_program(place, unpack);
}

static void teardown_pack(struct place *place)
{
	run_program(place, clear);
	unlink(archive);
}

const struct workload bench_programs[] = {
	{ "find", 1, setup_find, call_program, NULL, NULL, 0 },
	{ "git-status", 1, setup_git_status, call_program, NULL, NULL, 0 },
	{ "tar", 1, setup_tar, call_program, NULL, NULL, 0 },
	{ "ls-l-10000-cold", 1, setup_ls, call_program, NULL, prepare_cold, 0 },
	{ "ls-l-10000", 1, setup_ls, call_program, NULL, NULL, 0 },
	{ "untar", 1, setup_untar, call_program, teardown_pack, prepare_untar, 0 },
	{ "rm-rf", 1, setup_rm, call_program, teardown_pack, prepare_rm, 0 },
	{ NULL, 0, NULL, NULL, NULL, NULL, 0 },
};
