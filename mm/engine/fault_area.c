/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way to handle_mm_fault() (arch/x86/mm/fault.c: do_user_addr_fault()): the area, the growth of a stack, what the area and its protection key allow. And what
 * a fault says of itself.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "mm/engine/fault.h"
#include "mm/engine/modern.h"
#include "mm/pte.h"
#include "mm/task.h"

/* ---- Reports ---- */

const char *fault_outcome_name(enum fault_outcome outcome)
{
	static const char *const names[OUTCOME_COUNT] = {
		[OUTCOME_NONE] = "none",	   [OUTCOME_ZERO] = "zero",		[OUTCOME_NEW] = "new",
		[OUTCOME_HUGE_ZERO] = "huge-zero", [OUTCOME_HUGE_NEW] = "huge-new",	[OUTCOME_HUGE_REUSE] = "huge-reuse",
		[OUTCOME_HUGE_SPLIT] = "huge-split", [OUTCOME_CACHED] = "cached",	[OUTCOME_COPY_FILE] = "copy-file",
		[OUTCOME_SHARED] = "shared",	   [OUTCOME_FILE_READ] = "file-read",	[OUTCOME_SHMEM_NEW] = "shmem-new",
		[OUTCOME_SPECIAL] = "special",	   [OUTCOME_DRIVER] = "driver",		[OUTCOME_SWAP_CACHE] = "swap-cache",
		[OUTCOME_SWAP_READ] = "swap-read", [OUTCOME_COPY] = "copy",		[OUTCOME_REUSE] = "reuse",
		[OUTCOME_SHARED_DIRTY] = "shared-dirty", [OUTCOME_NUMA] = "numa-hint",	[OUTCOME_SPURIOUS] = "spurious",
		[OUTCOME_WAIT] = "wait",	   [OUTCOME_USERFAULT] = "userfault",	[OUTCOME_HUGETLB] = "hugetlb",
		[OUTCOME_SIGSEGV] = "SIGSEGV",	   [OUTCOME_SIGBUS] = "SIGBUS",		[OUTCOME_OOM] = "OOM",
	};
	return outcome < OUTCOME_COUNT ? names[outcome] : "";
}

struct error *fault_refuse(struct engine *e, bool *explained, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	*explained = true;
	if (!e->report || !e->report->explain)
		return error_new(ERR_UNSUPPORTED, "%s", text);
	if (!e->report->refused[0])
		snprintf(e->report->refused, sizeof(e->report->refused), "%s", text);
	e->report->ended = true;
	return NULL;
}

/* ---- Growing a stack ---- */

static void say(char *why, size_t size, const char *text)
{
	if (why && size)
		snprintf(why, size, "%s", text);
}

struct neighbours {
	uint64_t addr;
	struct vma prev, next; /* addr 0: none */
};

static bool find_neighbours(void *context, const struct vma *vma)
{
	struct neighbours *n = context;
	if (vma->end <= n->addr) {
		n->prev = *vma;
		return true;
	}
	n->next = *vma;
	return false;
}

enum { LIMIT_DATA = 2, LIMIT_STACK = 3, LIMIT_MEMLOCK = 8, LIMIT_AS = 9 }; /* include/uapi/asm-generic/resource.h */

/* rlimit(): bytes; all ones for no limit. */
static struct error *limit_of(struct engine *e, uint64_t task, unsigned which, uint64_t *value)
{
	struct kernel *k = e->k;
	uint64_t signal, at;
	*value = UINT64_MAX;
	if (!HAS(k, signal_struct, rlim) || !HAS_STRUCT(k, rlimit))
		return NULL;
	TRY(kernel_get(k, task, M_task_struct_signal, &signal));
	at = signal + OFFSET(k, signal_struct, rlim) + (uint64_t)which * SIZE_OF(k, rlimit) + OFFSET(k, rlimit, rlim_cur);
	TRY(kernel_read_pointer(k, at, value));
	if (k->arch->pointer_size == 4 && *value == UINT32_MAX)
		*value = UINT64_MAX;
	return NULL;
}

static uint64_t global_word(struct engine *e, const char *symbol, uint64_t otherwise)
{
	uint64_t v;
	return symbol_addr(e->k, symbol) && !error_drop(kernel_read_symbol(e->k, symbol, 0, &v)) ? v : otherwise;
}

/* expand_downwards(), acct_stack_growth() of mm/mmap.c: why the stack may not grow down to addr (page-aligned), NULL when it may. */
static struct error *may_grow(struct engine *e, uint64_t task, const struct object *mm, const struct neighbours *n, uint64_t addr, const char **why)
{
	struct kernel *k = e->k;
	uint64_t stack, as, locked, shift = k->arch->page_shift;
	uint64_t grow = (n->next.start - addr) >> shift, size = n->next.end - addr;
	uint64_t gap = global_word(e, "stack_guard_gap", 0), lowest = global_word(e, "mmap_min_addr", 0);
	TRY(limit_of(e, task, LIMIT_STACK, &stack));
	TRY(limit_of(e, task, LIMIT_AS, &as));
	TRY(limit_of(e, task, LIMIT_MEMLOCK, &locked));
	TRACE(e, "expand_downwards", "the area above grows down", { "address", addr }, { "vma->vm_start", n->next.start }, { "size", size },
	      { "rlimit(RLIMIT_STACK)", stack }, { "prev->vm_end", n->prev.end }, { "stack_guard_gap", gap });
	*why = NULL;
	if (addr < lowest)
		*why = "below mmap_min_addr";
	else if (n->prev.addr && !(n->prev.flags & VM_GROWSDOWN) && (n->prev.flags & (VM_READ | VM_WRITE | VM_EXEC)) && addr - n->prev.end < gap)
		*why = "the stack would come within its guard gap of the area below";
	else if (grow > n->next.pgoff)
		*why = "the stack would begin before its first page";
	else if (as != UINT64_MAX && GET(k, mm, mm_struct, total_vm) + grow > as >> shift)
		*why = "the stack would grow over the limit of the address space";
	else if (size > stack)
		*why = "the stack would grow over its limit";
	else if ((n->next.flags & VM_LOCKED) && locked != UINT64_MAX && GET(k, mm, mm_struct, locked_vm) + grow > locked >> shift)
		*why = "the stack would grow over the limit of locked memory";
	return NULL;
}

