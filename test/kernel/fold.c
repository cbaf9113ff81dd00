// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fold.c - folders below in which names that differ in case are one name
 *
 * Their names are compared by a function of the file system below, so each is asked for
 * there each time. These scripts run on an ext4 that was made for it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diff.h"

/* A name that the daemon has given a time is good for so long, as it was written then */
#define FOLD(id) SCRIPT(fold, id, .kc.opt.no_cache_names = true)

/* "dir/sub" is empty, as it has to be */
static int fold_sub(void)
{
	int fd = (int)CHECK_OK(open("dir/sub", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int flags = 0;

	CHECK_OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	flags |= FS_CASEFOLD_FL;
	CHECK_OK(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	CHECK_OK(fchdir(fd));
	close(fd);
	return flags;
}

static void note_names(struct log *l)
{
	struct dirent **e;
	int n = scandir(".", &e, NULL, alphasort);

	CHECK(n >= 0);
	for (int i = 0; i < n; i++) {
		note(l, "  %s", e[i]->d_name);
		free(e[i]);
	}
	free(e);
}

static void note_same(struct log *l, const char *a, const char *b)
{
	struct stat x, y;

	if (NOTE(lstat(a, &x)) == 0 && NOTE(lstat(b, &y)) == 0)
		note(l, "%s and %s: %d, %lu links", a, b, x.st_ino == y.st_ino,
		     (unsigned long)y.st_nlink);
}

FOLD(found)
{
	note(l, "flags %x", (unsigned int)fold_sub());
	put_file("Name", "data", 4);
	NOTE(mkdir("Dir", 0755));
	put_file("Dir/Below", "x", 1);
	note_same(l, "Name", "NAME");
	note_same(l, "name", "nAme");
	note_same(l, "Dir", "DIR");
	note_same(l, "dir/below", "DIR/BELOW");
	NOTE(access("missing", F_OK));
	NOTE(access("MISSING", F_OK));
	/* not ASCII alone */
	put_file("Stra\xc3\x9f" "e", "x", 1);
	note_same(l, "Stra\xc3\x9f" "e", "STRASSE");
	note_names(l);
}

FOLD(made)
{
	int fd;

	fold_sub();
	NOTE(access("NAME", F_OK));
	NOTE(access("name", F_OK));
	put_file("Name", "data", 4);
	NOTE(access("NAME", F_OK));
	NOTE(access("name", F_OK));
	NOTE(open("nAME", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	NOTE(mkdir("NAME", 0700));
	NOTE(symlink("x", "naME"));
	NOTE(link("Name", "NAME"));
	fd = NOTE_FD(open("NAME", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	NOTE(write(fd, "other", 5));
	close(fd);
	note_same(l, "Name", "NAME");
	NOTE(unlink("NAME"));
	NOTE(access("Name", F_OK));
	NOTE(access("NAME", F_OK));
	/* made anew, with another case */
	NOTE(mkdir("NAME", 0700));
	note_same(l, "Name", "NAME");
	note_names(l);
	NOTE(rmdir("name"));
	NOTE(access("NAME", F_OK));
	note_names(l);
}

/* A dentry below that was just made something with is hashed late; it was made once */
FOLD(made_new)
{
	int fd;

	fold_sub();
	fd = NOTE_FD(open("New", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
	NOTE(write(fd, "x", 1));
	close(fd);
	NOTE(mknod("Fifo", S_IFIFO | 0600, 0));
	NOTE(symlink("New", "Link"));
	NOTE(mkdir("Dir", 0750));
	NOTE(open("NEW", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
	NOTE(mknod("FIFO", S_IFIFO | 0600, 0));
	note_same(l, "New", "NEW");
	note_same(l, "Fifo", "FIFO");
	note_same(l, "Link", "LINK");
	note_same(l, "Dir", "DIR");
	note_names(l);
}

FOLD(renamed)
{
	fold_sub();
	put_file("One", "1", 1);
	put_file("Two", "22", 2);
	NOTE(rename("One", "ONE"));
	note_names(l);
	NOTE(rename("one", "Three"));
	NOTE(access("One", F_OK));
	note_same(l, "THREE", "three");
	NOTE(rename("TWO", "tHREE"));
	note_names(l);
	NOTE(link("three", "four"));
	NOTE(rename("THREE", "FOUR"));
	note_names(l);
	NOTE(mkdir("Dir", 0755));
	NOTE(rename("DIR", "../moved"));
	NOTE(access("Dir", F_OK));
	NOTE(rename("../moved", "dir"));
	NOTE(renameat2(AT_FDCWD, "DIR", AT_FDCWD, "FOUR", 2 /* exchange */));
	note_same(l, "dir", "DIR");
	note_same(l, "four", "Four");
	note_names(l);
}
