# SPDX-License-Identifier: GPL-3.0-or-later
"""Who maps what: rmap against the page tables and against the guest's pagemap and kpagecount; smaps against /proc/PID/smaps."""

import collections

from compare_memory import COLLECTOR, processes
from facts import KPF, PAGE
from scope import number

# Left out by mmscope, since it hangs on settings.
NOT_SAID = {"THPeligible"}


def slept(before, after, pid):
    """Whether no thread of a process ran from one sample to the other."""
    threads = before.threads(pid)
    if pid == COLLECTOR or threads != after.threads(pid):
        return False
    for tid in threads:
        first, second = before.task(pid, tid), after.task(pid, tid)
        if not first or not second or any(first.status.get(name) != second.status.get(name) for name in
                                          ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")):
            return False
    return True


def compare_smaps(scope, judge, before, after):
    """Every line of every area of processes that slept, but for areas that are not the same in both samples."""
    pids = [pid for pid in processes(before, after) if before.smaps(pid) and slept(before, after, pid)]
    for pid, answer in zip(pids, scope.each(["smaps %d" % pid for pid in pids])):
        said = {number(row["start"]): row for row in answer["tasks"][0]["areas"]}
        second = {area["start"]: area for area in after.smaps(pid)}
        for area in before.smaps(pid):
            if area["start"] >= 1 << 63:      # [vsyscall]
                continue
            row = said.pop(area["start"], None)
            if second.get(area["start"]) != area:
                judge.moved("smaps", len(area) - 2)
            else:
                compare_area(judge, ("pid", pid, "area", hex(area["start"])), area, row)
        for start in said:
            judge.differ("smaps", ("pid", pid, "area", hex(start)), "no area", "one")


def compare_area(judge, what, area, row):
    if row is None:
        judge.differ("smaps", what, "an area", "none")
        return
    judge.equal("smaps", (*what, "end"), area["end"], number(row["end"]))
    for key, value in area.items():
        if key not in NOT_SAID and key not in ("start", "end"):
            said = row.get(key)
            said = said.strip() if isinstance(said, str) else said
            if key == "Referenced":
                compare_referenced(judge, what, value, said)
            else:
                judge.equal("smaps", (*what, key), value, said)
    lines = {key for key in row if key[0].isupper()} - {"Size"}
    judge.equal("smaps: lines", what, sorted(set(area) - NOT_SAID - {"start", "end", "Size"}), sorted(lines))


def compare_referenced(judge, what, value, said):
    """Whoever samples a page's memory marks the page as used, and the kernel takes the mark away again: some pages may have had none at the
    dump between two samples that had it. More than a few would be an error of ours."""
    if value == said:
        judge.agreed["smaps: Referenced"] += 1
    elif judge.skipped["smaps: Referenced"] * 100 <= judge.agreed["smaps: Referenced"] + 200 and said is not None:
        judge.moved("smaps: Referenced")
    else:
        judge.differ("smaps: Referenced", what, value, said)


def compare_rollups(scope, judge, before, after):
    pids = [pid for pid in processes(before, after) if before.rollup(pid) and slept(before, after, pid)]
    for pid, answer in zip(pids, scope.ask(["smaps -r %d" % pid for pid in pids])):
        fact, row = before.rollup(pid), answer["tasks"][0]
        if fact != after.rollup(pid):
            judge.moved("smaps -r", len(fact))
            continue
        for key, value in fact.items():
            if key == "Referenced":
                compare_referenced(judge, ("pid", pid, "rollup"), value, row.get(key))
            else:
                judge.equal("smaps -r", ("pid", pid, key), value, row.get(key))


def mappings(answer):
    return collections.Counter((row["physical"], row["kind"], row["vma"], row["virtual"], row["level"], row["state"])
                               for row in answer["mappings"])


def compare_rmap(scope, judge, before, after):
    """Every page that rmap covers: what it finds is what all page tables have, and what the guest said."""
    by_rmap, by_scan = (scope.ask_one(command) for command in ("rmap -A", "rmap -A --scan"))
    found, scanned = mappings(by_rmap), mappings(by_scan)
    for mapping in (found - scanned):
        judge.differ("rmap", ("frame", mapping[0]), "not in the page tables", mapping)
    for mapping in (scanned - found):
        judge.differ("rmap", ("frame", mapping[0]), mapping, "not found by rmap")
    judge.agreed["rmap"] += sum((found & scanned).values())
    kinds = collections.Counter(row["kind"] for row in by_rmap["mappings"])
    # (How many pages ksmd has merged by then depends on the machine.)
    for kind, least in (("anonymous", 30000), ("file", 1000)):
        judge.equal("rmap: kinds", kind + " pages enough", True, kinds[kind] >= least)
    compare_with_pagemap(judge, before, after, by_rmap)
    compare_with_counts(judge, before, after, by_rmap)


def compare_with_pagemap(judge, before, after, answer):
    """The guest's own pagemap names frame and address."""
    found = {(row["pid"], number(row["virtual"])): number(row["physical"]) // PAGE for row in answer["mappings"]}
    flags = before.words("proc/kpageflags")
    outside = sum(1 << KPF[bit] for bit in ("ZERO_PAGE", "RESERVED", "NOPAGE"))
    for pid in processes(before, after):
        first, second = before.pages(pid), after.pages(pid)
        for address, page in first.items():
            if not page.present or page.pfn >= len(flags) or flags[page.pfn] & outside:
                continue
            if second.get(address) != page:
                judge.moved("rmap: pagemap")
            # A process that shares its memory with another one stands under that one's number.
            elif (pid, address) in found or not shares_memory(before, pid):
                judge.equal("rmap: pagemap", ("pid", pid, "page", hex(address)), page.pfn, found.get((pid, address)))


def shares_memory(sample, pid):
    return sample.task(pid, pid).comm in ("vfork-child", "shares-memory", "vfork-parent", "leaderless")


def compare_with_counts(judge, before, after, answer):
    """The guest's kpagecount, for pages that are no parts of larger ones: what was mapped so often is found so often."""
    counts, counts_after = before.words("proc/kpagecount"), after.words("proc/kpagecount")
    flags = before.words("proc/kpageflags")
    compound = sum(1 << KPF[bit] for bit in ("COMPOUND_HEAD", "COMPOUND_TAIL", "HUGE", "THP", "NOPAGE"))
    found = collections.Counter(number(row["physical"]) // PAGE for row in answer["mappings"])
    for pfn, times in found.items():
        if pfn >= len(counts) or flags[pfn] & compound:
            continue
        if counts[pfn] != counts_after[pfn]:
            judge.moved("rmap: kpagecount")
        else:
            judge.equal("rmap: kpagecount", "frame %#x" % pfn, counts[pfn], times)


SUBJECTS = (compare_smaps, compare_rollups, compare_rmap)
