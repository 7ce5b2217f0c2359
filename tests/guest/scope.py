# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking mmscope, and judging its answers against facts."""

import collections
import json
import os
import subprocess
import tempfile
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class ScopeError(Exception):
    pass


class Scope:
    """
    mmscope on one image: a process that is asked one command after the other, each answered by one line of JSON. The
    image is a file, or a list of words that say what to open.
    """

    def __init__(self, image, program=None, timeout=600):
        self.image = image
        self.words = image if isinstance(image, list) else [image]
        self.program = program or os.environ.get("MMSCOPE") or os.path.join(TOP, "mmscope")
        self.timeout = timeout
        self.process = None

    def start(self):
        if self.process and self.process.poll() is None:
            return
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([self.program, "-s", "--json"] + self.words, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors)

    def close(self):
        """End it; it must have nothing to complain of."""
        if not self.process:
            return
        self.process.stdin.close()
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdout.close()
        self.process = None
        if status not in (0, 1):        # 1: a command failed, and was judged for that
            raise ScopeError("mmscope ended with %d: %s" % (status, self.last_errors()))

    def last_errors(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")[-2000:].strip()

    def lines(self, commands):
        """Each command's answer as the text of one JSON document."""
        self.start()
        process = self.process

        def write():
            try:
                for start in range(0, len(commands), 256):
                    process.stdin.write("".join(command + "\n" for command in
                                                commands[start:start + 256]).encode())
                    process.stdin.flush()
            except OSError:     # it ended: the reader will see that
                pass

        watchdog = threading.Timer(self.timeout, process.kill)
        writer = threading.Thread(target=write, daemon=True)
        watchdog.start()
        writer.start()
        try:
            for command in commands:
                line = process.stdout.readline()
                if not line:
                    process.wait()
                    self.process = None
                    raise ScopeError("mmscope ended with %d at: %s\n%s" %
                                     (process.returncode, command, self.last_errors()))
                yield line
            writer.join()
        finally:
            watchdog.cancel()
            if writer.is_alive():       # the reader gave up in the middle
                process.kill()
                self.process = None

    def ask(self, commands):
        """The answers as objects, one a command."""
        return [json.loads(line) for line in self.lines(commands)]

    def each(self, commands):
        """The same, one after the other: for answers too large to be held together."""
        for line in self.lines(commands):
            yield json.loads(line)

    def text(self, command):
        """What a person would read, of a process of its own."""
        return subprocess.run([self.program, "-s", "-c", command, *self.words], check=True, text=True, stdout=subprocess.PIPE,
                              timeout=self.timeout).stdout

    def ask_one(self, command):
        answer = self.ask([command])[0]
        if answer.get("error"):
            raise ScopeError("%s: %s" % (command, answer["error"]))
        return answer


class Judge:
    """Counts agreements by subject and keeps disagreements."""

    SHOWN = 12      # disagreements of one subject that are printed

    def __init__(self):
        self.agreed = collections.Counter()
        self.differing = collections.defaultdict(list)
        self.skipped = collections.Counter()
        self.notes = []         # figures to be read, not judged

    def equal(self, subject, what, fact, answer):
        """One fact; `what` names it in a message, and may be a tuple to be joined."""
        if fact == answer:
            self.agreed[subject] += 1
            return True
        self.differ(subject, what, fact, answer)
        return False

    def differ(self, subject, what, fact, answer):
        if isinstance(what, tuple):
            what = " ".join(hex(part) if isinstance(part, int) and part > 0xffffff else str(part) for part in what)
        self.differing[subject].append("%s: the guest says %s, mmscope %s" % (what, show(fact), show(answer)))

    def moved(self, subject, count=1):
        """Facts on which the samples before and after the dump differ: no facts about the dump."""
        self.skipped[subject] += count

    def equal_in_motion(self, subject, what, fact, answer, motion):
        """
        A number that both samples say, among numbers of which some moved, by `motion` at most: one that seems to have stood
        may have gone by as much and come back.
        """
        if fact != answer and abs(fact - answer) <= motion:
            self.moved(subject)
            return True
        return self.equal(subject, what, fact, answer)

    def at_least(self, subject, count):
        """A comparison that compares too little is a failure of its own."""
        if self.agreed[subject] + len(self.differing[subject]) < count:
            self.differing[subject].append("only %d facts compared, at least %d expected" %
                                           (self.agreed[subject], count))

    def total(self):
        return sum(self.agreed.values())

    def failed(self):
        return sum(len(found) for found in self.differing.values())

    def report(self, name, all_subjects=True):
        """Of all subjects, or of those with differences."""
        lines = []
        for subject in sorted(set(self.agreed) | set(self.differing) | set(self.skipped)):
            bad = self.differing[subject]
            if not bad and not all_subjects:
                continue
            lines.append("    %-22s %8d agree%s%s" % (
                subject, self.agreed[subject], ", %d differ" % len(bad) if bad else "",
                ", %d moved" % self.skipped[subject] if self.skipped[subject] else ""))
            lines += ["        " + text for text in bad[:self.SHOWN]]
            if len(bad) > self.SHOWN:
                lines.append("        … and %d more" % (len(bad) - self.SHOWN))
        lines += ["    " + note for note in self.notes if all_subjects]
        lines.append("guest %s: %d facts agree%s" % (name, self.total(),
                                                     ", %d differ" % self.failed() if self.failed() else ""))
        return "\n".join(lines)


def show(value):
    if isinstance(value, int) and not isinstance(value, bool) and value > 0xffffff:
        return hex(value)
    return repr(value) if isinstance(value, str) else str(value)


def number(value):
    """A JSON value that is a count or a hexadecimal string."""
    if isinstance(value, str):
        return int(value, 16)
    return value
