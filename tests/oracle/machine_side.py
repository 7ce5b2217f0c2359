# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated side: the same programs as commands of mmscope, on a machine or on a dump."""

import os
import sys

import program

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "guest"))
import scope  # noqa: E402

FIRST_PID = 700
HUGE = 512      # pages of a huge one

# See drain() in agent.c.
SPARE = "%x" % (program.WINDOW + (program.PAGES + 16) * program.PAGE)
ALIGNED = "%x" % (program.WINDOW + 2 * program.PAGES * program.PAGE)
FENCE = "%x" % (program.WINDOW + (program.PAGES + 64) * program.PAGE)
HUGE_FLAGS = "((1 << TRANSPARENT_HUGEPAGE_FLAG) | (1 << TRANSPARENT_HUGEPAGE_USE_ZERO_PAGE_FLAG))"
HUGE_ZERO = "rd huge_zero_pfn"
DRAIN = ["mmap -c %%d -A %s 4096 -" % SPARE, "munmap -c %%d %s 4096" % SPARE]

# The engine's names of what the guest traces (agent.c), where they differ.
TRACED = {name: name for name in ("__p4d_alloc", "__pud_alloc", "__pmd_alloc", "__pte_alloc", "get_page_from_freelist", "page_add_new_anon_rmap",
                                  "lru_cache_add", "do_wp_page", "wp_page_copy", "do_swap_page", "__do_fault", "filemap_fault",
                                  "filemap_map_pages", "finish_fault", "shmem_fault", "expand_downwards", "do_huge_pmd_anonymous_page",
                                  "do_huge_pmd_wp_page", "huge_pmd_set_accessed", "special_mapping_fault")}
# Announced by their own names, which the compiler left no functions: what calls them.
TRACED.update({"anon_vma_prepare": "__anon_vma_prepare", "wp_page_shared": "do_wp_page", "wp_pfn_shared": "do_wp_page"})
# Called on the decision that is announced so.
FRAMES = "get_page_from_freelist"
HUGE_ALLOWED, HUGE_FAULT = "no table there: a huge page is allowed", "do_huge_pmd_anonymous_page"


class Refusal(Exception):
    """The engine says that it does not do this."""


ERRNOS = {"EPERM", "ENOENT", "EINTR", "EIO", "EBADF", "EAGAIN", "ENOMEM", "EACCES", "EFAULT", "EBUSY", "EEXIST", "EINVAL", "EOPNOTSUPP"}


def command(pid, step):
    """The command that does the step; reads and writes are commands a page, see accesses()."""
    if step.name == "fork":
        return "fork -c %d -p %d" % (pid, FIRST_PID + step.child())
    if step.name == "exit":
        return "exit-task %d" % pid
    address = "%x" % (program.WINDOW + step.number(0) * program.PAGE)
    length = "%d" % (step.number(1) * program.PAGE)
    if step.name == "mmap":
        shared, file, offset = step.kind()
        options = ["-a" if "near" in step.options() else "-A", address] + ["-s"] * shared
        if file is not None:
            options += ["-f", "/oracle/file%d" % file, "-o", "%x" % (offset * program.PAGE)]
        letters = {"down": "-g", "locked": "-l", "populate": "-p", "noreserve": "-n"}
        options += [letters[option] for option in step.options() if option != "near"]
        return " ".join(["mmap", "-c", str(pid), *options, length, step.prot()])
    if step.name == "mremap":
        words = ["-m"] * ("move" in step.words and "to" not in step.words)
        if "to" in step.words:
            words += ["-A", "%x" % (program.WINDOW + int(step.words[-1]) * program.PAGE)]
        return " ".join(["mremap", "-c", str(pid), *words, address, length, str(step.number(2) * program.PAGE)])
    words = [step.words[2]] if step.name in ("mprotect", "madvise") else []
    return " ".join([step.name, "-c", str(pid), address, length, *words])


def accesses(pid, number, step):
    commands = []
    for i in range(min(step.number(1), program.MOST_TOUCHED)):
        address = program.WINDOW + (step.number(0) + i) * program.PAGE
        # What a fault changes before it ends in a signal stays (a stack that grew, a page that was read in): "touch" would take it back.
        commands.append("fault -c %d %s %x" % (pid, program.ACCESSES[step.name], address))
        if step.name == "write":
            commands.append("poke -c %d %x %x" % (pid, address, program.value_of(number) + (i << 8)))
        elif step.name == "read":
            commands.append("peek -c %d %x" % (pid, address))
    return commands


def error_of(answer):
    """The errno, or None for success."""
    text = answer.get("error")
    if text is None:
        return None
    word = text.partition(":")[0]
    if word not in ERRNOS:
        raise Refusal(text)
    return word


def access_result(step, answers):
    letters, values = "", []
    each = 1 if step.name == "exec" else 2
    for touched, word in zip(answers[::each], answers[each - 1::each]):
        if "result" not in touched:
            raise Refusal(touched["error"])
        result = touched["result"]
        letters += {"minor fault": "m", "major fault": "M", "no fault": "."}.get(result, result[3:4])
        values.append(int(word["words"][0], 16) if "words" in word else 0)
    return letters, values


