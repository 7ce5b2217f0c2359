# SPDX-License-Identifier: GPL-3.0-or-later
"""The real side: programs run by a kernel in qemu, one guest for all of them (agent.c)."""

import importlib.machinery
import importlib.util
import mmap
import os
import subprocess
import tempfile
import time

import program

HERE = os.path.dirname(os.path.abspath(__file__))
GUEST = os.path.join(os.path.dirname(HERE), "guest")


def load_run_guest():
    loader = importlib.machinery.SourceFileLoader("run_guest", os.path.join(GUEST, "run-guest"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_guest", loader))
    loader.exec_module(module)
    return module


run_guest = load_run_guest()


def order(number, step):
    """A step as agent.c reads it."""
    page = pages = a = b = value = prot = flags = 0
    file = -1
    if step.name == "fork":
        a = step.child()
    elif step.name != "exit":
        page, pages = step.number(0), step.number(1)
    if step.name == "mmap":
        shared, file, a = step.kind()
        flags = program.MAP_SHARED if shared else program.MAP_PRIVATE
        flags |= sum(program.MAP_FLAGS[option] for option in step.options())
        if "near" not in step.options():
            flags |= program.MAP_FIXED
        if file is None:
            file = -1
            flags |= program.MAP_ANONYMOUS
    if step.name in ("mmap", "mprotect"):
        prot = program.prot_bits(step.prot())
    elif step.name == "madvise":
        flags = program.ADVICE[step.words[2]]
    elif step.name == "mremap":
        a = step.number(2)
        if "move" in step.words:
            flags |= program.MREMAP_MAYMOVE
        if "to" in step.words:
            flags |= program.MREMAP_FIXED
            b = int(step.words[-1])
    elif step.name == "write":
        value = program.value_of(number)
    return "%d %s %d %d %d %d %d %d %d %d" % (step.process, step.name, page, pages, a, b, value, prot, flags, file)


class Guest:
    def __init__(self, kernel, huge=False, trace=False, swap=0, timeout=3600):
        self.work = tempfile.TemporaryDirectory(prefix="oracle")
        work = self.work.name
        opts = run_guest.options(["--cpu", "max,pku=off", "--cpus", "1", "--memory", "512M", "--levels", "4",
                                  "--set", "oracle=1", "--set", "huge=%d" % huge, "--set", "trace=%d" % trace, "--set", "swap=%d" % swap, "--append", "norandmaps", kernel, work])
        path = os.path.join(work, "s")
        run_guest.initramfs(opts.kernel, opts.bits, os.path.join(work, "initramfs"))
        started = time.monotonic()
        self.process = subprocess.Popen(run_guest.qemu_command(opts, work, path), stdin=subprocess.DEVNULL,
                                        preexec_fn=run_guest.die_with_parent)
        try:
            self.control = run_guest.Line(path + ".control", started + timeout, self.process)
            if self.control.read().split()[0] != "ready":
                raise run_guest.GuestError("the guest is not ready")
            with open(os.path.join(work, "channel"), "r+b") as file:
                self.channel = mmap.mmap(file.fileno(), 0)
        except BaseException:
            print(self.console())
            self.close()
            raise
        self.boot_seconds = time.monotonic() - started

    def console(self):
        with open(os.path.join(self.work.name, "console"), errors="replace") as file:
            return "".join(file.readlines()[-25:])

    def close(self):
        self.process.kill()
        self.process.wait()
        self.work.cleanup()

    def run(self, programs):
        """For each program a list with what came of each step: the answer, and {process: description}."""
        lines = []
        for steps in programs:
            lines.append("begin")
            lines += [order(number, step) for number, step in enumerate(steps)]
            lines.append("end")
        text = ("\n".join(lines) + "\n").encode() + b"\0"
        half = len(self.channel) // 2
        self.channel[half:half + len(text)] = text
        self.control.write("go")
        try:
            what, size = self.control.read().split()
        except run_guest.GuestError as error:
            raise run_guest.GuestError("%s; its console ends:\n%s" % (error, self.console())) from error
        if what != "done":
            raise run_guest.GuestError("the guest said %s" % what)
        return list(results(self.channel[:int(size)].decode(), programs))


def results(text, programs):
    """agent.c's text, in the form that both sides have (see check-oracle)."""
    lines = iter(text.splitlines())
    line = next(lines, None)
    for steps in programs:
        last, outcome = {}, []
        for _ in steps:
            answer, state = line[2:], {}
            process = None
            line = next(lines, None)
            if line is not None and line[0] == "U":
                answer += program.SLOTS + line[2:]
                line = next(lines, None)
            if line is not None and line[0] == "T":
                answer += " through " + " ".join(without_slabs(line.split()[1:]))
                line = next(lines, None)
            while line is not None and line[0] != "R":
                if line[0] == "P":
                    process = int(line[2:])
                    state[process] = {"areas": [], "pages": {}}
                elif line[0] == "=":
                    state[process] = last[process]
                else:
                    fact(state[process], line)
                line = next(lines, None)
            last = state
            outcome.append((answer, state))
        yield outcome


def without_slabs(names):
    """Whether a slab has room, or pages are to be had for a new one, depends on all that the guest has done."""
    kept, slab = [], False
    for name in names:
        if name == "allocate_slab":
            slab = True
        elif slab and name == "get_page_from_freelist":
            slab = False
        else:
            kept.append(name)
    return kept


def fact(state, line):
    kind, words = line[0], line.split()
    if kind == "A":
        start, end = (int(word, 16) for word in words[1].split("-"))
        state["areas"].append({
            "start": (start - program.WINDOW) // program.PAGE, "end": (end - program.WINDOW) // program.PAGE,
            "permissions": words[2], "offset": int(words[3], 16) // program.PAGE, "file": os.path.basename(" ".join(words[6:]))})
    elif kind == "S":
        if words[1] not in ("Size", "KernelPageSize", "MMUPageSize"):
            state["areas"][-1][words[1]] = int(words[2])
    elif kind == "F":
        state["areas"][-1]["VmFlags"] = " ".join(words[1:])
    elif kind == "G":
        first, count, frame = int(words[1]), int(words[2]), int(words[3], 16)
        zero = {"z": "zero", "Z": "huge zero"}.get(words[4])
        values = [int(word, 16) for word in words[5:]] or [None] * count
        state["pages"].update((first + i, (zero or frame + i, value)) for i, value in enumerate(values))
    elif kind == "W":
        state["pages"][int(words[1])] = ("swap " + words[2], None)
