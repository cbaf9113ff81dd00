// SPDX-License-Identifier: LGPL-2.1-or-later
/* open.c - open and its flags: the same as natively */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "diff.h"

static void try_open(struct log *l, const char *name, int flags)
{
	char buf[8];
	int fd;

	note(l, "%s 0%o", name, flags);
	fd = NOTE_FD(open(name, flags | O_NONBLOCK | O_CLOEXEC));
	if (fd < 0)
		return;
	note(l, "flags 0%o", fcntl(fd, F_GETFL));
	NOTE(read(fd, buf, sizeof(buf)));
	NOTE(write(fd, "ab", 2));
	NOTE(close(fd));
}

static const char *const kinds[] = {
	"file", "empty", "dir", "link", "dangling", "fifo", "sock", "null",
	"missing", "suid", "file/below",
};

SCRIPT(open, modes)
{
	static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR, 3 };

	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		for (size_t f = 0; f < sizeof(flags) / sizeof(*flags); f++)
			try_open(l, kinds[k], flags[f]);
}

SCRIPT(open, flags)
{
	static const int flags[] = {
		O_PATH, O_PATH | O_NOFOLLOW, O_NOFOLLOW, O_DIRECTORY,
		O_DIRECTORY | O_NOFOLLOW, O_NOATIME, O_LARGEFILE,
		O_RDWR | O_SYNC, O_RDWR | O_DSYNC, O_RDWR | O_APPEND,
		O_RDWR | O_TRUNC, O_WRONLY | O_APPEND | O_TRUNC,
		O_RDONLY | O_TRUNC, O_CREAT | O_EXCL | O_RDWR,
		O_CREAT | O_DIRECTORY, O_RDWR | O_DIRECTORY,
	};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		for (size_t f = 0; f < sizeof(flags) / sizeof(*flags); f++)
			try_open(l, kinds[k], flags[f]);
}

SCRIPT(open, create)
{
	int fd = NOTE_FD(open("new", O_RDWR | O_CREAT | O_CLOEXEC, 0640));
	char buf[16];

	NOTE(write(fd, "hello", 5));
	NOTE(pread(fd, buf, sizeof(buf), 1));
	NOTE(close(fd));
	fd = NOTE_FD(open("new", O_RDONLY | O_CREAT | O_CLOEXEC, 0777));
	NOTE(read(fd, buf, sizeof(buf)));
	close(fd);
	NOTE(open("new", O_RDWR | O_CREAT | O_EXCL, 0600));
	fd = NOTE_FD(open("ro", O_RDWR | O_CREAT | O_CLOEXEC, 0));
	NOTE(write(fd, "x", 1));
	close(fd);
	fd = NOTE_FD(open("app", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
	NOTE(write(fd, "one", 3));
	NOTE(pwrite(fd, "two", 3, 0));
	NOTE(lseek(fd, 0, SEEK_CUR));
	close(fd);
	NOTE(open("missing/new", O_RDWR | O_CREAT, 0600));
	fd = NOTE_FD(open("dangling", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	close(fd);
	NOTE(access("nowhere", F_OK));
}

SCRIPT(open, tmpfile)
{
	int fd = NOTE_FD(open("dir", O_RDWR | O_TMPFILE | O_CLOEXEC, 0640));
	char path[64], buf[8];

	NOTE(write(fd, "temp", 4));
	NOTE(pread(fd, buf, sizeof(buf), 0));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	NOTE(linkat(AT_FDCWD, path, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW) ? -1 : 0);
	close(fd);
	NOTE(access("linked", F_OK));
}

/* F_SETFL after open has to reach the file below as well */
SCRIPT(open, setfl, .needs = OP(READ) | OP(WRITE))
{
	static char page[8192] __attribute__((aligned(4096)));
	int fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));

	NOTE(pwrite(fd, "at0", 3, 0));
	NOTE(fcntl(fd, F_SETFL, O_APPEND));
	NOTE(write(fd, "end", 3));
	NOTE(lseek(fd, 0, SEEK_CUR));
	NOTE(fcntl(fd, F_SETFL, O_NOATIME));
	NOTE(lseek(fd, 0, SEEK_SET));
	NOTE(write(fd, "back", 4));
	NOTE(fcntl(fd, F_SETFL, O_DIRECT));
	NOTE(pread(fd, page, 4096, 0));
	NOTE(pread(fd, page, 4096, 4096));
	NOTE(pread(fd, page, sizeof(page), 65536));
	NOTE(pread(fd, page + 1, 4095, 1));
	NOTE(fcntl(fd, F_SETFL, 0));
	NOTE(pread(fd, page + 1, 4095, 1));
	note(l, "0%o", fcntl(fd, F_GETFL));
	close(fd);
}

SCRIPT(open, direct, .needs = OP(READ) | OP(WRITE) | OP(OPEN))
{
	static char page[8192] __attribute__((aligned(4096)));
	int fd = NOTE_FD(open("file", O_RDWR | O_DIRECT | O_CLOEXEC));

	NOTE(read(fd, page, sizeof(page)));
	note_data(l, "page", page, sizeof(page));
	NOTE(pwrite(fd, page, 4096, 8192));
	NOTE(pwrite(fd, page, 4096, 8192 + 3));
	NOTE(pwrite(fd, page + 1, 4096, 8192));
	NOTE(pread(fd, page, 8192, 65536));
	NOTE(pread(fd, page, 4096, 1 << 20));
	NOTE(open("dir", O_RDONLY | O_DIRECT | O_DIRECTORY) < 0 ? -1 : 0);
	close(fd);
	fd = NOTE_FD(open("fresh", O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600));
	NOTE(write(fd, page, 4096));
	NOTE(pread(fd, page, 4096, 0));
	close(fd);
}

static void copy_program(const char *from, const char *to)
{
	static char data[256 * 1024];
	ssize_t n = CHECK_OK(get_file(from, data, sizeof(data)));

	put_file(to, data, (size_t)n);
	CHECK_OK(chmod(to, 0755));
}

static int spawn(const char *program)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		execl(program, program, NULL);
		_exit(errno);
	}
	return waitpid(pid, &status, 0) < 0 ? -1 : status;
}

