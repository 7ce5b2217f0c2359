# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks: ps in its forms, against /proc/PID/task/TID/{stat,status,comm}, limits, cmdline, environ."""

import re

from facts import as_json

STATES = {"R": "RU", "S": "IN", "D": "UN", "T": "ST", "t": "TR", "Z": "ZO", "I": "ID", "X": "DE", "P": "PA"}

# Of ps -r, and of /proc/PID/limits.
LIMITS = {"CPU": "cpu time", "FSIZE": "file size", "DATA": "data size", "STACK": "stack size", "CORE": "core file size",
          "RSS": "resident set", "NPROC": "processes", "NOFILE": "open files", "MEMLOCK": "locked memory",
          "AS": "address space", "LOCKS": "file locks", "SIGPENDING": "pending signals",
          "MSGQUEUE": "msgqueue size", "NICE": "nice priority", "RTPRIO": "realtime priority",
          "RTTIME": "realtime timeout"}

COLLECTOR = 1       # init reads /proc, and waits for the host while the dump is taken


def compare_list(scope, judge, before, after):
    rows = {}
    for row in scope.ask_one("ps")["tasks"]:
        if row["pid"] in rows and row["pid"]:
            judge.differ("ps", ("pid", row["pid"]), "one task", "two")
        rows[row["pid"]] = row
    first, second = before.tasks(), after.tasks()
    for tid, task in first.items():
        again = second.get(tid)
        if not again:
            judge.moved("ps")
            continue
        row = rows.get(tid)
        if not row:
            judge.differ("ps", ("pid", tid, task.comm), "a task", "none")
            continue
        compare_row(judge, task, again, row)
    for pid in rows:
        if pid and pid not in first and pid not in second:
            judge.differ("ps", ("pid", pid), "no task", "one named %s" % rows[pid]["comm"])


def compare_row(judge, task, again, row):
    def fact(name, one, two, answer):
        if one != two:
            judge.moved("ps")
        else:
            judge.equal("ps", ("pid", task.pid, as_json(task.comm), name), one, answer)

    fact("tgid", task.tgid, again.tgid, row["tgid"])
    fact("parent", task.ppid, again.ppid, row["ppid"])
    if task.pid != COLLECTOR:
        fact("state", STATES.get(task.state), STATES.get(again.state), row["state"])
        fact("cpu", task.stat[35], again.stat[35], row["cpu"])
    is_kernel = bool(task.flags & 0x00200000)       # PF_KTHREAD
    fact("kernel thread", is_kernel, bool(again.flags & 0x00200000), row["kernel"])
    if is_kernel:
        # A worker's name goes on with the work that it did last ("kworker/0:1-events").
        name = row.get("full_name") or row["comm"]
        judge.equal("ps", ("pid", task.pid, "name"), True,
                    as_json(task.comm) == name or re.match(re.escape(name) + "[-+]", as_json(task.comm)) is not None
                    or (len(row["comm"]) == 15 and as_json(task.comm).startswith(row["comm"])))
        return
    fact("name", as_json(task.comm), as_json(again.comm), row["comm"])
    fact("VSZ", task.vsize // 1024, again.vsize // 1024, row["vsz_kib"])


def compare_resident(scope, judge, before, after):
    """RSS against what the page tables hold, by smaps: counters that stand in /proc are behind by some pages."""
    rows = {row["pid"]: row for row in scope.ask_one("ps -u -G")["tasks"]}
    for pid in before.pids():
        one, two = before.smaps(pid), after.smaps(pid)
        if not one or pid not in rows or pid == COLLECTOR:
            continue
        resident = [sum(area["Rss"] for area in areas if "ht" not in area.get("VmFlags", "").split())
                    for areas in (one, two)]
        if resident[0] != resident[1]:
            judge.moved("ps: resident")
        else:
            judge.equal("ps: resident", ("pid", pid, rows[pid]["comm"]), resident[0], rows[pid]["rss_kib"])


def limits_of(facts, pid):
    found = {}
    for line in facts.text("proc/%d/limits" % pid).splitlines()[1:]:
        match = re.match(r"Max (.*?)\s+(\d+|unlimited)\s+(\d+|unlimited)", line)
        if match:
            found[match[1]] = tuple(None if word == "unlimited" else int(word) for word in match.groups()[1:])
    return found


def compare_limits(scope, judge, before, after):
    answers = {row["pid"]: row for row in scope.ask_one("ps -r -G")["tasks"]}
    for pid in before.pids():
        facts = limits_of(before, pid)
        if facts != limits_of(after, pid) or not facts:
            continue
        limits = answers.get(pid, {}).get("limits", {})
        for name, limit in limits.items():
            judge.equal("ps -r", ("pid", pid, name), facts.get(LIMITS[name]), (limit["current"], limit["maximum"]))
        judge.equal("ps -r", ("pid", pid, "count"), len(facts), len(limits))


def strings(data):
    text = as_json(data.decode("utf-8", "surrogateescape"))
    return text[:-1].split("\0") if text else []


def compare_arguments(scope, judge, before, after):
    answers = {row["pid"]: row for row in scope.ask_one("ps -a -G -u")["tasks"]}
    for pid in before.pids():
        for name, key in (("cmdline", "arguments"), ("environ", "environment")):
            fact = before.data("proc/%d/%s" % (pid, name))
            if not fact or fact != after.data("proc/%d/%s" % (pid, name)):
                continue
            judge.equal("ps -a", ("pid", pid, key), strings(fact), answers.get(pid, {}).get(key))


SUBJECTS = (compare_list, compare_resident, compare_limits, compare_arguments)
