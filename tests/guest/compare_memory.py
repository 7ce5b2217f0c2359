# SPDX-License-Identifier: GPL-3.0-or-later
"""Address spaces: areas against maps, page tables against pagemap, memory against its contents."""

from facts import PAGE, as_json, unescape
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
            elif page.swap_type < len(swaps):
                judge.equal("vtop: swap", what, "SWAP: %s  OFFSET: %d" % (swaps[page.swap_type], page.swap_offset),
                            row.get("absent"))


SUBJECTS = (compare_values, compare_translations)
