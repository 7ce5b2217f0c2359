# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that crash and mmscope are both given.

Addresses, pids and names are taken from what crash says of the dump, so that the cases fit any dump. A case is a tuple
of command lines, run in this order in one session; the answer to the last is compared.
"""

import re

STRUCTURES = """
    address_space anon_vma anon_vma_chain backing_dev_info bio bio_vec block_device buffer_head cdev cgroup cgroup_subsys_state
    completion cpumask cred css_set dentry desc_struct device dev_pagemap fdtable file file_operations files_struct
    file_system_type free_area fs_struct fxregs_state gate_struct gendisk hlist_head hlist_node hstate idr inode io_context
    irq_desc irqaction kernel_siginfo key kioctx kmem_cache kmem_cache_cpu kmem_cache_node kobject kset ksignal list_head
    list_lru llist_head lruvec maple_node maple_tree mem_cgroup mempolicy mem_section mm_struct module mount
    mmu_gather mutex net_device netns_ipv4 nsproxy page page_pool per_cpu_pages per_cpu_zonestat percpu_ref perf_event
    pglist_data pid pid_namespace pipe_inode_info plist_head poll_wqueues proc_dir_entry pt_regs radix_tree_node rb_node rb_root
    rb_root_cached rcu_head request_queue restart_block rlimit rq rw_semaphore sched_class sched_entity sem_array
    seq_file shmem_inode_info sighand_struct signal_struct sigpending sk_buff slab sock sockaddr socket spinlock
    srcu_struct super_block swap_info_struct task_group task_rss_stat task_struct taskstats tcp_sock thread_info
    thread_struct timer_list timespec64 tlbflush_unmap_batch tty_struct upid user_namespace user_struct uts_namespace
    vfsmount vm_area_struct vm_fault vm_operations_struct vm_struct vmap_area wait_queue_entry work_struct
    workqueue_struct xa_node xarray zone zonelist zoneref
""".split()
UNIONS = "fpregs_state bpf_attr nf_inet_addr handle_parts l1_cache kvm_mmu_page_role".split()
WHATIS = """
    list_head u64 gfp_t pgoff_t pte_t atomic_t atomic64_t spinlock_t ktime_t vm_fault_t pid_type zone_type migratetype
    node_stat_item int
""".split()
SYMBOLS = """
    _text _stext _etext _sdata _edata __bss_start __bss_stop _end init_task init_mm init_top_pgt linux_banner schedule
    handle_mm_fault do_anonymous_page do_wp_page do_swap_page copy_process jiffies jiffies_64 runqueues vm_node_stat
    slab_caches mem_section node_data swapper_spaces __per_cpu_offset modules kallsyms_lookup_name sys_call_table
    __start_BTF __stop_BTF page_offset_base vmalloc_base vmemmap_base phys_base entry_SYSCALL_64 init_uts_ns
    vm_committed_as totalram_pages _totalram_pages cpu_number fixed_percpu_data
