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

KERNEL_THREAD = 0x00200000      # PF_KTHREAD, include/linux/sched.h
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


def slept(task, again):
    """Whether a task did not run from one sample to the other: only then its state was the same in between."""
    return task.pid != COLLECTOR and all(task.status.get(name) == again.status.get(name) for name in
                                         ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"))


def compare_row(judge, task, again, row):
    def fact(name, one, two, answer):
        if one != two:
            judge.moved("ps")
        else:
            judge.equal("ps", ("pid", task.pid, as_json(task.comm), name), one, answer)

    fact("tgid", task.tgid, again.tgid, row["tgid"])
    fact("parent", task.ppid, again.ppid, row["ppid"])
    if slept(task, again):
        fact("state", STATES.get(task.state), STATES.get(again.state), row["state"])
        fact("cpu", task.stat[35], again.stat[35], row["cpu"])
    is_kernel = bool(task.flags & KERNEL_THREAD)
    fact("kernel thread", is_kernel, bool(again.flags & KERNEL_THREAD), row["kernel"])
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


def compare_oom(scope, judge, before, after):
    """Each process's points as /proc/PID/oom_score shows them, and whom the guest's kernel killed when it was told to (sysrq f)."""
    answer = scope.ask_one("oom")
    rows = {row["pid"]: row for row in answer["processes"]}
    for pid in before.pids():
        fact = before.text("proc/%d/oom_score" % pid)
        if pid == COLLECTOR or not fact or before.tasks()[pid].flags & KERNEL_THREAD:
            continue
        if fact != after.text("proc/%d/oom_score" % pid):
            judge.moved("oom")
            continue
        judge.equal("oom", ("pid", pid, "score"), int(fact), rows.get(pid, {}).get("score") or 0)
        judge.equal("oom", ("pid", pid, "adj"), int(before.text("proc/%d/oom_score_adj" % pid)), rows.get(pid, {}).get("adj"))
    killed = re.findall(r"Killed process (\d+) \(", after.text("dmesg-oom"))
    if killed:
        judge.equal("oom", "victim", int(killed[-1]), answer["victim"])


def compare_registers(scope, judge, before, after):
    """regs: what a task in a system call had in its registers, by /proc/PID/task/TID/syscall."""
    names = ("orig_rax", "rdi", "rsi", "rdx", "r10", "r8", "r9", "rsp", "rip")
    names_32 = ("orig_eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip")
    wanted = []
    tasks, later = before.tasks(), after.tasks()
    for pid, tid in before.task_ids():
        path = "proc/%d/task/%d/syscall" % (pid, tid)
        words = before.text(path).split()
        if len(words) not in (3, 9) or tid == COLLECTOR or tasks[tid].flags & KERNEL_THREAD or \
                tasks[tid].state == "Z":
            continue
        if words == after.text(path).split() and slept(tasks[tid], later[tid]):
            wanted.append((tid, [int(word, 0) & (1 << 64) - 1 for word in words]))
        else:
            judge.moved("regs")
    for (tid, words), answer in zip(wanted, scope.ask(["regs %d" % tid for tid, _ in wanted])):
        row = answer["tasks"][0]
        known = names_32 if "eip" in row else names
        # Of a task stopped outside a system call only the last two are told.
        for name, fact in zip(known if len(words) == 9 else known[-2:], words if len(words) == 9 else words[1:]):
            judge.equal("regs", ("pid", tid, name), fact, int(row.get(name, "-1"), 16))


def compare_stacks(scope, judge, before, after):
    """bt: the calls on the stack of a task asleep, by /proc/PID/task/TID/stack, which leaves out the scheduler's own."""
    wanted = []
    tasks, later = before.tasks(), after.tasks()
    for pid, tid in before.task_ids():
        path = "proc/%d/task/%d/stack" % (pid, tid)
        calls = re.findall(r"(?m)^\[<\w+>\] ([^+\s]+)\+(0x[0-9a-f]+)", before.text(path))
        if not calls or tid not in later or not slept(tasks[tid], later[tid]):
            continue
        if before.text(path) == after.text(path):
            wanted.append((tid, [(name, int(offset, 16)) for name, offset in calls]))
        else:
            judge.moved("bt")
    for (tid, calls), answer in zip(wanted, scope.ask(["bt %d" % tid for tid, _ in wanted])):
        if "no ORC tables" in answer.get("error", ""):
            return      # i386, or a kernel that unwinds by frame pointers
        frames = [(frame["function"], frame.get("offset")) for frame in answer["tasks"][0].get("frames", ())]
        judge.equal("bt", ("pid", tid), calls, frames[-len(calls):])
        judge.equal("bt", ("pid", tid, "begins in the scheduler"), "__schedule", frames[0][0] if frames else None)
    judge.at_least("bt", 20)


def compare_members(scope, judge, before, after):
    """task -R: members of each task_struct that /proc shows as they are."""
    first, second = before.tasks(), after.tasks()
    members = ("pid", "tgid", "prio", "static_prio", "rt_priority", "policy", "min_flt", "maj_flt", "start_boottime")
    wanted = [task for tid, task in first.items() if tid in second and tid != COLLECTOR]
    answers = scope.ask(["task -R %s %d" % (",".join(members), task.pid) for task in wanted])
    for task, answer in zip(wanted, answers):
        said = answer["tasks"][0]["task_struct"]
        for member, index, offset in (("prio", 14, 100), ("static_prio", 15, 120), ("rt_priority", 36, 0),
                                      ("policy", 37, 0)):
            if task.stat[index] != second[task.pid].stat[index]:
                judge.moved("task -R")
            else:
                judge.equal("task -R", ("pid", task.pid, member), task.stat[index] + offset, said[member])
        judge.equal("task -R", ("pid", task.pid, "pid, tgid"), (task.pid, task.tgid), (said["pid"], said["tgid"]))
        judge.equal("task -R", ("pid", task.pid, "start"), task.start, said["start_boottime"] // 10000000)
        if task.threads == 1 and task.state != "Z":         # a group's faults are summed
            for member, index in (("min_flt", 6), ("maj_flt", 8)):
                if task.stat[index] != second[task.pid].stat[index]:
                    judge.moved("task -R")
                else:
                    judge.equal("task -R", ("pid", task.pid, member), task.stat[index], said[member])


def compare_selections(scope, judge, before, after):
    """ps -k, -u, -G, -y: which tasks they take."""
    first, second = before.tasks(), after.tasks()
    tasks = {tid: task for tid, task in first.items() if tid in second}
    kinds = {
        "ps -k": {tid for tid, task in tasks.items() if task.flags & KERNEL_THREAD},
        "ps -u": {tid for tid, task in tasks.items() if not task.flags & KERNEL_THREAD},
        "ps -G": {tid for tid, task in tasks.items() if task.leader}}
    for policy in range(7):
        if policy != 4:
            kinds["ps -y %d" % policy] = {tid for tid, task in tasks.items() if task.policy == policy}
    for (command, fact), answer in zip(kinds.items(), scope.ask(list(kinds))):
        said = {row["pid"] for row in answer["tasks"]} & set(tasks)
        if command.startswith("ps -y"):         # the collector has another one while the dump is taken
            said, fact = said - {COLLECTOR}, fact - {COLLECTOR}
        judge.equal(command[:5], command, sorted(fact), sorted(said))
    starts = scope.ask_one("ps -t")["tasks"]
    for row in starts:
        task = tasks.get(row["pid"])
        if task:
            # stat counts clock ticks of 10 ms of another clock, which was read just after.
            judge.equal("ps -t", ("pid", task.pid, "start"), True,
                        0 <= task.start - row["start_time"] // 10000000 < 100)


SUBJECTS = (compare_list, compare_resident, compare_limits, compare_arguments, compare_registers, compare_stacks, compare_members,
            compare_selections, compare_oom)
