# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What ./run demo does in the tree and through the mount: a function each, run in
# the top folder; $1 is "native" or "mount". All that it prints is compared.

# shellcheck disable=SC2034 # for guest.sh
works=(find ls-lR tar grep-r git-status sha256sum build)
# what changes the tree: done once, in this order, each from what the one before left
# shellcheck disable=SC2034
changes=(tar-x cp-a git-clone git-checkout make sqlite rm-rf)

# names and everything that stat tells but the device and the time of last access
work_find() { find . -printf '%p %y %i %m %n %U %G %s %b %T@ %C@\n'; }

work_ls-lR() { ls -lR; }

work_tar() { tar -cf - .; }

work_grep-r() { grep -r passthrough .; }

# without writing what it learned to the index, which would change the tree below,
# and without telling how long it took
work_git-status() { git --no-optional-locks -c advice.statusUoption=false status; }

work_sha256sum() { find fs mm -type f -print0 | xargs -0 sha256sum; }

# Behaviour and bytes of the program that comes out. Each place has a folder of its
# own, so that neither changes names behind the other's back.
work_build() {
	local folder=built-natively
	[[ $1 == native ]] || folder=built-through-the-mount
	cd $folder || return
	gcc -O0 -D_GNU_SOURCE -c ./*.c && gcc -o program ./*.o && ./program --list && sha256sum program ./*.o
	rm -f program ./*.o
}

# Each place has a folder to change, which is empty before and after.
folder_of() { [[ $1 == native ]] && echo changed-natively || echo changed-through-the-mount; }

# all of a folder but what depends on when and where it was made
list() { find "$1" -name .git -prune -o -printf '%P %y %m %n %U %G %s %l\n' | sort; }

work_tar-x() {
	cd "$(folder_of "$1")" && tar -xf /tmp/part.tar && list . &&
		find . -type f -printf '%P %T@\n' | sort && find . -type f -exec sha256sum {} + | sort
}

work_cp-a() {
	cd "$(folder_of "$1")" && cp -a fs copy && list copy && diff -r fs copy
}

work_git-clone() {
	cd "$(folder_of "$1")" && git clone -q --no-hardlinks --no-checkout ../.git clone && cd clone &&
		git sparse-checkout set fs/ext4 fs/overlayfs mm && git checkout -q main &&
		git status && git rev-parse HEAD && list .
}

work_git-checkout() {
	cd "$(folder_of "$1")/clone" && git checkout -q other && git status && git rev-parse HEAD && list . &&
		git grep -c 'another branch' && git checkout -q main && git status
}

# objtool, which Linux builds first of all; and once more, with nothing to do
work_make() {
	cd "$(folder_of "$1")" && tar -xf /tmp/tools.tar && cd tools/objtool || return
	make -j4 >make.log 2>&1 && make -j4 >>make.log 2>&1 || { cat make.log && return 1; }
	grep -c ' CC ' make.log
	# sizes are those of the paths that are written into them
	find .. -printf '%P %y %m %n\n' | sort
	./objtool --help
}

# two processes write at a time, once with each kind of journal
work_sqlite() {
	local mode writer
	cd "$(folder_of "$1")" || return
	for mode in delete wal; do
		sqlite3 $mode "PRAGMA journal_mode=$mode; CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT);"
		for writer in 0 1; do
			seq 100 | sed "s/.*/INSERT INTO t VALUES(& * 2 + $writer, hex(zeroblob(& * 9)));/" |
				sqlite3 -cmd '.timeout 600000' $mode &
		done
		wait
		sqlite3 $mode 'PRAGMA integrity_check; SELECT count(*), sum(k), sum(length(v)) FROM t;
			UPDATE t SET v = v || k WHERE k % 3 = 0; DELETE FROM t WHERE k % 5 = 0; VACUUM;'
		sqlite3 $mode .dump | sha256sum
		sqlite3 $mode "PRAGMA journal_mode=delete;"
	done
	list . | grep -E '^(delete|wal)'
}

work_rm-rf() {
	cd "$(folder_of "$1")" && find . -mindepth 1 -maxdepth 1 | sort && rm -rf -- * && ls -A
}
