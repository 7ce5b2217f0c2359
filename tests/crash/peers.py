# SPDX-License-Identifier: GPL-3.0-or-later
"""The current crash, drgn and makedumpfile, out of Debian sid, in a folder of their own.

The folder is $MMSCOPE_PEERS, or is made once (as root, with debootstrap, 600 MB) under $MMSCOPE_CACHE/peers.
"""

import importlib.machinery
import importlib.util
import os
import shutil
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.environ.get("MMSCOPE_CACHE") or os.path.join(TOP, "build", "cache")
FETCH_KERNEL = os.path.join(TOP, "tests", "guest", "fetch-kernel")
PACKAGES = "crash,python3-drgn,makedumpfile"


class PeerError(Exception):
    pass


def load(path):
    """A Python program without .py as a module."""
    loader = importlib.machinery.SourceFileLoader(os.path.basename(path).replace("-", "_"), path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def folder(make=True):
    """The folder to chroot into; None when there is none and none is to be made."""
    path = os.environ.get("MMSCOPE_PEERS") or os.path.join(CACHE, "peers")
    if not os.path.exists(os.path.join(path, "usr/bin/crash")):
        if not make:
            return None
        if os.getuid():
            raise PeerError("making %s needs root (or set MMSCOPE_PEERS to a folder that has crash)" % path)
        if not shutil.which("debootstrap"):
            raise PeerError("debootstrap is needed: apt-get install debootstrap")
        mirror = load(FETCH_KERNEL).mirrors()[0]
        subprocess.run(["debootstrap", "--variant=minbase", "--include=" + PACKAGES, "sid", path, mirror],
                       check=True, stdout=subprocess.DEVNULL)
    if not os.path.exists(os.path.join(path, "dev/null")) or not os.path.exists(os.path.join(path, "proc/self")):
        for name in ("dev", "proc"):
            subprocess.run(["mount", "--bind", "/" + name, os.path.join(path, name)], check=True)
    return path


def bring(peers, path, name):
    """Make a file reachable inside the folder; its path there."""
    inside, path = os.path.join("/var/tmp", name), os.path.realpath(path)
    target = peers + inside
    if os.path.exists(target) and os.path.samefile(path, target):
        return inside
    if os.path.lexists(target):
        os.unlink(target)
    try:
        os.link(path, target)
    except OSError:
        shutil.copy(path, target)
    return inside


def kernel(dbg=True):
    """The folder of the 6.1 cloud kernel, with its vmlinux."""
    command = [FETCH_KERNEL] + ["--dbg"] * dbg + ["bookworm", "6.1"]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def guest(kernel_dir, *options):
    """A dump of that kernel under the guest tests' workload, made again when the guest's sources change."""
    target = os.path.join(CACHE, "crash", "guest")
    dump = os.path.join(target, "dump")
    sources = os.path.dirname(FETCH_KERNEL)
    newest = max(os.path.getmtime(os.path.join(sources, name)) for name in os.listdir(sources)
                 if name.endswith((".c", ".h")) or name == "run-guest")
    if not os.path.exists(dump) or os.path.getmtime(dump) < newest:
        os.makedirs(target, exist_ok=True)
        subprocess.run([os.path.join(sources, "run-guest"), *options, kernel_dir, target], check=True,
                       stdout=subprocess.DEVNULL)
    return dump


class Crash:
    """crash on one dump, in batches: each runs commands in one session, with an answer for each."""

    def __init__(self, peers, vmlinux, dump):
        self.peers = peers
        self.vmlinux = bring(peers, vmlinux, "mmscope-vmlinux")
        self.dump = bring(peers, dump, "mmscope-dump")
        self.out = os.path.join(peers, "var/tmp/mmscope-answers")

    def version(self):
        text = subprocess.run(["chroot", self.peers, "crash", "--version"], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=True).stdout
        return next(line for line in text.splitlines() if line.startswith("crash"))

    def run(self, cases):
        """Yields the answer's text for each case, a tuple of commands of which the last is the one that counts."""
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out)
        script = ["set scroll off"]
        for number, commands in enumerate(cases):
            script += [command + " > /dev/null" for command in commands[:-1]]
            script.append("%s > /var/tmp/mmscope-answers/%d" % (commands[-1], number))
            script += ["set dec > /dev/null"] * any(command.startswith("set ") for command in commands)
        result = subprocess.run(["chroot", self.peers, "crash", "-s", self.vmlinux, self.dump],
                                input="\n".join(script + ["quit", ""]), text=True, errors="replace",
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        for number in range(len(cases)):
            path = os.path.join(self.out, str(number))
            if not os.path.exists(path):
                raise PeerError("crash ended before %s:\n%s" % (cases[number][-1], result.stdout[-1500:]))
            with open(path, encoding="utf-8", errors="replace") as file:
                yield file.read()
        shutil.rmtree(self.out, ignore_errors=True)
