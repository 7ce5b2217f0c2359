# SPDX-License-Identifier: GPL-3.0-or-later
"""Where mmscope's answer may differ from crash's, each with the reason.

A Known applies to the commands that its first pattern matches (as a whole, after "set" lines). It names lines by a pattern on the
line with its blanks squeezed; what they turn into before the two are compared is
    side None   a substitution on both sides (the part named by the pattern does not count)
    "crash"     a line that only crash prints
    "mmscope"   a line that only mmscope prints
    "pair"      two lines for which the pattern, a function, is true
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
UNROOTED = "/dev/zero, /memfd:… and /anon_hugepage have their slash in /proc/PID/maps, too"
RSS = "crash adds the counts that tasks keep for themselves (task_struct.rss_stat) for one thread group only, mmscope for all " \
    "tasks of the mm, so that a vfork child has its parent's RSS"
PATHS = "mmscope's path is the one in /proc/PID/maps (bind mounts, line breaks, names outside any mount)"
FLAGS = "crash has the VM_ names of an older kernel"
OWN_MM = "crash gives no row for an mm that is not the task's own"


def inverted(crash, mmscope):
    match = re.fullmatch(r"(\w+) ([0-9a-f]+)\n\1 ([0-9a-f]+)", crash + "\n" + mmscope)
    return match and int(match[2], 16) ^ int(match[3], 16) == (1 << 52) - (1 << 12)


def resident(crash, mmscope):
    """The same line of ps or vm, but for a larger RSS (and %MEM)."""
    theirs, ours = crash.split(), mmscope.split()
    column = 7 if ":" not in crash and len(theirs) > 7 else 2
    if len(theirs) != len(ours) or len(ours) <= column:
        return False
    theirs, ours = [[word.rstrip("k") for word in words] for words in (theirs, ours)]
    same = [a == b for number, (a, b) in enumerate(zip(theirs, ours)) if number not in (column, column - 2)]
    return all(same) and ours[column].isdigit() and theirs[column].isdigit() and int(ours[column]) > int(theirs[column])


# VmRSS of the guest's processes, in kB, where that is known; check-crash fills it.
PROC_RSS = set()


def negative(crash, mmscope):
    """The same line of ps, but for a smaller RSS, which is what /proc says."""
    theirs, ours = crash.split(), mmscope.split()
    return resident(mmscope, crash) and int(ours[7]) in PROC_RSS and int(theirs[7]) not in PROC_RSS


def offset_by_name(crash, mmscope):
    return re.sub(r"^\[\d+\] ", "", crash) == mmscope


def path_of(row):
    """The path in a row of vm: of an area, or of a page in a file."""
    match = re.fullmatch(r"FILE: (.*) OFFSET: [0-9a-f]+|\w+ (?:FILE: (.*) OFFSET: [0-9a-f]+|\w+ \w+ \w+ (.*))", row)
    return match and next((path for path in match.groups() if path), None)


# What the guest's own /proc/PID/maps have as paths, where that is known; check-crash fills it.
PROC_PATHS = set()


def as_proc_says(crash, mmscope):
    theirs, ours = path_of(crash), path_of(mmscope)
    return theirs != ours and ours in PROC_PATHS and theirs not in PROC_PATHS


VMA_ROWS = r"(foreach \S+ )?(vm|vtop)\b.*"

KNOWN = [
    Known(r"sys", r"^(KERNEL|DUMPFILE): .*", "file names; mmscope has no vmlinux"),
    Known(r"sys", r"^UPTIME: .*", CLOCK),
    Known(r"(foreach .* )?(set|kmem)\b.*", r"^STATE: .*", STATE),
    Known(r"ps -t.*", r"^RUN TIME: .*", CLOCK),
    Known(r"ps -m.*", r"^\[\d+ [\d:.]+\]", CLOCK),
    Known(r"(foreach \S+ )?ps( -[kusAGH])?", r"(?<=> 0 )[01](?= [1-9]\d* .*\[swapper/)", PARENT),
    Known(r"ps -c", r'PID: 0 TASK: \w+ CPU: 0 COMMAND: "swapper/0"$', "crash calls the boot CPU's idle task its own child", "crash"),
    Known(r"ps -c", r'PID: 0 TASK: \w+ CPU: 0 COMMAND: "swapper/0"$', "crash calls the boot CPU's idle task its own child", "mmscope"),
    Known(VMA_ROWS, r"(?<= )/?(?=(dev/zero|memfd:|anon_hugepage|SYSV))", UNROOTED, None, ""),
    Known(VMA_ROWS, as_proc_says, PATHS, "pair"),
    Known(VMA_ROWS, r"^(line( OFFSET: \w+)?|\w+ FILE: /tmp/new)$", PATHS, "crash"),
    Known(VMA_ROWS, r" FILE: /tmp/new.012line ", PATHS, "mmscope"),
    Known(r"(foreach .* )?(ps|vm)\b.*", resident, RSS, "pair"),
    Known(r"(foreach .* )?ps\b.*", negative, "crash takes a task's own negative counts (task_struct.rss_stat) for 0", "pair"),
    Known(r"set", r"^(PID|COMMAND|TASK|CPU|STATE): .*", "without a panic crash's context is CPU 0's idle task, mmscope's what CPU 0 was running"),
    Known(r"runq( -c .*)?", r'^(DEADLINE RB_ROOT:|\[ -1\] PID: .*)$', "crash leaves deadline tasks out", "mmscope"),
    Known(r"(foreach \S+ )?files.*", r" (pipe:|socket:|anon_inode:).*", "mmscope has the names that /proc/PID/fd has", None, ""),
    Known(r"(foreach \S+ )?files.*", r"(?<= UNKN ).*", "mmscope has the names that /proc/PID/fd has"),
    Known(r"(foreach \S+ )?files.*", r"(?<= )/?(?=(dev/zero|memfd:|anon_hugepage|SYSV))", UNROOTED, None, ""),
    Known(r"fuser .*", r'(?<=" |\w )"?(?=(fd|cwd|root|mmap|exe))|"', "crash cuts the quote off a name of 15 characters", None, ""),
    Known(r"bt .*|foreach .* bt.*", r"(?<=\] )__(do|x64)_sys_(?=pause)", "of several symbols at one address, mmscope names the one that the kernel's own look-up gives"),
    Known(r"vm -f .*", r"(?<=: ).*", FLAGS),
    Known(r"vm -M .*", r"^\w+ \w+ \d+k \d+k$", OWN_MM),
    Known(r"vm -[pPR] .*", inverted, "an entry of a PROT_NONE page holds the inverted frame number (L1TF); crash prints it as it is",
          "pair"),
    Known(r"sym .*", r" (debian/|\.\./|/build/|\./)\S+: \d+$", SOURCE, None, ""),
    Known(r"sym .*", r"(\.isra\.\d+|\.part\.\d+|\.cold|\.constprop\.\d+)+(?=$|\+|\n)", NAMES, None, ""),
    Known(r"sym .*", r"(?<= \()[\w?](?=\) )", NAMES),
    Known(r"sym -[lqnp].*", r"\) (__crc_|__kstrtab|__kcrctab|\.(?!E_copy$|slowpath$)[\w.]+$|init_per_cpu__|kallsyms_(offsets|relative_base|num_syms|names|markers|"
          r"token_table|token_index|seqs_of_names)$|(__ksymtab(_gpl|_strings)?|__param|__modver|__ex_table|__bug_table)$)", NAMES, "crash"),
    Known(r"sym -l", r"\) \.LC\d+$", NAMES, "mmscope"),
    Known(r"sym [0-9a-f]+", r"(?<=\) )(_stext|_text|startup_64)\b", "of several symbols at one address, mmscope names the one that the kernel's own look-up gives"),
    Known(r"log -T", r"^\[[^]]*\]", CLOCK),
    Known(r"sym -n .*", r"^\w+ \(.\) (kallsyms_offsets|IV)$", NAMES, "mmscope"),
    Known(r"kmem \w+", r"^(tail of the compound page .*|\w+ page|.* page of .*)$", "mmscope adds what the page is used for", "mmscope"),
    Known(r"mach", r"^(MCE|VC2|\(unknown\)|VC) STACK.*|^PAGE TABLES:.*|^CPU \d+: \w+( \[unavailable\])?$",
          "crash takes the exception stacks in the order of an older kernel: it misses MCE and VC2; the levels are added", "crash"),
    Known(r"mach", r"^(MCE|VC2|\(unknown\)|VC) STACK.*|^PAGE TABLES:.*|^CPU \d+: \w+( \[unavailable\])?$",
          "crash takes the exception stacks in the order of an older kernel: it misses MCE and VC2; the levels are added", "mmscope"),
    Known(r"ps -g", r"^\(no threads\)$", "crash says nothing of the idle tasks' threads", "crash"),
    Known(r"ps -g", r"^\(no threads\)$", "crash says nothing of the idle tasks' threads", "mmscope"),
    Known(r"foreach .* set", r"(?<=\()[12](?= of 2\))", "crash counts each idle task as the first of its pid"),
    Known(r"foreach .* vtop .*", r"^PAGE PHYSICAL MAPPING INDEX CNT FLAGS$", "crash heads only the first of several pages", "crash"),
    Known(r"foreach .* vtop .*", r"^PAGE PHYSICAL MAPPING INDEX CNT FLAGS$", "crash heads only the first of several pages", "mmscope"),
    Known(r"(struct|union|whatis) .*", r"\[0?\](?=;)", "BTF does not tell [0] from []"),
    Known(r"(struct|whatis) .*xa_node", r"(\[\d+\])+(?=;)", "BTF as pahole writes it has one dimension for an array of several"),
    Known(r"task_struct\.se\.vruntime,thread\.sp .*", r"^thread\.sp = .*", "crash stops after the first nested member", "mmscope"),
    Known(r"struct -o sk_buff", offset_by_name, "crash looks members of a named structure without a tag up by name in the outer one",
          "pair"),
    Known(r"union (-o )?bpf_attr", r".*", "crash writes {...} for a structure in a structure in a union, and offsets that it looks up "
          "by name in the outer one", "crash"),
    Known(r"union (-o )?bpf_attr", r".*", "crash writes {...} for a structure in a structure in a union, and offsets that it looks up "
          "by name in the outer one", "mmscope"),
    Known(r"(struct )?(-[xd] )?(\w+_struct|page|rq)\.\S+ .*", r",$", "crash leaves the comma out after a structure's last member",
          None, ""),
    Known(r"kmem -m .*", r"^(?P<page>\w+)( .*)", "kmem -m: mmscope has counts in decimal and all else in hexadecimal, crash the reverse "
          "for index and _refcount", None, r"\g<page>"),
    Known(r"rd -d -8 .*", r"(?<=: ).*", "crash's signed decimal bytes are unsigned"),
    Known(r"kmem -i.*", r"^COMMITTED .*", "crash finds no COMMITTED; /proc/meminfo has it as Committed_AS"),
    Known(r"rd -[sS]+ .*", r"(?<= )(\.data|init_stack)(?= |$)", NAMES),
]

REFUSED = [
    Refused(r"kmem -p .*", "mmscope", "crash says nothing where mem_map has no page; mmscope says so"),
    Refused(r"rd \w+\+\d+ .*|sym \w+\+\d+", "crash", "mmscope takes symbol+offset"),
]


# Commands whose lines of the same first word may come in any order.
UNORDERED = r"sym -l|ps -S"


def applicable(table, command):
    return [known for known in table if re.fullmatch(known.commands, command)]


def squeeze(text):
    """Lines with their blanks squeezed, and without gdb's running number of values ($1 = …)."""
    lines = [re.sub(r"^((?:\S.* )?)\$\d+ = ?", r"\1$ = ", " ".join(line.split())).rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


class Result:
    """How two answers compare: lines that are equal, that differ as known (by reason), that differ otherwise."""

    def __init__(self):
        self.equal, self.known, self.unknown = 0, collections.Counter(), []


def only(line, side, table):
    """Why this line may stand on this side alone; None when it may not."""
    return next((known.reason for known in table if known.side == side and re.search(known.pattern, line)), None)


def drop(lines, side, table, result):
    """The lines without those that only this side prints."""
    kept = []
    for line in lines:
        reason = only(line, side, table)
        if reason:
            result.known[reason] += 1
        else:
            kept.append(line)
    return kept


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


def judge(crash, mmscope, table, result):
    """Two lines that differ, or one that stands alone (the other is None)."""
    reasons = []
    if crash is not None and mmscope is not None:
        reasons = [known.reason for known in table if known.side == "pair" and known.pattern(crash, mmscope)]
        if not reasons and mask(crash, table, reasons) != mask(mmscope, table, reasons):
            reasons = []
        if reasons:
            result.known[reasons[0]] += 1
            return
    alone = [only(line, side, table) for line, side in ((crash, "crash"), (mmscope, "mmscope")) if line is not None]
    if all(alone):
        result.known.update(alone)
    else:
        result.unknown.append((crash, mmscope))


def compare(command, theirs, ours):
    """Compare crash's answer with mmscope's."""
    result, table = Result(), applicable(KNOWN, command)
    theirs, ours = squeeze(theirs), squeeze(ours)
    if theirs == ours:
        result.equal = len(theirs)
        return result
    if len(theirs) + len(ours) > 20000:     # too much to look for the lines that belong together
        theirs, ours = drop(theirs, "crash", table, result), drop(ours, "mmscope", table, result)
    if re.fullmatch(UNORDERED, command):
        theirs, ours = [sorted(lines, key=lambda line: (line.split(" ", 1)[0].zfill(16), mask(line, table)))
                        for lines in (theirs, ours)]
    if len(theirs) == len(ours):
        pairs = zip(theirs, ours)
    else:
        theirs, ours = [line for line in theirs if line], [line for line in ours if line]
        pairs = pair(ours, theirs, lambda line: mask(line, table))
    for crash, mmscope in pairs:
        if crash == mmscope:
            result.equal += 1
        else:
            judge(crash, mmscope, table, result)
    return result
