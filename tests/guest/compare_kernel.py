# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel itself: symbols against kallsyms, modules, the log against /dev/kmsg, the machine."""

import collections
import json
import re

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


SUBJECTS = (compare_symbols, compare_lookups, compare_log, compare_system)
