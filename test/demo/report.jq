# SPDX-License-Identifier: LGPL-2.1-or-later
# What guest.sh reports, for people and for programs; used with jq -L: include "report";

# What a daemon is still asked for when the kernel serves every operation it has:
# names, and new files. INIT and DESTROY belong to the mount.
def of_names: ["LOOKUP", "FORGET", "BATCH_FORGET", "CREATE", "MKNOD", "MKDIR", "SYMLINK", "TMPFILE"];
def of_mount: ["INIT", "DESTROY"];

def everything: [.daemon_served, .asked_later | to_entries[]] | group_by(.key)
  | map({key: .[0].key, value: (map(.value) | add)}) | from_entries;

def others: everything | with_entries(select(.key as $name | of_names + of_mount | index($name) | not));

# the shape of --json
def published: {kernel, runs: [.runs[] | {ops, identical, kernel_served, daemon_served,
  workloads: [.workloads[] | {name, ratio: (.mount / .native * 1000 | round / 1000)}]}]};

# what the daemon was asked for though the mask gave it away; the mount is made and ended
def too_much:
  if .ops == "all" then others
  elif .ops == "subtree" then everything | with_entries(select(.key as $name | of_mount | index($name) | not))
  else {} end;

# whether the demo shows what it is there to show
def good: all(.runs[]; .identical and too_much == {});

def left($width): . + " " * ($width - length | if . > 0 then . else 0 end);
def right($width): " " * ($width - length | if . > 0 then . else 0 end) + .;
def grouped: tostring | [while(length > 0; .[:-3]) | .[-3:]] | reverse | join(",");
def count: if . == null or . == 0 then "-" else grouped end;
def tenths: . * 10 | round | "\(. / 10 | floor).\(. % 10)";
def hundredths: . * 100 | round | "\(. / 100 | floor).\(. % 100 | tostring | if length < 2 then "0" + . else . end)";
def ratio: if . < 10 then hundredths else tenths end + "x";
def listed: to_entries | map("\(.value | grouped) \(.key)") | join(", ");
def sum: [.[]] | add // 0;

def operations: [.runs[] | .kernel_served, .daemon_served | to_entries[]] | group_by(.key)
  | map({name: .[0].key, total: (map(.value) | add)}) | sort_by(-.total, .name) | map(.name) - of_mount;

def line($name; cells): ($name | left(16)) + ([cells] | map(" | " + .) | join(""));

def operation_table:
  . as $report
  | line(""; .runs[] | "ops=\(.ops), served by" | .[:24] | left(24)),
  line("operation"; .runs[] | ("the kernel" | right(12)) + ("the daemon" | right(12))),
  line("-" * 16; .runs[] | "-" * 24),
  (operations[] as $name
   | line($name; $report.runs[] | (.kernel_served[$name] | count | right(12)) + (.daemon_served[$name] | count | right(12)))),
  line("-" * 16; .runs[] | "-" * 24),
  line("together"; .runs[] | (.kernel_served | sum | count | right(12)) + (.daemon_served | sum | count | right(12)));

def work_table:
  . as $report
  | line("work"; ("natively" | right(10)), (.runs[] | "ops=\(.ops)" | right(12))),
  line("-" * 16; "-" * 10, (.runs[] | "-" * 12)),
  (.runs[0].workloads | keys[] as $i
   | line(.[$i].name; (.[$i].native / 1e6 | hundredths + " s" | right(10)),
       ($report.runs[].workloads[$i] | (.mount / .native | ratio) + (if .identical then "" else "!" end) | right(12))));

def notes:
  (.runs[] | select(.at_mount | length > 0) | "ops=\(.ops), before the first piece of work: \(.at_mount | listed)."),
  (select(all(.runs[]; .kernel_served == {}))
   | "This kernel does not count what it serves by itself.");

def verdicts:
  .runs[]
  | (if .identical then "ops=\(.ops): every result is byte for byte that of the tree below."
     else "ops=\(.ops): FAILED, another result than the tree below: "
       + ([.workloads[] | select(.identical | not) | .name] | join(", ")) + "." end),
    (select(.ops == "all" or .ops == "subtree")
     | (if .ops == "all" then "for names and new files, and for nothing else" else "for nothing" end) as $what
     | if too_much == {} then "ops=\(.ops): the daemon was asked \($what)."
       else "ops=\(.ops): FAILED, the daemon was also asked: \(too_much | listed)." end);

def table:
  "Linux \(.kernel): the same work in a tree of \(.files | grouped) files on ext4, and in the mirror over it", "",
  operation_table, "(requests of one time of all the work)", "",
  work_table,
  "(wall clock in an emulated machine, as a ratio to the same work done natively, in turn, in the same boot;",
  "the median of three times if the work is short)", "",
  notes, verdicts;
