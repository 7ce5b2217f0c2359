# SPDX-License-Identifier: GPL-3.0-or-later
"""Page frames, zones and counters: kmem in its forms, against kpageflags, kpagecount, buddyinfo, zoneinfo, meminfo."""

import collections
import re

from facts import KPF, PAGE
from scope import number

# /proc/kpageflags' bits that stand for a flag of struct page, and its names in enum pageflags.
FLAGS = {"LOCKED": ("locked",), "REFERENCED": ("referenced",), "UPTODATE": ("uptodate",), "DIRTY": ("dirty",),
         "LRU": ("lru",), "ACTIVE": ("active",), "WRITEBACK": ("writeback",), "RECLAIM": ("reclaim",),
         "SWAPBACKED": ("swapbacked",), "UNEVICTABLE": ("unevictable",), "RESERVED": ("reserved",),
         "MLOCKED": ("mlocked",)}


def motion(first, second):
    """The largest step of any of these numbers between the samples."""
    return max((abs(b - a) for a, b in zip(first, second)), default=0)


def compare_free(scope, judge, before, after):
    answer = scope.ask_one("kmem -f")
    second = after.buddyinfo()
    types = before.pagetypeinfo()
    types_after = after.pagetypeinfo()
    found = {}
    for zone in answer["zones"]:
        name = zone["node"], zone["zone"][0]["name"]
        blocks = found.setdefault(name, {})
        for area in zone.get("areas", []):
            blocks.setdefault(area["order"], {})[area["migratetype"]] = area["blocks"]
    for name, counts in before.buddyinfo().items():
        moved = motion(counts, second[name])
        for order, count in enumerate(counts):
            said = found.get(name, {}).get(order, {})
            if second[name][order] != count:
                judge.moved("kmem -f")
                continue
            judge.equal_in_motion("kmem -f", ("node", name[0], name[1], "order", order), count, sum(said.values()), moved)
            for migratetype, blocks in said.items():
                fact = types.get((*name, migratetype), [None] * (order + 1))[order]
                if fact is not None and fact == types_after.get((*name, migratetype), [None] * (order + 1))[order]:
                    judge.equal_in_motion("kmem -f", ("node", name[0], name[1], "order", order, migratetype), fact, blocks, moved)
    judge.equal("kmem -f", "free pages counted and found", answer["nr_free_pages"] + answer["unfolded"], answer["found"])


def zone_of(line):
    """Node and zone, of lines that have them."""
    found = re.match(r"Node\s+\d+, zone\s+\w+", line)
    return found and found.group()


def numbers_of(line):
    return [int(word) for word in re.findall(r"\d+", line)]


def is_within(moved, fact, line):
    """Do they differ in numbers only, by so much at most?"""
    alike = re.sub(r"\s*\d+", "#", fact) == re.sub(r"\s*\d+", "#", line)
    return alike and motion(numbers_of(fact), numbers_of(line)) <= moved


def compare_proc_lines(scope, judge, before, after):
    """buddyinfo and pagetypeinfo, byte for byte: each line that both samples have alike. In a zone that moved, as far as it did."""
    for name in ("buddyinfo", "pagetypeinfo"):
        said = scope.text(name).splitlines()
        first, second = (sample.text("proc/" + name).splitlines() for sample in (before, after))
        judge.equal(name, "lines", len(first), len(said))
        moved = collections.Counter()
        for fact, then in zip(first, second):
            moved[zone_of(fact)] = max(moved[zone_of(fact)], motion(numbers_of(fact), numbers_of(then)))
        for number_of, (fact, then, line) in enumerate(zip(first, second, said)):
            if fact != then:
                judge.moved(name)
            elif fact != line and moved[zone_of(fact)] and is_within(moved[zone_of(fact)], fact, line):
                judge.moved(name)
            elif ">" not in fact:       # the kernel stops counting at 100000
                judge.equal(name, ("line", number_of), fact, line)


