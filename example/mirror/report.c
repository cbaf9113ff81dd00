/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages, and the counts on SIGUSR1.
 *
 * SIGUSR1 is blocked in every thread and read from a descriptor by one of its
 * own, so that a signal is neither lost nor runs into somebody's lock.
 */
#include "mirror.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <syslog.h>

struct reporter {
	struct mirror *m;
	pthread_t thread;
	int signals;
	int stop;
};

void mirror_complain(struct mirror *m, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	if (m->daemon)
		syslog(LOG_DAEMON | LOG_WARNING, "%s", text);
	else
		complain("%s", text);
}

void mirror_report(struct mirror *m)
{
	struct stats_about about;
	int err = 0;

	masks_describe(m, &about);
	if (!m->daemon)
		stats_print(m->stats, &about, stderr);
	if (m->opt.stats)
		err = stats_write(m->stats, &about, m->opt.stats);
	if (err)
		mirror_complain(m, "stats=%s: %s", m->opt.stats, strerror(-err));
}

static void *reporter_run(void *data)
{
	struct reporter *reporter = data;
	struct pollfd fds[2] = {
		{.fd = reporter->signals, .events = POLLIN},
		{.fd = reporter->stop, .events = POLLIN},
	};
	struct signalfd_siginfo info;

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents && read(reporter->signals, &info, sizeof(info)) > 0)
			mirror_report(reporter->m);
		else if (fds[1].revents)
			return NULL;
	}
}

static void reporter_free(struct reporter *reporter)
{
	if (reporter->signals >= 0)
		close(reporter->signals);
	if (reporter->stop >= 0)
		close(reporter->stop);
	g_free(reporter);
}

/* Blocks every signal in the new thread: libfuse's are for the main one. */
static int reporter_create(struct reporter *reporter)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	err = pthread_create(&reporter->thread, NULL, reporter_run, reporter);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

/* SIGUSR1 must have been blocked. NULL, with a message: it can't be. */
struct reporter *reporter_start(struct mirror *m)
{
	struct reporter *reporter = g_new0(struct reporter, 1);
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	reporter->m = m;
	reporter->signals = signalfd(-1, &usr1, SFD_CLOEXEC | SFD_NONBLOCK);
	reporter->stop = eventfd(0, EFD_CLOEXEC);
	if (reporter->signals >= 0 && reporter->stop >= 0 && !reporter_create(reporter))
		return reporter;
	mirror_complain(m, "no thread for SIGUSR1: %s", strerror(errno));
	reporter_free(reporter);
	return NULL;
}

void reporter_stop(struct reporter *reporter)
{
	if (!reporter)
		return;
	eventfd_write(reporter->stop, 1);
	pthread_join(reporter->thread, NULL);
	reporter_free(reporter);
}
