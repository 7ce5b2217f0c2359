# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of what a page fault comes to: one row for each way through the kernel. tests/sim/check-faults runs it.

A row reads from top to bottom: what is done first (`setup`), the access (`act`: r, w or x, and an address), the functions that the fault
then goes through with their decisions (`way`), what it comes to, what is there afterwards (`then`), and for the decisions on the way the value
that is changed to turn them (`flips`).

Commands, addresses and values are expressions in braces or plain text over these names: A and, a megabyte above, S, addresses that a row may use, K and M, the bytes of
a page and of two megabytes; the flags of areas and of entries; `old`, in `then` and `flips`, the value before. Objects that a value is of:

    access            the access itself: what happens when it is another one
    entry, pmd        the entry of the page table for the address, of the lowest level and of the one above
    page              the page that the entry maps
    second            the page behind it, which has a huge page's counts
    cache             the page that the page cache has for the address
    last              the last area
    vma, below        the area of the address (or above it); the one below that
    ops, mm, task, anon_vma, file, inode, limits, zone
                      the area's operations, the mm, the task, the area's anon_vma, its file, that one's inode, the task's signal_struct,
                      the zone that frames come from
    swap              the swap area
    slot, other       the swap slot's byte in swap_map, and that of a slot that nobody uses
    $SYMBOL           a variable of the kernel

