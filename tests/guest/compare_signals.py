# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals and System V IPC: sig against /proc/PID/task/TID/status, ipcs against the segments that processes have mapped."""

import re

from compare_tasks import COLLECTOR


def handled(task, handler):
    """The set of signals with an action, as status has it."""
    found = 0
    for action in task.get("actions", ()):
        ignores, default = action["handler"] == "SIG_IGN", action["handler"] == "SIG_DFL"
        if ignores if handler == "ignored" else not ignores and not default:
            found |= 1 << action["number"] - 1
    return found


def compare_sets(scope, judge, before, after):
    first, second = before.tasks(), after.tasks()
    names = ("SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt")
    same = [tid for tid, task in first.items() if tid in second and tid != COLLECTOR and
            all(task.status.get(name) == second[tid].status.get(name) for name in names)]
    for tid, answer in zip(same, scope.ask(["sig %d" % tid for tid in same])):
        status, said = first[tid].status, answer["tasks"][0]
        if "Z" in first[tid].state or "SigBlk" not in status:
            continue
        private, shared = said["private_pending"], said.get("shared_pending", {"signal": "0x0", "queue": []})
        for name, value in (("SigPnd", int(private["signal"], 16)), ("ShdPnd", int(shared["signal"], 16)), ("SigBlk", int(said["blocked"], 16)),
                            ("SigIgn", handled(said, "ignored")), ("SigCgt", handled(said, "caught"))):
            judge.equal("sig", ("pid", tid, name), int(status[name], 16), value)
        judge.equal("sig", ("pid", tid, "threads"), int(status["Threads"]), said.get("nr_threads", said.get("count")))
        # What is queued is in the set; a set may have more (signals of the kernel have no siginfo).
        for part in (private, shared):
            queued = {entry["number"] for entry in part["queue"]}
            judge.equal("sig: queues", ("pid", tid), set(), {number for number in queued if not int(part["signal"], 16) >> number - 1 & 1})


def segments(sample):
    """{id: (key, bytes, how often mapped)} of the areas that show a segment's file: its name is the key, its inode the id."""
    found = {}
    for pid in sample.pids():
        for area in sample.maps(pid):
            match = re.match(r"/SYSV([0-9a-f]{8})", area.path or "")
            if match:
                key, _, count = found.get(area.inode, (0, 0, 0))
                found[area.inode] = (int(match[1], 16), area.end - area.start, count + 1)
    return found


def compare_ipc(scope, judge, before, after):
    """Segments that whole areas show: as many as are attached."""
    first, second = segments(before), segments(after)
    rows = {row["id"]: row for row in scope.ask_one("ipcs -M")["shared_memory"]}
    for number, (key, size, count) in first.items():
        if second.get(number) != (key, size, count):
            judge.moved("ipcs")
            continue
        row = rows.get(number, {})
        judge.equal("ipcs", ("segment", number), (key, count), (int(row.get("key", "0"), 16), row.get("nattch")))
        judge.equal("ipcs", ("segment", number, "pages"), True, row.get("pages_allocated", 0) * 4096 >= size and
                    row.get("pages_resident", 0) <= row.get("pages_allocated", 0))


def compare_queues(scope, judge, before, after):
    """Nobody waits to run but tasks that are running or runnable; who runs is the CPU's own."""
    states = {row["pid"]: row["state"] for row in scope.ask_one("ps")["tasks"]}
    for cpu in scope.ask_one("runq")["cpus"]:
        judge.equal("runq", ("CPU", cpu["cpu"], cpu["current"]["pid"]), "RU", states.get(cpu["current"]["pid"]))
        for task in cpu["realtime"] + cpu["fair"] + cpu["deadline"]:
            judge.equal("runq", ("CPU", cpu["cpu"], task["pid"]), True, states.get(task["pid"]) in ("RU", "NE", "WA"))


SUBJECTS = (compare_sets, compare_ipc, compare_queues)
