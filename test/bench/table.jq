# SPDX-License-Identifier: LGPL-2.1-or-later
# The report of ./run bench as a table: {"kernel": ..., "rows": [...]} -> text.
# jq -r -f table.jq

def file_systems: ["native", "overlayfs", "none", "io", "all", "subtree"];
# what has names to find or to make, which with "all" are the daemon's
def names: ["missing", "create+unlink", "mkdir+rmdir", "symlink+unlink", "link+unlink", "rename-twice", "lookup-cold",
  "create-by-1", "create-by-2", "create-by-4", "lookup-by-1", "lookup-by-2", "lookup-by-4", "find", "git-status", "tar", "ls-l-10000-cold", "ls-l-10000", "untar", "rm-rf"];

def left($width): . + " " * ($width - length | if . > 0 then . else 0 end);
def right($width): " " * ($width - length | if . > 0 then . else 0 end) + .;
def grouped: tostring | [while(length > 0; .[:-3]) | .[-3:]] | reverse | join(",");
# two digits after the point, as text
def ratio: . * 100 | round | "\(. / 100 | floor).\(. % 100 | tostring | if length < 2 then "0" + . else . end)x";

def in_order: reduce .[] as $x ([]; if index($x) then . else . + [$x] end);

def cost($rows; $fs): $rows | map(select(.fs == $fs)) | .[0].instructions;
def requests($rows; $fs): $rows | map(select(.fs == $fs)) | .[0].daemon_requests;

# [file system, cost, limit, what the limit is] of the bars that this workload has
def bars($workload; $rows):
  cost($rows; "native") as $native | cost($rows; "overlayfs") as $overlay
  | ("all", "subtree") as $fs | cost($rows; $fs) as $cost
  | if $cost == null or ($fs == "all" and (names | index($workload))) then empty else
      (select($overlay != null) | [$fs, $cost, $overlay, "what overlayfs costs"]),
      (select($native != null and ($workload == "pread-4k" or $workload == "pwrite-4k"))
       | [$fs, $cost, $native * 1.15, "1.15 times native"]),
      (select($native != null and $workload == "stat")
       | [$fs, $cost, $native * 2, "twice native"]),
      (select($native != null and ($workload == "find" or $workload == "git-status"))
       | [$fs, $cost, $native * 1.5, "1.5 times native"])
    end;

# Timer interrupts fall into a run or into the next: two parts in a thousand are no difference.
def missed($workload; $rows): [bars($workload; $rows) | select(.[1] > .[2] * 1.002)];

def cell($rows; $fs):
  cost($rows; "native") as $native | cost($rows; $fs) as $cost
  | if $cost == null then "-"
    elif $native == null or $native == 0 then $cost | grouped
    else $cost / $native | ratio end;

def line($workload; $rows):
  ($workload | left(16))
  + (cost($rows; "native") | if . == null then "-" else grouped end | right(14))
  + ([file_systems[1:][] | . as $fs | cell($rows; $fs) | right(11)] | join(""))
  + (requests($rows; "none") | if . == null then "-" else grouped end | right(13))
  + ([("all", "subtree") as $fs | requests($rows; $fs) | if . == null then "-" else grouped end | right(10)] | join(""))
  + (if missed($workload; $rows) | length > 0 then "  *" else "" end);

def backing($name; $rows):
  "", "\($name): instructions a call, the others as a ratio to native",
  ("workload" | left(16)) + ("native" | right(14)) + ([file_systems[1:][] | right(11)] | join(""))
  + ("asked: none" | right(13)) + ("all" | right(10)) + ("subtree" | right(10)),
  ($rows | map(.workload) | in_order[] as $w | line($w; $rows | map(select(.workload == $w))));

def verdicts:
  .rows | group_by([.backing, .workload]) | map(
    .[0].backing as $backing | .[0].workload as $workload
    | missed($workload; .)[] | "* \($workload) on \($backing): \(.[0]) costs \(.[1] | grouped), \(.[3]) is \(.[2] | floor | grouped)");

"Linux \(.kernel); \(.rows | map(.runs) | max) runs each, the median",
((.rows | map(.backing) | in_order[]) as $name | backing($name; .rows | map(select(.backing == $name)))),
"",
"asked: requests that the daemon served over all runs, with no operation in the mask, with all, and with names, too",
(verdicts | if length == 0 then "Every bar was met." else "Missed bars:", .[] end)