/* ---- The area ---- */

static struct error *grow_stack(struct engine *e, uint64_t task, const struct object *mm, uint64_t addr, struct vma *vma, bool *found, char *why,
				size_t why_size)
{
	struct neighbours n = { .addr = addr };
	const char *refused;
	bool explained;
	uint64_t page = addr & ~(uint64_t)(VMCORE_PAGE_SIZE - 1);
	TRY(vma_for_each(e->k, mm->addr, find_neighbours, &n));
	*found = false;
	if (!n.next.addr || !(n.next.flags & VM_GROWSDOWN)) {
		say(why, why_size, n.next.addr ? "in a hole, and the area above does not grow down" : "no area at or above the address");
		TRACE(e, "find_vma", n.next.addr ? "the area above does not grow down" : "no area at or above the address", { "address", addr },
		      { "vma", n.next.addr }, { "vma->vm_start", n.next.start }, { "vma->vm_flags", n.next.flags });
		return NULL;
	}
	TRY(may_grow(e, task, mm, &n, page, &refused));
	if (refused) {
		say(why, why_size, refused);
		return NULL;
	}
	*found = true;
	*vma = n.next;
	vma->pgoff -= (vma->start - page) >> e->k->arch->page_shift;
	vma->start = page;
	TRY(fault_refuse(e, &explained, "the stack would grow down to %" PRIx64 ": areas of this kernel are not changed yet", page));
	/* What then happens to the page can still be said. */
	e->report->ended = false;
	return NULL;
}

/* What the thread's protection keys forbid: two bits each in PKRU, access and write (arch/x86/include/asm/pkru.h). */
static struct error *key_forbids(struct engine *e, uint64_t task, const struct vma *vma, bool write, bool *forbidden)
{
	struct kernel *k = e->k;
	const struct task *t = task_by_addr(k, task);
	unsigned key = vma->page_prot >> PTE_PKEY_SHIFT & 15;
	uint64_t pkru;
	bool explained;
	*forbidden = false;
	if (!key || k->geometry.entry_size != 8)
		return NULL;
	if (!HAS(k, task_struct, pkru) || !t || t->is_active)
		return fault_refuse(e, &explained, "the area has protection key %u, and the thread's rights are in its FPU state", key);
	TRY(kernel_get(k, task, M_task_struct_pkru, &pkru));
	*forbidden = (pkru >> 2 * key & 1) || (write && (pkru >> (2 * key + 1) & 1));
	TRACE(e, "arch_vma_access_permitted", *forbidden ? "the protection key forbids it" : "the protection key allows it", { "pkey", key }, { "pkru", pkru });
	return NULL;
}

/* access_error(): by the area, and for execution by the entry that is there already. */
static struct error *forbidden(struct engine *e, uint64_t task, const struct object *mm, const struct vma *vma, uint64_t addr, enum fault_access access,
			       const char **why)
{
	bool by_key;
	uint64_t frame, at = leaf_offset(e, mm, addr, &frame), entry = at ? get_pte(e, at) : 0;
	*why = NULL;
	TRY(key_forbids(e, task, vma, access == ACCESS_WRITE, &by_key));
	if (by_key)
		*why = "the area's protection key forbids it";
	else if (access == ACCESS_WRITE && !(vma->flags & VM_WRITE))
		*why = "the area is not writable";
	else if (access == ACCESS_EXEC && (entry & X86_PRESENT) && (entry & X86_NX))
		*why = "the page may not be executed";
	else if (access != ACCESS_WRITE && (entry & X86_PRESENT))
		*why = "the entry forbids it";
	else if (!(vma->flags & (VM_READ | VM_WRITE | VM_EXEC)))
		*why = "the area may not be touched";
	TRACE(e, "access_error", *why ? *why : "good area", { "address", addr }, { "vma", vma->addr }, { "vma->vm_flags", vma->flags }, { "entry", entry });
	return NULL;
}

struct error *fault_find_area(struct engine *e, uint64_t task, const struct object *mm, uint64_t addr, enum fault_access access, struct vma *vma,
			      bool *found, enum fault_result *result, char *why, size_t why_size)
{
	const char *text;
	*result = FAULT_SIGSEGV;
	TRY(vma_find(e->k, mm->addr, addr, vma, found));
	if (!*found)
		TRY(grow_stack(e, task, mm, addr, vma, found, why, why_size));
	if (!*found)
		return NULL;
	TRY(forbidden(e, task, mm, vma, addr, access, &text));
	if (!text)
		return NULL;
	*found = false;
	say(why, why_size, text);
	return NULL;
}
