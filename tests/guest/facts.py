# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guest's /proc said of itself: reading the archives that run-guest leaves.

A fact here is what a file of /proc says, in the kernel's own terms; see Documentation/filesystems/proc.rst and
admin-guide/mm/pagemap.rst in the kernel tree.

    facts.py ARCHIVE             lists the files in it
    facts.py ARCHIVE NAME        prints one
"""

import array
import collections
import re
import sys
import tarfile

PAGE = 4096

Task = collections.namedtuple("Task", "pid tgid ppid comm state uid gid threads leader flags nice policy rt_priority "
                                      "start vsize rss sid pgrp stat status")
Area = collections.namedtuple("Area", "start end perms offset major minor inode path")
PageFact = collections.namedtuple("PageFact", "address present swapped pfn swap_type swap_offset shared value")
Symbol = collections.namedtuple("Symbol", "address type name module")
Zone = collections.namedtuple("Zone", "node name fields stats pagesets")

# Bits of /proc/kpageflags: include/uapi/linux/kernel-page-flags.h.
KPF = {name: bit for bit, name in enumerate(
    "LOCKED ERROR REFERENCED UPTODATE DIRTY LRU ACTIVE SLAB WRITEBACK RECLAIM BUDDY MMAP ANON SWAPCACHE SWAPBACKED "
    "COMPOUND_HEAD COMPOUND_TAIL HUGE UNEVICTABLE HWPOISON NOPAGE KSM THP OFFLINE ZERO_PAGE IDLE PGTABLE".split())}
KPF.update({"RESERVED": 32, "MLOCKED": 33, "OWNER_2": 34, "PRIVATE": 35, "PRIVATE_2": 36, "OWNER_PRIVATE": 37,
            "ARCH": 38, "UNCACHED": 39, "SOFTDIRTY": 40, "ARCH_2": 41})


def unescape(text):
    """A path as maps prints it: newline and backslash as octal."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def as_json(text):
    """Text as mmscope's JSON has it: each byte that is not UTF-8 as the character of its number."""
    return "".join(chr(ord(char) - 0xdc00) if 0xdc80 <= ord(char) <= 0xdcff else char for char in text)


