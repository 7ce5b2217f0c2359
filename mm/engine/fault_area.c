/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way to handle_mm_fault() (arch/x86/mm/fault.c: do_user_addr_fault()): the area, the growth of a stack, what the area and its protection key allow. And what
 * a fault says of itself.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "mm/engine/fault.h"
#include "mm/engine/near.h"
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

/* ---- The area ---- */

/* expand_stack(); what it cannot do is refused, and then what would happen to the page can still be said. */
static struct error *expand_or_say(struct engine *e, uint64_t task, const struct object *mm, uint64_t addr, struct vma *vma, bool *found, char *why,
				   size_t why_size)
{
	bool explained;
	uint64_t page = addr & ~(uint64_t)(VMCORE_PAGE_SIZE - 1);
	struct error *failure = expand_stack(e, task, mm, vma->addr, addr);
	*found = true;
	if (!failure)
		return vma_open(e->k, vma->addr, vma);
	if (failure->code == ERR_KERNEL) {
		*found = false;
		fault_say(why, why_size, failure->message);
		error_free(failure);
		return NULL;
	}
	if (failure->code != ERR_UNSUPPORTED)
		return failure;
	struct error *refused = fault_refuse(e, &explained, "the stack would grow down to %" PRIx64 ": %s", page, failure->message);
	error_free(failure);
	TRY(refused);
	vma->pgoff -= (vma->start - page) >> e->k->arch->page_shift;
	vma->start = page;
	e->report->ended = false;
	return NULL;
}

static struct error *grow_stack(struct engine *e, uint64_t task, const struct object *mm, uint64_t addr, struct vma *vma, bool *found, char *why,
				size_t why_size)
{
	uint64_t next;
	TRY(find_vma(e, mm, addr, &next));
	*found = false;
	if (next)
		TRY(vma_open(e->k, next, vma));
	if (next && (vma->flags & VM_GROWSDOWN))
		return expand_or_say(e, task, mm, addr, vma, found, why, why_size);
	fault_say(why, why_size, next ? "in a hole, and the area above does not grow down" : "no area at or above the address");
	TRACE(e, "find_vma", next ? "the area above does not grow down" : "no area at or above the address", { "address", addr }, { "vma", next },
	      { "vma->vm_start", next ? vma->start : 0 }, { "vma->vm_flags", next ? vma->flags : 0 });
	return NULL;
}

/* What the thread's protection keys forbid: two bits each in PKRU, access and write (arch/x86/include/asm/pkru.h). */
static struct error *key_forbids(struct engine *e, uint64_t task, const struct vma *vma, bool write, bool *forbidden)
{
	struct kernel *k = e->k;
	unsigned key = vma->page_prot >> PTE_PKEY_SHIFT & 15;
	uint64_t pkru;
	bool explained;
	*forbidden = false;
	if (!key || k->geometry.entry_size != 8)
		return NULL;
	const struct task *t = task_by_addr(k, task);
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
	uint64_t frame, at = 0, entry;
	*why = NULL;
	/* A write is decided by the area alone. */
	if (access != ACCESS_WRITE || e->trace)
		at = leaf_offset(e, mm, addr, &frame);
	entry = at ? get_pte(e, at) : 0;
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
	*found = near_find_area(e, near_now(e), mm->addr, addr, vma);
	if (!*found) {
		TRY(vma_find(e->k, mm->addr, addr, vma, found));
		if (*found)
			near_keep_area(e, vma);
		else
			TRY(grow_stack(e, task, mm, addr, vma, found, why, why_size));
	}
	if (!*found)
		return NULL;
	TRY(forbidden(e, task, mm, vma, addr, access, &text));
	if (!text)
		return NULL;
	*found = false;
	fault_say(why, why_size, text);
	return NULL;
}
