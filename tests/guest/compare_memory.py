# SPDX-License-Identifier: GPL-3.0-or-later
"""Address spaces: areas against maps, page tables against pagemap, memory against its contents."""

from facts import PAGE, as_json
from scope import number

COLLECTOR = 1       # init's own memory moves while it collects


def agreed_pages(before, after, pid):
    """PageFacts of a process on which both samples agree."""
    second = after.pages(pid)
    return [page for address, page in before.pages(pid).items() if second.get(address) == page]


def processes(before, after):
    """Processes that both samples have, but for the collector."""
    second = set(after.pids())
    return [pid for pid in before.pids() if pid in second and pid != COLLECTOR]


def chunks(items, size):
    return [items[start:start + size] for start in range(0, len(items), size)]


def compare_values(scope, judge, before, after):
    """The word in each page that the guest read, through the process's own page tables."""
    commands, wanted = [], []
    for pid in processes(before, after):
        pages = [page for page in agreed_pages(before, after, pid) if page.value is not None]
        if not pages:
            continue
        commands.append("set %d" % pid)
        wanted.append(None)
        for page in pages:
            commands.append("rd -u -64 %x" % before.value_address(page.address))
            wanted.append((pid, page))
    for fact, answer in zip(wanted, scope.ask(commands)):
        if fact is None:
            continue
        pid, page = fact
        value = number(answer["rows"][0]["values"][0]) if answer.get("rows") else answer.get("error")
        judge.equal("rd", ("pid", pid, "page", hex(page.address)), page.value, value)


def compare_translations(scope, judge, before, after):
    """vtop for a share of all pages, and for all that are swapped out."""
    commands, wanted = [], []
    for pid in processes(before, after):
        pages = agreed_pages(before, after, pid)
        pages = [page for index, page in enumerate(pages)
                 if page.swapped or len(pages) < 100 or index % 16 == pid % 16]
        for part in chunks(pages, 64):
            commands.append("vtop -c %d %s" % (pid, " ".join("%x" % (page.address + 0x123) for page in part)))
            wanted.append((pid, part))
    swaps = [line[0] for line in before.swaps()]
    for (pid, part), answer in zip(wanted, scope.ask(commands)):
        for page, row in zip(part, answer["addresses"]):
            what = ("pid", pid, "page", hex(page.address))
            if page.present:
                judge.equal("vtop", what, page.pfn * PAGE + 0x123, number(row.get("physical", "0")))
            elif page.swapped:
                judge.equal("vtop: swap", what, "SWAP: %s  OFFSET: %d" % (swaps[page.swap_type], page.swap_offset),
                            row.get("absent"))


def area_name(area):
    """The path of a maps line, or its [name], as mmscope's row has it."""
    return as_json(area.path.replace("\\012", "\n"))


def row_name(row):
    if row["file"] is not None:
        return row["file"] + (" (deleted)" if row.get("deleted") else "")
    return row.get("name", "")


def compare_areas(scope, judge, before, after):
    """Every line of every maps file, and no other areas."""
    pids = [pid for pid in before.pids() if before.maps(pid) and before.maps(pid) == after.maps(pid)]
    judge.moved("vm", len([pid for pid in before.pids() if before.maps(pid)]) - len(pids))
    for pid, answer in zip(pids, scope.ask(["vm %d" % pid for pid in pids])):
        rows = {number(row["start"]): row for row in answer["tasks"][0]["areas"]} if answer.get("tasks") else {}
        for area in before.maps(pid):
            if area.path == "[vsyscall]":       # of no process: the kernel adds it to each file
                continue
            row = rows.pop(area.start, None)
            said = row and (number(row["end"]), row["permissions"],
                            row["pgoff"] * PAGE if row["file"] is not None else 0, row_name(row))
            judge.equal("vm", ("pid", pid, "area", hex(area.start)),
                        (area.end, area.perms, area.offset, area_name(area)), said)
        for start, row in rows.items():
            judge.differ("vm", ("pid", pid, "area", hex(start)), "no area", "one of " + row_name(row))


def compare_page_lists(scope, judge, before, after):
    """vm -p: each page that is there, the slot of each that is swapped out, and that the others are not there."""
    pids = processes(before, after)
    pids = [pid for pid in pids if before.maps(pid) and before.maps(pid) == after.maps(pid)]
    swaps = [line[0] for line in before.swaps()]
    for pid, answer in zip(pids, scope.each(["vm -p %d" % pid for pid in pids])):
        first, second = before.pages(pid), after.pages(pid)
        limit = max(first) if len(first) >= 20000 else None      # the guest stopped counting there
        for area in answer["tasks"][0]["areas"]:
            # pagemap is silent on areas of bare frames (VM_PFNMAP), and the guest did not read large ones to the end.
            small = number(area["end"]) - number(area["start"]) <= 65536 * PAGE and not number(area["flags"]) & 0x400
            for row in area.get("pages", ()):
                compare_page(judge, pid, row, first, second, swaps, small and limit is None)


def compare_page(judge, pid, row, first, second, swaps, complete):
    address = int(row["virtual"], 16)
    fact = first.get(address)
    if fact != second.get(address):
        judge.moved("vm -p")
        return
    if fact is None:
        if complete and (row["physical"] is not None or "swap" in row):
            judge.differ("vm -p", ("pid", pid, "page", row["virtual"]), "nothing there", row)
        elif complete:
            judge.agreed["vm -p: absent"] += 1
        return
    first.pop(address)
    if fact.present:
        good = row["physical"] is not None and int(row["physical"], 16) == fact.pfn * PAGE
    elif fact.swapped:
        good = row.get("swap_offset") == fact.swap_offset and row.get("swap") == swaps[fact.swap_type]
    else:
        good = row["physical"] is None and "entry" in row
    if good:
        judge.agreed["vm -p"] += 1
    else:
        judge.differ("vm -p", ("pid", pid, "page", row["virtual"]), fact, row)


SUBJECTS = (compare_areas, compare_page_lists, compare_values, compare_translations)
