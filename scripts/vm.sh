#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Boots the patched kernel under QEMU and runs a command in it: ./run vm

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/linux.sh"

usage() {
	cat <<'END'
usage: ./run vm [OPTION...] [-- COMMAND [ARG...]]

Boots the patched kernel in QEMU and runs COMMAND in it as root, in the current
folder. Without COMMAND: a shell. The root file system is this machine's own,
read-only, below a tmpfs that keeps what is written until the machine ends;
build/out is the machine's own folder, writable. /scratch is an empty ext4, /tmp
a tmpfs; there is no network but loopback.

  --debug       the kernel with KASAN, lockdep, kmemleak and fault injection
  --no-leaks    with --debug: without kmemleak, twice as fast
  --smp N       processors (default 2; with --icount 1)
  --mem SIZE    memory (default 2G)
  --disk SIZE   size of /scratch (default 4G, sparse)
  --icount      guest time counts instructions, of all processors: same figures on any
                machine
  --timeout SEC give up after SEC seconds (default 1800; a shell: never)
  --write DIR   this folder of the machine is writable, too (repeatable)
  --cwd DIR     run COMMAND there instead of in the current folder
  --kvm, --tcg  do not find out by trying whether KVM can boot this kernel

Exit status: that of COMMAND; 99 if the kernel's log has a warning, an oops, a
leak or the like, whatever COMMAND said; 98 after a timeout; 97 if the machine
did not come up or ended by itself. The log is in build/log/vm-*.log.
END
}

kind=release smp='' mem=2G disk=4G icount='' leaks=on timeout=1800 accel='' cwd=$PWD
writable=("$build/out") command=()

parse() {
	while (($#)); do
		case $1 in
		-h | --help) usage && exit ;;
		--debug) kind=debug ;;
		--icount) icount=1 ;;
		--no-leaks) leaks=off ;;
		--kvm | --tcg) accel=${1#--} ;;
		--smp) need_value "$@"; smp=$2; shift ;;
		--mem) need_value "$@"; mem=$2; shift ;;
		--disk) need_value "$@"; disk=$2; shift ;;
		--timeout) need_value "$@"; timeout=$2; shift ;;
		--cwd) need_folder "$@"; cwd=$(realpath "$2"); shift ;;
		--write) need_folder "$@"; writable+=("$(realpath "$2")"); shift ;;
		--) shift && command=("$@") && break ;;
		*) die "unknown option $1" "COMMAND after --" "./run vm --help" ;;
		esac
		shift
	done
	# with a clock that counts instructions processors run in turn
	: "${smp:=$([[ -n $icount ]] && echo 1 || echo 2)}"
	[[ $smp =~ ^[1-9][0-9]*$ ]] || die "--smp $smp" "a number of processors"
	[[ $timeout =~ ^[1-9][0-9]*$ ]] || die "--timeout $timeout" "seconds"
	[[ $mem =~ ^[1-9][0-9]*[MG]$ ]] || die "--mem $mem" "a size such as 2G"
	[[ $disk =~ ^[1-9][0-9]*[MG]$ ]] || die "--disk $disk" "a size such as 4G"
	[[ -z $icount ]] || accel=tcg
}

# Removes what runs that were killed have left, and all but the newest 200 logs.
tidy() {
	local dir
	for dir in "$build"/vm/run.*/; do
		[[ ! -s $dir/pid ]] || kill -0 "$(<"$dir/pid")" 2>/dev/null || rm -rf "$dir"
	done
	find "$logs" -name 'vm-*.log' -printf '%T@ %p\n' | sort -rn | tail -n +201 | cut -d' ' -f2- |
		xargs -r -d '\n' rm -f
}

