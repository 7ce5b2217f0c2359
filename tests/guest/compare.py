# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold mmscope's answers about a guest's dump against the guest's own facts."""

import json
import os

import compare_audit
import compare_faults
import compare_kernel
import compare_mappings
import compare_memory
import compare_pages
import compare_reclaim
import compare_runs
import compare_signals
import compare_tasks
import compare_waits
import compare_who
from facts import Facts
from scope import Judge, Scope, ScopeError

# What a guest's comparison has to reach to mean something: so many facts of these subjects.
LEAST = {"sig": 800, "sig: queues": 260, "sig: siginfo": 25, "ipcs": 80, "waitq": 3, "timer": 4, "timer -r": 20, "runq": 30, "runq -g": 8, "rmap": 40000, "rmap: pagemap": 30000, "rmap: kpagecount": 20000, "smaps": 60000, "smaps: lines": 2500,
         "ps": 800, "ps -r": 2000, "regs": 800, "log": 900, "sym -l": 80000, "vm": 3000, "vm -p": 80000, "rd": 60000,
         "vtop": 5000, "vtop: swap": 2000, "kmem -f": 60, "buddyinfo": 2, "pagetypeinfo": 10, "frag: unusable_index": 11,
         "who: pages": 250, "who: file pages": 40, "who: vmalloc": 150, "who: tasks": 140, "map": 30000, "top-mem: caches": 80, "top-mem: callers": 10, "top-mem: processes": 30, "top-mem: sums": 5, "frag: extfrag_index": 11, "kmem -z": 30, "kmem -i": 6, "kmem -p: flags": 250000,
         "kmem -m: mapcount": 15000, "struct cred": 250, "kmem: vmalloc": 150, "kmem: slab": 250, "kmem -s": 80, "kmem -S": 100, "kmem -S: slabinfo": 80, "audit": 30, "audit: wrong values": 20,
         "fault": 1300, "fault -n": 1200, "fault: undone": 400}

PARTS = (compare_kernel, compare_tasks, compare_signals, compare_waits, compare_runs, compare_memory, compare_pages, compare_audit, compare_faults, compare_reclaim, compare_who)


def compare(directory, only=None):
    """A Judge of the dump and the facts that run-guest left in a directory; `only` names subjects."""
    judge = Judge()
    with open(os.path.join(directory, "guest.json"), encoding="utf-8") as file:
        files = json.load(file)["options"].get("files", "").split()
    scope = Scope([os.path.join(directory, "dump")] + files if files else os.path.join(directory, "dump"))
    before = Facts(os.path.join(directory, "before.tar"))
    after = Facts(os.path.join(directory, "after.tar"))
    try:
        scope.ask_one("sys")
    except ScopeError as error:         # nothing else has to be tried
        judge.differing["mmscope"].append(str(error))
        return judge
    for part in (*PARTS, compare_mappings):
        for subject in part.SUBJECTS:
            if only and subject.__name__ not in only:
                continue
            try:
                subject(scope, judge, before, after)
            except (ScopeError, KeyError, IndexError, TypeError, ValueError) as error:
                judge.differing[subject.__name__].append("not compared: %s: %s" % (type(error).__name__, error))
    for subject, count in LEAST.items() if not only else ():
        judge.at_least(subject, count)
    try:
        scope.close()
    except ScopeError as error:
        judge.differing["mmscope"].append(str(error))
    return judge
