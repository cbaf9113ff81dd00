// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Prints the frequency of this machine's time stamp counter in kHz, which is
 * what a guest under TCG sees. On a busy machine the guest cannot find it out
 * by itself, and is then left with a clock of 4 ms.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

#define NS 1000000000LL

struct sample {
	uint64_t tsc;
	int64_t ns;
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS + t.tv_nsec;
}

/* Reads both clocks at once: the best of many tries. */
static struct sample both(void)
{
	struct sample best = { 0, 0 };
	int64_t window = NS;

	for (int i = 0; i < 1000; i++) {
		int64_t before = now();
		uint64_t tsc = __rdtsc();
		int64_t after = now();

		if (after - before >= window)
			continue;
		window = after - before;
		best.tsc = tsc;
		best.ns = before + window / 2;
	}
	return best;
}

int main(void)
{
	struct timespec span = { 0, 100 * 1000 * 1000 };
	struct sample first = both(), last;

	nanosleep(&span, NULL);
	last = both();
	printf("%.0f\n", (double)(last.tsc - first.tsc) * 1e6 / (double)(last.ns - first.ns));
	return 0;
}