# Makes the folder of this run: the job that vm-init reads, disk, pipes.
prepare() {
	run=$(mktemp -d "$build/vm/run.XXXXXX")
	echo "$BASHPID" >"$run/pid"
	mkdir -p "$run/job/dev"
	ln -s /proc/self/fd "$run/job/dev/fd"
	ln -s /proc/self/fd/0 "$run/job/dev/stdin"
	ln -s /proc/self/fd/1 "$run/job/dev/stdout"
	ln -s /proc/self/fd/2 "$run/job/dev/stderr"
	log=$logs/vm-$(date +%m%d-%H%M%S)-$kind-${run##*.}.log
	cp "$top/scripts/vm-init" "$run/job/init"
	local environment=(PATH="$PATH" HOME="${HOME:-/root}" USER=root
		TERM="${TERM:-dumb}" LC_ALL="$LC_ALL" FUSEPT_VM="$kind") name
	for name in ${!FUSEPT_*}; do
		environment+=("$name=${!name}")
	done
	# the guest tells where it hangs shortly before we give up; its seconds
	# are ours, but not with --icount
	local window patience=$((timeout * 9 / 10))
	[[ -z $icount ]] || patience=0
	window=$(stty size 2>/dev/null | awk '{ print "rows", $1, "cols", $2 }' || :)
	local folders
	mapfile -t folders < <(printf '%s\n' "$top" "$build" "$cwd" | sort -u)
	declare -p folders cwd writable command environment window patience leaks >"$run/job/job"
	truncate -s "$disk" "$run/disk"
	local uuid=66757365-7074-4000-8000-000000000001
	# the same bytes each time, nothing left to do later: figures repeat
	mkfs.ext4 -q -F -U $uuid -E lazy_itable_init=0,lazy_journal_init=0,hash_seed=$uuid \
		"$run/disk" 2>"$run/mkfs" || die "mkfs.ext4: $(cat "$run/mkfs")" "a scratch disk of $disk"
}

# A guest under TCG counts with this machine's time stamp counter; a busy machine
# keeps it from measuring that itself. With --icount it counts nanoseconds.
tsc_khz() {
	local memory=$build/vm/tsc-khz
	if [[ -n $icount ]]; then
		echo 1000000
		return
	fi
	[[ -x $memory ]] || { gcc -O2 -o "$run/tsc-khz" "$top/scripts/tsc-khz.c" && mv "$run/tsc-khz" "$memory"; }
	"$memory"
}

# Fills qemu=(...) for accelerator $1.
qemu_command() {
	local i=0 dir append
	append="console=ttyS0 loglevel=7 panic=-1 oops=panic reboot=t tsc=reliable"
	[[ $1 != tcg ]] || append+=" tsc_early_khz=$(tsc_khz)"
	append+=" root=root rootfstype=9p rootflags=trans=virtio,version=9p2000.L,msize=512000,cache=loose ro"
	[[ $kind != debug ]] || append+=" kmemleak=$leaks hung_task_panic=1"
	append+=' init=/bin/bash -c "mount -n -t 9p job /mnt && source /mnt/init"'
	qemu=(qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot
		-M microvm,acpi=off,isa-serial=on -m "$mem" -smp "$smp" -cpu max
		-kernel "$kernels/$kind/vmlinux" -append "$append"
		-chardev "file,id=log,path=$log" -serial chardev:log
		-fsdev "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap"
		-device virtio-9p-device,fsdev=root,mount_tag=root
		-fsdev "local,id=job,path=$run/job,security_model=none,readonly=on"
		-device virtio-9p-device,fsdev=job,mount_tag=job
		-drive "id=disk,if=none,format=raw,cache=unsafe,discard=unmap,werror=report,file=$run/disk"
		-device virtio-blk-device,drive=disk
		-device virtio-serial-device
		-chardev "file,id=status,path=$run/status" -device virtserialport,chardev=status,nr=3)
	case $1 in
	kvm) qemu+=(-accel kvm) ;;
	tcg) qemu+=(-accel "tcg,thread=$( ((smp > 1)) && [[ -z $icount ]] && echo multi || echo single)") ;;
	esac
	[[ -z $icount ]] || qemu+=(-icount shift=0,sleep=off)
	for dir in "${writable[@]}"; do
		qemu+=(-fsdev "local,id=write$i,path=$dir,security_model=none,multidevs=remap"
			-device "virtio-9p-device,fsdev=write$i,mount_tag=write$i")
		i=$((i + 1))
	done
	if ((${#command[@]})); then
		mkfifo "$run/out" "$run/err"
		qemu+=(-chardev "file,id=out,path=$run/out" -device virtserialport,chardev=out,nr=1
			-chardev "file,id=err,path=$run/err" -device virtserialport,chardev=err,nr=2)
	else
		qemu+=(-chardev stdio,id=tty,signal=off -device virtconsole,chardev=tty)
	fi
}

run_qemu() {
	qemu_command "$accel"
	if ((${#command[@]} == 0)); then
		"${qemu[@]}"
		return
	fi
	cat "$run/out" &
	local pumps=$!
	cat "$run/err" >&2 &
	pumps="$pumps $!"
	timeout -k 5 "$timeout" "${qemu[@]}" </dev/null 2>"$run/qemu" &
	qemu_pid=$!
	wait "$qemu_pid" || ended=$?
	qemu_pid=
	# shellcheck disable=SC2086
	wait $pumps
}

# Whether KVM can boot this kernel is found out once per machine boot by doing it.
choose_accel() {
	[[ -z $accel ]] || return 0
	local memory=$build/vm/accel id
	id="$(cat /proc/sys/kernel/random/boot_id) $(qemu-system-x86_64 --version | head -n 1)"
	if [[ -f $memory && $(head -n 1 "$memory") == "$id" ]]; then
		accel=$(tail -n 1 "$memory")
		return
	fi
	accel=tcg
	local probe=("$0" --kvm --timeout 60)
	[[ $kind == release ]] || probe+=(--debug --no-leaks)
	if [[ -w /dev/kvm ]] && "${probe[@]}" -- true >/dev/null 2>&1 </dev/null; then
		accel=kvm
	fi
	say "vm: $accel is what works here"
	printf '%s\n' "$id" "$accel" >"$memory"
}

# What a sound kernel never says.
bad='WARNING:|BUG:|Oops|KASAN|UBSAN|general protection fault|Kernel panic|INFO: task .* blocked'
bad+='|INFO: possible|INFO: trying|INFO: lockdep|possible (recursive|circular)|suspicious RCU'
bad+='|rcu: .*stall|soft lockup|unreferenced object|refcount_t:|Call Trace:|list_(add|del) corruption'

show_log() {
	say "vm: $1; the kernel's log, $log, has:"
	if grep -qE "$bad" "$log"; then
		grep -nE -B 2 -A 40 "$bad" "$log" | head -n 200 | sed 's/^/  | /' >&2
	else
		tail -n 40 "$log" | sed 's/^/  | /' >&2
	fi
}

# Builds the kernel unless it is there and made of what is there now.
have_kernel() {
	local option=()
	[[ $kind == release ]] || option=(--debug)
	[[ -e $kernels/$kind/vmlinux && $(cat "$kernels/$kind.stamp") == "$(kernel_stamp "$kind")" ]] ||
		"$top/scripts/kernel.sh" "${option[@]}"
}

cleanup() {
	local status=$?
	trap - EXIT
	[[ -z ${qemu_pid:-} ]] || kill "$qemu_pid" || :
	[[ -z ${run:-} ]] || rm -rf "$run"
	exit "$status"
}

main() {
	parse "$@"
	need_root "./run vm"
	"$top/scripts/install.sh" vm
	need_tool qemu-system-x86_64 qemu-system-x86
	need_tool mkfs.ext4 e2fsprogs
	need_space "$build" 512 "a virtual machine"
	have_kernel
	mkdir -p "$build/vm" "$logs" "${writable[@]}"
	trap cleanup EXIT
	trap 'exit 130' INT TERM
	choose_accel
	tidy
	prepare
	local ended=0 status
	run_qemu
	status=$(sed -n 's/^status //p' "$run/status" 2>/dev/null || :)
	if ((ended == 124 || ended == 137)); then
		[[ ! -s $run/qemu ]] || sed 's/^/  qemu | /' "$run/qemu" >&2
		show_log "nothing after $timeout seconds"
		exit 98
	elif [[ -s $log ]] && grep -qE "$bad" "$log"; then
		show_log "the kernel complained (the command's status was ${status:-never told})"
		exit 99
	elif [[ -z $status ]]; then
		[[ ! -s $run/qemu ]] || sed 's/^/  qemu | /' "$run/qemu" >&2
		show_log "the machine ended without a status (QEMU's was $ended)"
		exit 97
	fi
	exit "$status"
}

main "$@"
