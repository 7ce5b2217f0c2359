/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The address space of a new program, and the task that goes over to it, on kernels with reverse mapping (fs/exec.c: bprm_mm_init(), begin_new_exec(),
 * setup_new_exec(), setup_arg_pages(); arch/x86/mm/mmap.c; arch/x86/kernel/process_64.c). Nothing is drawn by lot: as with ADDR_NO_RANDOMIZE.
 */
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/exec_edit.h"
#include "mm/engine/fork_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/modern.h"
#include "mm/task.h"

/* include/linux/sched.h, fs/exec.c, arch/x86/include/asm/segment.h, processor-flags.h */
#define PF_FORKNOEXEC	    0x40ull
#define PF_KTHREAD	    0x200000ull
#define PF_RANDOMIZE	    0x400000ull
#define PF_NO_SETAFFINITY   0x4000000ull
#define STACK_EXPAND	    131072ull
#define USER_CS		    0x33
#define USER_DS		    0x2b
#define X86_EFLAGS_IF	    0x200
#define SIG_IGN_HANDLER	    1
#define INCOMPLETE_SETUP    (VM_RAND_READ | VM_SEQ_READ) /* VM_STACK_INCOMPLETE_SETUP */

/* ---- A new address space: bprm_mm_init() ---- */

/* VM_STACK_FLAGS of x86_64 */
static uint64_t stack_flags(struct engine *e)
{
	return VM_READ | VM_WRITE | (reads_imply_exec(e) ? VM_EXEC : 0) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_GROWSDOWN | VM_ACCOUNT;
}

struct error *bprm_mm_init(struct engine *e, struct binprm *b)
{
	struct kernel *k = e->k;
	uint64_t mm, addr, flags;
	b->rlim_stack = rlimit_of(e, b->task, RESOURCE_STACK);
	TRY(mm_alloc(e, &mm));
	TRY(open_mm_areas(e, mm, &b->mm));
	b->has_mm = true;
	SET(k, &b->mm, mm_struct, owner, b->task);
	SET(k, &b->mm, mm_struct, task_size, TASK_SIZE_OF_64);
	flags = stack_flags(e) | INCOMPLETE_SETUP | soft_dirty_flag(e, &b->mm);
	TRY(kmem_cache_alloc(e, e->vm_area_cachep, GFP24_KERNEL, &addr));
	TRY(open_vma(e, addr, &b->vma));
	memset((void *)b->vma.bytes, 0, b->vma.size);
	SET(k, &b->vma, vm_area_struct, vm_mm, mm);
	SET(k, &b->vma, vm_area_struct, vm_start, TASK_SIZE_OF_64 - VMCORE_PAGE_SIZE);
	SET(k, &b->vma, vm_area_struct, vm_end, TASK_SIZE_OF_64);
	SET(k, &b->vma, vm_area_struct, vm_flags, flags);
	SET(k, &b->vma, vm_area_struct, vm_page_prot, vm_get_page_prot(e, flags));
	TRY(list_init(k, MEMBER_ADDR(k, &b->vma, vm_area_struct, anon_vma_chain)));
	struct error *failure = insert_vm_struct(e, mm, addr);
	if (failure)
		return failure->code == ERR_KERNEL ? error_worse(failure, vm_area_free(e, addr)) : failure;
	SET(k, &b->mm, mm_struct, stack_vm, 1);
	SET(k, &b->mm, mm_struct, total_vm, 1);
	b->p = TASK_SIZE_OF_64 - k->arch->pointer_size;
	TRACE(e, "bprm_mm_init", "a new address space, with a page for the stack", { "mm", mm }, { "vma", addr }, { "vm_flags", flags });
	return NULL;
}

/* ---- The task goes over: begin_new_exec() ---- */

void set_task_comm(struct engine *e, const struct object *task, const char *path)
{
	size_t room;
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *comm = (char *)object_bytes(e->k, task, M_task_struct_comm, &room);
	if (!comm || !room)
		return;
	memset(comm, 0, room);
	memcpy(comm, name, strnlen(name, room - 1));
}

/* de_thread(): the leader's other threads end. */
static struct error *de_thread(struct engine *e, const struct object *t)
{
	struct kernel *k = e->k;
	struct object signal;
	uint64_t leader = GET(k, t, task_struct, group_leader);
	TRY(object_open(k, GET(k, t, task_struct, signal), S_signal_struct, &signal));
	if (GET(k, &signal, signal_struct, nr_threads) < 2)
		return NULL;
	return error_at(ERR_UNSUPPORTED, t->addr, leader == t->addr ? "the other threads of the process would be killed: that is not done" :
		"the thread would take the place of the first of its process: that is not done");
}

