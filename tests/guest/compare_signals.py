# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals: sig against /proc/PID/task/TID/status, and against what was sent."""

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


def sent(value):
    """What workload_waits.c's tasks send to themselves: the thousands are the signal's number."""
    return value // 1000


def compare_queued(scope, judge, before, after):
    """All that is queued for a user is SigQ; in each siginfo stands the signal that it is queued for, with the value that was sent."""
    first, second = before.tasks(), after.tasks()
    for pid in (tid for tid, task in first.items() if task.comm == "queued-signals" and task.leader):
        if pid not in second or first[pid].status["SigQ"] != second[pid].status["SigQ"]:
            judge.moved("sig: siginfo")
            continue
        group = scope.ask_one("sig -g %d" % pid)["tasks"][0]
        threads = {thread["pid"]: thread["private_pending"]["queue"] for thread in group["threads"]}
        judge.equal("sig: siginfo", ("pid", pid, "threads"), sorted(before.threads(pid)), sorted(threads))
        queues = [group["shared_pending"]["queue"], *threads.values()]
        judge.equal("sig: siginfo", ("pid", pid, "SigQ"), int(first[pid].status["SigQ"].split("/")[0]), sum(map(len, queues)))
        for queue in queues:
            infos = scope.ask(["rd -32 %s 8" % entry["siginfo"] for entry in queue])
            for entry, info in zip(queue, infos):
                # include/uapi/asm-generic/siginfo.h: si_signo, si_errno, si_code, then of SI_QUEUE (-1) pid, uid, value
                words = [int(word, 16) for row in info["rows"] for word in row["values"]]
                judge.equal("sig: siginfo", ("pid", pid, entry["siginfo"]), entry["number"], words[0])
                if words[2] == 0xffffffff:
                    judge.equal("sig: siginfo", ("pid", pid, entry["siginfo"], "sent"), (entry["number"], pid), (sent(words[6]), words[4]))
            order = [info["rows"][1]["values"][2] for entry, info in zip(queue, infos) if entry["number"] == 34]
            judge.equal("sig: siginfo", ("pid", pid, "first sent, first queued"), sorted(order), order)


SUBJECTS = (compare_sets, compare_queued)
