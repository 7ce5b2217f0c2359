# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of tests/oracle: their text, and random ones.

A program is a list of steps, a line each. The process that acts comes first; p0 is there from the start. Pages are
numbered from the window's first; an address is WINDOW + page * 4096.

    p0 mmap PAGE PAGES PROT KIND [near] [down] [locked] [populate] [noreserve]
                                    KIND: private, shared, or with a file: private:N+OFFSET, shared:N+OFFSET (in pages);
                                    near: only if nothing is there, else anywhere
    p0 munmap PAGE PAGES            p0 mprotect PAGE PAGES PROT         p0 madvise PAGE PAGES ADVICE
    p0 mremap PAGE OLD NEW [move] [to PAGE]
    p0 mlock PAGE PAGES             p0 munlock PAGE PAGES
    p0 read PAGE PAGES              p0 write PAGE PAGES                 p0 exec PAGE PAGES
                                    one access to each page, whatever came of the others
    p0 fork p1                      p0 exit
"""

import collections
import mmap
import random

WINDOW = 0x10000000000
PAGE = 4096
PAGES = 4096            # the window's, as in agent.c
PROCESSES = 8
FILES = 4
FILE_PAGES = 24
MOST_TOUCHED = 64
SLOTS = "; slots in use: "     # follows what came of a step, where there is swap

ACCESSES = {"read": "-r", "write": "-w", "exec": "-x"}
PROT = {"r": mmap.PROT_READ, "w": mmap.PROT_WRITE, "x": mmap.PROT_EXEC, "-": 0}
# Linux, include/uapi/asm-generic/mman-common.h
MAP_SHARED, MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS = 1, 2, 0x10, 0x20
MAP_FLAGS = {"down": 0x100, "locked": 0x2000, "noreserve": 0x4000, "populate": 0x8000, "near": 0}
MREMAP_MAYMOVE, MREMAP_FIXED = 1, 2
ADVICE = {"normal": 0, "random": 1, "sequential": 2, "willneed": 3, "dontneed": 4, "free": 8, "remove": 9,
          "dontfork": 10, "dofork": 11, "mergeable": 12, "unmergeable": 13, "hugepage": 14, "nohugepage": 15,
          "dontdump": 16, "dodump": 17, "wipeonfork": 18, "keeponfork": 19, "cold": 20, "pageout": 21}


class ProgramError(Exception):
    pass


class Step(collections.namedtuple("Step", "process name words")):
    """`words`: what follows the name, as text."""

    def __str__(self):
        return " ".join(("p%d" % self.process, self.name) + self.words)

    def number(self, index):
        return int(self.words[index])

    def prot(self):
        return self.words[2]

    def kind(self):
        """Of mmap: shared?, file or None, offset in pages."""
        kind, _, place = self.words[3].partition(":")
        if not place:
            return kind == "shared", None, 0
        file, offset = place.split("+")
        return kind == "shared", int(file), int(offset)

    def options(self):
        return self.words[4:]

    def child(self):
        return int(self.words[0][1:])


def parse(text):
    steps = []
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        if not words[0].startswith("p") or len(words) < 2:
            raise ProgramError("not a step: " + line)
        steps.append(Step(int(words[0][1:]), words[1], tuple(words[2:])))
    return steps


def sound(steps):
    """Without the steps of processes that are not there (any more), as a program has after some of it was left out."""
    alive, done, kept = {0}, set(), []
    for step in steps:
        if step.process not in alive:
            continue
        if step.name == "fork":
            if step.child() in alive | done:
                continue
            alive.add(step.child())
        elif step.name == "exit":
            alive.discard(step.process)
            done.add(step.process)
        kept.append(step)
    return kept


def value_of(number):
    """What the write that is step `number` (from 0) of a program stores in its first page; 256 more in each after. A nop to begin with."""
    return number + 1 << 16 | 0x90


def prot_bits(text):
    return sum(PROT[letter] for letter in text)


# ---- Random programs ----

class Generator:
    """Random steps. What is mapped where is followed roughly, so that most steps meet something."""

    SPAN = 40       # pages that a program uses, from FIRST on
    FIRST = 16

    def __init__(self, seed, can, span=None, unit=1, most_touched=12, swaps=False):
        """
        `can`: names of steps, kinds of mmap ("mmap shared", "mmap private file" …) and advice ("madvise free") to use. `unit`: pages of a huge
        page, which many areas and ranges are then aligned to. `swaps`: advice that moves pages to swap and back comes most often.
        """
        self.random = random.Random(seed)
        self.can = can
        self.span = span or self.SPAN
        self.unit = unit
        self.most_touched = most_touched
        self.swaps = swaps
        self.alive, self.born = [0], 1
        self.mapped = {0: set()}

    def place(self, process, most=10):
        """Page and number of pages: mostly something that is mapped, or touches it."""
        r = self.random
        mapped = self.mapped[process]
        if mapped and r.random() < 0.9:
            page = r.choice(sorted(mapped))
        else:
            page = self.FIRST + r.randrange(self.span)
        # Short ranges, single pages above all; now and then one that covers much.
        pages = r.choice((1, 1, 1, 2, 2, 3, 4, 6, most, r.randrange(1, self.span)))
        if self.unit > 1 and r.random() < 0.4:
            page -= page % self.unit
            pages = self.unit * r.randrange(1, 3)
        pages = max(1, min(pages, self.FIRST + self.span - page))
        if r.random() < 0.9:
            # What crosses a hole fails half-way, and is of no use then (see check-oracle).
            pages = next((n for n in range(1, pages) if page + n not in mapped), pages)
        return page, pages

    def prot(self):
        return self.random.choice(("rw", "rw", "rw", "rw", "r", "r", "-", "rwx", "rx", "w", "x"))

    def kind(self):
        r = self.random
        kinds = [kind for kind in ("private", "shared", "private file", "shared file") if "mmap " + kind in self.can]
        weights = [{"private": 6, "shared": 2}.get(kind, 2) for kind in kinds]
        kind = r.choices(kinds, weights)[0]
        if kind.endswith(" file"):
            return "%s:%d+%d" % (kind.split()[0], r.randrange(FILES), r.randrange(FILE_PAGES + 2))
        return kind

    def mmap(self, process):
        r = self.random
        page = self.FIRST + r.randrange(self.span)
        pages = min(r.choice((1, 2, 3, 4, 6, 8, 12, 16)), self.FIRST + self.span - page)
        if self.unit > 1 and r.random() < 0.7:
            page -= page % self.unit
            pages = self.unit * r.randrange(1, 3)
        options = [option for option in MAP_FLAGS if "mmap " + option in self.can and r.random() < 0.06]
        if "near" not in options or not self.mapped[process] & set(range(page, page + pages)):
            self.mapped[process] |= set(range(page, page + pages))
        return Step(process, "mmap", (str(page), str(pages), self.prot(), self.kind(), *options))

    def step(self):
        r = self.random
        process = r.choice(self.alive)
        mapped = self.mapped[process]
        names = {"write": 22, "read": 14, "exec": 2, "mmap": 10, "munmap": 7, "mprotect": 10, "madvise": 24 if self.swaps else 6, "mremap": 6, "mlock": 2,
                 "munlock": 2, "fork": 6, "exit": 3}
        if not mapped or r.random() < 0.5 / (1 + len(mapped)):
            return self.mmap(process)
        names = {name: weight for name, weight in names.items() if name in self.can or name == "mmap"}
        if self.born >= PROCESSES or len(self.alive) >= 4:
            names.pop("fork", None)
        if len(self.alive) < 2:
            names.pop("exit", None)
        name = r.choices(list(names), list(names.values()))[0]
        if name == "mmap":
            return self.mmap(process)
        if name == "fork":
            return self.fork(process)
        if name == "exit":
            self.alive.remove(process)
            return Step(process, "exit", ())
        page, pages = self.place(process)
        if name == "mremap":
            return self.mremap(process, page, pages)
        words = [str(page), str(min(pages, self.most_touched) if name in ACCESSES else pages)]
        if name == "munmap":
            mapped -= set(range(page, page + pages))
        elif name == "mprotect":
            words.append(self.prot())
        elif name == "madvise":
            words.append(self.advice())
        return Step(process, name, tuple(words))

    def advice(self):
        known = sorted(known[8:] for known in self.can if known.startswith("madvise "))
        often = {"pageout": 40, "free": 8, "willneed": 8, "cold": 4, "remove": 4} if self.swaps else {}
        return self.random.choices(known, [often.get(advice, 1) for advice in known])[0]

    def fork(self, process):
        child = self.born
        self.born += 1
        self.alive.append(child)
        self.mapped[child] = set(self.mapped[process])
        return Step(process, "fork", ("p%d" % child,))

    def mremap(self, process, page, pages):
        r = self.random
        mapped = self.mapped[process]
        new = max(1, pages + r.choice((-4, -2, -1, 0, 0, 1, 1, 2, 4, 8)))
        words = [str(page), str(pages), str(new)]
        choice = r.random()
        if choice < 0.2:
            words.append("move")        # where to, if it must, is no matter: outside the window
        elif choice < 0.7:
            to = self.FIRST + r.randrange(self.span)
            if self.unit > 1 and page % self.unit == 0:
                to -= to % self.unit    # so that a huge page can move as a whole
            to = min(to, PAGES - new)
            words += ["move", "to", str(to)]
            mapped -= set(range(page, page + pages))
            mapped |= set(range(to, to + new))
        else:
            mapped |= set(range(page, page + new))
        return Step(process, "mremap", tuple(words))

    def program(self, length):
        return [self.step() for _ in range(length)]
