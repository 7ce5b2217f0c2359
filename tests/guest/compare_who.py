# SPDX-License-Identifier: GPL-3.0-or-later
"""who and top-mem: what an address is and where memory went, against pagemap, vmallocinfo, slabinfo and /proc/PID."""

import bisect
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


def own_mounts(facts, pid):
    """Where file systems are mounted that init does not see: who names files from init's root."""
    seen = {line.split()[4] for line in facts.text("proc/1/mountinfo").splitlines()}
    return [place for place in (line.split()[4] for line in facts.text("proc/%d/mountinfo" % pid).splitlines()) if place not in seen]


def compare_owners(scope, judge, before, after):
    """Frames that only one place maps: of which process, and where, as its pagemap says; which page of which file, as maps says."""
    flags, counts = before.words("proc/kpageflags"), before.words("proc/kpagecount")
    outside = sum(1 << KPF[bit] for bit in ("ZERO_PAGE", "RESERVED", "NOPAGE", "HUGE"))
    own = {pid: own_mounts(before, pid) for pid in processes(before, after)}
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
        if area and use.get("name") == "file" and not any(area.path.startswith(place + "/") for place in own[pid]):
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


def compare_maps(scope, judge, before, after):
    """map: each page that pagemap says is present or swapped out lies in an interval that says the same."""
    pids = [pid for pid in processes(before, after) if before.maps(pid) and before.maps(pid) == after.maps(pid)]
    for pid, answer in zip(pids, scope.ask(["map %d" % pid for pid in pids])):
        runs = [(int(run["start"], 16), int(run["end"], 16), run["state"]) for area in answer["tasks"][0]["areas"] for run in area["intervals"]]
        starts = [start for start, _, _ in runs]
        second = after.pages(pid)
        for address, page in before.pages(pid).items():
            if page != second.get(address) or not (page.present or page.swapped):
                continue
            at = bisect.bisect_right(starts, address) - 1
            said = runs[at][2] if at >= 0 and address < runs[at][1] else None
            judge.equal("map", ("pid", pid, "page", hex(address)), "resident" if page.present else "swapped", said)


def callers(sample):
    """{function: (areas, pages)} of vmallocinfo."""
    found = {}
    for line in sample.text("proc/vmallocinfo").splitlines():
        match = re.match(r"0x[0-9a-f]+-0x[0-9a-f]+ +\d+ ([\w.]+)\+0x", line)
        pages = re.search(r" pages=(\d+)", line)
        if match:
            areas, sum_of = found.get(match[1], (0, 0))
            found[match[1]] = areas + 1, sum_of + int(pages[1] if pages else 0)
    return found


def compare_top(scope, judge, before, after):
    """top-mem: slab caches and callers of vmalloc() by /proc, processes by their smaps; and totals that are the sums of other totals."""
    top = scope.ask_one("top-mem -a")
    caches = {row["name"]: row for row in top["caches"]}
    first, second = before.slabs(), after.slabs()
    for name, fact in first.items():
        if fact[1:] != second.get(name, (0,))[1:]:
            judge.moved("top-mem: caches")
        elif name in caches:
            judge.equal("top-mem: caches", name, (fact[1], fact[5], fact[5] * fact[4]),
                        tuple(caches[name][key] for key in ("objects", "slabs", "pages")))
    said = {row["caller"]: (row["areas"], row["pages"]) for row in top["callers"]}
    first, second = callers(before), callers(after)
    for name, fact in first.items():
        if fact != second.get(name):
            judge.moved("top-mem: callers")
        else:
            judge.equal("top-mem: callers", name, fact, said.get(name))
    rows = {row["pid"]: row for row in top["processes"]}
    for pid in processes(before, after):
        fact = before.rollup(pid)
        if not fact or pid not in rows or any(fact[key] != after.rollup(pid).get(key) for key in ("Rss", "Pss", "Swap")):
            judge.moved("top-mem: processes")
            continue
        # rss and pss have hugetlb's pages too, which Rss and Pss leave out.
        huge = fact["Private_Hugetlb"], fact["Shared_Hugetlb"]
        row = rows[pid]
        judge.equal("top-mem: processes", ("pid", pid), (fact["Rss"] + sum(huge), fact["Pss"] + huge[0], fact["Swap"]),
                    tuple(row[key] // 1024 for key in ("rss", "pss", "swap")))
    uses = {row["use"]: row["pages"] for row in top["uses"]}
    judge.equal("top-mem: sums", "all pages", top["pages"], sum(uses.values()))
    judge.equal("top-mem: sums", "files", uses["page cache"] + uses["shared memory"], top["files_total"]["pages"])
    judge.equal("top-mem: sums", "slabs", uses["slab"], top["caches_total"]["pages"])
    judge.equal("top-mem: sums", "MemTotal", before.numbers("proc/meminfo")["MemTotal"] * 1024 // PAGE, top["managed_pages"])
    judge.equal("top-mem: sums", "little is not classified", True, uses["not classified"] < top["pages"] / 20)


SUBJECTS = (compare_owners, compare_areas, compare_objects, compare_maps, compare_top)