def compare_fragmentation(scope, judge, before, after):
    """frag's two indices against debugfs, to the thousandth."""
    zones = {(zone["node"], zone["zone"]): zone for zone in scope.ask_one("frag -t")["zones"]}
    for name in ("unusable_index", "extfrag_index"):
        first, second = (sample.fragmentation(name) for sample in (before, after))
        key = "fragmentation_index" if name == "extfrag_index" else name
        for zone, indices in first.items():
            moved = motion(indices, second[zone])
            for order, fact in enumerate(indices):
                if fact != second[zone][order]:
                    judge.moved("frag: " + name)
                    continue
                said = zones[zone]["orders"][order][key]
                judge.equal_in_motion("frag: " + name, ("node", zone[0], zone[1], "order", order), fact, round(said * 1000), moved)


def compare_zones(scope, judge, before, after):
    answers = {(zone["node"], zone["name"]): zone for zone in scope.ask_one("kmem -z")["zones"]}
    first, second = before.zones(), after.zones()
    for name, zone in first.items():
        said = answers.get(name)
        what = "node %d %s" % name
        if said is None:
            judge.differ("kmem -z", what, "a zone", "none")
            continue
        fields = ["spanned", "present", "managed"]
        if zone.fields.get("present"):
            fields += ["min", "low", "high", "start_pfn"]
        for field in fields:
            fact = zone.fields.get(field)
            if fact is None or fact != second[name].fields.get(field):
                judge.moved("kmem -z")
            else:
                judge.equal("kmem -z", (what, field), fact, said[field])
        counters = {key.lower(): value for key, value in said.get("vm_stat", {}).items()}
        for counter, fact in zone.stats.items():
            if counter.startswith("numa_") or counter not in counters:
                continue
            if fact != second[name].stats.get(counter):
                judge.moved("kmem -z")
            else:
                judge.equal("kmem -z", (what, counter), fact, max(0, counters[counter]))