A line of a way that starts with "3.19|" or "5.10|" is of that kernel only. Facts come from mm/memory.c, mm/filemap.c, mm/huge_memory.c,
mm/mmap.c and arch/x86/mm/fault.c of the two releases, and the order of functions from a real 5.10 (tests/oracle --trace).
"""

import collections

Flip = collections.namedtuple("Flip", "what value function decision outcomes")
ROWS = []


def row(name, text, setup, act, way, outcomes, then=(), flips=(), only=None, sound=True, refused=None, memory=None):
    """
    `then`: (what, value). `flips`: (what, value, function, decision, outcomes): with that value the function decides so, and the fault comes to
    that; a decision of None: it does not say what it said; outcomes of None: they are not the point. `only`: of one kernel. `sound`: not for
    rows whose set-up leaves what no kernel would. `refused`: what the engine says that it does not do: the way ends there. `memory`: of the machine.
    """
    ROWS.append({"name": name, "text": text, "setup": setup, "act": act, "way": way, "outcomes": outcomes, "then": then, "flips": [Flip(*flip) for flip in flips],
                 "only": only, "sound": sound, "refused": refused, "memory": memory})


# ---- Pieces of a way ----

GOOD = "access_error: good area"
UPPER = ["__pud_alloc: a new page table", "__pmd_alloc: a new page table"]
NO_HUGE = "__handle_mm_fault: huge pages are switched off"
EMPTY = "handle_pte_fault: empty: nothing was there yet"
TABLE = "__pte_alloc: a new page table"
# 3.19 makes the lowest table before it looks at anything, 5.10 when there is something to put into it.
FIRST = [GOOD, *UPPER, NO_HUGE, "3.19|" + TABLE, EMPTY, "5.10|" + TABLE]
NEXT = [GOOD, EMPTY]
FIRST_FILE = [GOOD, *UPPER, "3.19|" + TABLE, EMPTY]
READY = "5.10|pte_alloc_one: a page table is made ready"
NEEDLESS = "5.10|pte_free: the page table was not needed"
ASKED = "__do_fault: the area's handler is asked for the page"
FINISH = "5.10|finish_fault: the page is had: to be mapped"
SET = "do_set_pte: mapped"
AROUND = "do_read_fault: with the pages around"
ALONE = "do_read_fault: this page alone"
CACHED = "filemap_fault: in the page cache"
BEYOND = "filemap_fault: beyond the end of the file"
READ = "filemap_fault: not in the page cache: read from the disk"
AGAIN = "handle_mm_fault: the file has been read: the fault is taken again"
MAPPED_AROUND = "filemap_map_pages: cached pages around are mapped with it"
NOT_AROUND = "filemap_map_pages: the page itself is not among those that can be"
PROTECTED = "handle_pte_fault: present, write-protected"
OWN = "anon_vma_prepare: a new anon_vma"
RMAP = ["page_add_new_anon_rmap: the page is this area's alone", "lru_cache_add: onto the CPU's batch"]
NEW = "do_anonymous_page: write: a new frame, cleared"
ZERO = "do_anonymous_page: read: the zero page, write-protected"
OTHERS = "do_wp_page: somebody else has it"
COPIED = "wp_page_copy: somebody else has it: copied"
NOBODY = "do_wp_page: nobody else has it"
REUSED = "wp_page_reuse: made writable"
COW = "do_cow_fault: private write: a frame for a copy"
SHARED = "do_shared_fault: shared write: the page itself"
MKWRITE = "filemap_page_mkwrite: may be written"
DIRTIED = "__set_page_dirty: the page is to be written"
RETRY = "5.10|fault_dirty_shared_page: the fault is taken again, and counts as major"

NO_ACCESS = ("vma.vm_flags", "old & ~(VM_READ | VM_WRITE | VM_EXEC)", "access_error", "the area may not be touched", ["SIGSEGV"])
NO_WRITE = ("vma.vm_flags", "old & ~VM_WRITE", "access_error", "the area is not writable", ["SIGSEGV"])
SWAPPED = ("entry", "SWAPPED", "handle_pte_fault", "not present, not empty: swapped out", None)
ALLOWED = ("entry", "old | RW", "(processor)", "the entry allows it: no fault", ["none"])
GONE = ("entry", "0", "handle_pte_fault", "empty: nothing was there yet", None)

ANON = ["mmap -c 700 -A {A} 16k rw"]
FILE = ["mkfile -z 32k /tmp/data", "mmap -c 700 -A {S} -f /tmp/data 64k r", "fault -c 700 -r {S}"]


# ---- Nothing there yet: do_anonymous_page() ----

row("anonymous, read", "Memory that nobody has written yet is read: the zero page, and no memory is taken.",
    ANON, "r A", [*FIRST, ZERO], ["zero"],
    then=[("rss", "old"), ("min_flt", "old + 1"), ("entry & (PRESENT | RW | USER | ACCESSED | DIRTY)", "PRESENT | USER | ACCESSED"),
          ("vma.anon_vma", "0")],
    flips=[NO_ACCESS, ("access", "w", "do_anonymous_page", "write: a new frame, cleared", ["new"]),
           ("$transparent_hugepage_flags", "TRANSPARENT_HUGEPAGE_FLAG", "do_huge_pmd_anonymous_page", "the aligned range leaves the area", ["zero"]),
           ("vma.vm_start", "A + K", "find_vma", "the area above does not grow down", ["SIGSEGV"])])

row("anonymous, write", "Written: a new frame, an anon_vma for the area, the page's place in it.",
    ANON, "w A + K", [*FIRST, NEW, OWN, *RMAP], ["new"],
    then=[("rss", "old + 1"), ("min_flt", "old + 1"), ("page.mapping", "vma_anon_vma | 1"), ("page.index", "(A + K) // K"), ("page.mapcount", "0"),
          ("page.refcount", "2"),
          ("entry & (PRESENT | RW | USER | ACCESSED | DIRTY | NX)", "PRESENT | RW | USER | ACCESSED | DIRTY | NX")],
    flips=[NO_WRITE, ("access", "r", "do_anonymous_page", "read: the zero page, write-protected", ["zero"]),
           ("vma.anon_vma", "16", "anon_vma_prepare", None, ["new"]),
           ("$transparent_hugepage_flags", "TRANSPARENT_HUGEPAGE_FLAG", "do_huge_pmd_anonymous_page", "the aligned range leaves the area", ["new"])])

row("anonymous, write, again", "The second page of an area: tables and anon_vma are there.",
    [*ANON, "fault -c 700 -w {A}"], "w A + K", [*NEXT, NEW, *RMAP], ["new"],
    then=[("rss", "old + 1"), ("page.mapping", "vma_anon_vma | 1")],
    flips=[("vma.anon_vma", "0", "anon_vma_prepare", "a new anon_vma", ["new"]), NO_WRITE, SWAPPED,
           ("access", "r", "do_anonymous_page", "read: the zero page, write-protected", ["zero"]),
           ("zone.watermark", "0x7fffffff", "get_page_from_freelist", "the zone is below its mark", ["new"])])

row("anonymous, write, a neighbour", "An area that could merge with its neighbour, were it not for its permissions, takes that one's anon_vma.",
    [*ANON, "fault -c 700 -w {A}", "mmap -c 700 -A {A + 4 * K} 16k rwx"], "w A + 4 * K",
    [*NEXT, NEW, "anon_vma_prepare: a neighbour could merge: its anon_vma", *RMAP], ["new"],
    then=[("vma.anon_vma", "below_anon_vma"), ("rss", "old + 1")],
    flips=[("vma.vm_flags", "old | VM_DONTCOPY", "anon_vma_prepare", "a new anon_vma", ["new"]),
           ("vma.vm_pgoff", "5", "anon_vma_prepare", "a new anon_vma", ["new"]),
           ("below.anon_vma", "0", "anon_vma_prepare", "a new anon_vma", ["new"]), NO_WRITE])

row("anonymous, write, a neighbour above", "The same with the area above: the kernel looks there first.",
    ["mmap -c 700 -A {A + 4 * K} 16k rwx", "fault -c 700 -w {A + 4 * K}", *ANON], "w A",
    [*NEXT, NEW, "anon_vma_prepare: a neighbour could merge: its anon_vma", *RMAP], ["new"],
    then=[("vma.anon_vma != 0", "1"), ("page.mapping", "vma_anon_vma | 1"), ("rss", "old + 1")],
    flips=[("vma.vm_flags", "old | VM_DONTCOPY", "anon_vma_prepare", "a new anon_vma", ["new"]),
           ("vma.vm_pgoff", "5", "anon_vma_prepare", "a new anon_vma", ["new"]), NO_WRITE])

row("anonymous, write, no memory", "Nothing is free, nothing can be reclaimed: a process is killed for its memory, here the one that asks, whose fault ends with that.",
    ["wr -32 sysctl_overcommit_memory 1", "mmap -c 700 -A {A} 256M rw", "fault -c 700 -w {A}", "fill memory {A + K}"], "w NEXT",
    [*NEXT, NEW, "out_of_memory: the process with most points is chosen"], ["new", "OOM"], memory="128M",
    flips=[("zone.watermark", "0", "page_add_new_anon_rmap", "the page is this area's alone", ["new"]), NO_WRITE,
           ("access", "r", "do_anonymous_page", "read: the zero page, write-protected", ["zero"])])

row("anonymous, written, since when", "Where it is watched which pages are written (clear_refs: soft-dirty) the area has lost its flag, and the entry says so.",
    [*ANON, "fault -c 700 -w {A}", "wr {vma:A}.vm_flags {vm_flags & ~VM_SOFTDIRTY}"], "w A + K", [*NEXT, NEW, *RMAP], ["new"],
    then=[("entry & (DIRTY | SOFT_DIRTY)", {"3.19": "DIRTY | SOFT_DIRTY", "5.10": "DIRTY | SOFT_DIRTY"})], flips=[NO_WRITE])

row("anonymous, locked", "In an area that is locked in memory the page is counted as locked at once, and never goes onto a list that reclaim looks at.",
    [*ANON, "fault -c 700 -w {A}", "wr {vma:A}.vm_flags {vm_flags | VM_LOCKED}"], "w A + K",
    [*NEXT, NEW, *RMAP], ["new"], sound=False, only="5.10",
    then=[("rss", "old + 1"), ("page.flags & PG_mlocked", "PG_mlocked")], flips=[NO_WRITE])

row("anonymous, watched by userfaultfd", "Another program gives this one its memory (VM_UFFD_MISSING): the kernel tells it, and the fault waits. That is said, and not done.",
    [*ANON, "wr {vma:A}.vm_flags {vm_flags | VM_UFFD_MISSING}"], "w A",
    [*FIRST, "handle_userfault: what is missing in the area is another program's to give"], ["userfault"], only="5.10", refused="userfaultfd", sound=False,
    flips=[("vma.vm_flags", "old & ~VM_UFFD_MISSING", "do_anonymous_page", "write: a new frame, cleared", ["new"]), NO_WRITE])

row("anonymous, shared", "No area is anonymous and shared (shared memory has a file): 5.10 says so with a signal, 3.19 does not look.",
    [*ANON, "wr {vma:A}.vm_flags {0x8100073 | VM_SHARED}"], "r A",
    [*FIRST[:4], "3.19|" + TABLE, EMPTY, "3.19|" + ZERO, "5.10|do_anonymous_page: shared, and without operations"], {"3.19": ["zero"], "5.10": ["SIGBUS"]},
    then=[("rss", "old")], flips=[("5.10|vma.vm_flags", "old & ~VM_SHARED", "do_anonymous_page", "read: the zero page, write-protected", ["zero"])], sound=False)


# ---- There, and write-protected: do_wp_page() ----

row("the zero page, written", "Read, then written: the zero page gives way to a new frame.",
    [*ANON, "fault -c 700 -r {A}"], "w A",
    [GOOD, PROTECTED, "do_wp_page: the zero page", "wp_page_copy: the zero page is everybody's: a new frame, cleared", OWN, *RMAP], ["copy"],
    then=[("rss", "old + 1"), ("entry & (RW | DIRTY)", "RW | DIRTY"), ("page.mapcount", "0")],
    flips=[NO_WRITE, ALLOWED, GONE, ("entry", "old + K", "do_wp_page", None, None)])

row("copy on write", "Both have it since the fork: who writes first gets a copy, and the other keeps the page.",
    [*ANON, "poke -c 700 {A} 1234", "fork -c 700 -p 701"], "w A",
    [GOOD, PROTECTED, OTHERS, COPIED, *RMAP], ["copy"],
    then=[("rss", "old"), ("min_flt", "old + 1"), ("entry & (RW | DIRTY)", "RW | DIRTY"), ("page.mapcount", "0"), ("page.mapping", "vma_anon_vma | 1")],
    flips=[NO_WRITE, ALLOWED, GONE,
           ("page.refcount = 1, page.mapcount", "0", "do_wp_page", "nobody else has it", ["reuse"]),
           ("page.mapping", "old | 3", "do_wp_page", "a KSM page: copied", ["copy"])])

row("KSM", "A page that ksmd shares is copied, whoever else has it.",
    [*ANON, "poke -c 700 {A} 1234", "fork -c 700 -p 701", "fault -c 701 -w {A}", "mmap -c 700 -A {A + 4 * M} 4k", "munmap -c 700 {A + 4 * M} 4k",
     "wr {page:A}.mapping {mapping | 3}"], "w A",
    [GOOD, PROTECTED, "do_wp_page: a KSM page: copied", COPIED, *RMAP], ["copy"],
    then=[("rss", "old")], flips=[("page.mapping", "old & ~2", "do_wp_page", "nobody else has it", ["reuse"])], sound=False)

row("reuse", "The other one has its copy: the last writes to the page itself, and no memory is taken. 5.10 goes by references, 3.19 by mappings.",
    [*ANON, "poke -c 700 {A} 1234", "fork -c 700 -p 701", "fault -c 701 -w {A}", "mmap -c 700 -A {A + 4 * M} 4k", "munmap -c 700 {A + 4 * M} 4k"], "w A",
    [GOOD, PROTECTED, NOBODY, REUSED], ["reuse"],
    then=[("rss", "old"), ("page", "old"), ("page.mapcount", "0"), ("page.refcount", "1"), ("entry & (RW | DIRTY)", "RW | DIRTY")],
    flips=[NO_WRITE, ALLOWED, GONE,
           ("5.10|page.refcount", "old + 1", "do_wp_page", "somebody else has it", ["copy"]),
           ("page.refcount", "old + 1, page.mapcount = 1", "do_wp_page", "somebody else has it", ["copy"]),
           ("page.mapping", "old | 3", "do_wp_page", "a KSM page: copied", ["copy"])])

row("reuse, held once more", "A reference more, as of a page that is on the CPU's batch: 5.10 copies, 3.19 asks for mappings only.",
    [*ANON, "poke -c 700 {A} 1234", "fork -c 700 -p 701", "fault -c 701 -w {A}"], "w A",
    [GOOD, PROTECTED, "3.19|" + NOBODY, "3.19|" + REUSED, "5.10|" + OTHERS, "5.10|" + COPIED] + ["5.10|" + line for line in RMAP],
    {"3.19": ["reuse"], "5.10": ["copy"]}, then=[("rss", "old")],
    flips=[("5.10|page.refcount", "1", "do_wp_page", "nobody else has it", ["reuse"]),
           ("3.19|page.mapcount", "1", "do_wp_page", "somebody else has it", ["copy"])])

row("written, and write-protected by userfaultfd", "Another program wants to hear of the first write (VM_UFFD_WP, and the entry says so): said, and not done.",
    [*ANON, "poke -c 700 {A} 1234", "fork -c 700 -p 701", "wr {vma:A}.vm_flags {vm_flags | VM_UFFD_WP}", "wr -p {entry:A} {entry | ENTRY_UFFD_WP}"], "w A",
    [GOOD, PROTECTED, "handle_userfault: the page is write-protected for another program"], ["userfault"], only="5.10", refused="userfaultfd", sound=False,
    flips=[NO_WRITE, ("vma.vm_flags", "old & ~VM_UFFD_WP", "do_wp_page", "somebody else has it", ["copy"]),
           ("entry", "old & ~ENTRY_UFFD_WP", "do_wp_page", "somebody else has it", ["copy"])])

row("copy on write, locked", "The copy is locked in memory, as the area asks; the page is not any more.",
    [*ANON, "poke -c 700 {A} 1234", "mlock -c 700 {A} 16k", "fork -c 700 -p 701"], "w A",
    [GOOD, PROTECTED, OTHERS, COPIED, *RMAP, "munlock_vma_page: not locked any more: to the list that it would be on", RMAP[1]], ["copy"],
    then=[("rss", "old"), ("page.flags & PG_mlocked", "PG_mlocked")],
    flips=[NO_WRITE, ("page.refcount = 1, page.mapcount", "0", "do_wp_page", "nobody else has it", ["reuse"])])

row("a file's page, private, written", "Read first, written then: a page of the cache is never made writable in a private mapping, it is copied.",
    [*FILE, "mmap -c 700 -A {A} -f /tmp/data 64k rw", "fault -c 700 -r {A}"], "w A",
    [GOOD, PROTECTED, "do_wp_page: a page of a file, mapped privately", COPIED, OWN, *RMAP], ["copy"],
    then=[("rss", "old"), ("page.mapping", "vma_anon_vma | 1"), ("page.index", "0"), ("entry & (RW | DIRTY)", "RW | DIRTY")],
    flips=[NO_WRITE, ALLOWED, GONE,
           ("vma.vm_flags", "old | VM_SHARED", "wp_page_shared", "a shared mapping: made writable, and dirty", ["shared-dirty"])])

row("a shared page, written", "Read first, written then: the page itself becomes writable, when the file system has been asked, and dirty.",
    [*FILE, "mmap -c 700 -A {A} -s -f /tmp/data 64k rw", "fault -c 700 -r {A}"], "w A",
    [GOOD, PROTECTED, "wp_page_shared: a shared mapping: made writable, and dirty", MKWRITE, DIRTIED, REUSED, RETRY], ["shared-dirty"],
    then=[("rss", "old"), ("page", "old"), ("entry & (RW | DIRTY)", "RW | DIRTY"), ("page.flags & PG_dirty", "PG_dirty")],
    flips=[NO_WRITE, ALLOWED, GONE,
           ("vma.vm_flags", "old & ~VM_SHARED", "do_wp_page", "a page of a file, mapped privately", ["copy"]),
           ("ops.page_mkwrite", "0", "filemap_page_mkwrite", None, ["shared-dirty"]),
           ("5.10|ops.page_mkwrite = 0, page.flags", "old | PG_dirty", "fault_dirty_shared_page", "dirty already: nothing to do", ["shared-dirty"]),
           ("ops.page_mkwrite", "old + 8", "filemap_page_mkwrite", None, ["shared-dirty"])])

row("a shared page, written, nobody asked", "A file system that need not be asked (no page_mkwrite): writable first, dirty then.",
    [*FILE, "mmap -c 700 -A {A} -s -f /tmp/data 64k rw", "fault -c 700 -r {A}", "wr {ops:A}.page_mkwrite 0"], "w A",
    [GOOD, PROTECTED, "wp_page_shared: a shared mapping: made writable, and dirty", REUSED, DIRTIED, RETRY], ["shared-dirty"],
    then=[("entry & (RW | DIRTY)", "RW | DIRTY"), ("page.flags & PG_dirty", "PG_dirty"), {"3.19": ("min_flt", "old + 1"), "5.10": ("maj_flt", "old + 1")}],
    flips=[NO_WRITE, ("5.10|page.flags", "old | PG_dirty", "fault_dirty_shared_page", "dirty already: nothing to do", ["shared-dirty"]),
           ("page.flags", "old | PG_dirty", "__set_page_dirty", None, ["shared-dirty"])], sound=False)


# ---- Of a file: do_fault() ----

row("a file, read, cached", "Cached pages around the one that is read are mapped with it, up to sixteen, as far as the area and the page table go.",
    FILE + ["mmap -c 700 -A {A} -f /tmp/data 64k r"], "r A + K",
    [*NEXT, AROUND, *[SET] * 8, MAPPED_AROUND], ["cached"],
    then=[("rss", "old + 8"), ("min_flt", "old + 1"), ("page.index", "1"), ("entry & (PRESENT | RW | DIRTY | ACCESSED)", "PRESENT | ACCESSED")],
    flips=[NO_ACCESS, SWAPPED, ("access", "w", "access_error", "the area is not writable", ["SIGSEGV"]),
           ("$fault_around_bytes", "4096", "do_read_fault", "this page alone", ["cached"]),
           ("ops.map_pages", "0", "do_read_fault", "this page alone", ["cached"]),
           ("cache.flags", "old | PG_locked", "filemap_map_pages", "a cached page is left out: locked", None),
           ("cache.flags", "old & ~PG_uptodate", "filemap_map_pages", "a cached page is left out: not up to date", None),
           ("cache.flags", "old | PG_reclaim", "filemap_map_pages", "a cached page is left out: when it is touched more is to be read", ["cached"]),
           ("inode.i_size", "4096", "filemap_fault", "beyond the end of the file", ["SIGBUS"]),
           ("vma.vm_ops", "0", "do_anonymous_page", "read: the zero page, write-protected", ["zero"])])

row("a file, read, cached, no fault-around", "fault_around_bytes says one page: that one is asked of the file.",
    ["wr fault_around_bytes 4096"] + FILE + ["mmap -c 700 -A {A} -f /tmp/data 64k r"], "r A + K",
    [*NEXT, ALONE, ASKED, CACHED, FINISH, SET], ["cached"],
    then=[("rss", "old + 1"), ("page.index", "1"), ("page.mapcount", "0")],
    flips=[NO_ACCESS, ("$fault_around_bytes", "65536", "do_read_fault", "with the pages around", ["cached"]),
           ("inode.i_size", "4096", "filemap_fault", "beyond the end of the file", ["SIGBUS"]),
           ("vma.vm_pgoff", "7", "filemap_fault", "beyond the end of the file", ["SIGBUS"])])

row("a file, read, not cached", "Nothing cached around: the file is read, with its neighbours. The mm is let go of while the disk works, and the fault taken again: then the pages are there.",
    ["mkfile -z 32k /tmp/data", "mmap -c 700 -A {A} -f /tmp/data 64k r"], "r A",
    [*FIRST_FILE, AROUND, READY, NOT_AROUND, ASKED, READ, "page_cache_ra_unbounded: read from the disk", *[RMAP[1]] * 8, NEEDLESS, AGAIN, AROUND, READY, *[SET] * 8, MAPPED_AROUND],
    ["file-read", "cached"], then=[("rss", "old + 8"), ("maj_flt", "old + 1"), ("min_flt", "old")],
    flips=[NO_ACCESS, ("inode.i_size", "0", "filemap_fault", "beyond the end of the file", ["SIGBUS"]),
           ("$fault_around_bytes", "4096", "do_read_fault", "this page alone", ["file-read", "cached"])])

row("a file, read, beyond its end", "The cached pages around are mapped all the same; then the page is asked for, and it is none of the file's.",
    FILE + ["mmap -c 700 -A {A} -f /tmp/data 64k r"], "r A + 9 * K",
    [*NEXT, AROUND, *[SET] * 8, NOT_AROUND, ASKED, BEYOND], ["SIGBUS"], then=[("rss", "old + 8"), ("entry", "0")],
    flips=[NO_ACCESS, ("inode.i_size", "65536", "filemap_fault", "not in the page cache: read from the disk", ["file-read", "cached"]),
           ("vma.vm_pgoff", "-9", "filemap_map_pages", "cached pages around are mapped with it", ["cached"])])

row("a file, private write, cached", "A frame for the copy is had first, then the page is asked for, and copied at once.",
    FILE + ["mmap -c 700 -A {A} -f /tmp/data 64k rw"], "w A + K",
    [*NEXT, COW, OWN, ASKED, CACHED, "do_cow_fault: copied at once", FINISH, *RMAP], ["copy-file"],
    then=[("rss", "old + 1"), ("min_flt", "old + 1"), ("page.mapping", "vma_anon_vma | 1"), ("page.index", "1"), ("entry & (RW | DIRTY)", "RW | DIRTY")],
    flips=[NO_WRITE, SWAPPED, ("access", "r", "do_read_fault", "with the pages around", ["cached"]),
           ("vma.vm_flags", "old | VM_SHARED", "do_shared_fault", "shared write: the page itself", ["shared"]),
           ("inode.i_size", "4096", "filemap_fault", "beyond the end of the file", ["SIGBUS"]),
           ("vma.vm_pgoff", "3 << 40", "filemap_fault", "beyond the end of the file", ["SIGBUS"])])

row("a file, private write, beyond its end", "The frame was for nothing; the area has its anon_vma now.",
    FILE + ["mmap -c 700 -A {A} -f /tmp/data 64k rw"], "w A + 9 * K", [*NEXT, COW, OWN, ASKED, BEYOND], ["SIGBUS"],
    then=[("rss", "old"), ("min_flt", "old"), ("vma.anon_vma != 0", "1")],
    flips=[NO_WRITE, ("inode.i_size", "65536", "filemap_fault", "not in the page cache: read from the disk", ["file-read", "copy-file"])])

row("a file, private write, not cached", "The file is read between the frame and the copy; taken again, the fault has the same frame.",
    ["mkfile -z 32k /tmp/data", "mmap -c 700 -A {A} -f /tmp/data 64k rw"], "w A",
    [*FIRST_FILE, COW, OWN, ASKED, READY, READ, "page_cache_ra_unbounded: read from the disk", *[RMAP[1]] * 8, NEEDLESS, AGAIN, COW, ASKED, READY, CACHED,
     "do_cow_fault: copied at once", FINISH, *RMAP], ["file-read", "copy-file"], then=[("rss", "old + 1"), ("maj_flt", "old + 1")],
    flips=[NO_WRITE, ("inode.i_size", "0", "filemap_fault", "beyond the end of the file", ["SIGBUS"])])

row("a file, shared write", "The page itself, writable at once: the file system is asked, the page becomes dirty.",
    FILE + ["mmap -c 700 -A {A} -s -f /tmp/data 64k rw"], "w A + K",
    [*NEXT, SHARED, ASKED, CACHED, "do_shared_fault: the file system is asked first", MKWRITE, DIRTIED, FINISH, SET, RETRY], ["shared"],
    then=[("rss", "old + 1"), ("page.index", "1"), ("entry & (RW | DIRTY)", "RW | DIRTY"), ("page.flags & PG_dirty", "PG_dirty")],
    flips=[NO_WRITE, SWAPPED, ("access", "r", "do_read_fault", "with the pages around", ["cached"]),
           ("vma.vm_flags", "old & ~VM_SHARED", "do_cow_fault", "private write: a frame for a copy", ["copy-file"]),
           ("ops.page_mkwrite", "0", "do_shared_fault", "mapped writable, and dirty", ["shared"]),
           ("5.10|ops.page_mkwrite = 0, cache.flags", "old | PG_dirty", "fault_dirty_shared_page", "dirty already: nothing to do", ["shared"]),
           ("inode.i_size", "4096", "filemap_fault", "beyond the end of the file", ["SIGBUS"])])

row("a file, shared write, not cached", "The file is read first, and the fault taken again: then as above.",
    ["mkfile -z 32k /tmp/data", "mmap -c 700 -A {A} -s -f /tmp/data 64k rw"], "w A",
    [*FIRST_FILE, SHARED, ASKED, READY, READ, "page_cache_ra_unbounded: read from the disk", *[RMAP[1]] * 8, NEEDLESS, AGAIN, SHARED, ASKED, READY, CACHED,
     "do_shared_fault: the file system is asked first", MKWRITE, DIRTIED, FINISH, SET, RETRY], ["file-read", "shared"],
    then=[("rss", "old + 1"), ("maj_flt", "old + 1"), ("entry & (RW | DIRTY)", "RW | DIRTY")],
    flips=[NO_WRITE, ("inode.i_size", "0", "filemap_fault", "beyond the end of the file", ["SIGBUS"])])

row("a file, shared write, beyond its end", "There is no page, and none is made: files grow by write() alone.",
    FILE + ["mmap -c 700 -A {A} -s -f /tmp/data 64k rw"], "w A + 9 * K", [*NEXT, SHARED, ASKED, BEYOND], ["SIGBUS"],
    then=[("rss", "old"), ("entry", "0")], flips=[NO_WRITE, ("inode.i_size", "65536", "filemap_fault", "not in the page cache: read from the disk", ["file-read", "shared"])])

row("a file, the last page", "The file ends within it: it is the file's, and with it those around as far as the file goes; beyond there is nothing to map.",
    ["mkfile -z 20k /tmp/data", "mmap -c 700 -A {S} -f /tmp/data 64k r", "fault -c 700 -r {S}", "mmap -c 700 -A {A} -f /tmp/data 64k r", "wr {inode:A}.i_size 17000"], "r A + 4 * K",
    [*NEXT, AROUND, *[SET] * 5, MAPPED_AROUND], ["cached"], then=[("rss", "old + 5"), ("page.index", "4")], sound=False,
    flips=[("inode.i_size", "16384", "filemap_fault", "beyond the end of the file", ["SIGBUS"]), NO_ACCESS])

row("a frame of a device, shared, written", "An entry of a bare frame (a device's memory, DAX), of which no page is known: made writable. Whoever must be asked first is a driver, and that is said.",
    [*FILE, "mmap -c 700 -A {A} -s -f /tmp/data 64k rw", "fault -c 700 -r {A}", "wr -p {entry:A} {entry | SPECIAL}"], "w A",
    [GOOD, PROTECTED, "wp_pfn_shared: a shared mapping: made writable, and dirty", REUSED], ["shared-dirty"], then=[("rss", "old"), ("entry & (RW | DIRTY)", "RW | DIRTY"), ("page.flags & PG_dirty", "0")],
    flips=[NO_WRITE, ALLOWED, GONE, ("entry", "old & ~SPECIAL", "wp_page_shared", "a shared mapping: made writable, and dirty", ["shared-dirty"]),
           ("5.10|ops.pfn_mkwrite", "16", "wp_page_reuse", None, ["shared-dirty"]),
           ("vma.vm_flags", "old & ~VM_SHARED", "do_wp_page", "a frame without a page of its own: copied", ["copy"])], sound=False)

row("a frame of a device, private, written", "Copied, as any page; what the frame holds is a device's to say, so that is not done.",
    [*FILE, "mmap -c 700 -A {A} -f /tmp/data 64k rw", "fault -c 700 -r {A}", "wr -p {entry:A} {entry | SPECIAL}"], "w A",
    [GOOD, PROTECTED, "do_wp_page: a frame without a page of its own: copied"], ["copy"], refused="a raw frame", sound=False,
    flips=[NO_WRITE, ("entry", "old & ~SPECIAL", "do_wp_page", "a page of a file, mapped privately", ["copy"]),
           ("vma.vm_flags", "old | VM_SHARED", "wp_pfn_shared", "a shared mapping: made writable, and dirty", ["shared-dirty"])])

row("an area without a handler", "Operations, but none for faults: 5.10 ends it with a signal.",
    FILE + ["mmap -c 700 -A {A} -f /tmp/data 64k r", "wr {ops:A}.fault 0"], "r A", [*NEXT, "do_fault: the area has no handler"], ["SIGBUS"],
    then=[("rss", "old")], flips=[("ops.fault", "saved", "do_read_fault", "with the pages around", ["cached"]), NO_ACCESS], only="5.10", sound=False)


# ---- Shared memory: shmem_fault() ----

SHMEM = ["mmap -c 700 -A {A} -s 64k rw", "fault -c 700 -w {A + 8 * K}"]
SHMEM_NEW = ["shmem_fault: no page there yet: a new one in its page cache", "shmem_getpage_gfp: a new page, cleared, in the file's cache", RMAP[1]]

row("shared memory, write", "Memory that is shared has a file of its own, whose pages are made when they are touched.",
    SHMEM, "w A", [*NEXT, SHARED, ASKED, *SHMEM_NEW, "do_shared_fault: mapped writable, and dirty", FINISH, SET, RETRY], ["shmem-new"],
    then=[("rss", "old + 1"), ("page.mapcount", "0"), ("entry & (RW | DIRTY)", "RW | DIRTY"), ("vma.anon_vma", "0")],
    flips=[NO_WRITE, SWAPPED, ("access", "r", "do_read_fault", "with the pages around", ["shmem-new"]),
           ("inode.i_size", "0", "shmem_fault", "beyond the end of the file", ["SIGBUS"]),
           ("ops.page_mkwrite", "16", "do_shared_fault", "the file system is asked first", None),
           ("vma.vm_flags", "old & ~VM_SHARED", "do_cow_fault", "private write: a frame for a copy", ["shmem-new", "copy-file"])])

row("shared memory, read", "A read makes the page, too: there is no zero page for what is shared. Nobody wants to hear of the first write: it is writable at once.",
    SHMEM, "r A + K", [*NEXT, AROUND, NOT_AROUND, ASKED, *SHMEM_NEW, FINISH, SET], ["shmem-new"],
    then=[("rss", "old + 1"), ("page.index", "1"), ("entry & (PRESENT | RW | DIRTY)", "PRESENT | RW")],
    flips=[NO_ACCESS, ("access", "w", "do_shared_fault", "shared write: the page itself", ["shmem-new"]),
           ("$fault_around_bytes", "4096", "do_read_fault", "this page alone", ["shmem-new"]),
           ("vma.vm_pgoff", "7", "filemap_map_pages", "cached pages around are mapped with it", ["cached"])])


# ---- Swapped out: do_swap_page() ----

SWAP_IN = ["add_to_swap_cache: into the swap cache", RMAP[1]]
SWAP = [*ANON, "swapon", "fault -c 700 -w {A + K}", "swap out {A}"]

row("swapped out, read", "From the device, with a place in the swap cache: a major fault. The slot stays the page's.",
    SWAP, "r A",
    [GOOD, "handle_pte_fault: not present, not empty: swapped out", "do_swap_page: to be read from swap", *SWAP_IN, "do_swap_page: mapped again"], ["swap-read"],
    then=[("rss", "old + 1"), ("maj_flt", "old + 1"), ("page.mapcount", "0"), ("entry & (PRESENT | RW | DIRTY)", "PRESENT"), ("page.mapping", "vma_anon_vma | 1")],
    flips=[NO_ACCESS, GONE, ("entry", "MIGRATION", "migration_entry_wait", "the page is being moved", ["wait"]),
           ("entry", "NO_AREA", "do_swap_page", "the entry names no swap area", ["SIGBUS"])])

row("swapped out, write", "Nobody else has the slot: the page leaves the swap cache and is written to at once.",
    SWAP, "w A",
    [GOOD, "handle_pte_fault: not present, not empty: swapped out", "do_swap_page: to be read from swap", *SWAP_IN, "reuse_swap_page: nobody else has it",
     "delete_from_swap_cache: out of the swap cache", "do_swap_page: mapped again"], ["swap-read"],
    then=[("rss", "old + 1"), ("maj_flt", "old + 1"), ("entry & (RW | DIRTY)", "RW | DIRTY")],
    flips=[NO_WRITE, GONE, ("slot", "2", "reuse_swap_page", "others have it too", ["swap-read", "copy"]),
           ("access", "r", "reuse_swap_page", None, ["swap-read"])])

row("swapped out, read, swap short of slots", "More than half of the swap is used: what comes back gives its slot up at once, and is dirty.",
    [*SWAP, "wr -64 nr_swap_pages 1"], "r A",
    [GOOD, "handle_pte_fault: not present, not empty: swapped out", "do_swap_page: to be read from swap", *SWAP_IN, "do_swap_page: mapped again",
     "delete_from_swap_cache: out of the swap cache"], ["swap-read"], sound=False,
    then=[("rss", "old + 1"), ("page.flags & PG_dirty", "PG_dirty"), ("slot", "0")],
    flips=[NO_ACCESS, ("$nr_swap_pages", "1 << 17", "delete_from_swap_cache", None, ["swap-read"])])

row("swapped out, read, locked", "In an area that is locked in memory the page will not go again: it gives its slot up.",
    [*SWAP, "wr {vma:A}.vm_flags {vm_flags | VM_LOCKED}"], "r A",
    [GOOD, "handle_pte_fault: not present, not empty: swapped out", "do_swap_page: to be read from swap", *SWAP_IN, "do_swap_page: mapped again",
     "delete_from_swap_cache: out of the swap cache"], ["swap-read"], sound=False,
    then=[("rss", "old + 1"), ("page.flags & PG_mlocked", "0"), ("slot", "0")],
    flips=[NO_ACCESS, ("vma.vm_flags", "old & ~VM_LOCKED", "delete_from_swap_cache", None, ["swap-read"])])

row("swapped out, read, a device that is done at once", "Memory as a disk (zram, brd): what nobody else needs comes past the swap cache, and its slot is free (5.10).",
    [*SWAP, "wr {swap:A}.flags {flags | 1 << 12}"], "r A",
    [GOOD, "handle_pte_fault: not present, not empty: swapped out", "do_swap_page: to be read from swap",
     "do_swap_page: the device is done at once, and nobody else needs the slot: past the swap cache", RMAP[1], "do_swap_page: mapped again"], ["swap-read"], only="5.10",
    then=[("rss", "old + 1"), ("maj_flt", "old + 1"), ("page.mapcount", "0"), ("slot", "0"), ("entry & (PRESENT | RW)", "PRESENT")],
    flips=[NO_ACCESS, GONE, ("swap.flags", "old & ~(1 << 12)", "add_to_swap_cache", "into the swap cache", ["swap-read"]),
           ("slot", "2", "add_to_swap_cache", "into the swap cache", ["swap-read"])])

row("a page on the move", "It is being copied to another frame (compaction, NUMA): the fault waits for that.",
    [*ANON, "fault -c 700 -w {A}", "wr -p {entry:A} {MIGRATION}"], "r A",
    [GOOD, "handle_pte_fault: not present, not empty: swapped out", "migration_entry_wait: the page is being moved"], ["wait"], refused="waits until", sound=False,
    flips=[NO_ACCESS, GONE, ("entry", "NO_AREA", "do_swap_page", "the entry names no swap area", ["SIGBUS"])])

SHMEM_SWAP = [*SHMEM, "swapon", "fault -c 700 -w {A}", "fault -c 700 -w {A + K}", "mmap -c 700 -A {S} 4k", "munmap -c 700 {S} 4k", "madvise -c 700 {A} 8k pageout"]

row("shared memory, swapped out, read", "In the file the slot stands in the page's place: the page comes back into the file, and the slot is free. (Of the next page the other one's slot was read ahead.)",
    [*SHMEM_SWAP, "madvise -c 700 {A + K} 4k willneed"], "r A",
    [*NEXT, AROUND, NOT_AROUND, ASKED, "shmem_fault: swapped out", "shmem_swapin_page: to be read from swap", SWAP_IN[0], "workingset_refault: back soon enough: active", SWAP_IN[1],
     "delete_from_swap_cache: out of the swap cache", FINISH, SET],
    ["swap-read"], only="5.10", then=[("rss", "old + 1"), ("maj_flt", "old + 1"), ("page.index", "0"), ("page.flags & PG_dirty", "PG_dirty")],
    flips=[NO_ACCESS, ("inode.i_size", "0", "shmem_fault", "beyond the end of the file", ["SIGBUS"]),
           ("vma.vm_pgoff", "1", "shmem_swapin_page", "found in the swap cache", ["swap-cache"]),
           ("access", "w", "do_shared_fault", "shared write: the page itself", ["swap-read"])])

row("shared memory, in the swap cache, write", "Wanted soon (madvise), it was read ahead: a minor fault.",
    [*SHMEM_SWAP, "madvise -c 700 {A + K} 4k willneed"], "w A + K",
    [*NEXT, SHARED, ASKED, "shmem_fault: swapped out", "shmem_swapin_page: found in the swap cache", "delete_from_swap_cache: out of the swap cache",
     "do_shared_fault: mapped writable, and dirty", FINISH, SET, "fault_dirty_shared_page: dirty already: nothing to do"],
    ["swap-cache"], only="5.10", then=[("rss", "old + 1"), ("min_flt", "old + 1"), ("page.index", "1"), ("entry & (RW | DIRTY)", "RW | DIRTY")],
    flips=[NO_WRITE, ("access", "r", "do_read_fault", "with the pages around", ["swap-cache"]),
           ("vma.vm_pgoff", "-1", "shmem_swapin_page", "to be read from swap", ["swap-read"]),
           ("ops.page_mkwrite", "16", "do_shared_fault", "the file system is asked first", None)])

row("in the swap cache, read", "The child has brought it back already: a minor fault, the same frame.",
    [*SWAP, "fork -c 700 -p 701", "fault -c 701 -r {A}"], "r A",
    [GOOD, "handle_pte_fault: not present, not empty: swapped out", "do_swap_page: found in the swap cache", "do_swap_page: mapped again"], ["swap-cache"],
    then=[("rss", "old + 1"), ("min_flt", "old + 1"), ("page.mapcount", "1")],
    flips=[NO_ACCESS, GONE, ("other = 1, entry", "OTHER_SLOT", "do_swap_page", "to be read from swap", None)])

row("in the swap cache, write", "Two have it: it comes back write-protected, and is copied in the same fault.",
    [*SWAP, "fork -c 700 -p 701", "fault -c 701 -r {A}"], "w A",
    [GOOD, "handle_pte_fault: not present, not empty: swapped out", "do_swap_page: found in the swap cache", "reuse_swap_page: others have it too",
     "do_swap_page: mapped again", OTHERS, COPIED, *RMAP], ["swap-cache", "copy"],
    then=[("rss", "old + 1"), ("min_flt", "old + 1"), ("page.mapcount", "0"), ("entry & (RW | DIRTY)", "RW | DIRTY")],
    flips=[NO_WRITE, GONE, ("access", "r", "reuse_swap_page", None, ["swap-cache"])])


# ---- There already, or made to fault ----

row("the entry allows it", "The processor asks the page table first: no fault.",
    [*ANON, "fault -c 700 -w {A}"], "w A", ["(processor): the entry allows it: no fault"], ["none"],
    then=[("rss", "old"), ("min_flt", "old"), ("entry", "old")],
    flips=[("entry", "old & ~RW", "handle_pte_fault", "present, write-protected", None), GONE,
           ("entry", "old & ~PRESENT", "handle_pte_fault", "not present, not empty: swapped out", None)])

row("a NUMA hint", "The area may be touched, the entry not: it was made so, to see who uses the page. A page on this CPU's node stays; whether another would move is not followed. (The address in such an entry stands inverted.)",
    [*ANON, "fault -c 700 -w {A}", "wr -p {entry:A} {((entry & ~PRESENT) | PROTNONE) ^ FRAME}"], "r A",
    [GOOD, "do_numa_page: the entry was made to fault, to see who uses the page", "numa_migrate_prep: the page is on this CPU's node: mapped again"], ["numa-hint"], only="5.10",
    then=[("rss", "old"), ("min_flt", "old + 1"), ("entry & (PRESENT | RW)", "PRESENT | RW")], flips=[GONE, NO_ACCESS, ("entry", "(old ^ FRAME) & ~PROTNONE | PRESENT", "(processor)", "the entry allows it: no fault", ["none"])])


# ---- Stacks: expand_downwards() ----

STACK = ["mmap -c 700 -A {S} -g 16k rw", "fault -c 700 -w {S + 2 * K}"]
GROWS = "expand_downwards: the area above grows down, if it may"
ENOUGH = ["3.19|__vm_enough_memory: memory that could be had is more", "5.10|__vm_enough_memory: no more than all memory and swap"]
GUARD = ["3.19|check_stack_guard_page: the area grows by a page, to be left free", "3.19|" + GROWS, ENOUGH[0]]

row("a stack grows", "Below the area, which grows down: it begins at the page that was touched; on 3.19 a page lower, which is never to be touched.",
    STACK, "w S - K", [GROWS, *ENOUGH, *NEXT, *GUARD, NEW, *RMAP], ["new"],
    then=[("rss", "old + 1"), ("vma.vm_start", {"3.19": "S - 2 * K", "5.10": "S - K"}), ("page.index", "(S - K) // K")],
    flips=[("vma.vm_flags", "old & ~VM_GROWSDOWN", "find_vma", "the area above does not grow down", ["SIGSEGV"]),
           ("limits.stack", "4 * K", "expand_downwards", "the area above grows down, if it may", {"3.19": ["SIGSEGV"], "5.10": ["SIGSEGV"]}),
           ("mm.total_vm = 1000, limits.as", "1000 * K", "access_error", None, ["SIGSEGV"]),
           ("vma.vm_pgoff", "0", "access_error", None, ["SIGSEGV"]),
           ("$sysctl_overcommit_memory = 2, $sysctl_overcommit_ratio", "0", "access_error", None, ["SIGSEGV"])])

row("a stack, too near", "An area is nearer below than the gap that is kept, a megabyte on 5.10. 3.19 has no gap, but its page.",
    [*STACK, "mmap -c 700 -A {A} 16k rw"], "w A + 5 * K", [GROWS, ENOUGH[0], *["3.19|" + line for line in NEXT], *GUARD, "3.19|" + NEW, *["3.19|" + line for line in RMAP]],
    {"3.19": ["new"], "5.10": ["SIGSEGV"]}, then=[("vma.vm_start", {"3.19": "A + 4 * K", "5.10": "old"})],
    flips=[("3.19|below.vm_end", "A + 5 * K", "check_stack_guard_page", "the area below is too near", ["SIGSEGV"]),
           ("5.10|$stack_guard_gap", "K", "access_error", "good area", ["new"]),
           ("5.10|below.vm_flags", "old | VM_GROWSDOWN", "access_error", "good area", ["new"]),
           ("5.10|below.vm_flags", "old & ~(VM_READ | VM_WRITE | VM_EXEC)", "access_error", "good area", ["new"]),
           ("vma.vm_flags", "old & ~VM_GROWSDOWN", "find_vma", "the area above does not grow down", ["SIGSEGV"])])

row("the page below a stack", "3.19: the lowest page of the stack is touched, and an area abuts: no guard page can be kept.",
    [*STACK, "mmap -c 700 -A {S - K} 4k rw"], "w S",
    [*NEXT, "3.19|check_stack_guard_page: the area below is too near", "5.10|" + NEW, *["5.10|" + line for line in RMAP]], {"3.19": ["SIGSEGV"], "5.10": ["new"]},
    then=[("vma.vm_start", "old")],
    flips=[("3.19|below.vm_flags", "old | VM_GROWSDOWN", "check_stack_guard_page", "the stack goes on below", ["new"]),
           ("3.19|below.vm_start = S - 3 * K, below.vm_end", "S - 2 * K", "check_stack_guard_page", "the area grows by a page, to be left free", ["new"]), NO_WRITE])


# ---- No such memory ----

row("a hole", "No area there, and the one above does not grow down.",
    ANON, "w A - K", ["find_vma: the area above does not grow down"], ["SIGSEGV"], then=[("min_flt", "old"), ("rss", "old")],
    flips=[("vma.vm_flags", "old | VM_GROWSDOWN", "access_error", "good area", ["new"]),
           ("vma.vm_start", "A - K", "access_error", "good area", ["new"])])

row("above everything", "No area at the address, nor above it.",
    [*ANON, "munmap -c 700 7fffff000000 16773120"], "w S", ["find_vma: no area at or above the address"], ["SIGSEGV"], then=[("min_flt", "old")],
    flips=[("last.vm_end", "S + K", "access_error", "good area", ["new"])])

row("not writable", "A write to an area that may only be read.",
    ["mmap -c 700 -A {A} 16k r"], "w A", ["access_error: the area is not writable"], ["SIGSEGV"], then=[("min_flt", "old"), ("rss", "old")],
    flips=[("vma.vm_flags", "old | VM_WRITE", "access_error", "good area", ["new"]), ("access", "r", "access_error", "good area", ["zero"])])

row("not to be touched", "PROT_NONE.",
    ["mmap -c 700 -A {A} 16k -"], "r A", ["access_error: the area may not be touched"], ["SIGSEGV"], then=[("min_flt", "old")],
    flips=[("vma.vm_page_prot = NX | 0x25, vma.vm_flags", "old | VM_READ", "access_error", "good area", ["zero"])])

row("not to be executed", "A fetch brings the page in as a read does; only then it is forbidden.",
    ANON, "x A", [*FIRST, ZERO, "access_error: the page may not be executed"], ["zero", "SIGSEGV"], then=[("min_flt", "old + 1")],
    flips=[("vma.vm_page_prot", "old & ~NX", "access_error", None, ["zero"])])


# ---- Huge pages ----

HUGE = ["mmap -c 700 -A {A} 6M rw", "wr transparent_hugepage_flags 0x{TRANSPARENT_HUGEPAGE_FLAG}"]
ALLOWED_HUGE = "__handle_mm_fault: no table there: a huge page is allowed"
HUGE_RMAP = ["page_add_new_anon_rmap: the huge page is this area's alone", RMAP[1]]
KHUGEPAGED = "__khugepaged_enter: khugepaged will look at the process"
NEW_HUGE = "do_huge_pmd_anonymous_page: write: a huge page"

row("huge, write", "No page table there yet, and an aligned range of two megabytes in the area: one huge page, and one entry above the lowest level.",
    HUGE, "w A + K", [GOOD, *UPPER, ALLOWED_HUGE, OWN, KHUGEPAGED, NEW_HUGE, *HUGE_RMAP], ["huge-new"],
    then=[("rss", "old + 512"), ("pmd & (PRESENT | RW | PSE | DIRTY)", "PRESENT | RW | PSE | DIRTY")],
    flips=[NO_WRITE, ("$transparent_hugepage_flags", "0", "__handle_mm_fault", "huge pages are switched off", ["new"]),
           ("$transparent_hugepage_flags", "TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG", "__handle_mm_fault", "huge pages are switched off", ["new"]),
           ("vma.vm_flags", "old | VM_NOHUGEPAGE", "__handle_mm_fault", "the area does not want huge pages", ["new"]),
           ("mm.flags", "old | 1 << 24", "__handle_mm_fault", "the process does not want huge pages", ["new"]),
           ("vma.vm_end", "A + M - K", "do_huge_pmd_anonymous_page", "the aligned range leaves the area", ["new"]),
           ("access", "r", "do_huge_pmd_anonymous_page", "read, and no huge zero page: a huge page", ["huge-new"])])

row("huge, where it was asked for", "The switch says \"madvise\": only areas that asked get huge pages.",
    [*HUGE, "wr transparent_hugepage_flags 0x{TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG}", "madvise -c 700 {A} 6M hugepage"], "w A", [GOOD, *UPPER, ALLOWED_HUGE, OWN, KHUGEPAGED, NEW_HUGE, *HUGE_RMAP], ["huge-new"],
    then=[("rss", "old + 512")],
    flips=[("vma.vm_flags", "old & ~VM_HUGEPAGE", "__handle_mm_fault", "huge pages are switched off", ["new"]), NO_WRITE])

row("huge, read", "The huge zero page, if it may be used.",
    [*HUGE, "wr transparent_hugepage_flags 0x{TRANSPARENT_HUGEPAGE_USE_ZERO_PAGE_FLAG | TRANSPARENT_HUGEPAGE_FLAG}"], "r A + K", [GOOD, *UPPER, ALLOWED_HUGE, OWN, KHUGEPAGED, "do_huge_pmd_anonymous_page: read: a huge zero page is made first"], ["huge-zero"],
    then=[("rss", "old"), ("pmd & (PRESENT | RW | PSE)", "PRESENT | PSE")],
    flips=[NO_ACCESS, ("$transparent_hugepage_flags", "TRANSPARENT_HUGEPAGE_FLAG", "do_huge_pmd_anonymous_page", "read, and no huge zero page: a huge page", ["huge-new"]),
           ("access", "w", "do_huge_pmd_anonymous_page", "write: a huge page", ["huge-new"])])

row("huge, no block free", "No two megabytes side by side are free: small pages then (thp_fault_fallback). Where memory is to be compacted for them first, that is said.",
    ["wr -32 sysctl_overcommit_memory 1", "mmap -c 700 -A {A} 6M rw", "fault -c 700 -w {A}", "mmap -c 700 -A {A + (1 << 40)} 256M rw", "fill memory {A + (1 << 40)}",
     "munmap -c 700 {A + (1 << 40)} 1M", "wr transparent_hugepage_flags 0x{TRANSPARENT_HUGEPAGE_FLAG}"], "w A + M",
    [GOOD, ALLOWED_HUGE, KHUGEPAGED, "do_huge_pmd_anonymous_page: no huge page is free: falls back to small ones", *["3.19|" + TABLE], EMPTY, "5.10|" + TABLE, NEW, *RMAP], ["new"],
    memory="128M", then=[("rss", "old + 1"), ("pmd & PSE", "0")],
    flips=[NO_WRITE, ("5.10|$transparent_hugepage_flags", "TRANSPARENT_HUGEPAGE_FLAG | TRANSPARENT_HUGEPAGE_DEFRAG_DIRECT_FLAG", "do_huge_pmd_anonymous_page",
                      "no huge page is free: memory would be compacted for one", []),
           ("3.19|$transparent_hugepage_flags", "TRANSPARENT_HUGEPAGE_FLAG | TRANSPARENT_HUGEPAGE_DEFRAG_FLAG", "do_huge_pmd_anonymous_page",
            "no huge page is free: memory would be compacted for one", [])])

row("huge, on the move", "An entry of a huge page that is being moved: the fault waits.",
    [*HUGE, "fault -c 700 -w {A}", "wr -p {pmd:A} {MIGRATION}"], "r A",
    [GOOD, "__handle_mm_fault: a huge page that is not there"], ["wait"], refused="waits for the huge page", sound=False, only="5.10",
    flips=[NO_ACCESS, ("pmd", "0", "__handle_mm_fault", "no table there: a huge page is allowed", ["huge-new"])])

row("huge, watched by userfaultfd", "As small pages: another program is told.",
    [*HUGE, "wr {vma:A}.vm_flags {vm_flags | VM_UFFD_MISSING}"], "w A",
    [GOOD, *UPPER, ALLOWED_HUGE, "handle_userfault: what is missing in the area is another program's to give"], ["userfault"], refused="userfaultfd", sound=False, only="5.10",
    flips=[NO_WRITE, ("vma.vm_flags", "old & ~VM_UFFD_MISSING", "do_huge_pmd_anonymous_page", "write: a huge page", ["huge-new"])])

row("huge zero page, written", "5.10 gives the whole range small pages, of which one becomes a new frame; 3.19 a new huge page.",
    [*HUGE, "wr transparent_hugepage_flags 0x{TRANSPARENT_HUGEPAGE_USE_ZERO_PAGE_FLAG | TRANSPARENT_HUGEPAGE_FLAG}", "fault -c 700 -r {A}"], "w A + K",
    [GOOD, "3.19|do_huge_pmd_wp_page: the huge zero page: a new huge page", *["3.19|" + line for line in HUGE_RMAP],
     "5.10|do_huge_pmd_wp_page: the huge zero page: split, and one page copied", "5.10|__split_huge_pmd: the huge zero page: each part gets an entry of the zero page",
     "5.10|" + PROTECTED, "5.10|do_wp_page: the zero page", "5.10|wp_page_copy: the zero page is everybody's: a new frame, cleared", *["5.10|" + line for line in RMAP]],
    {"3.19": ["huge-new"], "5.10": ["huge-split", "copy"]}, then=[("rss", {"3.19": "old + 512", "5.10": "old + 1"}), ("min_flt", "old + 1")],
    flips=[NO_WRITE, ("pmd", "old | RW", "(processor)", "the entry allows it: no fault", ["none"]),
           ("pmd", "0", "__handle_mm_fault", "no table there: a huge page is allowed", ["huge-new"])])

row("huge, copy on write", "Both have it since the fork: the mapping is split, and one page copied.",
    [*HUGE, "fault -c 700 -w {A}", "fork -c 700 -p 701"], "w A + K",
    [GOOD, "do_huge_pmd_wp_page: somebody else has it: split, and one page copied", "__split_huge_pmd: each part gets an entry", PROTECTED, OTHERS, COPIED, *RMAP], ["huge-split", "copy"], only="5.10",
    then=[("rss", "old"), ("pmd & PSE", "0"), ("entry & (RW | DIRTY)", "RW | DIRTY")],
    flips=[NO_WRITE, ("vma.vm_flags", "old | VM_SHARED", "wp_huge_pmd", "shared: the mapping is split", None)])

row("huge, copied whole", "3.19 copies all of the huge page, where another one is free.",
    [*HUGE, "fault -c 700 -w {A}", "fork -c 700 -p 701"], "w A",
    [GOOD, "do_huge_pmd_wp_page: somebody else has it: copied", *HUGE_RMAP], ["huge-new"], only="3.19",
    then=[("rss", "old"), ("pmd & (RW | PSE | DIRTY)", "RW | PSE | DIRTY"), ("page.mapping", "vma_anon_vma | 1")],
    flips=[NO_WRITE, ("page.mapcount", "0", "do_huge_pmd_wp_page", "nobody else has it: made writable", ["huge-reuse"])])

row("huge, reuse", "The other one is gone: the huge page is made writable.",
    [*HUGE, "fault -c 700 -w {A}", "fork -c 700 -p 701", "exit-task 701"], "w A",
    [GOOD, "do_huge_pmd_wp_page: nobody else has it: made writable"], ["huge-reuse"], then=[("rss", "old"), ("pmd & (RW | PSE | DIRTY)", "RW | PSE | DIRTY")],
    flips=[NO_WRITE, ("5.10|second.compound_mapcount", "1", "do_huge_pmd_wp_page", "somebody else has it: split, and one page copied", None),
           ("3.19|page.refcount = 2, page.mapcount", "1", "do_huge_pmd_wp_page", "somebody else has it: copied", ["huge-new"]),
           ("pmd", "old | RW", "(processor)", "the entry allows it: no fault", ["none"])])
