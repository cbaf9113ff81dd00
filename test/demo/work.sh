# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What ./run demo does in the tree and through the mount: a function each, run in
# the top folder; $1 is "native" or "mount". All that it prints is compared.

# shellcheck disable=SC2034 # for guest.sh
works=(find ls-lR tar grep-r git-status sha256sum build)

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
