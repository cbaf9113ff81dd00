// SPDX-License-Identifier: LGPL-2.1-or-later
/* lock.c - locks of files: the same as natively, and in the way of those below */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "diff.h"

static struct flock range(short type, off_t start, off_t len)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len,
	};
}

/* Who is in the way of a lock of ours */
static void note_getlk(struct log *l, int fd, int cmd, off_t start, off_t len)
{
	struct flock fl = range(F_WRLCK, start, len);

	NOTE(fcntl(fd, cmd, &fl));
	note(l, "%d to %lld: type %d start %lld len %lld pid %s", cmd, (long long)start,
	     fl.l_type, (long long)fl.l_start, (long long)fl.l_len,
	     fl.l_pid == -1 ? "-1" : fl.l_pid == getpid() ? "own" :
	     fl.l_pid ? "other" : "0");
}

/* A child that does something, and waits for its end to be asked for */
struct child {
	pid_t pid;
	int go[2];
};

static struct child begin(void (*fn)(const void *arg), const void *arg)
{
	struct child c;
	int done[2];
	char ch;

	CHECK_OK(pipe2(c.go, O_CLOEXEC));
	CHECK_OK(pipe2(done, O_CLOEXEC));
	c.pid = (pid_t)CHECK_OK(fork());
	if (!c.pid) {
		close(c.go[1]);
		fn(arg);
		_exit(write(done[1], "d", 1) == 1 && read(c.go[0], &ch, 1) == 0 ?
		      EXIT_SUCCESS : EXIT_FAILURE);
	}
	close(c.go[0]);
	close(done[1]);
	CHECK_EQ(read(done[0], &ch, 1), 1);
	close(done[0]);
	return c;
}

static void end(struct child *c)
{
	int status;

	close(c->go[1]);
	CHECK_OK(waitpid(c->pid, &status, 0));
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
}

static void take_middle(const void *path)
{
	struct flock fl = range(F_WRLCK, 100, 50);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_SETLK, &fl))
		_exit(EXIT_FAILURE);
}

static void take_flock(const void *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX))
		_exit(EXIT_FAILURE);
}

SCRIPT(lock, of_process)
{
	int fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	struct child c = begin(take_middle, "file");
	struct flock fl = range(F_WRLCK, 0, 0);

	note_getlk(l, fd, F_GETLK, 0, 0);
	note_getlk(l, fd, F_GETLK, 0, 100);
	note_getlk(l, fd, F_GETLK, 149, 1);
	NOTE(fcntl(fd, F_SETLK, &fl));
	fl = range(F_WRLCK, 0, 100);
	NOTE(fcntl(fd, F_SETLK, &fl));
	fl = range(F_UNLCK, 10, 10);
	NOTE(fcntl(fd, F_SETLK, &fl));
	note_getlk(l, fd, F_GETLK, 0, 100);
	end(&c);
	fl = range(F_WRLCK, 0, 0);
	NOTE(fcntl(fd, F_SETLKW, &fl));
	close(fd);
}

SCRIPT(lock, refused)
{
	int ro = NOTE_FD(open("file", O_RDONLY | O_CLOEXEC));
	int wo = NOTE_FD(open("file", O_WRONLY | O_CLOEXEC));
	struct flock fl = range(F_WRLCK, 0, 0);

	NOTE(fcntl(ro, F_SETLK, &fl));
	fl = range(F_RDLCK, 0, 0);
	NOTE(fcntl(wo, F_SETLK, &fl));
	NOTE(fcntl(ro, F_SETLK, &fl));
	fl = range(F_RDLCK, -1, 0);
	NOTE(fcntl(ro, F_SETLK, &fl));
	fl = range(7, 0, 0);
	NOTE(fcntl(ro, F_SETLK, &fl));
	fl = range(F_RDLCK, 0, 0);
	fl.l_pid = 1;
	NOTE(fcntl(ro, F_OFD_SETLK, &fl));
	NOTE(flock(ro, 0));
	NOTE(flock(ro, LOCK_EX | LOCK_SH));
	close(ro);
	close(wo);
}