class Machine:
    """`image`: a dump whose process `pid` runs the programs (without forks); or None: a machine, whose processes do."""

    def __init__(self, flavour, image=None, pid=None, huge=False, trace=False, swap=0):
        self.scope = scope.Scope(image or ["--sim", flavour])
        self.image, self.pid = image, pid
        self.zero = self.symbol_frame("empty_zero_page")
        if not image:
            for file in range(program.FILES):
                self.make_file("/oracle/file%d" % file)
            # Like the guest: no huge pages, unless a test is about them; always then, the huge zero page for reads, and no compaction.
            self.scope.ask_one("wr transparent_hugepage_flags " + (HUGE_FLAGS if huge else "0"))
            if huge:
                self.warm_up()
        self.swap = swap
        if swap:
            self.swap_on(swap)
        self.huge = huge
        self.trace = trace
        if trace:
            self.scope.ask_one("trace on")
        self.cache = {}
        self.found_before = {rule["rule"]: rule["found"] for rule in self.scope.ask(["audit"])[0]["rules"]}

    def warm_up(self):
        """The huge zero page, which stays, and slabs for what khugepaged is told of a process that has huge pages: the guest's agent has seen to that, too."""
        for access in "-r", "-w":
            for command in "mmap -c 1 -A %s %d rw", "touch -c 1 " + access + " %s %d", "munmap -c 1 %s %d":
                self.scope.ask_one(command % (ALIGNED, HUGE * program.PAGE))

    def swap_on(self, pages):
        """On a device that is done at once, as the guest's is, a disk in memory."""
        self.scope.ask_one("swapon %d" % pages)
        area = self.scope.ask_one("swap")["areas"][0]["swap_info"]
        at, flags, synchronous = (self.scope.ask_one("p " + what % area)["value"] for what in (
            "&((struct swap_info_struct *)%s)->flags", "((struct swap_info_struct *)%s)->flags", "%.0s(int)SWP_SYNCHRONOUS_IO"))
        self.scope.ask_one("wr %s 0x%x" % (at, int(str(flags), 0) + int(str(synchronous), 0)))

    def make_file(self, path):
        """As fill_files() in agent.c makes them: all their pages cached, clean, read once, and of a mapping that keeps them in memory, as ramfs's do."""
        size = program.FILE_PAGES * program.PAGE
        self.scope.ask_one("mkfile -z %d %s" % (size, path))
        area = self.scope.ask_one("mmap -c 1 -A %s -f %s %d r" % (SPARE, path, size))["vma"][0]["addr"]
        flags = self.scope.ask_one("p &((struct vm_area_struct *)%s)->vm_file->f_mapping->flags" % area)["value"]
        unevictable = self.scope.ask_one("p 1 << AS_UNEVICTABLE")["value"]
        self.scope.ask_one("wr %s %s" % (flags, unevictable))
        self.scope.ask_one("touch -c 1 -r %s %d" % (SPARE, size))
        self.scope.ask_one("munmap -c 1 %s %d" % (SPARE, size))

    def symbol_frame(self, name):
        return int(self.scope.ask_one("vtop -k " + name)["addresses"][0]["physical"], 16) // program.PAGE

    def close(self):
        self.scope.close()

    def pid_of(self, process):
        return self.pid if self.image else FIRST_PID + process

    def run(self, programs):
        return [self.run_one(steps) for steps in programs]

    def run_one(self, steps):
        begin = ["snapshot"] + ([] if self.image else ["spawn -p %d -e program" % FIRST_PID])
        begin.append("mmap -c %d -A %s 4096 -" % (self.pid_of(0), FENCE))
        commands, shape, alive = list(begin), [], [0]
        for number, step in enumerate(steps):
            pid = self.pid_of(step.process)
            acts = accesses(pid, number, step) if step.name in program.ACCESSES else [command(pid, step)]
            commands += [text % pid for text in DRAIN]
            if step.name == "fork":
                alive.append(step.child())
            elif step.name == "exit":
                alive.remove(step.process)
            commands += acts
            commands += [text % self.pid_of(process) for process in sorted(alive) for text in ("smaps %d", "vm -p %d")]
            commands += [HUGE_ZERO] * self.huge + ["swap"] * bool(self.swap)
            shape.append((len(DRAIN), len(acts), sorted(alive)))
        answers = list(self.scope.lines(commands))
        for line in answers[:len(begin)]:
            if b'"error"' in line:
                raise Refusal(line.decode())
        outcome = self.outcome(steps, shape, answers[len(begin):])
        if outcome:
            outcome[-1] = outcome[-1][0], self.with_words(outcome[-1][1]), self.unsound()
        self.scope.ask_one("undo")
        return outcome

    def unsound(self):
        """What the audit finds, but for what it found before any program."""
        rules = self.scope.ask(["audit"])[0]["rules"]
        return ["%s: %s" % (rule["rule"], finding["text"])
                for rule in rules for finding in rule["found"] if finding not in self.found_before.get(rule["rule"], ())]

    def with_words(self, states):
        """The first word of each frame: looked up once, at the end of a program."""
        frames = {frame for state in states.values() for frame, _ in state["pages"].values() if isinstance(frame, int)}
        frames = sorted(frames)
        rows = self.scope.ask(["rd -p %x" % (frame * program.PAGE) for frame in frames])
        words = {frame: int(row["rows"][0]["values"][0], 16) for frame, row in zip(frames, rows)}
        return {process: {"areas": state["areas"], "pages": {page: (frame, words.get(frame, 0 if isinstance(frame, str) and "zero" in frame else None))
                                                             for page, (frame, _) in state["pages"].items()}}
                for process, state in states.items()}

    def outcome(self, steps, shape, answers):
        at, outcome = 0, []
        for step, (before, acts, alive) in zip(steps, shape):
            at += before
            done = [scope.json.loads(line) for line in answers[at:at + acts]]
            at += acts
            try:
                answer = self.answer(step, done)
            except Refusal as refusal:
                outcome.append((refusal, {}))
                return outcome
            state = {}
            huge_zero = answers[at + 2 * len(alive)] if self.huge else b""
            for process in alive:
                state[process] = self.describe(answers[at], answers[at + 1], huge_zero)
                at += 2
            at += self.huge
            if self.swap:
                answer += program.SLOTS + str(scope.json.loads(answers[at])["areas"][0]["used_kb"] // 4)
                at += 1
            outcome.append((answer, state))
        return outcome

    def answer(self, step, done):
        if step.name in program.ACCESSES:
            letters, values = access_result(step, done)
            return letters + "".join(" %x" % value for value in values if step.name == "read") + self.way(done[0])
        error = error_of(done[0])
        if error:
            return error
        if step.name not in ("mmap", "mremap"):
            return "ok"
        page = (int(done[0]["address"], 16) - program.WINDOW) // program.PAGE
        return "at %d" % page if 0 <= page < program.PAGES else "elsewhere"

    def way(self, access):
        """The functions of the kernel's that an access goes through, of those that the guest traces."""
        if not self.trace:
            return ""
        names = []
        for step in access.get("trace", ()):
            name = TRACED.get(step["function"])
            if step["decision"] == HUGE_ALLOWED:
                names.append(HUGE_FAULT)
            elif name == HUGE_FAULT:
                # The decision what to put there. To take it, the engine looks for a free block first: that is no call of its own.
                del names[len(names) - (names[-1:] == [FRAMES]):]
            elif step["function"] == "new_slab":
                # See without_slabs() in guest_side.py; for more than one page, a free block is looked for first.
                del names[-2 if int(step["values"]["order"], 16) else -1:]
            elif name:
                names.append(name)
        return " through " + " ".join(names)

    def describe(self, areas, pages, huge_zero):
        """The same as guest_side's, of the answers of smaps and vm -p. Steps that change little have the same answers often."""
        key = areas, pages, huge_zero
        if key not in self.cache:
            if len(self.cache) > 64:
                self.cache.clear()
            self.cache[key] = self.description(*map(scope.json.loads, (areas, pages, huge_zero or b"{}")))
        return self.cache[key]

    def description(self, areas, pages, huge_zero):
        for answer in areas, pages:
            if "error" in answer:
                raise scope.ScopeError(answer["error"])
        state = {"areas": [], "pages": {}}
        zeroes = {self.zero: "zero"}
        if huge_zero:
            first = int(huge_zero["rows"][0]["values"][0], 16)
            zeroes.update((first + i, "huge zero") for i in range(HUGE))
        for area in areas["tasks"][0]["areas"]:
            start, end = ((int(area[name], 16) - program.WINDOW) // program.PAGE for name in ("start", "end"))
            if not 0 <= start < program.PAGES:
                continue
            fact = {"start": start, "end": end, "permissions": area["permissions"], "offset": int(area["offset"], 16) // program.PAGE,
                    "file": os.path.basename(area["name"]) + " (deleted)" * area["deleted"], "VmFlags": area["VmFlags"].strip()}
            fact.update((name, value) for name, value in area.items() if name[0].isupper() and name not in
                        ("Size", "KernelPageSize", "MMUPageSize", "VmFlags") and value)
            state["areas"].append(fact)
        for area in pages["tasks"][0]["areas"]:
            start = (int(area["start"], 16) - program.WINDOW) // program.PAGE
            if not 0 <= start < program.PAGES:
                continue
            for row in area["pages"]:
                page = (int(row["virtual"], 16) - program.WINDOW) // program.PAGE
                if row["physical"]:
                    frame = int(row["physical"], 16) // program.PAGE
                    state["pages"][page] = (zeroes.get(frame, frame), None)
                elif "swap_offset" in row:
                    state["pages"][page] = ("swap %x" % row["swap_offset"], None)
        return state