class Facts:
    """One archive: the guest before the dump, or after it."""

    def __init__(self, path):
        self.path = path
        self.files = {}
        with tarfile.open(path, "r:") as archive:
            with open(path, "rb") as raw:
                self.raw = raw.read()
            for member in archive:
                # A thread that is listed twice is the same one.
                self.files[member.name] = (member.offset_data, member.size)

    def __contains__(self, name):
        return name in self.files

    def data(self, name):
        offset, size = self.files.get(name, (0, 0))
        return self.raw[offset:offset + size]

    def text(self, name):
        """Bytes that are not UTF-8 come as lone surrogates, as Python has file names."""
        return self.data(name).decode("utf-8", "surrogateescape")

    def words(self, name):
        """A file of 64-bit words."""
        data = self.data(name)
        words = array.array("Q")
        words.frombytes(data[:len(data) // 8 * 8])
        return words

    # ---- tasks ----

    def pids(self):
        return sorted(int(match[1]) for match in (re.match(r"proc/(\d+)/stat$", name) for name in self.files) if match)

    def threads(self, pid):
        pattern = re.compile(r"proc/%d/task/(\d+)/stat$" % pid)
        return sorted(int(match[1]) for match in map(pattern.match, self.files) if match)

    def task_ids(self):
        """(pid, tid) of every thread."""
        found = (re.match(r"proc/(\d+)/task/(\d+)/stat$", name) for name in self.files)
        return sorted((int(match[1]), int(match[2])) for match in found if match)

    def task(self, pid, tid):
        where = "proc/%d/task/%d/" % (pid, tid)
        stat = self.text(where + "stat")
        if not stat:
            return None
        rest = stat[stat.rindex(")") + 2:].split()
        # stat's comm is a worker's long name; comm's own file gives the same. task_struct's has 15 characters.
        comm = self.text(where + "comm")[:-1]
        status = {}
        for line in self.text(where + "status").split("\n"):
            if ":" in line:
                key, value = line.split(":", 1)
                status[key] = value.strip()
        numbers = [int(word) for word in rest[1:]]
        return Task(pid=tid, tgid=pid, ppid=numbers[0], pgrp=numbers[1], sid=numbers[2], comm=comm, state=rest[0],
                    uid=[int(word) for word in status.get("Uid", "").split()],
                    gid=[int(word) for word in status.get("Gid", "").split()],
                    threads=numbers[16], leader=pid == tid, flags=numbers[5], nice=numbers[15],
                    rt_priority=numbers[36], policy=numbers[37], start=numbers[18], vsize=numbers[19],
                    rss=numbers[20], stat=numbers, status=status)

    def tasks(self):
        found = {}
        for pid, tid in self.task_ids():
            task = self.task(pid, tid)
            if task:
                found[tid] = task
        return found

    # ---- memory of a process ----

    def maps(self, pid):
        areas = []
        for line in self.data("proc/%d/maps" % pid).decode("utf-8", "surrogateescape").split("\n"):
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+)\s*(.*)$", line,
                             re.DOTALL)
            if match:
                areas.append(Area(int(match[1], 16), int(match[2], 16), match[3], int(match[4], 16), int(match[5], 16),
                                  int(match[6], 16), int(match[7]), match[8]))
        return areas

    def pages(self, pid):
        """PageFacts of what was present or swapped out, by address."""
        words = self.words("proc/%d/pages" % pid)
        found = {}
        for index in range(0, len(words) - 2, 3):
            address, entry, value = words[index], words[index + 1], words[index + 2]
            present, swapped = bool(entry >> 63), bool(entry >> 62 & 1)
            low = entry & ((1 << 55) - 1)
            if swapped and low & 31 == 31:      # a marker (SWP_PTE_MARKER), no slot
                continue
            found[address & ~1] = PageFact(
                address & ~1, present, swapped, low if present else None, low & 31 if swapped else None,
                low >> 5 if swapped else None, bool(entry >> 61 & 1), value if address & 1 else None)
        return found

    @staticmethod
    def value_address(page):
        """Where the word of a page stands that the guest read: signature_offset() in guest.h."""
        return page + ((page >> 12) * 40 & 0xff8)

    def smaps(self, pid):
        """For each area its fields, in kB where the file has kB."""
        areas = []
        for line in self.text("proc/%d/smaps" % pid).splitlines():
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
            if match:
                areas.append({"start": int(match[1], 16), "end": int(match[2], 16)})
            elif areas and ":" in line:
                key, value = line.split(":", 1)
                value = value.strip()
                areas[-1][key] = int(value.split()[0]) if re.match(r"\d+( kB)?$", value) else value
        return areas

    def rollup(self, pid):
        """The fields of smaps_rollup, in kB; {} where there are none."""
        return {match[1]: int(match[2]) for match in
                (re.match(r"(\w+): +(\d+) kB$", line) for line in self.text("proc/%d/smaps_rollup" % pid).splitlines())
                if match}

    # ---- the kernel ----

    def symbols(self):
        found = []
        for line in self.text("proc/kallsyms").splitlines():
            fields = line.split()
            if len(fields) >= 3:
                found.append(Symbol(int(fields[0], 16), fields[1], fields[2], fields[3][1:-1] if fields[3:] else None))
        return found

    def numbers(self, name):
        """Files of "name: number [kB]" or "name number" lines."""
        found = {}
        for line in self.text(name).splitlines():
            match = re.match(r"(\S+?):?\s+(\d+)( kB)?$", line)
            if match:
                found[match[1]] = int(match[2])
        return found

    def buddyinfo(self):
        """{(node, zone): [free blocks of order 0, 1, …]}"""
        found = {}
        for line in self.text("proc/buddyinfo").splitlines():
            match = re.match(r"Node (\d+), zone\s+(\S+)\s+(.*)$", line)
            if match:
                found[int(match[1]), match[2]] = [int(word) for word in match[3].split()]
        return found

    def fragmentation(self, name):
        """{(node, zone): [index of order 0, 1, … in thousandths]} of debugfs' extfrag; empty where the guest did not collect it."""
        found = {}
        for line in self.text("sys/kernel/debug/extfrag/" + name).splitlines():
            match = re.match(r"Node (\d+), zone\s+(\S+)\s+(.*)$", line)
            if match:
                found[int(match[1]), match[2]] = [round(float(word) * 1000) for word in match[3].split()]
        return found

    def pagetypeinfo(self):
        """{(node, zone, migrate type): [free blocks of order 0, 1, …]}; a '>' before a number makes it None."""
        found = {}
        for line in self.text("proc/pagetypeinfo").splitlines():
            match = re.match(r"Node\s+(\d+), zone\s+(\S+), type\s+(\S+)\s+(.*)$", line)
            if match:
                found[int(match[1]), match[2], match[3]] = \
                    [None if word.startswith(">") else int(word) for word in match[4].split()]
        return found

    def zones(self):
        found = {}
        zone = place = None
        for line in self.text("proc/zoneinfo").splitlines():
            match = re.match(r"Node (\d+), zone\s+(\S+)", line)
            if match:
                zone = Zone(int(match[1]), match[2], {}, {}, [])
                found[zone.node, zone.name] = zone
                place = zone.fields
            elif re.match(r"\s+per-node stats", line):
                place = {}
            elif re.match(r"\s+pages free", line):
                place = zone.fields
                place["free"] = int(line.split()[2])
            elif re.match(r"\s+(min|low|high|boost|promo|spanned|present|managed|cma)\s+\d+$", line) \
                    and place is zone.fields:
                key, value = line.split()
                place[key] = int(value)
            elif re.match(r"\s+protection:", line):
                zone.fields["protection"] = [int(word) for word in re.findall(r"\d+", line)]
                place = zone.stats
            elif re.match(r"\s+pagesets", line):
                place = None
            elif re.match(r"\s+cpu: \d+", line):
                zone.pagesets.append({})
                place = zone.pagesets[-1]
            elif re.match(r"\s+(start_pfn|node_unreclaimable):", line):
                zone.fields[line.split(":")[0].strip()] = int(line.split(":")[1])
            elif place is not None and re.match(r"\s+(\w+):?\s+-?\d+$", line):
                key, value = line.replace(":", " ").split()
                place[key] = int(value)
        return found

    def node_stats(self):
        found = {}
        node = None
        for line in self.text("proc/zoneinfo").splitlines():
            match = re.match(r"Node (\d+), zone", line)
            if match:
                number = int(match[1])
                node = None
            elif re.match(r"\s+per-node stats", line):
                node = found.setdefault(number, {})
            elif re.match(r"\s+pages free", line):
                node = None
            elif node is not None and re.match(r"\s+(\w+)\s+\d+$", line):
                key, value = line.split()
                node[key] = int(value)
        return found

    def slabs(self):
        """{name: (active objects, objects, size, objects per slab, pages per slab, slabs)}"""
        found = {}
        for line in self.text("proc/slabinfo").splitlines()[2:]:
            head, _, slabdata = line.partition(" : slabdata ")
            fields = head.split()
            numbers = [int(word) for word in fields[1:6]]
            found[fields[0]] = tuple(numbers) + (int(slabdata.split()[1]),)
        return found

    def swaps(self):
        """[(path, type, kB, kB used, priority)]"""
        return [(fields[0], fields[1], int(fields[2]), int(fields[3]), int(fields[4]))
                for fields in (line.split() for line in self.text("proc/swaps").splitlines()[1:])]

    def modules(self):
        """{name: (size, address)}"""
        return {fields[0]: (int(fields[1]), int(fields[5], 16))
                for fields in (line.split() for line in self.text("proc/modules").splitlines())}

    def kernel_log(self):
        """[(sequence number, microseconds, level, text)] of /dev/kmsg's records."""
        found = []
        for line in self.text("dev/kmsg").split("\n"):
            match = re.match(r"(\d+),(\d+),(\d+),[^;]*;(.*)$", line)
            if match:
                text = re.sub(r"\\x([0-9a-f]{2})", lambda hexa: chr(int(hexa[1], 16)), match[4])
                found.append((int(match[2]), int(match[3]), int(match[1]) & 7, text))
        return found


def main():
    facts = Facts(sys.argv[1])
    if len(sys.argv) == 2:
        for name, (_, size) in sorted(facts.files.items()):
            print("%10d  %s" % (size, name))
    else:
        sys.stdout.buffer.write(facts.data(sys.argv[2]))


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    main()
