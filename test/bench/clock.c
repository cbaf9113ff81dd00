/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Time, which under QEMU's -icount shift=0 is a count of instructions: the virtual clock goes on by one
 * nanosecond for each.  That holds only if the guest reads its time from that clock without rounding or
 * scaling it, so it is measured before anything else is.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "bench.h"

#define TRIES	9

uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* Executes 2 * rounds instructions, and a handful around them. */
static void known_loop(uint64_t rounds)
{
#if defined(__x86_64__)
	__asm__ volatile("1: sub $1, %0\n\tjnz 1b" : "+r"(rounds) : : "cc");
#elif defined(__aarch64__)
	__asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(rounds) : : "cc");
#else
#error "known_loop() has to be written for this machine"
#endif
}

/* The shortest of a few, for a timer interrupt may fall into any of them. */
static uint64_t known_loop_time(uint64_t rounds)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t start = clock_now();

		known_loop(rounds);
		start = clock_now() - start;
		if (start < best)
			best = start;
	}
	return best;
}

/*
 * The difference of two lengths, so that the cost of reading the clock does not count.  At most one
 * part in a thousand may be missing or left over.
 */
int clock_check(void)
{
	const uint64_t few = 100000, many = 600000;
	uint64_t wanted = 2 * (many - few);
	uint64_t got = known_loop_time(many) - known_loop_time(few);

	if (got < wanted - wanted / 1000 || got > wanted + wanted / 1000) {
		fprintf(stderr, "fusept-bench: %llu instructions took %llu ns: this clock does not count instructions\n",
			(unsigned long long)wanted, (unsigned long long)got);
		return -ERANGE;
	}
	return 0;
}

/* Nanoseconds that the machine idled since boot (in steps of 10 ms): such time is no instruction. */
uint64_t clock_idle(void)
{
	unsigned long long idle = 0, wait = 0;
	FILE *f = fopen("/proc/stat", "re");

	if (!f)
		return 0;
	if (fscanf(f, "cpu %*u %*u %*u %llu %llu", &idle, &wait) != 2)
		idle = wait = 0;
	fclose(f);
	return (idle + wait) * UINT64_C(10000000);
}