def totals(sample):
    """What kmem -i says, in pages, by /proc/meminfo."""
    info = sample.numbers("proc/meminfo")
    found = {"TOTAL MEM": info["MemTotal"], "FREE": info["MemFree"], "USED": info["MemTotal"] - info["MemFree"],
             "BUFFERS": info["Buffers"], "CACHED": info["Cached"], "SLAB": info["Slab"],
             "TOTAL HUGE": info["Hugetlb"],
             "TOTAL SWAP": info["SwapTotal"], "SWAP FREE": info["SwapFree"],
             "SWAP USED": info["SwapTotal"] - info["SwapFree"],
             "COMMIT LIMIT": info["CommitLimit"], "COMMITTED": info["Committed_AS"]}
    if info["HugePages_Total"] * info["Hugepagesize"] == info["Hugetlb"]:     # of one size: meminfo has its free pages only
        found["HUGE FREE"] = info["HugePages_Free"] * info["Hugepagesize"]
    return {name: kib * 1024 // PAGE for name, kib in found.items()}


def compare_totals(scope, judge, before, after):
    rows = {row["name"]: row["pages"] for row in scope.ask_one("kmem -i")["memory"]}
    facts = [totals(before), totals(after)]
    for name, fact in facts[0].items():
        if fact != facts[1][name]:
            judge.moved("kmem -i")
        else:
            judge.equal("kmem -i", name, fact, rows.get(name))


def compare_nodes(scope, judge, before, after):
    facts = before.zones()
    for node in scope.ask_one("kmem -n")["nodes"]:
        number_of = node["node"][0]["node"]
        for zone in node["zones"]:
            fact = facts.get((number_of, zone["name"]))
            what = ("node", number_of, zone["name"])
            if fact is None:
                judge.differ("kmem -n", what, "no zone", "one")
                continue
            judge.equal("kmem -n", (*what, "spanned"), fact.fields["spanned"], zone["spanned"])
            if fact.fields["present"]:
                judge.equal("kmem -n", (*what, "start"), fact.fields["start_pfn"], zone["start_mapnr"])


def compare_frames(scope, judge, before, after):
    """Every frame that has a struct page: its flags, what it is used for."""
    # Beyond all zones the last section has struct pages on which /proc keeps silent.
    limit = max(zone.fields["start_pfn"] + zone.fields["spanned"] for zone in before.zones().values()
                if zone.fields.get("present"))
    flags = before.words("proc/kpageflags")[:limit]
    flags_after = after.words("proc/kpageflags")[:limit]
    nopage = 1 << KPF["NOPAGE"]
    seen = 0
    # Linux 6.12's /proc says KSM of every anonymous page (it tests one of two bits that mark one).
    ksm, anonymous = 1 << KPF["KSM"], 1 << KPF["ANON"]
    if all(word & ksm for word in flags if word & anonymous and not word & nopage):
        flags = [word & ~(ksm | anonymous) if word & ksm else word for word in flags]
        flags_after = [word & ~(ksm | anonymous) if word & ksm else word for word in flags_after]
    masks = [(names, 1 << KPF[bit], bit) for bit, names in FLAGS.items()]
    for row in scope.ask_one("kmem -p")["pages"]:
        pfn = number(row["physical"]) // PAGE
        if pfn >= len(flags) or flags[pfn] & nopage:
            continue
        seen += 1
        fact = flags[pfn]
        if fact != flags_after[pfn]:
            judge.moved("kmem -p: flags")
            continue
        wrong = wrong_flags(fact, row, masks)
        if wrong:
            judge.differ("kmem -p: flags", "frame %#x" % pfn, *wrong)
        else:
            judge.agreed["kmem -p: flags"] += 1
    judge.equal("kmem -p: frames", "frames with a struct page",
                sum(1 for word in flags if not word & nopage), seen)


def wrong_flags(fact, row, masks):
    """What the two say of the first flag, or of the use, on which they do not agree."""
    def has(bit):
        return bool(fact >> KPF[bit] & 1)

    said = set(row["flag_names"].split(",")) if row["flag_names"] else set()
    use = row["use"]
    tail = has("COMPOUND_TAIL")
    if not tail and not has("SLAB"):
        # Newer kernels give a tail its folio's flags, older ones its own: no fact about this struct page.
        for names, mask, bit in masks:
            if bool(fact & mask) != any(name in said for name in names):
                return bit if fact & mask else "not " + bit, ",".join(sorted(said)) or "no flags"
    expected = None
    if has("BUDDY"):
        expected = ("free", "unused")   # only the first frame of a free block is marked
    elif has("HUGE"):
        expected = ("hugetlb",)
    elif has("SLAB"):
        expected = ("slab",)
    elif has("PGTABLE"):
        expected = ("page table",)
    elif has("OFFLINE"):
        expected = ("offline",)
    elif has("KSM"):
        expected = ("KSM",)
    elif has("SWAPCACHE"):
        expected = ("anonymous", "file")
    elif has("ANON"):
        expected = ("anonymous",)
    if expected and not tail and use not in expected:
        return expected[0], use
    return None


def compare_mapcounts(scope, judge, before, after):
    """How often a frame is mapped, where /proc says it of single pages."""
    counts = before.words("proc/kpagecount")
    counts_after = after.words("proc/kpagecount")
    flags = before.words("proc/kpageflags")
    other = sum(1 << KPF[bit] for bit in ("NOPAGE", "SLAB", "BUDDY", "COMPOUND_HEAD", "COMPOUND_TAIL", "HUGE", "THP",
                                          "OFFLINE", "PGTABLE", "RESERVED", "ZERO_PAGE"))
    members = scope.ask_one("kmem -m _mapcount,_refcount")["pages"]
    frames = scope.ask_one("kmem -p")["pages"]
    for frame, row in zip(frames, members):
        pfn = number(frame["physical"]) // PAGE
        if pfn >= len(counts) or flags[pfn] & other or not counts[pfn] and row["_mapcount"] < -1:
            continue
        if counts[pfn] != counts_after[pfn]:
            judge.moved("kmem -m: mapcount")
            continue
        judge.equal("kmem -m: mapcount", "frame %#x" % pfn, counts[pfn], row["_mapcount"] + 1)


SUBJECTS = (compare_free, compare_proc_lines, compare_fragmentation, compare_zones, compare_totals, compare_nodes, compare_frames, compare_mapcounts)
