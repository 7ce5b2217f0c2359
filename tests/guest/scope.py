# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking mmscope, and judging its answers against facts."""

import collections
import json
import os
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class ScopeError(Exception):
    pass


class Scope:
    """mmscope on one image."""

    def __init__(self, image, program=None, timeout=600):
        self.image = image
        self.program = program or os.environ.get("MMSCOPE") or os.path.join(TOP, "mmscope")
        self.timeout = timeout

    def lines(self, commands):
        """Run commands in one process; yields each one's answer as the text of one JSON document."""
        with tempfile.NamedTemporaryFile("w", suffix=".commands", encoding="utf-8") as script:
            script.write("".join(command + "\n" for command in commands))
            script.flush()
            with tempfile.TemporaryFile() as output:
                try:
                    result = subprocess.run([self.program, "-s", "--json", self.image, "-i", script.name],
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE,
                                            timeout=self.timeout, check=False)
                except subprocess.TimeoutExpired as error:
                    raise ScopeError("mmscope took longer than %d s for: %s …" %
                                     (self.timeout, commands[0])) from error
                if result.returncode not in (0, 1):
                    raise ScopeError("mmscope ended with %d: %s" %
                                     (result.returncode, result.stderr.decode(errors="replace")[-2000:]))
                output.seek(0)
                for line in output:
                    if line.strip():
                        yield line

    def ask(self, commands):
        """The answers as objects, one a command."""
        answers = [json.loads(line) for line in self.lines(commands)]
        if len(answers) != len(commands):
            raise ScopeError("%d answers to %d commands (%s …)" % (len(answers), len(commands), commands[0]))
        return answers

    def each(self, commands):
        """The same, one after the other: for answers too large to be held together."""
        for line in self.lines(commands):
            yield json.loads(line)

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

    def at_least(self, subject, count):
        """A comparison that compares too little is a failure of its own."""
        if self.agreed[subject] + len(self.differing[subject]) < count:
            self.differing[subject].append("only %d facts compared, at least %d expected" %
                                           (self.agreed[subject], count))

    def total(self):
        return sum(self.agreed.values())

    def failed(self):
        return sum(len(found) for found in self.differing.values())

    def report(self, name):
        lines = []
        for subject in sorted(set(self.agreed) | set(self.differing) | set(self.skipped)):
            bad = self.differing[subject]
            lines.append("    %-22s %8d agree%s%s" % (
                subject, self.agreed[subject], ", %d differ" % len(bad) if bad else "",
                ", %d moved" % self.skipped[subject] if self.skipped[subject] else ""))
            lines += ["        " + text for text in bad[:self.SHOWN]]
            if len(bad) > self.SHOWN:
                lines.append("        … and %d more" % (len(bad) - self.SHOWN))
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
