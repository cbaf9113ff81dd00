// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Requests on their way from the device to libfuse, which knows none of our opcodes:
 * READDIR_PASSTHROUGH comes to the daemon as READDIRPLUS, with a mark in its size.
 */
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* No kernel asks for so much. */
#define MARK (UINT32_C(1) << 31)

/* What libfuse has left in a pipe is a WRITE. */
static void translate(struct fuse_buf *buf)
{
	struct {
		struct fuse_in_header header;
		struct fuse_read_in in;
	} request;

	if ((buf->flags & FUSE_BUF_IS_FD) || buf->size < sizeof(request))
		return;
	memcpy(&request, buf->mem, sizeof(request));
	if (request.header.opcode != FUSE_READDIR_PASSTHROUGH)
		return;
	request.header.opcode = FUSE_READDIRPLUS;
	request.in.size |= MARK;
	memcpy(buf->mem, &request, sizeof(request));
}

void fusept_session_process_buf(struct fusept_session *session, struct fuse_buf *buf)
{
	if (session->readdir && session->level == FUSEPT_LEVEL_OPS)
		translate(buf);
	fuse_session_process_buf(session->se, buf);
}

int fusept_readdir_passthrough(size_t *size)
{
	const int marked = *size & MARK ? 1 : 0;

	*size &= ~(size_t)MARK;
	return marked;
}

/* The threads of a loop, and the one that waits for them. */
struct pool {
	struct fusept_session *session;
	int ended; /* an eventfd */
	_Atomic int error;
};

static void free_mem(void *buf)
{
	free(((struct fuse_buf *)buf)->mem);
}

/* Canceled only while there is no request. */
static int handle_requests(struct fusept_session *session, struct fuse_buf *buf)
{
	int ret = 1, off;

	while ((ret > 0 || ret == -EINTR) && !fuse_session_exited(session->se)) {
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &off);
		ret = fuse_session_receive_buf(session->se, buf);
		pthread_setcancelstate(off, NULL);
		if (ret > 0)
			fusept_session_process_buf(session, buf);
	}
	return ret < 0 && ret != -EINTR ? ret : 0;
}

/* Until the session is over. */
static int serve(struct fusept_session *session)
{
	struct fuse_buf buf = {0};
	int ret;

	pthread_cleanup_push(free_mem, &buf);
	ret = handle_requests(session, &buf);
	pthread_cleanup_pop(1);
	return ret;
}

static void *work(void *arg)
{
	struct pool *pool = arg;
	int state, err;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	err = serve(pool->session);
	if (err < 0)
		atomic_store(&pool->error, err);
	fuse_session_exit(pool->session->se);
	eventfd_write(pool->ended, 1);
	return NULL;
}

/* Until the session is over: a thread says so, or the handler of a signal. */
static void wait_for_end(struct pool *pool, const sigset_t *signals)
{
	struct pollfd pfd = {.fd = pool->ended, .events = POLLIN};

	while (!fuse_session_exited(pool->session->se))
		ppoll(&pfd, 1, NULL, signals);
}

static int run_threads(struct pool *pool, pthread_t *thread, unsigned int threads,
		       const sigset_t *signals)
{
	unsigned int running = 0;
	int err = 0;

	while (running < threads && err == 0) {
		err = pthread_create(&thread[running], NULL, work, pool);
		if (err == 0)
			running++;
	}
	if (running > 0)
		wait_for_end(pool, signals);
	for (unsigned int i = 0; i < running; i++)
		pthread_cancel(thread[i]);
	for (unsigned int i = 0; i < running; i++)
		pthread_join(thread[i], NULL);
	return running > 0 ? atomic_load(&pool->error) : -err;
}

static int serve_by_threads(struct fusept_session *session, unsigned int threads)
{
	struct pool pool = {.session = session};
	pthread_t *thread = calloc(threads, sizeof(*thread));
	sigset_t ends, old;
	int err;

	if (!thread)
		return -ENOMEM;
	pool.ended = eventfd(0, EFD_CLOEXEC);
	if (pool.ended < 0) {
		err = -errno;
		free(thread);
		return err;
	}
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	sigaddset(&ends, SIGQUIT);
	pthread_sigmask(SIG_BLOCK, &ends, &old);
	err = run_threads(&pool, thread, threads, &old);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(pool.ended);
	free(thread);
	return err;
}

/*
 * The calling thread only waits, also for one that serves: signals come to it, and only
 * while it waits, so that none is missed between a look at the session and the wait.
 */
int fusept_session_loop(struct fusept_session *session, unsigned int threads)
{
	int state, err;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	err = serve_by_threads(session, threads ? threads : 1);
	pthread_setcancelstate(state, NULL);
	fuse_session_reset(session->se);
	return err;
}