""".split()


def table(text, pattern):
    return [match.groups() for match in re.finditer(pattern, text, re.M)]


def spread(items, count):
    """About count of the items, from all over the list."""
    step = max(1, len(items) // count)
    return items[::step][:count + 1]


class Facts:
    """What the cases need to know of the dump, asked of crash."""

    def __init__(self, crash):
        first = crash.run([("ps",), ("foreach user vm",), ("kmem -v",), ("kmem -S task_struct",), ("kmem -s",),
                           ("sym -l",), ("mod",), ("kmem -n",)])
        ps, vm, vmalloc, slab, caches, symbols, modules, nodes = first
        self.tasks = [(int(pid), task, state, comm) for pid, task, state, comm in table(
            ps, r"^>? +(\d+) +\d+ +\d+ +([0-9a-f]+) +(\w\w) +[\d.]+ +\d+ +\d+  (.*)$")]
        self.user, self.areas, self.total = [], {}, {}
        pid = None
        for line in vm.splitlines():
            if line.startswith("PID:"):
                pid = int(line.split()[1])
                self.areas[pid] = []
            match = re.match(r"([0-9a-f]+) +[0-9a-f]+ +\d+k +(\d+)k", line)
            if match and int(match[1], 16):
                self.user.append(pid)
                self.total[pid] = int(match[2])
            match = re.match(r"([0-9a-f]+) +([0-9a-f]+) +([0-9a-f]+) +([0-9a-f]+) ?(.*)$", line)
            if match:
                self.areas[pid].append((match[1], int(match[2], 16), int(match[3], 16), match[4], match[5]))
        self.mm = dict(zip(self.user, [mm for (mm,) in table(vm, r"^([0-9a-f]{8,16}) +[0-9a-f]+ +\d+k ")]))
        self.vmalloc = table(vmalloc, r"^([0-9a-f]+) +([0-9a-f]+) +([0-9a-f]+) - ")
        self.slabs = table(slab, r"^  ([0-9a-f]{16})  ([0-9a-f]{16}) ")
        self.objects = [obj for (obj,) in table(slab, r"^  \[([0-9a-f]{16})\]")]
        self.symbols = table(symbols, r"^([0-9a-f]{16}) \(\w\) (\S+)")
        self.modules = [name for (name,) in table(modules, r"^[0-9a-f]{16}  (\w+)")]
        self.memmap = table(nodes, r"^([0-9a-f]{16}) +[0-9a-f]+ +\d+ *$")[0][0]
        # Processes that are small enough to list all their pages.
        self.listed = [pid for pid in self.user if self.total[pid] < 1 << 20]
        pages = crash.run([("vm -p %d" % pid,) for pid in self.listed])
        self.present, self.absent, self.stored = [], [], []
        for pid, text in zip(self.listed, pages):
            for address, rest in table(text, r"^([0-9a-f]+) +(\S.*)$"):
                if re.fullmatch(r"[0-9a-f]+", rest):
                    self.present.append((pid, address, rest))
                elif "not mapped" in rest:
                    self.absent.append((pid, address))
                elif rest.startswith(("FILE", "SWAP")):
                    self.stored.append((pid, address))
        self.frames = sorted({frame for _, _, frame in self.present})


def tasks(facts):
    user = facts.user
    some = spread(user, 4) + [2]
    yield from [("sys",), ("sys -t",), ("sys -i",), ("mach",), ("mach -m",), ("set",)]
    for option in ("", "-u", "-k", "-t", "-p", "-a", "-s", "-l", "-S", "-A", "-G", "-c", "-g", "-r", "-H", "-m"):
        yield (("ps " + option).strip(),)
    for pid in some:
        task = next(task for number, task, _, _ in facts.tasks if number == pid)
        for option in ("", "-t", "-p", "-a", "-s", "-l", "-G", "-c", "-g", "-r"):
            yield (("ps %s %d" % (option, pid)).replace("  ", " "),)
        yield ("ps " + task,)
        yield ("set %d" % pid,)
        yield ("set " + task,)
        yield ("task %d" % pid,)
        yield ("task -x %d" % pid,)
        yield ("task -R pid,comm,mm,flags %d" % pid,)
        yield ("task -R se,thread_info -x %d" % pid,)
        yield ("sig %d" % pid,)
        yield ("sig -g " + task,)
        yield ("ipcs -n %d" % pid,)
    names = sorted({comm for pid, _, _, comm in facts.tasks if pid in user and re.fullmatch(r"[\w-]+", comm)})
    for name in names[:6]:
        yield ("ps " + name,)
    yield ("ps %s" % " ".join(str(pid) for pid in some),)
    yield from [("sig -l",), ("sig -s 800a000000000201",), ("runq",), ("runq -t",), ("runq -T",), ("runq -m",), ("runq -g",), ("runq -c 0",),
                ("timer",), ("timer -r",), ("timer -C 1",), ("ipcs",), ("ipcs -M",), ("ipcs -q",), ("ipcs -s",), ("waitq log_wait",)]
    for command in ("ps", "set", "task -R pid,mm", "vtop %x" % facts.areas[user[0]][0][1]):
        for selector in ("user", "kernel", "gleader", "active", "%d %d" % (user[0], user[-1]), names[0], "RU", "IN",
                         "ST", "ZO", "ID"):
            if not (command.startswith("vtop") and selector in ("kernel", "active", "RU", "IN", "ID", "ZO")):
                yield ("foreach %s %s" % (selector, command),)


def address_spaces(facts):
    for pid in facts.user + [2]:
        yield ("vm %d" % pid,)
    some = spread(facts.user, 8)
    for pid in some:
        yield ("vm -m %d" % pid,)
        yield ("vm -x %d" % pid,)
        yield ("vm -v %d" % pid,)
        yield ("vm -M %s 2" % facts.mm[pid],)
        areas = facts.areas[pid]
        for area, start, _, flags, name in spread(areas, 3):
            yield ("vm -R %x %d" % (start, pid),)
            yield ("vm -R %s %d" % (area, pid),)
            yield ("vm -f " + flags,)
            if name:
                yield ("vm -R %s %d" % (name.split("/")[-1].split()[0], pid),)
        for area, start, end, _, _ in areas:
            if end - start <= 1 << 24:
                yield ("vm -P %s %d" % (area, pid),)
    for pid in facts.listed:
        yield ("vm -p %d" % pid,)
    yield ("foreach user vm",)


def translations(facts):
    for pid, address, _ in spread(facts.present, 150):
        yield ("vtop -c %d %s" % (pid, address),)
    for pid, address in spread(facts.absent, 25) + spread(facts.stored, 25):
        yield ("vtop -c %d %s" % (pid, address),)
    pid = facts.user[0]
    yield ("set %d" % pid, "vtop %x" % facts.areas[pid][0][1])
    yield ("set %d" % pid, "vtop -u %x" % facts.areas[pid][1][1])
    kernel = [task for _, task, _, _ in spread(facts.tasks, 8)] + [facts.memmap] + list(facts.slabs[0])
    kernel += [area[2] for area in spread(facts.vmalloc, 20)]
    kernel += [address for address, name in facts.symbols if name in
               ("_text", "linux_banner", "schedule", "init_task", "jiffies", "_end", "__bss_start", "init_mm")]
    for address in kernel:
        yield ("vtop " + address,)
        yield ("vtop -k " + address,)
    yield ("vtop -c %d %x" % (pid, 0x1000),)
    yield ("vtop 0",)


def memory(facts):
    for option in ("-i", "-n", "-z", "-f", "-F", "-p", "-g", "-o"):
        yield ("kmem " + option,)
    yield ("kmem -m lru,flags",)
    for flags in ("fffffc008003e", "fffffc0010200", "7ffffc0001000", "100000000000000", "20036"):
        yield ("kmem -g " + flags,)
    page = facts.slabs[0][0]
    yield ("kmem -m _mapcount,mapping,index " + page,)
    addresses = [task for _, task, _, _ in spread(facts.tasks, 6)] + list(facts.mm.values())[:3] + list(facts.slabs[0])
    addresses += spread(facts.objects, 4) + [area[0] for area in facts.areas[facts.user[0]][:3]]
    addresses += [column for area in spread(facts.vmalloc, 4) for column in area]
    addresses += spread(facts.frames, 30) + [facts.memmap, "0", "1000", "100000", "404000"]
    for address in addresses:
        yield ("kmem " + address,)
    for address in spread(facts.frames, 10) + [page]:
        yield ("kmem -p " + address,)


def types(facts):
    for name in STRUCTURES:
        yield ("struct " + name,)
        yield ("struct -o " + name,)
    for name in UNIONS:
        yield ("union " + name,)
        yield ("union -o " + name,)
    for name in WHATIS:
        yield ("whatis " + name,)
    pid = facts.user[0]
    task = next(task for number, task, _, _ in facts.tasks if number == pid)
    area, mm, page = facts.areas[pid][0][0], facts.mm[pid], facts.slabs[0][0]
    for command in ("vm_area_struct %s", "struct vm_area_struct %s", "struct -o vm_area_struct %s",
                    "struct vm_area_struct.vm_start,vm_end,vm_flags %s", "struct -x vm_area_struct %s",
                    "struct -d vm_area_struct.vm_start,vm_end %s", "* vm_area_struct.vm_mm %s"):
        yield (command % area,)
    for command in ("mm_struct %s", "mm_struct -x %s", "struct mm_struct.pgd,mmap_base,total_vm %s",
                    "mm_struct.rss_stat %s", "struct mm_struct.mm_mt -x %s"):
        yield (command % mm,)
    for command in ("page %s", "page -x %s", "struct page %s 3", "struct page.flags %s 3", "page.flags,lru.next %s",
                    "page._refcount.counter %s"):
        yield (command % page,)
    for command in ("task_struct.pid,comm,mm %s", "task_struct.tasks %s", "task_struct.se.vruntime,thread.sp %s",
                    "task_struct.cpus_mask -x %s", "task_struct.pending,blocked %s", "task_struct.cred,files,fs %s",
                    "task_struct.thread %s", "task_struct.comm -x %s", "task_struct.thread_pid %s"):
        yield (command % task,)
    for command in ("struct list_head init_task.tasks", "struct task_struct.pid init_task", "struct rq.nr_running,curr runqueues:a",
                    "struct rq.nr_running runqueues:0", "struct mm_struct.pgd init_mm", "struct file_system_type.name",
                    "struct -o task_struct.thread", "struct task_struct.thread", "struct nosuch", "struct page.nosuch",
                    "struct page nosuch", "union list_head"):
        yield (command,)
    for what in ("jiffies", "jiffies_64", "runqueues", "runqueues:0", "init_task.pid", "init_task.comm", "init_mm.pgd",
                 "max_pfn", "-x max_pfn", "cpu_number", "cpu_number:a", "current_task:a", "__per_cpu_offset", "&init_task",
                 "vm_event_states:0", "_totalram_pages", "saved_command_line", "linux_banner", "nosuch",
                 "*(struct list_head *)0x%s" % mm, "((struct task_struct *)0x%s)->comm" % task,
                 "((struct mm_struct *)0x%s)->pgd" % mm, "-x ((struct page *)0x%s)->flags" % page):
        yield ("p " + what,)


def symbols(facts):
    by_name = dict((name, address) for address, name in facts.symbols)
    for name in SYMBOLS:
        yield ("sym " + name,)
    named = [address for address, name in facts.symbols if not name.startswith(("__crc_", "__kstrtab", ".", "__UNIQUE"))]
    for address in spread(named, 150):
        yield ("sym " + address,)
        yield ("sym %x" % (int(address, 16) + 3),)
    yield ("sym -l",)
    yield ("sym -q handle_mm",)
    yield ("sym -q _wp_page",)
    for name in ("schedule", "handle_mm_fault", "init_task", "linux_banner"):
        yield ("sym -n " + name,)
        yield ("sym -p " + name,)
        yield ("sym " + by_name[name],)
    for name in facts.modules:
        yield ("sym -m " + name,)
    yield ("sym nosuch",)
    yield ("sym 0",)
    for function in ("", "-t", "-T", "-m", "-d"):
        yield (("log " + function).strip(),)


def contents(facts):
    pid, address, frame = spread(facts.present, 20)[3]
    kernel = ["linux_banner", "init_task", "slab_caches", "sys_call_table"]
    for option, count in (("", 8), ("-8", 40), ("-16", 20), ("-32", 10), ("-64", 5), ("-d", 4), ("-D", 4), ("-d -32", 7), ("-D -16", 9),
                          ("-d -8", 9), ("-s", 32), ("-S", 32), ("-SS", 32), ("-x", 8), ("-x -8", 20), ("-x -32", 7), ("-a", 60),
                          ("-N", 3), ("-N -32", 3), ("-N -16", 3), ("-R", 3), ("-o 10", 4), ("-o 0x10", 4)):
        for where in kernel:
            yield (("rd %s %s %d" % (option, where, count)).replace("  ", " "),)
    for where, command in ((frame, "-p"), (address, "-u")):
        for option in ("", "-8", "-16", "-32", "-x", "-a", "-s", "-d"):
            yield ("set %d" % pid, ("rd %s %s %s 12" % (command, option, where)).replace("  ", " "))
    for pid, address, frame in spread(facts.present, 60):
        yield ("set %d" % pid, "rd %s 4" % address)
        yield ("rd -p %s 4" % frame,)
    for pid, address in spread(facts.absent, 3):
        yield ("set %d" % pid, "rd -u %s" % address)
    for task in spread(facts.tasks, 5):
        yield ("rd -S %s 64" % task[1],)
        yield ("rd -SS %s 64" % task[1],)
    for command in ("rd -a linux_banner", "rd init_task+8 3", "rd -f 0 8", "rd -f 1000 8", "rd -p 0 4", "rd 0", "rd nosuch",
                    "rd -p ffffffffff", "rd ffffffffffffffff", "rd -e %x %s" % (int(facts.slabs[0][1], 16) + 40, facts.slabs[0][1]),
                    "rd %s 8" % facts.vmalloc[-1][2], "rd %s 16" % facts.memmap):
        yield (command,)


def structures(facts):
    """Lists, trees, stacks, code, open files, mounts, caches."""
    by_name = dict((name, address) for address, name in facts.symbols)
    for pid in spread(facts.user, 40):
        yield ("bt %d" % pid,)
        yield ("files %d" % pid,)
    pid = facts.user[1]
    for option in ("-f", "-F", "-t", "-T", "-r", "-e", "-g", "-s", "-x -s"):
        yield ("bt %s %d" % (option, pid),)
    yield from [("foreach user files",), ("fuser /dev/console",), ("mount",), ("mount -n %d" % pid,), ("mod",), ("swap",), ("sys -t",)]
    yield from [("kmem -s",), ("kmem -v",), ("kmem -h",), ("kmem -s vm_area_struct",), ("kmem -s task_struct",), ("kmem -s -I dentry,filp",)]
    for obj in spread(facts.objects, 10):
        yield ("kmem -s " + obj,)
    yield ("list task_struct.tasks -h init_task",)
    yield ("list -r task_struct.tasks -h init_task",)
    yield ("list task_struct.tasks -s task_struct.pid,comm -h init_task",)
    yield ("list -H modules module.list -s module.name",)
    yield ("list -H slab_caches kmem_cache.list -s kmem_cache.name,size",)
    yield ("list -H vmap_area_list vmap_area.list -s vmap_area.va_start -x",)
    yield ("list -o task_struct.tasks -h %s -s task_struct.pid" % by_name["init_task"],)
    yield ("list task_struct.thread_group -h %s -s task_struct.pid" % next(task for number, task, _, _ in facts.tasks if number == pid),)
    yield ("tree -o vmap_area.rb_node vmap_area_root",)
    yield ("tree -o vmap_area.rb_node vmap_area_root -s vmap_area.va_start,va_end -x",)
    yield ("tree -o vmap_area.rb_node vmap_area_root -l",)
    for function in ("schedule", "handle_mm_fault", "do_wp_page", "copy_process", "kmem_cache_alloc"):
        yield ("dis %s 30" % function,)
        yield ("dis -x %s 30" % function,)
    for words in ("128m", "-b 0xff00", "~0", "1 << 40", "0x1000 | 3", "10 / 3", "-l deadbeef", "ffffffff * 2"):
        yield ("eval " + words,)
    for words in ("btop 512a000 1000", "ptob 512a 1", "ptov 56e000", "pte 800000000f241865", "pte 67", "ascii 62696c2f7273752f", "waitq log_wait", "struct rb_node,list_head",
                  "whatis task_struct.pid", "p /x init_task.prio", "p &init_task.pid", "p sizeof(struct page)", "p *init_task.files", "p runqueues:1", "log -a", "mach -c"):
        yield (words,)
    for task in spread(facts.tasks, 3):
        yield ("search -t %s" % task[1],)
        yield ("search -s init_task -l 8192 %s" % task[1],)


GROUPS = (("tasks", tasks), ("address spaces", address_spaces), ("translation", translations), ("memory", memory),
          ("types", types), ("symbols, log", symbols), ("reading", contents),
          ("stacks, files, structures", structures))
