# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel itself: symbols against kallsyms, modules, the log against /dev/kmsg, the machine."""

import collections
import json
import re

from facts import PAGE
from scope import ScopeError, number


def compare_symbols(scope, judge, before, after):
    """Every line of kallsyms; a symbol may stand there more than once. And nothing else."""
    facts = collections.Counter(before.symbols())
    said = collections.Counter(
        (number(row["address"]), row["type"], row["name"], row.get("module"))
        for row in scope.ask_one("sym -l")["symbols"])
    for symbol, count in facts.items():
        if said[tuple(symbol)] == count:
            judge.agreed["sym -l"] += count
        else:
            judge.differ("sym -l", "%x %s %s [%s]" % symbol, count, said[tuple(symbol)])
    for symbol, count in said.items():
        if not facts[symbol]:
            judge.differ("sym -l", "%x %s %s [%s]" % symbol, 0, count)


def compare_lookups(scope, judge, before, after):
    """Some symbols by name and by address."""
    symbols = before.symbols()
    by_name = collections.defaultdict(list)
    by_address = collections.defaultdict(set)
    for symbol in symbols:
        by_name[symbol.name].append(symbol.address)
        by_address[symbol.address].add(symbol.name)
    chosen = symbols[7::211] + [symbol for symbol in symbols if symbol.module][::9]
    chosen = [symbol for symbol in chosen if re.match(r"[A-Za-z_.][\w.$]*$", symbol.name)]
    for symbol, answer in zip(chosen, scope.ask(["sym " + symbol.name for symbol in chosen])):
        judge.equal("sym NAME", symbol.name, sorted(by_name[symbol.name]),
                    sorted(number(row["address"]) for row in answer["symbols"]))
    chosen = [symbol for symbol in chosen if symbol.address > 1 << 63 and symbol.type in "tT"]
    for symbol, answer in zip(chosen, scope.ask(["sym %x" % symbol.address for symbol in chosen])):
        row = answer["symbols"][0] if answer.get("symbols") else {}
        judge.equal("sym ADDRESS", hex(symbol.address), True,
                    row.get("name") in by_address[symbol.address] and "offset" not in row)


def log_records(answer):
    for key in ("records", "log", "messages", "lines"):
        if key in answer:
            return answer[key]
    raise ScopeError("no records in the log's answer, but " + ", ".join(answer))


