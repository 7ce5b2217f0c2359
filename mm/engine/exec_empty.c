/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process without a program: what execve() does before any segment is mapped (fs/exec.c: bprm_mm_init(), exec_mmap(), setup_arg_pages(); arch/x86/mm/mmap.c), on kernels with
 * reverse mapping. Nothing is drawn by lot: as with ADDR_NO_RANDOMIZE.
 */
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/fork_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/task.h"

/* include/linux/sched.h, fs/exec.c, arch/x86/include/asm/segment.h, processor-flags.h */
#define PF_FORKNOEXEC 0x40ull
#define PF_KTHREAD    0x200000ull
#define PF_RANDOMIZE  0x400000ull
#define STACK_EXPAND  131072ull
#define USER_CS	      0x33
#define USER_DS	      0x2b
#define FLAGS	      0x202 /* X86_EFLAGS_FIXED, X86_EFLAGS_IF */

/* mmap_base(): below the stack's limit and its guard gap, 128 MB at least and five sixths of the space at most. */
static void arch_pick_mmap_layout(struct engine *e, const struct object *mm, uint64_t task_size)
{
	struct kernel *k = e->k;
	uint64_t least = 128ull << 20, most = task_size / 6 * 5, gap = rlimit(e, mm, RESOURCE_STACK);
	if (gap + e->areas.stack_guard_gap > gap)
		gap += e->areas.stack_guard_gap;
	gap = gap < least ? least : gap > most ? most : gap;
	SET(k, mm, mm_struct, task_size, task_size);
	SET(k, mm, mm_struct, mmap_base, (task_size - gap + VMCORE_PAGE_SIZE - 1) & ~(uint64_t)(VMCORE_PAGE_SIZE - 1));
	SET(k, mm, mm_struct, mmap_legacy_base, ((task_size / 3) + VMCORE_PAGE_SIZE - 1) & ~(uint64_t)(VMCORE_PAGE_SIZE - 1));
	SET(k, mm, mm_struct, get_unmapped_area, symbol_addr(k, "arch_get_unmapped_area_topdown"));
}

/* __bprm_mm_init(): an area of one page that grows down, below `top`; the mm's first. */
static struct error *setup_stack_area(struct engine *e, uint64_t mm_addr, uint64_t top, struct object *vma)
{
	struct kernel *k = e->k;
	struct object mm;
	uint64_t addr, flags = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_GROWSDOWN | VM_ACCOUNT;
	TRY(open_mm_areas(e, mm_addr, &mm));
	flags |= soft_dirty_flag(e, &mm);
	TRY(kmem_cache_alloc(e, e->vm_area_cachep, GFP24_KERNEL, &addr));
	TRY(open_vma(e, addr, vma));
	memset((void *)vma->bytes, 0, vma->size);
	SET(k, vma, vm_area_struct, vm_mm, mm_addr);
	SET(k, vma, vm_area_struct, vm_start, top - VMCORE_PAGE_SIZE);
	SET(k, vma, vm_area_struct, vm_end, top);
	SET(k, vma, vm_area_struct, vm_flags, flags);
	SET(k, vma, vm_area_struct, vm_page_prot, vm_get_page_prot(e, flags));
	TRY(list_init(k, MEMBER_ADDR(k, vma, vm_area_struct, anon_vma_chain)));
	TRY(insert_vm_struct(e, mm_addr, addr));
	SET(k, &mm, mm_struct, stack_vm, 1);
	SET(k, &mm, mm_struct, total_vm, 1);
	return NULL;
}

/* Where the process goes on in user mode: at nothing yet. */
static struct error *start_thread(struct engine *e, const struct object *t, uint64_t sp)
{
	struct kernel *k = e->k;
	struct object r;
	uint32_t size = SIZE_OF(k, pt_regs);
	if (!size)
		return error_new(ERR_UNSUPPORTED, "this kernel's struct pt_regs is not known");
	TRY(object_open_bytes_writable(k, GET(k, t, task_struct, stack) + task_stack_size(k) - size, size, &r));
	memset((void *)r.bytes, 0, size);
	SET(k, &r, pt_regs, sp, sp);
	SET(k, &r, pt_regs, cs, USER_CS);
	SET(k, &r, pt_regs, ss, USER_DS);
	SET(k, &r, pt_regs, flags, FLAGS);
	return NULL;
}

static void set_comm(struct kernel *k, const struct object *t, const char *name)
{
	size_t len;
	unsigned char *comm = (unsigned char *)object_bytes(k, t, M_task_struct_comm, &len);
	if (!comm || !len)
		return;
	memset(comm, 0, len);
	memcpy(comm, name, strnlen(name, len - 1));
}

struct error *exec_empty(struct engine *e, uint64_t task, const char *name)
{
	struct kernel *k = e->k;
	struct object t, mm, vma;
	uint64_t addr, top, old;
	if (e->classic || k->arch->pointer_size != 8)
		return error_new(ERR_UNSUPPORTED, "a process without a program is made on kernels for x86_64 with reverse mapping");
	TRY(engine_set_current(e, task));
	TRY(object_open_writable(k, task, S_task_struct, &t));
	old = GET(k, &t, task_struct, mm);
	TRY(mm_alloc(e, &addr));
	TRY(open_mm_areas(e, addr, &mm));
	SET(k, &mm, mm_struct, owner, task);
	/* TASK_SIZE_MAX: half of what four levels translate, less a page, whatever the processor has */
	top = (1ull << 47) - VMCORE_PAGE_SIZE;
	SET(k, &mm, mm_struct, task_size, top);
	SET(k, &t, task_struct, mm, addr);
	SET(k, &t, task_struct, active_mm, addr);
	TRACE(e, "exec_mmap", old ? "a new mm in place of the old" : "a kernel thread gets its first mm", { "old mm", old }, { "mm", addr });
	uint64_t flags = GET(k, &t, task_struct, flags);
	SET(k, &t, task_struct, flags, flags & ~(PF_FORKNOEXEC | PF_KTHREAD | PF_RANDOMIZE));
	arch_pick_mmap_layout(e, &mm, top);
	TRY(setup_stack_area(e, addr, top, &vma));
	TRY(expand_downwards(e, &mm, vma.addr, top - VMCORE_PAGE_SIZE - STACK_EXPAND));
	SET(k, &mm, mm_struct, start_stack, top - 8);
	set_comm(k, &t, name);
	TRY(start_thread(e, &t, top - 8));
	return old ? mmput(e, old) : NULL;
}
