# SPDX-License-Identifier: GPL-3.0-or-later
"""Where mmscope's answer may differ from crash's, each with the reason.

A Known applies to the commands that its first pattern matches (as a whole, after "set" lines). It names lines by a pattern on the
line with its blanks squeezed; what they turn into before the two are compared is
    side None   a substitution on both sides (the part named by the pattern does not count)
    "crash"     a line that only crash prints
    "mmscope"   a line that only mmscope prints
Refused lists the commands that one of the two refuses and the other answers.
"""

import collections
import difflib
import itertools
import re

Known = collections.namedtuple("Known", "commands pattern reason side replace", defaults=(None, "…"))
Refused = collections.namedtuple("Refused", "commands by reason")

SOURCE = "crash adds the source line, which needs DWARF"
NAMES = "mmscope has the kernel's own names (kallsyms): crash cuts .isra.0 and .part.0 off, lists __crc_ and __kstrtab, that " \
    "kallsyms does not hold, and has its own order and letters (per-CPU symbols are A in /proc/kallsyms)"
PARENT = "the boot CPU's idle task is the `parent` of the others, init their `real_parent`: crash shows the first"
STATE = "crash leaves out or misnames state bits (TASK_FREEZABLE; a zombie's TASK_DEAD, which it calls EXIT_DEAD)"
CLOCK = "crash reckons with jiffies, which started later than the clock that start_time is in; mmscope agrees with the kernel's clock"
DEV_ZERO = "the name of shared anonymous memory is /dev/zero in /proc/PID/maps, too"
FLAGS = "crash has the VM_ names of an older kernel"
OWN_MM = "crash gives no row for an mm that is not the task's own"

TASKS = r"(foreach .* )?(ps|set|task|vm)\b.*"

KNOWN = [
    Known(r"sys", r"^(KERNEL|DUMPFILE): .*", "file names; mmscope has no vmlinux"),
    Known(r"sys", r"^UPTIME: .*", CLOCK),
    Known(r"(foreach .* )?(set|kmem)\b.*", r"^STATE: .*", STATE),
    Known(r"ps -t.*", r"^RUN TIME: .*", CLOCK),
    Known(r"ps -m.*", r"^\[\d+ [\d:.]+\]", CLOCK),
    Known(r"(foreach \S+ )?ps( -[kusAGH])?", r"(?<=> 0 )[01](?= [1-9]\d* .*\[swapper/)", PARENT),
    Known(r"ps -c", r'PID: 0 TASK: \w+ CPU: 0 COMMAND: "swapper/0"$', "crash calls the boot CPU's idle task its own child", "crash"),
    Known(r"ps -c", r'PID: 0 TASK: \w+ CPU: 0 COMMAND: "swapper/0"$', "crash calls the boot CPU's idle task its own child", "mmscope"),
    Known(r"(foreach \S+ )?(vm|vtop)\b.*", r"(?<= )/?dev/zero", DEV_ZERO),
    Known(r"vm -f .*", r"(?<=: ).*", FLAGS),
    Known(r"vm -M .*", r"^\w+ \w+ \d+k \d+k$", OWN_MM),
    Known(r"vm -P .*", r"(?<= )ffffff[0-9a-f]{7,}000$", "PROT_NONE entries hold the inverted frame number (L1TF); crash prints it as it is"),
    Known(r"sym .*", r" (debian/|\.\./|/build/|\./)\S+: \d+$", SOURCE, None, ""),
    Known(r"sym .*", r"(\.isra\.\d+|\.part\.\d+|\.cold|\.constprop\.\d+)+(?=$|\+|\n)", NAMES, None, ""),
    Known(r"sym .*", r"(?<= \()[\w?](?=\) )", NAMES),
    Known(r"sym -[lqnp].*", r"\) (__crc_|__kstrtab|__kstrtabns_)", NAMES, "crash"),
    Known(r"kmem -i.*", r"^COMMITTED .*", "crash finds no COMMITTED; /proc/meminfo has it as Committed_AS"),
    Known(r"rd -[sS]+ .*", r"(?<= )(\.data|init_stack)(?= |$)", NAMES),
]

REFUSED = [
    Refused(r"rd \w+\+\d+ .*|sym \w+\+\d+", "crash", "mmscope takes symbol+offset"),
]


def applicable(table, command):
    return [known for known in table if re.fullmatch(known.commands, command)]


def squeeze(text):
    lines = [" ".join(line.split()) for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


class Result:
    """How two answers compare: lines that are equal, that differ as known (by reason), that differ otherwise."""

    def __init__(self):
        self.equal, self.known, self.unknown = 0, collections.Counter(), []


def drop(lines, side, table, result):
    """The lines without those that only this side prints."""
    for known in table:
        if known.side == side:
            kept = [line for line in lines if not re.search(known.pattern, line)]
            if len(kept) < len(lines):
                result.known[known.reason] += len(lines) - len(kept)
            lines = kept
    return lines


def mask(line, table, reasons=None):
    for known in table:
        if known.side is None:
            masked = re.sub(known.pattern, known.replace, line)
            if reasons is not None and masked != line:
                reasons.append(known.reason)
            line = masked
    return line.rstrip()


def pair(ours, theirs, masked):
    """Lines that belong together, in order: (theirs, ours), either None."""
    if len(ours) + len(theirs) > 10000:     # by first word: enough for tables, and linear
        keys = [[line.split(" ", 1)[0] for line in lines] for lines in (theirs, ours)]
    else:
        keys = [[masked(line) for line in lines] for lines in (theirs, ours)]
    matcher = difflib.SequenceMatcher(None, *keys, autojunk=False)
    for _, i1, i2, j1, j2 in matcher.get_opcodes():
        yield from itertools.zip_longest(theirs[i1:i2], ours[j1:j2])


def compare(command, theirs, ours):
    """Compare crash's answer with mmscope's."""
    result, table = Result(), applicable(KNOWN, command)
    theirs, ours = squeeze(theirs), squeeze(ours)
    if theirs == ours:
        result.equal = len(theirs)
        return result
    theirs, ours = drop(theirs, "crash", table, result), drop(ours, "mmscope", table, result)
    if len(theirs) == len(ours):
        pairs = zip(theirs, ours)
    else:
        theirs, ours = [line for line in theirs if line], [line for line in ours if line]
        pairs = pair(ours, theirs, lambda line: mask(line, table))
    for crash, mmscope in pairs:
        if crash == mmscope:
            result.equal += 1
            continue
        reasons = []
        if crash is not None and mmscope is not None \
                and mask(crash, table, reasons) == mask(mmscope, table, reasons):
            for reason in sorted(set(reasons)):
                result.known[reason] += 1
        else:
            result.unknown.append((crash, mmscope))
    return result
