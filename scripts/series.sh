#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The patch series and the tree it is made in: ./run series

. "$(dirname "$0")/lib.sh"

usage() {
	cat <<'END'
usage: ./run series COMMAND [ARG...]        ./run series COMMAND --help

  prepare          makes build/linux: Linux 6.12 with the series as branch fusept
  refresh          writes that branch back to kernel-patches/
  check [--full]   applies without fuzz, checkpatch, kernel-doc, each patch builds
  sync [--check]   copies the tree's uAPI header to lib/uapi/fuse.h, or compares

  FUSEPT_LINUX=DIR   a git tree of your own instead of build/linux; its first
                     commit is the base, everything after it is the series
END
}

case ${1:-} in
prepare | refresh | check) exec "$top/scripts/series-$1.sh" "${@:2}" ;;
sync) exec "$top/scripts/sync-uapi.sh" "${@:2}" ;;
-h | --help | help) usage ;;
*) usage && exit 2 ;;
esac