/* The first descriptor of the file that a process closes takes all its locks along */
SCRIPT(lock, gone_with_any)
{
	int fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	int second = NOTE_FD(open("file", O_RDONLY | O_CLOEXEC));
	int third = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	struct flock fl = range(F_WRLCK, 0, 0);

	NOTE(fcntl(fd, F_SETLK, &fl));
	note_getlk(l, third, F_OFD_GETLK, 0, 0);
	close(second);
	note_getlk(l, third, F_OFD_GETLK, 0, 0);
	close(fd);
	close(third);
}

SCRIPT(lock, of_open_file)
{
	int fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	int second = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	int same = NOTE_FD(dup(fd));
	struct flock fl = range(F_WRLCK, 0, 100);

	NOTE(fcntl(fd, F_OFD_SETLK, &fl));
	NOTE(fcntl(second, F_OFD_SETLK, &fl));
	NOTE(fcntl(second, F_SETLK, &fl));
	NOTE(fcntl(same, F_OFD_SETLK, &fl));
	note_getlk(l, fd, F_OFD_GETLK, 0, 0);
	note_getlk(l, second, F_OFD_GETLK, 0, 0);
	note_getlk(l, second, F_GETLK, 0, 0);
	fl = range(F_WRLCK, 50, 100);
	NOTE(fcntl(second, F_OFD_SETLK, &fl));
	fl = range(F_UNLCK, 50, 100);
	NOTE(fcntl(same, F_OFD_SETLK, &fl));
	fl = range(F_WRLCK, 50, 100);
	NOTE(fcntl(second, F_OFD_SETLK, &fl));
	close(fd);
	note_getlk(l, second, F_OFD_GETLK, 0, 0);
	close(same);
	note_getlk(l, second, F_OFD_GETLK, 0, 0);
	close(second);
}

SCRIPT(lock, flock)
{
	int fd = NOTE_FD(open("file", O_RDONLY | O_CLOEXEC));
	int second = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	int same = NOTE_FD(dup(fd));

	NOTE(flock(fd, LOCK_SH));
	NOTE(flock(second, LOCK_SH | LOCK_NB));
	NOTE(flock(second, LOCK_EX | LOCK_NB));
	NOTE(flock(fd, LOCK_UN));
	NOTE(flock(second, LOCK_EX | LOCK_NB));
	NOTE(flock(fd, LOCK_SH | LOCK_NB));
	NOTE(flock(second, LOCK_UN));
	NOTE(flock(same, LOCK_EX));
	close(fd);
	NOTE(flock(second, LOCK_SH | LOCK_NB));
	close(same);
	NOTE(flock(second, LOCK_SH | LOCK_NB));
	close(second);
}