/* While it runs, nobody may write to it */
static void try_running(struct log *l)
{
	int in[2], out[2], status;
	pid_t pid;
	char c;

	CHECK_OK(pipe2(in, 0));
	CHECK_OK(pipe2(out, 0));
	pid = (pid_t)CHECK_OK(fork());
	if (!pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl("./cat", "cat", "good", "-", NULL);
		_exit(1);
	}
	/* it has said something: it runs, and now waits for its input */
	CHECK_EQ(read(out[0], &c, 1), 1);
	NOTE(open("cat", O_WRONLY));
	NOTE(truncate("cat", 0));
	NOTE(chmod("cat", 0700));
	kill(pid, SIGKILL);
	CHECK_OK(waitpid(pid, &status, 0));
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
	close(NOTE_FD(open("cat", O_WRONLY | O_CLOEXEC)));
}

/* Running a file through the mount, and ETXTBSY both ways */
SCRIPT(open, exec)
{
	int fd;

	copy_program("/bin/true", "prog");
	NOTE(spawn("./prog"));
	fd = (int)CHECK_OK(open("prog", O_WRONLY | O_CLOEXEC));
	NOTE(spawn("./prog"));
	close(fd);
	NOTE(spawn("./prog"));
	CHECK_OK(chmod("prog", 0644));
	NOTE(spawn("./prog"));
	copy_program("/bin/cat", "cat");
	try_running(l);
	NOTE(spawn("./dir"));
	NOTE(spawn("./fifo"));
}

SCRIPT(open, fifo)
{
	int in = NOTE_FD(open("fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
	int out = NOTE_FD(open("fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC));
	char buf[8];

	NOTE(write(out, "pipe", 4));
	NOTE(read(in, buf, sizeof(buf)));
	close(out);
	NOTE(read(in, buf, sizeof(buf)));
	close(in);
	NOTE(open("fifo", O_WRONLY | O_NONBLOCK));
	NOTE(open("sock", O_RDWR));
	out = NOTE_FD(open("null", O_RDWR | O_CLOEXEC));
	NOTE(write(out, "gone", 4));
	NOTE(read(out, buf, sizeof(buf)));
	NOTE(lseek(out, 0, SEEK_END));
	close(out);
}

/* One that stays open while its names go */
SCRIPT(open, unlinked)
{
	int fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	char buf[16], path[64];
	struct stat st;

	NOTE(rename("good", "file"));
	NOTE(pread(fd, buf, sizeof(buf), 69990));
	NOTE(pwrite(fd, "still", 5, 70000));
	NOTE(fstat(fd, &st));
	note(l, "nlink %u size %lld", (unsigned int)st.st_nlink,
	     (long long)st.st_size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	NOTE(truncate(path, 10));
	NOTE(pread(fd, buf, sizeof(buf), 0));
	close(fd);
	fd = NOTE_FD(open("hard1", O_RDWR | O_CLOEXEC));
	NOTE(unlink("hard1"));
	NOTE(write(fd, "via1", 4));
	NOTE(fstat(fd, &st));
	note(l, "nlink %u", (unsigned int)st.st_nlink);
	close(fd);
	note(l, "%zd", get_file("hard2", buf, sizeof(buf)));
	note_data(l, "hard2", buf, 10);
}
