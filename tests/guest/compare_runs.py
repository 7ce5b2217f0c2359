# SPDX-License-Identifier: GPL-3.0-or-later
"""Run queues: runq against the kernel's own list of runnable tasks (sched_debug), and against its counts."""

import collections
import re

from compare_tasks import COLLECTOR

# Tasks of one process may come and go; those of workload_runs.c are on their CPU from one sample to the other.
SPINNERS = "spins-"


def queues(sample):
    """{cpu: {pid: group}} of what is running or runnable, {(cpu, group)} of the groups' queues."""
    text = sample.text("proc/sched_debug") or sample.text("sys/kernel/debug/sched/debug")
    runnable, groups = collections.defaultdict(dict), set()
    cpu = None
    for line in text.splitlines():
        number, queue = re.match(r"cpu#(\d+)", line), re.match(r"cfs_rq\[(\d+)\]:(/.*)$", line)
        # The kernel's own columns differ by series; a name may have blanks, the pid is followed by a number with a point.
        task = re.match(r"[ >]R +(.*?) +(\d+) +-?\d+\.\d+ ", line)
        if number:
            cpu = int(number[1])
        elif queue:
            groups.add((int(queue[1]), queue[2]))
        elif task and cpu is not None:
            last = line.split()[-1]
            runnable[cpu][int(task[2])] = last if last.startswith("/") else None
    return runnable, groups


def listed(queue):
    return [row for name in ("deadline", "realtime", "fair", "extensible") for row in queue.get(name, ())]


def compare_runnable(scope, judge, before, after):
    (first, _), (second, _) = queues(before), queues(after)
    tasks = before.tasks()
    cpus = scope.ask_one("runq")["cpus"]
    for queue in cpus:
        cpu = queue["cpu"]
        rows = {row["pid"]: row for row in listed(queue)}
        rows.setdefault(queue["current"]["pid"], queue["current"])
        judge.equal("runq", ("CPU", cpu, "no task twice"), len({row["pid"] for row in listed(queue)}), len(listed(queue)))
        for pid in first.get(cpu, ()):
            # A deadline task that has used up its time is runnable for /proc, but in no queue.
            if pid not in second.get(cpu, ()) or pid == COLLECTOR or pid not in tasks or tasks[pid].comm == "spins-deadline" \
                    or not tasks[pid].comm.startswith(SPINNERS):
                judge.moved("runq")
            else:
                judge.equal("runq", ("CPU", cpu, "pid", pid, tasks[pid].comm), True, pid in rows)
                # /proc/PID/stat has priorities that begin at -100.
                if "priority" in rows.get(pid, {}):
                    judge.equal("runq", ("CPU", cpu, "pid", pid, "priority"), tasks[pid].stat[14] + 100, rows[pid]["priority"])
        order = [row["priority"] for row in queue["realtime"]]
        judge.equal("runq", ("CPU", cpu, "realtime lists in order"), sorted(order), order)
    states = {row["pid"]: row["state"] for row in scope.ask_one("ps")["tasks"]}
    for queue in cpus:
        for row in [queue["current"], *queue["deadline"], *queue["realtime"]]:
            judge.equal("runq", ("CPU", queue["cpu"], row["pid"]), True, states.get(row["pid"]) in ("RU", "NE", "WA"))


def compare_counts(scope, judge, before, after):
    """Each class's count in struct rq, at the moment of the dump."""
    for queue in scope.ask_one("runq")["cpus"]:
        names = [name for name in ("h_nr_queued", "h_nr_running") if "error" not in scope.ask(["struct -o cfs_rq.%s" % name])[0]]
        answer = scope.ask_one("struct rq.nr_running,rt.rt_nr_running,cfs.%s %s" % (names[0], queue["runqueue"]))["objects"][0]["value"]
        running = queue["current"]["pid"]
        by_class = {name: {row["pid"] for row in queue[name]} for name in ("deadline", "realtime", "fair")}
        # What runs of the realtime and the fair class is not among those that wait.
        everybody = set.union(*by_class.values()) | ({running} if running else set())
        judge.equal("runq", ("CPU", queue["cpu"], "nr_running"), answer["nr_running"], len(everybody))
        alone = bool(running) and not any(running in pids for pids in by_class.values())
        waiting = answer["rt.rt_nr_running"] + answer["cfs." + names[0]]
        judge.equal("runq", ("CPU", queue["cpu"], "realtime and fair"), waiting, len(by_class["realtime"]) + len(by_class["fair"]) + alone)


def walk(rows):
    """(path of the group, pid) of each task, by depth."""
    path = []
    for row in rows:
        del path[row["depth"]:]
        if "task_group" in row:
            path.append(row.get("name", ""))
        else:
            yield "/" + "/".join(path), row["pid"]


def compare_groups(scope, judge, before, after):
    """runq -g: each task in the group that sched_debug and its own cgroup tell."""
    (first, groups), (second, _) = queues(before), queues(after)
    for queue in scope.ask_one("runq -g")["cpus"]:
        cpu = queue["cpu"]
        found = {pid: path for path, pid in walk(queue["fair"])}
        for pid, path in found.items():
            fact = first.get(cpu, {}).get(pid)
            if fact is None or fact != second.get(cpu, {}).get(pid):
                judge.moved("runq -g")
                continue
            # A session's group (autogroup) has no cgroup, and a name in sched_debug only.
            judge.equal("runq -g", ("CPU", cpu, "pid", pid), "/" if fact.startswith("/autogroup") and path == "/" else fact, path)
            judge.equal("runq -g", ("CPU", cpu, path), True, (cpu, fact) in groups)


SUBJECTS = (compare_runnable, compare_counts, compare_groups)