SCRIPT(lock, folder)
{
	int fd = NOTE_FD(open("dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int second = NOTE_FD(open("dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct flock fl = range(F_RDLCK, 0, 0);

	NOTE(flock(fd, LOCK_EX));
	NOTE(flock(second, LOCK_SH | LOCK_NB));
	NOTE(fcntl(fd, F_SETLK, &fl));
	note_getlk(l, second, F_OFD_GETLK, 0, 0);
	close(fd);
	NOTE(flock(second, LOCK_SH | LOCK_NB));
	note_getlk(l, second, F_OFD_GETLK, 0, 0);
	close(second);
}

/* Locks of those who don't come by the mount, and the other way round */
static void in_the_way(struct raw *r, const char *name, int flags)
{
	int above = (int)CHECK_OK(open(M(r, name), flags | O_CLOEXEC));
	int below = (int)CHECK_OK(open(S(r, name), flags | O_CLOEXEC));
	struct flock fl = range(F_RDLCK, 10, 10);

	CHECK_OK(flock(above, LOCK_EX));
	CHECK_ERRNO(flock(below, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_OK(flock(above, LOCK_UN));
	CHECK_OK(flock(below, LOCK_EX));
	CHECK_ERRNO(flock(above, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_OK(fcntl(above, F_OFD_SETLK, &fl));
	if ((flags & O_ACCMODE) == O_RDWR) {
		fl = range(F_WRLCK, 0, 0);
		CHECK_ERRNO(fcntl(below, F_OFD_SETLK, &fl), EAGAIN);
	}
	close(above);
	fl = range(F_WRLCK, 0, 0);
	CHECK_OK(fcntl(below, F_OFD_GETLK, &fl));
	CHECK_EQ(fl.l_type, F_UNLCK);
	close(below);
}

KTEST(lock, seen_below, .opt.ops = RAW_ALL)
{
	in_the_way(r, "file", O_RDWR);
	in_the_way(r, "dir", O_RDONLY);
	expect_no_requests(r, r->supported);
}

/* A lock that is waited for, from a process */
struct waiter {
	const char *path;
	int cmd;	/* of fcntl(2); 0: flock(2) */
	int until;	/* the errno to end with */
};

static int wait_for_lock(int fd, int cmd)
{
	struct flock fl = range(F_WRLCK, 100, 10);

	return cmd ? fcntl(fd, cmd, &fl) : flock(fd, LOCK_EX);
}

static void nothing(int sig)
{
	(void)sig;
}

static pid_t begin_waiting(const struct waiter *w, const struct child *holder)
{
	struct sigaction sa = { .sa_handler = nothing };
	pid_t pid = (pid_t)CHECK_OK(fork());
	int fd, err;

	if (pid)
		return pid;
	close(holder->go[1]);
	sigaction(SIGUSR1, &sa, NULL);
	fd = open(w->path, O_RDWR | O_CLOEXEC);
	err = fd < 0 ? EBADF : wait_for_lock(fd, w->cmd) ? errno : 0;
	_exit(err == w->until ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Until somebody waits for a lock of the file below; nothing tells of it */
static void wait_blocked(const char *below)
{
	unsigned int major_nr, minor_nr;
	unsigned long long ino;
	char line[256];
	struct stat st;
	bool found = false;

	CHECK_OK(stat(below, &st));
	while (!found) {
		FILE *locks = fopen("/proc/locks", "re");

		CHECK(locks);
		while (!found && fgets(line, sizeof(line), locks))
			found = sscanf(line, "%*d: -> %*s %*s %*s %*d %x:%x:%llu",
				       &major_nr, &minor_nr, &ino) == 3 &&
				makedev(major_nr, minor_nr) == st.st_dev &&
				ino == st.st_ino;
		fclose(locks);
		sched_yield();
	}
}

static void expect_success(pid_t pid)
{
	int status;

	CHECK_OK(waitpid(pid, &status, 0));
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), EXIT_SUCCESS);
}

/* Gets it when the one who has it below lets go of it; or a signal comes */
static void waits(struct raw *r, int cmd, bool signalled)
{
	struct waiter w = { M(r, "file"), cmd, signalled ? EINTR : 0 };
	struct child holder = begin(cmd ? take_middle : take_flock, S(r, "file"));
	pid_t pid = begin_waiting(&w, &holder);

	wait_blocked(S(r, "file"));
	if (signalled) {
		CHECK_OK(kill(pid, SIGUSR1));
		expect_success(pid);
	}
	end(&holder);
	if (!signalled)
		expect_success(pid);
	in_the_way(r, "file", O_RDWR);
}

KTEST(lock, waited_for, .opt.ops = RAW_ALL)
{
	waits(r, F_SETLKW, false);
	waits(r, F_OFD_SETLKW, false);
	waits(r, 0, false);
	expect_no_requests(r, r->supported);
}

KTEST(lock, signalled, .opt.ops = RAW_ALL)
{
	waits(r, F_SETLKW, true);
	waits(r, F_OFD_SETLKW, true);
	waits(r, 0, true);
	expect_no_requests(r, r->supported);
}

/* One end of a circle is below */
KTEST(lock, deadlock, .opt.ops = RAW_ALL)
{
	struct waiter w = { S(r, "good"), F_SETLKW, 0 };
	struct flock fl = range(F_WRLCK, 100, 10);
	int good = (int)CHECK_OK(open(M(r, "good"), O_RDWR | O_CLOEXEC)), file;
	pid_t pid;

	CHECK_OK(fcntl(good, F_SETLK, &fl));
	pid = (pid_t)CHECK_OK(fork());
	if (!pid) {
		file = open(S(r, "file"), O_RDWR | O_CLOEXEC);
		if (file < 0 || fcntl(file, F_SETLK, &fl))
			_exit(EXIT_FAILURE);
		file = open(w.path, O_RDWR | O_CLOEXEC);
		_exit(file < 0 || wait_for_lock(file, w.cmd) ? EXIT_FAILURE :
							       EXIT_SUCCESS);
	}
	wait_blocked(w.path);
	file = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	CHECK_ERRNO(fcntl(file, F_SETLKW, &fl), EDEADLK);
	close(good);
	expect_success(pid);
	close(file);
}

/* Who holds a lock, and who waits for one, are killed */
KTEST(lock, killed, .opt.ops = RAW_ALL)
{
	struct waiter w = { M(r, "file"), F_SETLKW, 0 };
	struct child holder = begin(take_middle, M(r, "file"));
	pid_t pid = begin_waiting(&w, &holder);

	wait_blocked(S(r, "file"));
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_OK(waitpid(pid, NULL, 0));
	CHECK_OK(kill(holder.pid, SIGKILL));
	CHECK_OK(waitpid(holder.pid, NULL, 0));
	close(holder.go[1]);
	in_the_way(r, "file", O_RDWR);
}

static void *lock_in_thread(void *arg)
{
	return (void *)(intptr_t)(wait_for_lock(*(int *)arg, F_SETLKW) ? errno : 0);
}

/*
 * One thread waits for a lock, another one closes the file meanwhile: the lock that
 * comes after that belongs to nobody, and must go with the file.
 */
KTEST(lock, closed_meanwhile, .opt.ops = RAW_ALL)
{
	struct child holder = begin(take_middle, S(r, "file"));
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	pthread_t thread;
	void *err;

	CHECK_EQ(pthread_create(&thread, NULL, lock_in_thread, &fd), 0);
	wait_blocked(S(r, "file"));
	CHECK_OK(close(fd));
	end(&holder);
	CHECK_EQ(pthread_join(thread, &err), 0);
	CHECK_EQ((intptr_t)err, EBADF);
	in_the_way(r, "file", O_RDWR);
}

/* The daemon is gone: an open file goes on, with its locks */
KTEST(lock, after_abort, .opt.ops = RAW_ALL, .flags = KT_DEAD)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	int below = (int)CHECK_OK(open(S(r, "file"), O_RDWR | O_CLOEXEC));

	CHECK_OK(flock(fd, LOCK_EX));
	raw_abort(r);
	CHECK_ERRNO(flock(below, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_OK(flock(fd, LOCK_UN));
	CHECK_OK(flock(below, LOCK_EX | LOCK_NB));
	close(fd);
	close(below);
}

/* Opens below don't come by here, so there is nobody to tell the one with a lease */
KTEST(lock, lease, .opt.ops = RAW_ALL)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));

	CHECK_ERRNO(fcntl(fd, F_SETLEASE, F_RDLCK), EINVAL);
	CHECK_EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
	close(fd);
}

KTEST(lock, lease_without, .opt.ops = RAW_NONE, .opt.root_unbound = true)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));

	CHECK_OK(fcntl(fd, F_SETLEASE, F_RDLCK));
	CHECK_OK(fcntl(fd, F_SETLEASE, F_UNLCK));
	close(fd);
}

/* A lease below is broken by an open through the mount */
KTEST(lock, lease_below, .opt.ops = RAW_ALL)
{
	int below = (int)CHECK_OK(open(S(r, "file"), O_RDONLY | O_CLOEXEC)), fd;

	CHECK(signal(SIGIO, SIG_IGN) != SIG_ERR);
	CHECK_OK(fcntl(below, F_SETLEASE, F_RDLCK));
	CHECK_ERRNO(open(M(r, "file"), O_WRONLY | O_NONBLOCK | O_CLOEXEC), EWOULDBLOCK);
	CHECK_EQ(fcntl(below, F_GETLEASE), F_UNLCK);
	CHECK_OK(fcntl(below, F_SETLEASE, F_UNLCK));
	fd = (int)CHECK_OK(open(M(r, "file"), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
	close(fd);
	close(below);
}
