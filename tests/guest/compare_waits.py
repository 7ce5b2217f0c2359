# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks wait for: System V IPC, wait queues and timers, against /proc/sysvipc, /proc/PID/{wchan,fd,stack}, /proc/timer_list."""

import collections
import re

from compare_tasks import slept


# ---- System V IPC ----

def table(text):
    """{id: {column: value}} of a file in /proc/sysvipc; perms is octal."""
    lines = [line.split() for line in text.splitlines()]
    rows = [dict(zip(lines[0], [int(word, 8 if name == "perms" else 10) for name, word in zip(lines[0], words)])) for words in lines[1:]]
    return {row[next(name for name in lines[0] if name.endswith("id"))]: row for row in rows}


# Our key, their column
COLUMNS = {"shm": ("shared_memory", (("bytes", "size"), ("nattch", "nattch"))), "sem": ("semaphores", (("nsems", "nsems"),)),
           "msg": ("messages", (("used_bytes", "cbytes"), ("messages", "qnum")))}


def compare_ipc(scope, judge, before, after):
    """In the collector's namespace, and in one of its own."""
    for name in before.files:
        match = re.match(r"proc/(?:(\d+)/)?sysvipc/(\w+)$", name)
        if not match:
            continue
        first, second = table(before.text(name)), table(after.text(name))
        key, columns = COLUMNS[match[2]]
        answer = scope.ask_one("ipcs -%s -n %s" % ({"shm": "M", "sem": "s", "msg": "q"}[match[2]], match[1] or "1"))
        rows = {row["id"]: row for row in answer[key]}
        judge.equal("ipcs", (name, "ids"), sorted(first), sorted(rows))
        for number, fact in first.items():
            row, again = rows.get(number, {}), second.get(number)
            if not again or [fact[column] for _, column in columns] != [again[column] for _, column in columns]:
                judge.moved("ipcs")
                continue
            what = (name, number)
            judge.equal("ipcs", what, (fact["key"] & 0xffffffff, fact["uid"], fact["perms"] & 0o777, *(fact[column] for _, column in columns)),
                        (int(row.get("key", "0"), 16), row.get("uid"), int(row.get("perms", "0"), 8), *(row.get(ours) for ours, _ in columns)))
            if match[2] == "shm":       # include/uapi/linux/shm.h: SHM_DEST, SHM_LOCKED
                flags = [word for bit, word in ((0o1000, "dest"), (0o2000, "locked")) if fact["perms"] & bit]
                judge.equal("ipcs", (*what, "status"), flags, row.get("status", "?").split())
                judge.equal("ipcs", (*what, "pages"), True, row["pages_allocated"] * 4096 >= fact["size"] > (row["pages_allocated"] - 1) * 4096)
                if (fact["rss"], fact["swap"]) != (again["rss"], again["swap"]):
                    judge.moved("ipcs")
                else:
                    judge.equal("ipcs", (*what, "resident, swapped"), (fact["rss"], fact["swap"]),
                                (row["pages_resident"] * 4096, row["pages_swapped"] * 4096))


# ---- Wait queues ----

def asleep(before, after):
    """Tasks that slept from one sample to the other, at the same place: {tid: (pid, the function)}."""
    first, second = before.tasks(), after.tasks()
    return {tid: (pid, before.text("proc/%d/task/%d/wchan" % (pid, tid))) for pid, tid in before.task_ids()
            if tid in first and tid in second and slept(first[tid], second[tid])}


def waiters(answer):
    return sorted(row["pid"] for row in answer["waiters"] if "pid" in row)


def compare_pipes(scope, judge, before, after):
    """Who waits on a pipe, in read() or poll(): those who hold it and sleep there. What epoll has put there belongs to no task."""
    there = asleep(before, after)
    calls = {tid: before.text("proc/%d/task/%d/syscall" % (pid, tid)).split() for tid, (pid, _) in there.items()}
    # arch/x86/entry/syscalls/syscall_64.tbl: read 0, poll 7, epoll_wait 232
    here = [tid for tid, (pid, _) in there.items() if pid == tid and before.tasks()[tid].comm in ("waits-read", "waits-poll")
            and calls[tid][0] in ("0", "7")]
    if not here:
        return
    one = next(tid for tid in here if calls[tid][0] == "0")
    fd = int(calls[one][1], 16)
    inode = next(row["inode"] for row in scope.ask_one("files %d" % one)["tasks"][0]["files"] if row["fd"] == fd)
    members = scope.ask_one("struct inode.i_pipe,i_ino %s" % inode)["objects"][0]["value"]
    link = re.search(r"(?m)^%d pipe:\[(\d+)\]$" % fd, before.text("proc/%d/fd" % one))
    judge.equal("waitq", "the pipe's inode", int(link[1]), members["i_ino"])
    pipe = members["i_pipe"].split()[0]
    answer = scope.ask(["waitq pipe_inode_info.rd_wait %s" % pipe])[0]
    judge.equal("waitq", "a pipe", sorted(here), waiters(answer))
    judge.equal("waitq", "epoll's entry on the pipe", ["ep_poll_callback"], [row["func"] for row in answer["waiters"] if "pid" not in row])
    judge.equal("waitq", "nobody waits to write", [], scope.ask_one("waitq pipe_inode_info.wr_wait %s" % pipe)["waiters"])