def compare_log(scope, judge, before, after):
    """Every record that /dev/kmsg gave before the dump: its number, its time to the microsecond, its level, its text."""
    said = {}
    for record in log_records(scope.ask_one("log -m")):
        said[record["seq"]] = record
    for sequence, when, level, text in before.kernel_log():
        record = said.get(sequence)
        if record is None:
            judge.differ("log", "record %d" % sequence, text, "none")
            continue
        judge.equal("log", ("record", sequence, "time"), when, record["ns"] // 1000)
        judge.equal("log", ("record", sequence, "level"), level, record["level"])
        judge.equal("log", ("record", sequence, "text"), text, record["text"])


def compare_system(scope, judge, before, after):
    answer = scope.ask_one("sys")
    text = json.dumps(answer)
    release = before.text("proc/version").split()[2]
    judge.equal("sys", "release", True, release in text)
    processors = len(re.findall(r"(?m)^processor\s*:", before.text("proc/cpuinfo")))
    judge.equal("sys", "processors", processors, answer.get("cpus"))


def compare_image(scope, judge, before, after):
    """Where the kernel itself lies, by /proc/iomem, and what its banner says."""
    symbols = {"Kernel code": "_text", "Kernel rodata": "__start_rodata", "Kernel data": "_sdata",
               "Kernel bss": "__bss_start"}
    places = dict(reversed(match) for match in
                  re.findall(r"(?m)^\s*([0-9a-f]+)-[0-9a-f]+ : (Kernel .*)$", before.text("proc/iomem")))
    for name, symbol in symbols.items():
        if name in places and re.search(r"(?m)^[0-9a-f]+ \S %s$" % symbol, before.text("proc/kallsyms")):
            row = scope.ask_one("vtop " + symbol)["addresses"][0]
            judge.equal("vtop: kernel", symbol, int(places[name], 16), number(row["physical"]))
    rows = scope.ask_one("rd -a linux_banner")["rows"]
    judge.equal("rd -a", "linux_banner", before.text("proc/version").strip(), "".join(row["text"] for row in rows))


def vmalloc_areas(facts):
    """The areas in use; not those that are given back but may still be in a CPU's translation cache."""
    return {(int(match[1], 16), int(match[2], 16)) for match in
            re.finditer(r"(?m)^0x([0-9a-f]+)-0x([0-9a-f]+) (?!.*unpurged vm_area)", facts.text("proc/vmallocinfo"))}


def compare_vmalloc(scope, judge, before, after):
    """kmem of an address in each area of vmallocinfo."""
    areas = sorted(vmalloc_areas(before) & vmalloc_areas(after))
    judge.moved("kmem: vmalloc", len(vmalloc_areas(before)) - len(areas))
    for (start, end), answer in zip(areas, scope.ask(["kmem %x" % start for start, _ in areas])):
        row = answer["vmalloc"][0] if answer.get("vmalloc") else {"start": "0", "end": "0"}
        judge.equal("kmem: vmalloc", hex(start), (start, end), (number(row["start"]), number(row["end"])))


def compare_objects(scope, judge, before, after):
    """kmem of addresses of slab objects: the cache's name, and its numbers against slabinfo."""
    first, second = before.slabs(), after.slabs()
    addresses = {}
    areas = scope.ask_one("vm 1")["tasks"][0]
    addresses["vm_area_struct"] = [row["addr"] for row in areas["areas"]]
    addresses["mm_struct"] = [areas["mm"]]
    addresses["task_struct"] = [row["task"] for row in scope.ask_one("ps")["tasks"] if row["pid"]]
    for name, objects in addresses.items():
        for address, answer in zip(objects, scope.ask(["kmem " + address for address in objects])):
            cache = answer["cache"][0] if answer.get("cache") else {"name": None}
            # Caches of like objects may be merged under one name.
            judge.equal("kmem: slab", address, True, cache["name"] == name or
                        name not in first and cache["name"] in first)
            states = {entry["object"]: entry["state"] for entry in answer.get("objects", [])}
            judge.equal("kmem: slab", (address, "state"), "allocated", states.get(address))
        fact = first.get(name)
        if fact and fact[1:] == second[name][1:]:
            # slabinfo's size is the distance of objects, with what the allocator puts between them.
            judge.equal("kmem: slab", name, (fact[1], fact[4] * PAGE, fact[5]),
                        (cache["total"], cache["slab_size"], cache["slabs"]))
            judge.equal("kmem: slab", (name, "room"), True, 0 < cache["object_size"] <= fact[2])


def compare_caches(scope, judge, before, after):
    """kmem -s against slabinfo, of every cache that did not change around the dump; kmem -S: all objects that a cache counts are found in its slabs."""
    first, second = before.slabs(), after.slabs()
    for cache in scope.ask_one("kmem -s")["cache"]:
        fact = first.get(cache["name"])
        if not fact:
            continue
        if fact[1:] != second.get(cache["name"], (0,))[1:]:
            judge.moved("kmem -s")
            continue
        # slabinfo's size is the distance of objects, with what the allocator puts between them.
        judge.equal("kmem -s", cache["name"], (True, fact[1], fact[4] * PAGE, fact[5]),
                    (0 < cache["object_size"] <= fact[2], cache["total"], cache["slab_size"], cache["slabs"]))
    for row in scope.ask_one("kmem -S")["caches"]:
        cache = row["cache"][0]
        judge.equal("kmem -S", cache["name"], (cache["total"], cache["slabs"], True), (row["objects"], row["slabs_found"], row["verified"]))
        fact = first.get(cache["name"])
        if fact and fact[1:] == second.get(cache["name"], (0,))[1:]:
            judge.equal("kmem -S: slabinfo", cache["name"], (fact[1], fact[5]), (row["objects"], row["slabs_found"]))


def compare_credentials(scope, judge, before, after):
    """struct: the cred of each task, by address, has the user and group numbers that status shows."""
    first, second = before.tasks(), after.tasks()
    names = ("uid", "euid", "suid", "fsuid")
    wanted = [task for tid, task in first.items() if tid in second and task.uid == second[tid].uid]
    creds = [answer["tasks"][0]["task_struct"]["real_cred"] for answer in
             scope.ask(["task -R real_cred %d" % task.pid for task in wanted])]
    members = ",".join(names + tuple(name.replace("uid", "gid") for name in names))
    for task, answer in zip(wanted, scope.ask(["struct cred.%s %s" % (members, cred) for cred in creds])):
        value = answer["objects"][0]["value"]
        judge.equal("struct cred", ("pid", task.pid, "uids"), task.uid, [value[name]["val"] for name in names])
        judge.equal("struct cred", ("pid", task.pid, "gids"), task.gid,
                    [value[name.replace("uid", "gid")]["val"] for name in names])


SUBJECTS = (compare_symbols, compare_lookups, compare_log, compare_system, compare_image, compare_vmalloc,
            compare_objects, compare_caches, compare_credentials)