/* exec_mmap() */
static struct error *exec_mmap_areas(struct engine *e, const struct object *t, const struct object *mm)
{
	struct kernel *k = e->k;
	static const enum member_id cached[] = { M_task_struct_vmacache_seqnum };
	uint64_t old = GET(k, t, task_struct, mm);
	size_t len;
	TRACE(e, "exec_mmap", old ? "a new mm in place of the old" : "a kernel thread gets its first mm", { "old mm", old }, { "mm", mm->addr });
	SET(k, t, task_struct, mm, mm->addr);
	SET(k, t, task_struct, active_mm, mm->addr);
	object_set(k, t, cached[0], 0);
	unsigned char *vmacache = (unsigned char *)object_bytes(k, t, M_task_struct_vmacache, &len);
	if (vmacache)
		memset(vmacache, 0, len);
	return old ? mmput(e, old) : NULL;
}

/* unshare_sighand(), flush_signal_handlers(): caught signals are no more, ignored ones stay so. */
static struct error *reset_signals(struct engine *e, const struct object *t)
{
	struct kernel *k = e->k;
	const struct member *m = &k->members[M_sighand_struct_action];
	struct object hand;
	uint64_t now;
	if (!m->present || !m->stride)
		return NULL;
	TRY(object_open_writable(k, GET(k, t, task_struct, sighand), S_sighand_struct, &hand));
	now = GET(k, &hand, sighand_struct, count);
	if (now != 1)
		return error_at(ERR_UNSUPPORTED, t->addr, "the task shares its signal handlers with another process, and would get its own: that is not done");
	for (unsigned i = 0; i < m->count; i++) {
		unsigned char *action = (unsigned char *)hand.bytes + m->offset + (size_t)i * m->stride;
		bool ignored = load_uint(action, k->arch->pointer_size) == SIG_IGN_HANDLER;
		memset(action, 0, m->stride);
		if (ignored)
			store_uint(action, k->arch->pointer_size, SIG_IGN_HANDLER);
	}
	return NULL;
}

/* What cannot be done is said before anything is gone. */
static struct error *refuse(struct engine *e, const struct object *t)
{
	struct kernel *k = e->k;
	struct object files;
	TRY(de_thread(e, t));
	if (GET(k, t, task_struct, ptrace))
		return error_at(ERR_UNSUPPORTED, t->addr, "the task is traced: its tracer would hear of it: not done");
	TRY(reset_signals(e, t));
	uint64_t addr = GET(k, t, task_struct, files);
	if (!addr)
		return NULL;
	TRY(object_open(k, addr, S_files_struct, &files));
	if (GET(k, &files, files_struct, count) != 1)
		return error_at(ERR_UNSUPPORTED, t->addr, "the task shares its open files, and would get a table of its own: that is not done");
	if (GET(k, &files, files_struct, close_on_exec_init))
		return error_at(ERR_UNSUPPORTED, t->addr, "the task has files that close with a new program: that is not done");
	return NULL;
}

struct error *begin_new_exec(struct engine *e, struct binprm *b, const char *path, uint64_t file)
{
	struct kernel *k = e->k;
	struct object t;
	TRY(object_open_writable(k, b->task, S_task_struct, &t));
	TRY(refuse(e, &t));
	if (file) {
		get_file(e, file);
		SET(k, &b->mm, mm_struct, exe_file, file);
	}
	TRY(exec_mmap_areas(e, &t, &b->mm));
	b->has_mm = false;
	uint64_t flags = GET(k, &t, task_struct, flags);
	SET(k, &t, task_struct, flags, flags & ~(PF_FORKNOEXEC | PF_KTHREAD | PF_RANDOMIZE | PF_NO_SETAFFINITY));
	ADD(k, &t, task_struct, self_exec_id, 1);
	set_task_comm(e, &t, path);
	return NULL;
}

/* ---- Where areas go, the stack: setup_new_exec(), setup_arg_pages() ---- */