def compare_parents(scope, judge, before, after):
    """Who waits for children of his process (do_wait), and a parent for what it has vforked."""
    groups = collections.defaultdict(list)
    for tid, (pid, place) in asleep(before, after).items():
        if place == "do_wait":
            groups[pid].append(tid)
    signals = {pid: scope.ask_one("task -R signal %d" % pid)["tasks"][0]["task_struct"]["signal"] for pid in groups}
    for pid, tids in groups.items():
        judge.equal("waitq", ("pid", pid, "children"), sorted(tids), waiters(scope.ask_one("waitq signal_struct.wait_chldexit %s" % signals[pid])))
    tasks = before.tasks()
    for tid, task in tasks.items():
        if task.comm == "vfork-child" and tasks[task.ppid].comm == "vfork-parent":
            done = scope.ask_one("task -R vfork_done %d" % tid)["tasks"][0]["task_struct"]["vfork_done"]
            judge.equal("waitq", ("pid", tid, "its parent"), [task.ppid], waiters(scope.ask_one("waitq completion.wait %s" % done)))


# ---- Timers ----

def high_resolution(text):
    """{(cpu, clock): {(function, first, last ns)}} of /proc/timer_list."""
    found = collections.defaultdict(list)
    place = name = None
    for line in text.splitlines():
        cpu, clock = re.match(r"cpu: (\d+)", line), re.match(r" clock (\d+):", line)
        timer, when = re.match(r" #\d+: <\w+>, (\w+),", line), re.match(r" # expires at (\d+)-(\d+) nsecs", line)
        if cpu:
            place = (int(cpu[1]), None)
        elif clock:
            place = (place[0], int(clock[1]))
        elif timer:
            name = timer[1]
        elif when and place:
            found[place].append((name, int(when[1]), int(when[2])))
    return found


def compare_high_resolution(scope, judge, before, after):
    """Timers that both samples have are in the dump, once, on the same CPU and clock."""
    first, second = high_resolution(before.text("proc/timer_list")), high_resolution(after.text("proc/timer_list"))
    for cpu in scope.ask_one("timer -r")["cpus"]:
        for clock in cpu["clocks"]:
            place = (cpu["cpu"], clock["clock"])
            said = [(timer["function_name"], timer["soft_expires"], timer["expires"]) for timer in clock["timers"]]
            judge.equal("timer -r", (*place, "in order"), sorted(timer[2] for timer in said), [timer[2] for timer in said])
            for timer in first.get(place, ()):
                if timer[0].startswith("tick_"):        # an idle CPU's is put off, and comes back
                    continue
                if timer in second.get(place, ()):
                    judge.equal("timer -r", (*place, timer), 1, said.count(timer))
                else:
                    judge.moved("timer -r")


def compare_wheels(scope, judge, before, after):
    """A task in schedule_timeout() has its timer on its stack; the sockets' timeouts stand in their tasks' names."""
    answer = scope.ask_one("timer")
    hz = scope.ask_one("mach")["hz"]
    timers = [dict(timer, cpu=base["cpu"]) for base in answer["bases"] for timer in base["timers"]]
    there = asleep(before, after)
    stacks = {}
    for tid, row in zip(there, scope.ask(["task -R stack %d" % tid for tid in there])):
        stacks[tid] = int(row["tasks"][0]["task_struct"]["stack"], 16)
    for timer in timers:
        if timer["function_name"] != "process_timeout":
            continue
        at = int(timer["timer_list"], 16)
        owner = next((tid for tid, stack in stacks.items() if stack <= at < stack + 0x4000), None)
        if owner is None:       # one that ran meanwhile
            judge.moved("timer")
        else:
            frames = scope.ask_one("bt %d" % owner)["tasks"][0].get("frames", ())     # /proc/PID/stack leaves the scheduler's functions out
            judge.equal("timer", ("pid", owner, "waits"), True, "schedule_timeout" in [frame["function"] for frame in frames])
    tasks = before.tasks()
    for tid in there:
        match = re.match(r"timeout-(\d+)$", tasks[tid].comm)
        if match:
            own = [timer for timer in timers if stacks[tid] <= int(timer["timer_list"], 16) < stacks[tid] + 0x4000]
            judge.equal("timer", ("pid", tid, "one timer"), 1, len(own))
            seconds = own[0]["tte"] / hz if own else 0
            judge.equal("timer", ("pid", tid, "in time"), True, int(match[1]) - 300 < seconds <= int(match[1]))


SUBJECTS = (compare_ipc, compare_pipes, compare_parents, compare_high_resolution, compare_wheels)
