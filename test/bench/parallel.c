/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The same calls by several processes at once, each on a processor of its own and all in one folder: what
 * they cost more than by one is what it takes to wait for each other and to wake each other up.  A call
 * here is a batch of each.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define BATCH	50	/* calls of each process */
#define MOST	4

static struct team {
	pthread_barrier_t start, end;
	unsigned int size;
	pid_t pid[MOST];
	int err;
} *team;

/* One after the other if the machine has fewer processors. */
static void use_processor(unsigned int i)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(i % (unsigned int)processors, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void work(unsigned int i, int (*call)(unsigned int worker, unsigned int n))
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	use_processor(i);
	for (unsigned int n = 0;; n += BATCH) {
		pthread_barrier_wait(&team->start);
		for (unsigned int j = 0; j < BATCH; j++) {
			int ret = call(i, n + j);

			if (ret)
				team->err = ret;
		}
		pthread_barrier_wait(&team->end);
	}
}

static int make_team(unsigned int size)
{
	pthread_barrierattr_t shared;
	int ret;

	team = mmap(NULL, sizeof(*team), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (team == MAP_FAILED)
		return -errno;
	team->size = size;
	ret = pthread_barrierattr_init(&shared);
	if (!ret)
		ret = pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	if (!ret)
		ret = pthread_barrier_init(&team->start, &shared, size + 1);
	if (!ret)
		ret = pthread_barrier_init(&team->end, &shared, size + 1);
	return -ret;
}

static int start_team(unsigned int size, int (*call)(unsigned int worker, unsigned int n))
{
	int ret = make_team(size);

	for (unsigned int i = 0; i < size && !ret; i++) {
		team->pid[i] = fork();
		if (team->pid[i] == 0)
			work(i, call);
		if (team->pid[i] < 0)
			ret = -errno;
	}
	return ret;
}

static int call_batch(struct place *place)
{
	(void)place;
	pthread_barrier_wait(&team->start);
	pthread_barrier_wait(&team->end);
	return team->err;
}

/* They wait for the next batch, or for those that could not be started. */
static void end_team(struct place *place)
{
	(void)place;
	if (team == MAP_FAILED)
		return;
	for (unsigned int i = 0; i < team->size; i++)
		if (team->pid[i] > 0 && !kill(team->pid[i], SIGKILL))
			waitpid(team->pid[i], NULL, 0);
	munmap(team, sizeof(*team));
}

static int create(unsigned int worker, unsigned int n)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), BENCH_MADE "-%u-%u", worker, n);
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 || close(fd) || unlink(name) ? -errno : 0;
}

static int lookup(unsigned int worker, unsigned int n)
{
	char name[64];
	struct stat st;

	snprintf(name, sizeof(name), BENCH_DIR "/entry-%05u", (n * team->size + worker) % BENCH_ENTRIES);
	return stat(name, &st) ? -errno : 0;
}

static int start_create(struct place *place)
{
	return start_team(place->workload->each / BATCH, create);
}

static int start_lookup(struct place *place)
{
	return start_team(place->workload->each / BATCH, lookup);
}

static int prepare_cold(struct place *place)
{
	return cold_caches(place);
}

const struct workload bench_parallel[] = {
	{ "create-by-1", 10, start_create, call_batch, end_team, NULL, 1 * BATCH },
	{ "create-by-2", 10, start_create, call_batch, end_team, NULL, 2 * BATCH },
	{ "create-by-4", 10, start_create, call_batch, end_team, NULL, 4 * BATCH },
	{ "lookup-by-1", 10, start_lookup, call_batch, end_team, prepare_cold, 1 * BATCH },
	{ "lookup-by-2", 10, start_lookup, call_batch, end_team, prepare_cold, 2 * BATCH },
	{ "lookup-by-4", 10, start_lookup, call_batch, end_team, prepare_cold, 4 * BATCH },
	{ NULL, 0, NULL, NULL, NULL, NULL, 0 },
};
