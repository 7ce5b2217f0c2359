# SPDX-License-Identifier: GPL-3.0-or-later
"""audit: a guest's memory is sound, almost all of it is classified, and one wrong value is caught by the rule that is about it."""

import os
import re
import subprocess

from scope import TOP

CLASSIFIED = 0.95


def compare_audit(scope, judge, before, after):
    answer = scope.ask_one("audit -n 3")
    for rule in answer["rules"]:
        lines = [line["text"] for line in rule["found"]]
        judge.equal("audit", rule["rule"], [], lines or [""] * rule["findings"])
        if not rule.get("not_applied"):
            judge.equal("audit", "%s: checked something" % rule["rule"], True, rule["checked"] > 0)
    frames = {row["use"]: row["frames"] for row in answer["census"]}
    share = 1 - frames["not classified"] / sum(frames.values())
    judge.equal("audit", "classified: %.4f" % share, True, share >= CLASSIFIED)


def compare_wrong_values(scope, judge, before, after):
    """The unit test's wrong values, one by one, in the overlay of this dump."""
    if len(scope.words) > 1:        # the program opens a dump alone
        return
    program = os.path.join(os.environ.get("MMSCOPE_UNIT") or os.path.join(TOP, "out", "tests"), "test_audit")
    result = subprocess.run([program, scope.image], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=600,
                            errors="replace", check=False)
    judge.agreed["audit: wrong values"] += len(re.findall(r"^\[ +OK \]", result.stdout, re.M))
    for line in re.findall(r"^\[  FAILED  \] (.*)", result.stdout, re.M):
        judge.differ("audit: wrong values", line, "it is caught by its rule alone", "not so")
    judge.equal("audit: wrong values", "its end", 0, result.returncode)


SUBJECTS = (compare_audit, compare_wrong_values)