/* mmap_base(): below the stack's limit and its guard gap, 128 MB at least and five sixths of the space at most. */
static void arch_pick_mmap_layout(struct engine *e, const struct binprm *b)
{
	struct kernel *k = e->k;
	const struct object *mm = &b->mm;
	uint64_t task_size = TASK_SIZE_OF_64, least = 128ull << 20, most = task_size / 6 * 5, gap = b->rlim_stack;
	if (gap + e->areas.stack_guard_gap > gap)
		gap += e->areas.stack_guard_gap;
	gap = gap < least ? least : gap > most ? most : gap;
	SET(k, mm, mm_struct, mmap_base, (task_size - gap + VMCORE_PAGE_SIZE - 1) & ~(uint64_t)(VMCORE_PAGE_SIZE - 1));
	SET(k, mm, mm_struct, mmap_legacy_base, ((task_size / 3) + VMCORE_PAGE_SIZE - 1) & ~(uint64_t)(VMCORE_PAGE_SIZE - 1));
	SET(k, mm, mm_struct, get_unmapped_area, symbol_addr(k, "arch_get_unmapped_area_topdown"));
}

/* mprotect_fixup() of the stack: its flags are those of a finished one, and not what a new area has. */
static struct error *finish_stack(struct engine *e, struct binprm *b, uint64_t flags)
{
	struct kernel *k = e->k;
	uint64_t start = GET(k, &b->vma, vm_area_struct, vm_start), end = GET(k, &b->vma, vm_area_struct, vm_end);
	SET(k, &b->vma, vm_area_struct, vm_flags, flags);
	vma_set_page_prot(e, &b->vma);
	return change_protection_areas(e, &b->mm, start, end, GET(k, &b->vma, vm_area_struct, vm_page_prot), false, true);
}

struct error *setup_stack(struct engine *e, struct binprm *b, bool executable)
{
	struct kernel *k = e->k;
	uint64_t start = GET(k, &b->vma, vm_area_struct, vm_start), end = GET(k, &b->vma, vm_area_struct, vm_end), flags = stack_flags(e);
	uint64_t limit = b->rlim_stack & ~(uint64_t)(VMCORE_PAGE_SIZE - 1), base = start - STACK_EXPAND;
	arch_pick_mmap_layout(e, b);
	SET(k, &b->mm, mm_struct, arg_start, b->p);
	flags = (executable ? flags | VM_EXEC : flags & ~(uint64_t)VM_EXEC) | GET(k, &b->mm, mm_struct, def_flags);
	TRY(finish_stack(e, b, flags));
	if (end - start + STACK_EXPAND > limit)
		base = end - limit;
	SET(k, &b->mm, mm_struct, start_stack, b->p);
	TRACE(e, "setup_arg_pages", "the stack's area", { "vma", b->vma.addr }, { "stack_base", base }, { "vm_flags", flags }, { "rlim_stack", limit });
	return base < start ? expand_downwards(e, &b->mm, b->vma.addr, base) : NULL;
}

/* ---- Registers ---- */

struct error *start_user_thread(struct engine *e, const struct binprm *b, uint64_t entry)
{
	struct kernel *k = e->k;
	struct object r, t;
	uint32_t size = SIZE_OF(k, pt_regs);
	if (!size)
		return error_new(ERR_UNSUPPORTED, "this kernel's struct pt_regs is not known");
	TRY(object_open(k, b->task, S_task_struct, &t));
	TRY(object_open_bytes_writable(k, GET(k, &t, task_struct, stack) + task_stack_size(k) - size, size, &r));
	memset((void *)r.bytes, 0, size);
	SET(k, &r, pt_regs, ip, entry);
	SET(k, &r, pt_regs, sp, b->p);
	SET(k, &r, pt_regs, cs, USER_CS);
	SET(k, &r, pt_regs, ss, USER_DS);
	SET(k, &r, pt_regs, flags, X86_EFLAGS_IF);
	TRACE(e, "start_thread", "the program starts", { "rip", entry }, { "rsp", b->p });
	return NULL;
}

/* ---- No program at all ---- */

struct error *exec_empty(struct engine *e, uint64_t task, const char *name)
{
	struct binprm b = { .task = task };
	if (e->classic || e->k->arch->pointer_size != 8)
		return error_new(ERR_UNSUPPORTED, "a process without a program is made on kernels for x86_64 with reverse mapping");
	TRY(engine_set_current(e, task));
	TRY(bprm_mm_init(e, &b));
	TRY(begin_new_exec(e, &b, name, 0));
	TRY(setup_stack(e, &b, false));
	return start_user_thread(e, &b, 0);
}
