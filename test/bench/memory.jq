# SPDX-License-Identifier: LGPL-2.1-or-later
# The table of ./run bench --memory.
def pad(n): tostring | if length < n then (n - length) * " " + . else . end;
def left(n): if length < n then . + (n - length) * " " else . end;
256 as $bar
| (.rows | map(select(.ops == "none")) | first) as $plain
| ($plain.bytes - $plain.descriptors) as $base
| "Slab pages of the kernel for each of \($plain.files) files that were looked at, in bytes.\n",
  ("mask" | left(9)) + ("all" | pad(8)) + ("descriptors" | pad(13)) + ("without" | pad(9))
	+ ("over none" | pad(11)) + "   most of it",
  (.rows[]
	| (.bytes - .descriptors) as $rest
	| (.ops | left(9)) + (.bytes | pad(8)) + (.descriptors | pad(13)) + ($rest | pad(9))
		+ ($rest - $base | pad(11))
		+ (if .ops != "none" and .ops != "io" and $rest - $base > $bar then " *" else "  " end)
		+ " " + (.caches | to_entries | sort_by(-.value) | .[:5]
			| map("\(.key) \(.value)") | join(", "))),
  "\nDescriptors are those that the daemon keeps of files below. An asterisk: more than",
  "\($bar) bytes over a FUSE inode without a file below."
