#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every way in which a machine can be wrong: what ./run says, and its status.

set -uo pipefail
. "$(dirname "$0")/lib.sh"

nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent "$@"; }

# small_disk COMMAND...: with a build folder of 40 MiB
small_disk() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m bash -c 'mount -t tmpfs -o size=40m tmpfs "$FUSEPT_BUILD" && "$@"' bash "$@"
}

helps() {
	local words=("$@") said
	said=$("$run" "${words[@]}" --help </dev/null) || return 1
	[[ $said == usage:* ]] || { echo "says: $said" && return 1; }
}

for command in "" kernel vm test demo bench series "series prepare" "series refresh" \
	"series check" "series sync"; do
	# shellcheck disable=SC2086 # words
	check "--help of ./run $command" helps $command
done
check "unknown command" refuses 2 "no command named bake" "$run" bake
check "no command" refuses 2 "usage:" "$run"
check "unknown suite" refuses 1 "no suite named bake" "$run" test bake

check "vm: unknown option" refuses 1 "unknown option --fast" "$run" vm --fast
check "vm: option without value" refuses 1 "--smp needs a value" "$run" vm --smp
check "vm: --write without value" refuses 1 "--write needs a value" "$run" vm --write
check "vm: --write of nothing" refuses 1 "no folder /nonexistent" "$run" vm --write /nonexistent -- true
for command in demo bench; do
	check "$command: --json without value" refuses 1 "--json needs a value" "$run" $command --json
	check "$command: --json into nothing" refuses 1 "can't write /nonexistent/x" \
		"$run" $command --json /nonexistent/x
done
check "demo: --ops without value" refuses 1 "--ops needs a value" "$run" demo --ops
check "bench: --only without value" refuses 1 "--only needs a value" "$run" bench --only
check "vm: bad number" refuses 1 "a number of processors" "$run" vm --smp none -- true
check "vm: bad memory size" refuses 1 "a size such as 2G" "$run" vm --mem lots -- true
check "vm: bad disk size" refuses 1 "a size such as 4G" "$run" vm --disk 4Q -- true
check "vm: bad timeout" refuses 1 "seconds" "$run" vm --timeout 0 -- true

chmod 777 "$FUSEPT_BUILD"
check "vm: no root" refuses 1 "./run vm needs root" nobody "$run" vm -- true
check "demo: no root" refuses 1 "./run demo needs root" nobody "$run" demo
check "bench: no root" refuses 1 "./run bench needs root" nobody "$run" bench
check "test: no root" refuses 1 "./run test kernel needs root" nobody "$run" test kernel
check "no root: what to do" refuses 1 "sudo ./run vm" nobody "$run" vm -- true

fake_installed
check "vm: full disk" refuses 1 "MiB free" small_disk env PATH="$work/bin:$PATH" "$run" vm -- true
check "kernel: full disk" refuses 1 "MiB free" small_disk env PATH="$work/bin:$PATH" "$run" kernel
# shellcheck disable=SC2016 # for the inner shell
check "a disk that fills during a step" refuses 1 "the disk is full" small_disk bash -c \
	'. "$0/copy/scripts/lib.sh" && step "filling" "$logs/fill.log" dd if=/dev/zero of="$build/fill" bs=1M' "$work"
without qemu-system-x86_64
check "vm: no QEMU" refuses 1 "apt-get install qemu-system-x86" env PATH="$hidden" "$run" vm -- true
check "kernel: no source package" refuses 1 "the package linux-source-6.12" \
	env PATH="$work/bin:$PATH" FUSEPT_LINUX_TAR="$work/none.tar.xz" "$run" kernel

mkdir -p "$work/old/linux-5.10"
printf 'VERSION = 5\nPATCHLEVEL = 10\nSUBLEVEL = 7\n' >"$work/old/linux-5.10/Makefile"
tar -C "$work/old" -cJf "$work/old.tar.xz" linux-5.10
check "kernel: wrong version in the package" refuses 1 "is version '5.10.7'" \
	env PATH="$work/bin:$PATH" FUSEPT_LINUX_TAR="$work/old.tar.xz" "$run" kernel
check "kernel: wrong version of one's own tree" refuses 1 "is version '5.10.7'" \
	env PATH="$work/bin:$PATH" FUSEPT_LINUX="$work/old/linux-5.10" "$run" kernel
check "kernel: one's own tree is missing" refuses 1 "which is no folder" \
	env PATH="$work/bin:$PATH" FUSEPT_LINUX="$work/nowhere" "$run" kernel
head -c 100 "$work/old.tar.xz" >"$work/broken.tar.xz"
check "kernel: broken archive" refuses 1 "could not unpack" \
	env PATH="$work/bin:$PATH" FUSEPT_LINUX_TAR="$work/broken.tar.xz" "$run" kernel
for command in kernel "series prepare" "series refresh" "series check" "series sync"; do
	# shellcheck disable=SC2086 # words
	check "$command: unknown option" refuses 1 "unexpected argument --fast" "$run" $command --fast
done

# a machine on which nothing is installed and whose network is down
fake dpkg-query 'exit 1'
fake apt-get 'echo "E: Could not resolve the host" >&2; exit 100'
for command in kernel "vm -- true" "test host" "test kernel" demo bench; do
	# shellcheck disable=SC2086 # words
	check "no network: ./run $command" refuses 1 "a network, and Debian 12 or 13" \
		env PATH="$work/bin:$PATH" "$run" $command
done
check "no network: what apt-get said is shown" refuses 1 "Could not resolve" \
	env PATH="$work/bin:$PATH" "$run" kernel
chmod -R a+rwX "$FUSEPT_BUILD"
check "install: no root" refuses 1 "installing packages" \
	nobody env PATH="$work/bin:$PATH" "$run" kernel
without apt-get dpkg-query
rm "$work/bin/apt-get" "$work/bin/dpkg-query"
check "no apt-get" refuses 1 "no apt-get, and these are missing" env PATH="$hidden" "$run" kernel

tap_done
