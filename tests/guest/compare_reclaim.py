# SPDX-License-Identifier: GPL-3.0-or-later
"""Reclaim: what `madvise … pageout` makes of a dump's pages, and accesses to what went, against what the guest's kernel made of
the same pages when it was resumed and its process did the same (workload_reclaim.c): entries, slots of swap, counts."""

import collections
import struct

from compare_faults import findings
from facts import KPF

FACT = struct.Struct("<QQIIiIIIQQ64Q64Q")
PRESENT, SWAPPED = 1 << 63, 1 << 62
PAGE = 4096
UNKNOWN = (1 << 64) - 1
ACTS = ("madvise -c {pid} {address:x} {length} pageout", "fault -c {pid} -r {address:x}", "fault -c {pid} -w {address:x}")

Fact = collections.namedtuple("Fact", "address length pid act result minor major word swap_used group_swap entries flags")


def facts_of(after):
    data = after.data("reclaim")
    for values in FACT.iter_unpack(data[:len(data) // FACT.size * FACT.size]):
        yield Fact(*values[:10], values[10:74], values[74:])


def happened(entry, flags):
    """A page, in words: absent, swapped to a slot, the zero page, or there."""
    if entry & PRESENT:
        return "zero" if flags >> KPF["ZERO_PAGE"] & 1 else "there"
    if entry & SWAPPED:
        return "swapped", entry >> 5 & ((1 << 50) - 1)
    return "absent"


def said(page):
    if page["mapped"]:
        return "zero" if page["zero_page"] else "there"
    if page.get("absent_kind") == "swap":
        return "swapped", int(page["absent"].split()[-1])
    return "absent"


def swap_of_group(scope, pid):
    """The command that says how many pages of swap the process's memory cgroup is charged with."""
    task = [task["task"] for task in scope.ask_one("ps %d" % pid)["tasks"]][0]
    return "p ((struct mem_cgroup *)((struct task_struct *)%s)->cgroups->subsys[memory_cgrp_id])->swap.usage.counter" % task


def used(answer):
    return sum(area["used_kb"] for area in answer["areas"])


def acted(scope, judge, before, after):
    facts = list(facts_of(after))
    if not facts:
        return
    sound = findings(scope)
    group = swap_of_group(scope, facts[0].pid)
    script = ["snapshot"]
    for fact in facts:
        fields = fact._asdict()
        script.append(ACTS[fact.act].format(**fields))
        script += ["vtop -c %d %x" % (fact.pid, fact.address + i * PAGE) for i in range(fact.length // PAGE)] + ["swap", group]
    answers = iter(scope.ask(script))
    next(answers)
    refused = None
    base = None
    for fact in facts:
        done = next(answers)
        pages = [next(answers)["addresses"][0] for _ in range(fact.length // PAGE)]
        swap, charged = next(answers), next(answers)
        what = (("pageout", "read", "write")[fact.act], fact.address, "of", fact.pid)
        if refused:
            continue
        error = done.get("error") or ""
        if error and not fact.result:
            refused = error
            judge.notes.append("reclaim is refused: " + error)
            continue
        if fact.act == 0:
            judge.equal("reclaim: result", what, fact.result == 0, not error)
        else:
            result = "no fault" if not fact.minor + fact.major else "major fault" if fact.major else "minor fault"
            judge.equal("reclaim: result", what, result, done.get("result"))
        for i, page in enumerate(pages):
            judge.equal("reclaim: pages", what + ("page", i), happened(fact.entries[i], fact.flags[i]), said(page))
        # The swap in use, compared by how it changes.
        now = used(swap)
        if base is None:
            base = fact.swap_used - now
        judge.equal("reclaim: swap used", what, fact.swap_used, now + base)
        if fact.group_swap != UNKNOWN:
            judge.equal("reclaim: memory.swap.current", what, fact.group_swap, charged.get("value", 0) * PAGE)
    if not refused:
        judge.equal("reclaim: pages", "some", True, any(happened(entry, 0)[0] == "swapped" for fact in facts for entry in fact.entries))
        judge.at_least("reclaim: pages", 120)
    answers = scope.ask(["audit", "undo", "diff"])
    left = [(rule["rule"], rule["found"]) for rule in answers[0]["rules"] if rule["findings"]]
    judge.equal("reclaim: audit", "after %d acts" % len(facts), sound, left)
    judge.equal("reclaim: undone", "all acts", sound, findings(scope))


SUBJECTS = (acted,)
