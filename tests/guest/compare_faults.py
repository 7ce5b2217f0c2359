# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: what `fault` says that the kernel would do, against what it did when the guest was resumed and touched the same
addresses (workload_faults.c); and at random, that each is decided or refused and that a refusal changes nothing."""

import collections
import random
import struct

from facts import KPF
from scope import number

FACT = struct.Struct("<QIBBBxII2Q2Q2Q2Q2Q2Q2I2I")
Touch = collections.namedtuple("Touch", "address pid access signal kind minor major before after flags_before flags_after "
                                        "count_before count_after next_before next_after next_flags_before next_flags_after "
                                        "next_count_before next_count_after huge_before huge_after rss_before rss_after")

PRESENT, SWAPPED = 1 << 63, 1 << 62
FRAME = (1 << 55) - 1


def touches(after):
    data = after.data("faults")
    for values in FACT.iter_unpack(data[:len(data) // FACT.size * FACT.size]):
        yield Touch(*values)


def has(flags, name):
    return bool(flags >> KPF[name] & 1)


def happened(touch):
    """The outcomes that the kernel's own record allows, in the words of `fault`; for people, why. What the record cannot
    tell apart stands in the set together."""
    if touch.signal:
        return {11: {"SIGSEGV"}, 7: {"SIGBUS"}}[touch.signal]
    if not touch.minor and not touch.major:
        return {"none"}
    if touch.major:
        # Writes to shared pages may count as major: until 6.0 they were taken twice.
        return {"swap-read", "file-read", "shared", "shared-dirty", "shmem-new"}
    huge = has(touch.flags_after, "THP")
    if not touch.before & PRESENT:
        if touch.before & SWAPPED:
            return {"swap-cache", "wait"}
        if has(touch.flags_after, "ZERO_PAGE"):
            return {"huge-zero" if huge else "zero"}
        if has(touch.flags_after, "ANON"):
            return {"huge-new"} if huge else {"new", "copy-file"}
        return {"cached", "shmem-new", "special"} if touch.access != ord("w") else {"shared", "shmem-new"}
    if touch.before & FRAME == touch.after & FRAME:
        return {"reuse", "huge-reuse", "shared-dirty", "numa-hint"}
    # A NUMA hint's page may move to the node of the CPU that wants it.
    return {"huge-new", "numa-hint"} if huge else {"copy", "huge-split", "numa-hint"}


# Kinds of areas that have huge pages (workload_faults.c): several accesses to each, the later ones to what the earlier ones made.
HUGE = set(b"HIJQRTUVWXY")


def entry_says(entry, flags, count):
    """What pagemap, kpageflags and kpagecount say of a page, in words."""
    if not entry & PRESENT:
        return {"mapped": False}
    says = {"mapped": True, "zero": has(flags, "ZERO_PAGE"), "huge": has(flags, "THP")}
    if not says["zero"]:
        says["mappings"] = count
    return says


def answer_says(page, mappings):
    """The same by vtop and rmap."""
    if not page["mapped"]:
        return {"mapped": False}
    frame = page["pages"][0]
    says = {"mapped": True, "zero": page["zero_page"]}
    if says["zero"]:
        says["huge"] = page["page_size"] > 4096
    else:
        says["huge"] = frame["use"] == "tail" or "head" in frame["flag_names"].split(",")
        says["mappings"] = mappings["pages"][0]["mapped"] if mappings.get("pages") else None
    return says


def area_of(answer, address):
    for area in answer["tasks"][0]["areas"]:
        if number(area["start"]) <= address < number(area["end"]):
            return area
    return {}


def carried_out(scope, judge, before, after):
    """Accesses to huge pages, done one after the other as the guest did them: what each came to, and what it left behind."""
    if "faults" not in after:
        return
    facts = [fact for fact in touches(after) if fact.kind in HUGE]
    each = ("fault -c {0} -{1} {2:x}", "vtop -c {0} {2:x}", "rmap -c {0} {2:x}", "vtop -c {0} {3:x}", "rmap -c {0} {3:x}", "smaps {0}")
    script = [command.format(fact.pid, chr(fact.access), fact.address, fact.address ^ 4096) for fact in facts for command in each]
    answers = scope.ask(["snapshot"] + script + ["audit", "undo"])
    # Pages that cannot be followed to where they went; and areas, to their sizes as the guest saw them last, or None when something else changed them.
    elsewhere, standing = set(), {}
    for pid in {fact.pid for fact in facts}:
        for area in before.smaps(pid):
            standing[pid, area["start"]] = area.get("AnonHugePages"), area.get("Rss")
    for i, fact in enumerate(facts):
        done, page, mappings, near, near_mappings, smaps = answers[1 + i * len(each):1 + (i + 1) * len(each)]
        what = ("area", chr(fact.kind), chr(fact.access), "%x" % fact.address, "of", fact.pid)
        area = area_of(smaps, fact.address)
        if done.get("error"):
            # Where its page goes is the NUMA balancer's to say: nothing that is in the dump.
            if "may move to another node" in done["error"] and "numa-hint" in happened(fact):
                elsewhere.add((fact.pid, fact.address >> 21))
                standing[fact.pid, number(area["start"])] = None
            if (fact.pid, fact.address >> 21) in elsewhere:
                judge.moved("huge fault")
            else:
                judge.differ("huge fault", what, "/".join(sorted(happened(fact))), done["error"])
            continue
        judge.equal("huge fault", what, True, done["outcomes"][-1] in happened(fact))
        judge.equal("huge fault: page", what, entry_says(fact.after, fact.flags_after, fact.count_after), answer_says(page["addresses"][0], mappings))
        judge.equal("huge fault: next page", what, entry_says(fact.next_after, fact.next_flags_after, fact.next_count_after),
                    answer_says(near["addresses"][0], near_mappings))
        place = fact.pid, number(area["start"])
        if standing.get(place) == (fact.huge_before, fact.rss_before):
            judge.equal("huge fault: smaps", what, (fact.huge_after, fact.rss_after), (area.get("AnonHugePages"), area.get("Rss")))
            standing[place] = fact.huge_after, fact.rss_after
        else:
            judge.moved("huge fault: smaps")
            standing[place] = None
    judge.equal("huge fault: audit", "after %d accesses" % len(facts), findings(scope), [(rule["rule"], rule["found"]) for rule in answers[-2]["rules"] if rule["findings"]])


def asked(scope, facts):
    return scope.ask(["fault -n -c %d -%c %x" % (fact.pid, fact.access, fact.address) for fact in facts])


def oracle(scope, judge, before, after):
    """Each access: what it came to."""
    if "faults" not in after:
        return
    facts, seen = [], set()
    # Of accesses to the same huge page only the first is to what the dump has.
    for fact in touches(after):
        place = fact.pid, fact.address >> 21
        if fact.kind not in HUGE or place not in seen:
            facts.append(fact)
        seen.add(place)
    for fact, answer in zip(facts, asked(scope, facts)):
        name = "fault: %c" % fact.kind
        what = ("%c" % fact.access, fact.address, "of", fact.pid)
        said = answer.get("outcomes") or [answer.get("error") or answer.get("refused")]
        possible = happened(fact)
        # The last fault of an access says what it came to: a page that one brings may be refused by the next.
        result = "no fault" if not fact.minor + fact.major else "major fault" if fact.major else "minor fault"
        if not fact.signal:
            judge.equal("fault: result", what, result, answer.get("result"))
        if said[-1] in possible:
            judge.agreed["fault"] += 1
            judge.agreed[name] += 1
        else:
            judge.differ("fault", ("area", chr(fact.kind)) + what, "/".join(sorted(possible)) + " (minor %d, major %d, %x -> %x, count %d, flags %x -> %x)" % (
                fact.minor, fact.major, fact.before, fact.after, fact.count_before, fact.flags_before, fact.flags_after), ",".join(map(str, said)))


def places(scope, seed, count):
    """Random accesses: (pid, kind, address), in areas, at their edges and in holes, of all processes."""
    chance = random.Random(seed)
    tasks = [task for task in scope.ask_one("ps")["tasks"] if not task["kernel"] and task["pid"] == task["tgid"]]
    processes = []
    for task, answer in zip(tasks, scope.ask(["vm %d" % task["pid"] for task in tasks])):
        areas = answer["tasks"][0].get("areas") if answer.get("tasks") else None
        if areas:
            processes.append((task["pid"], [(number(area["start"]), number(area["end"])) for area in areas]))
    for _ in range(count):
        pid, areas = chance.choice(processes)
        start, end = chance.choice(areas)
        kind = chance.random()
        if kind < 0.08:
            address = max(0, chance.choice([start - 4096, end, start - 0x10000, end + 0x100000]))
        elif kind < 0.3:
            address = start + chance.randrange(min(8, (end - start) >> 12)) * 4096
        else:
            address = start + chance.randrange((end - start) >> 12) * 4096
        yield pid, chance.choice("rrwwwwx"), address + chance.randrange(512) * 8


RANDOM = 1200


def at_random(scope, judge, before, after):
    """Every fault is explained, or its refusal says why; one that is refused, or taken back, leaves every byte as it was."""
    commands = ["-c %d -%s %x" % place for place in places(scope, 1, RANDOM)]
    refused = undecided = 0
    for command, answer in zip(commands, scope.ask(["fault -n " + command for command in commands])):
        if answer.get("outcomes"):
            judge.agreed["fault -n"] += 1
            refused += bool(answer.get("refused"))
        elif answer.get("refused"):
            judge.agreed["fault -n"] += 1
            refused += 1
            undecided += 1
        else:
            judge.differ("fault -n", command, "an outcome or a refusal", answer.get("error"))
    judge.notes.append("of %d random faults %d are decided; %d (%.1f %%) would not be carried out" %
                       (len(commands), len(commands) - undecided, refused, 100 * refused / len(commands)))
    script = [line for command in commands[:RANDOM // 3] for line in ("snapshot", "fault " + command, "diff", "undo", "fault -n " + command)]
    answers = scope.ask(script)
    for i, command in enumerate(commands[:RANDOM // 3]):
        _, done, changes, _, again = answers[5 * i:5 * i + 5]
        if done.get("error"):
            judge.equal("fault: refused", command, [], changes.get("changes", []))
        first = scope_answer(again)
        judge.equal("fault: undone", command, done.get("outcomes") or first, first)


def findings(scope):
    return [(rule["rule"], rule["found"]) for rule in scope.ask(["audit"])[0]["rules"] if rule["findings"]]


def audited(scope, judge, before, after):
    """Faults one on the other, each carried out where it can be: the books are as sound as they were."""
    sound = findings(scope)
    answers = scope.ask(["snapshot"] + ["fault -c %d -%s %x" % place for place in places(scope, 2, RANDOM // 3)])
    done = collections.Counter(answer["outcomes"][-1] for answer in answers[1:] if answer.get("outcomes"))
    judge.equal("fault: audit", "after %d faults" % sum(done.values()), sound, findings(scope))
    scope.ask(["undo"])
    judge.notes.append("audited after: " + ", ".join("%d %s" % (count, outcome) for outcome, count in done.most_common()))


def sized(scope, judge, before, after):
    """The same where folios of sizes between a page and a huge page are switched on: some come, and are counted as they should be."""
    if "sizes" not in scope.ask(["hugepages"])[0]:
        return
    sound = findings(scope)
    answers = scope.ask(["snapshot"] + ["hugepages -d never -s %s=always" % size for size in ("16k", "64k", "256k")] +
                        ["fault -c %d -%s %x" % place for place in places(scope, 3, RANDOM // 3)])
    orders = collections.Counter(int(str(step["values"]["order"]), 16) for answer in answers if not answer.get("error")
                                 for step in answer.get("trace", []) if step["function"] == "alloc_anon_folio")
    # They go to the LRU lists at once, which some dumps do not show how (mm/engine/lru_gen_edit.c).
    unlisted = any("keep their generation" in answer.get("error", "") for answer in answers)
    judge.equal("fault: large folios", "some", True, bool(orders) or unlisted)
    judge.equal("fault: large folios: audit", "after %d" % sum(orders.values()), sound, findings(scope))
    scope.ask(["undo"])
    judge.notes.append("large folios by order: " + ", ".join("%d of %d" % (count, order) for order, count in sorted(orders.items())))


def forked(scope, judge, before, after):
    """Some processes fork, and the children end: the books are as sound after each as before, and no object of a slab is left over but what waits to be used again."""
    def objects():
        return {cache["name"]: cache["allocated"] for cache in scope.ask(["kmem -s"])[0]["cache"] if cache["name"] not in ("vmap_area", "vm_struct")}

    sound, had = findings(scope), objects()
    tasks = [task["pid"] for task in scope.ask_one("ps")["tasks"] if not task["kernel"] and task["pid"] == task["tgid"] and task["state"] == "IN"]
    refused = collections.Counter()
    carried = 0
    for pid in tasks[::max(1, len(tasks) // 12)]:
        _, born = scope.ask(["snapshot", "fork -c %d -p 30000" % pid])
        if born.get("error"):
            refused[born["error"]] += 1
        else:
            judge.equal("fork: audit", pid, sound, findings(scope))
            ended = scope.ask(["exit-task 30000"])[0]
            if ended.get("error"):
                refused[ended["error"]] += 1
            else:
                carried += 1
                judge.equal("exit: audit", pid, sound, findings(scope))
                now = objects()
                # The stack that the CPU keeps has a page array and an area.
                judge.equal("exit: objects", pid, {}, {name: (had[name], now[name]) for name in had if name in now and had[name] != now[name] and not name.startswith("kmalloc-")})
        scope.ask(["undo"])
    judge.notes.append("%d forked and ended; refused: %s" % (carried, dict(refused)))


def scope_answer(answer):
    return answer.get("outcomes") or []


SUBJECTS = (oracle, carried_out, at_random, audited, sized, forked)
