# SPDX-License-Identifier: GPL-3.0-or-later
"""who and top-mem: what an address is and where memory went, against pagemap, vmallocinfo, slabinfo and /proc/PID."""

import re

from compare_mappings import shares_memory
from compare_memory import chunks, processes
from facts import KPF, PAGE


def asked(scope, words, option=""):
    """who's answers to many addresses, in order."""
    found = []
    for answer in scope.ask(["who %s %s" % (option, " ".join(part)) for part in chunks(words, 64)]):
        found += answer["addresses"]
    return found


def compare_owners(scope, judge, before, after):
    """Frames that only one place maps: of which process, and where, as its pagemap says; which page of which file, as maps says."""
    flags, counts = before.words("proc/kpageflags"), before.words("proc/kpagecount")
    outside = sum(1 << KPF[bit] for bit in ("ZERO_PAGE", "RESERVED", "NOPAGE", "HUGE"))
    pages = []
    for pid in processes(before, after):
        if shares_memory(before, pid):      # it stands under another one's number
            continue
        second = after.pages(pid)
        pages += [(pid, page) for index, page in enumerate(before.pages(pid).values())
                  if page.present and page == second.get(page.address) and page.pfn < len(counts) and counts[page.pfn] == 1 and
                  not flags[page.pfn] & outside and index % 8 == pid % 8]
    for (pid, page), answer in zip(pages, asked(scope, ["%x" % (page.pfn * PAGE) for _, page in pages], "-p")):
        what = ("frame", hex(page.pfn))
        use = answer.get("use", {})
        judge.equal("who: pages", what, (pid, page.address), (use.get("pid"), int(use.get("mapped_at", "0"), 16)))
        area = next((area for area in before.maps(pid) if area.start <= page.address < area.end), None)
        if area and use.get("name") == "file":
            judge.equal("who: file pages", what, (area.path, (area.offset + page.address - area.start) // PAGE),
                        (use.get("path"), use.get("index")))


def compare_areas(scope, judge, before, after):
    """vmallocinfo: the area's bounds, and the function that asked for it."""
    pattern = r"(?m)^0x([0-9a-f]+)-0x([0-9a-f]+) +\d+ ([\w.]+)\+0x"
    facts = [set(re.findall(pattern, sample.text("proc/vmallocinfo"))) for sample in (before, after)]
    areas = sorted(facts[0] & facts[1])
    for (start, end, caller), answer in zip(areas, asked(scope, [start for start, _, _ in areas])):
        said = answer.get("vmalloc", {})
        judge.equal("who: vmalloc", start, (int(start, 16), int(end, 16), caller),
                    (int(said.get("start", "0"), 16), int(said.get("end", "0"), 16), said.get("caller", "").split("+")[0]))


def compare_objects(scope, judge, before, after):
    """Each task's own structures are known as its own."""
    rows = [row for row in scope.ask_one("ps")["tasks"] if row["pid"]]
    for row, answer in zip(rows, asked(scope, [row["task"] for row in rows])):
        said = answer.get("slab", {})
        judge.equal("who: tasks", ("task", row["pid"]), ("task_struct", "allocated", row["pid"]),
                    (said.get("owner"), said.get("state"), said.get("pid")))


SUBJECTS = (compare_owners, compare_areas, compare_objects)
