/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SIGHUP, SIGTERM and SIGINT are blocked in all threads, and read by one of its own.
 *
 * What the kernel is told of new rules waits for those who hold a directory, and these wait
 * for an answer of ours. So there must be who serves until all is told, and no end may come
 * meanwhile: one thread does the one after the other.
 */
#include "filter.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <syslog.h>

struct watcher {
	struct filter *f;
	pthread_t thread;
	pthread_t main; /* ends by a signal of its own */
	int signals;
	int stop;
};

enum { END = SIGUSR1 };

static void *watcher_run(void *data)
{
	struct watcher *watcher = data;
	struct pollfd fds[2] = {
		{.fd = watcher->signals, .events = POLLIN},
		{.fd = watcher->stop, .events = POLLIN},
	};
	struct signalfd_siginfo info;

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			return NULL;
		if (read(watcher->signals, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo == SIGHUP)
			filter_reload(watcher->f);
		else
			pthread_kill(watcher->main, END);
	}
}

static void watcher_free(struct watcher *watcher)
{
	if (watcher->signals >= 0)
		close(watcher->signals);
	if (watcher->stop >= 0)
		close(watcher->stop);
	g_free(watcher);
}

/* SIGHUP, and what libfuse ends by; END does that then. */
static void signals_of(sigset_t *ours)
{
	static const int ends[] = {SIGTERM, SIGINT};
	struct sigaction action;

	sigemptyset(ours);
	sigaddset(ours, SIGHUP);
	for (guint i = 0; i < G_N_ELEMENTS(ends); i++) {
		if (sigaction(ends[i], NULL, &action) || action.sa_handler == SIG_IGN)
			continue;
		sigaction(END, &action, NULL);
		sigaddset(ours, ends[i]);
	}
}

/* Blocks every signal in the new thread. An errno. */
static int watcher_create(struct watcher *watcher)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	err = pthread_create(&watcher->thread, NULL, watcher_run, watcher);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

struct watcher *watcher_start(struct filter *f)
{
	struct watcher *watcher = g_new0(struct watcher, 1);
	sigset_t ours;
	int err;

	signals_of(&ours);
	watcher->f = f;
	watcher->main = pthread_self();
	watcher->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	watcher->stop = eventfd(0, EFD_CLOEXEC);
	err = watcher->signals < 0 || watcher->stop < 0 ? errno : watcher_create(watcher);
	if (!err) {
		pthread_sigmask(SIG_BLOCK, &ours, NULL);
		return watcher;
	}
	filter_say(f, LOG_WARNING, "SIGHUP will not be heard: %s", strerror(err));
	watcher_free(watcher);
	return NULL;
}

void watcher_stop(struct watcher *watcher)
{
	if (!watcher)
		return;
	eventfd_write(watcher->stop, 1);
	pthread_join(watcher->thread, NULL);
	watcher_free(watcher);
}
