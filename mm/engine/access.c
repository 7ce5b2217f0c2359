/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accesses to a process's memory, with the faults that they take: as its processor makes them, and as a debugger does. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "mm/engine/fault.h"
#include "mm/engine/near.h"
#include "mm/pte.h"

/* Does the entry (at `at`, 0: there is no table) allow the access? */
static bool entry_allows(struct engine *e, uint64_t at, enum fault_access access, uint64_t *entry)
{
	*entry = at ? get_pte(e, at) : 0;
	if (access == ACCESS_EXEC && (*entry & X86_NX))
		return false;
	return (*entry & X86_PRESENT) && (*entry & X86_USER) && (access != ACCESS_WRITE || (*entry & X86_RW));
}

/* Where an access ended: the entry that allowed it, and its level of the geometry. */
struct access_end {
	uint64_t entry;
	unsigned level;
};

/* The physical address that it came to. */
static uint64_t access_phys(const struct engine *e, const struct access_end *end, uint64_t addr)
{
	const struct pagetable_geometry *g = &e->k->geometry;
	return pagetable_entry_phys(g, end->entry, end->level) + (addr & ((1ull << g->level[end->level].shift) - 1));
}

/* table_descend() as far as it goes. */
static inline uint64_t lowest_entry(struct engine *e, const struct object *mm, uint64_t addr, unsigned *level)
{
	const unsigned last = *level;
	uint64_t at = near_find_entry(e, near_now(e), mm->addr, addr);
	if (at)
		return at;
	at = table_descend(e, mm, addr, level);
	if (at && *level == last)
		near_keep_entry(e, mm->addr, addr, at);
	return at;
}

/*
 * The processor's way: an access that the entry allows is noted there, another one faults and is made again. One fault may not be enough, as a page that comes
 * back from swap for a write may be write-protected still.
 */
static struct error *access_entry(struct engine *e, uint64_t task, const struct object *mm, uint64_t addr, enum fault_access access, bool *faulted,
				  struct access_end *end, enum fault_result *result, char *why, size_t why_size)
{
	const unsigned last = e->k->geometry.levels - 1u;
	bool write = access == ACCESS_WRITE, user = mm && addr < e->k->page_offset;
	uint64_t at = 0;
	unsigned level = last;
	*faulted = false;
	*result = FAULT_MINOR;
	for (unsigned n = 0; n < 64; n++) {
		enum fault_result this_time;
		/* The lowest table stays where it is while its process faults; a huge page's entry may give way to one. */
		if (user && !(at && level == last)) {
			level = last;
			at = e->modern ? lowest_entry(e, mm, addr, &level) : pte_offset(e, mm, addr);
		}
		if (entry_allows(e, at, access, &end->entry)) {
			end->entry |= X86_ACCESSED | (write ? X86_DIRTY : 0);
			set_pte(e, at, end->entry);
			end->level = level;
			return NULL;
		}
		*faulted = true;
		TRY(fault_in_mm(e, task, mm, addr, level == last ? at : 0, access, &this_time, why, why_size));
		if (this_time >= FAULT_SIGSEGV)
			fault_outcome(e, this_time == FAULT_SIGSEGV ? OUTCOME_SIGSEGV : this_time == FAULT_SIGBUS ? OUTCOME_SIGBUS : OUTCOME_OOM);
		if (this_time != FAULT_MINOR)
			*result = this_time;
		if (e->report && e->report->ended)
			return NULL;
		if (this_time != FAULT_MINOR && this_time != FAULT_MAJOR)
			return NULL;
	}
	return error_at(ERR_BAD_OBJECT, addr, "the access faults again and again: %" PRIx64, addr);
}

/* Apart, so that who goes the short way need not make room for all this. */
static __attribute__((noinline)) struct error *touch_slowly(struct engine *e, uint64_t task, uint64_t addr, enum fault_access access, bool *faulted,
							    enum fault_result *result, char *why, size_t why_size)
{
	struct object mm;
	struct access_end end = { 0 };
	bool any;
	TRY(open_mm_of(e, task, &mm, &any));
	TRY(access_entry(e, task, any ? &mm : NULL, addr, access, faulted, &end, result, why, why_size));
	if (*faulted)
		return NULL;
	fault_outcome(e, OUTCOME_NONE);
	TRACE(e, "(processor)", "the entry allows it: no fault", { "address", addr }, { "pte", end.entry });
	return NULL;
}

struct error *touch_user(struct engine *e, uint64_t task, uint64_t addr, enum fault_access access, bool *faulted, enum fault_result *result,
			 char *why, size_t why_size)
{
	bool unasked;
	if (!faulted)
		faulted = &unasked;
	*faulted = false;
	if (e->near && access == ACCESS_WRITE)
		TRY(near_write_fault(e, task, addr, faulted));
	if (!*faulted)
		return touch_slowly(e, task, addr, access, faulted, result, why, why_size);
	*result = FAULT_MINOR;
	fault_say(why, why_size, "");
	return NULL;
}

struct error *access_process_vm(struct engine *e, uint64_t task, uint64_t addr, void *buffer, size_t len, bool write)
{
	struct object mm;
	char why[128];
	unsigned char *bytes = buffer;
	bool any, faulted;
	TRY(open_mm_of(e, task, &mm, &any));
	if (!any)
		return kernel_error(EFAULT, "a kernel thread has no user memory");
	while (len) {
		size_t piece = VMCORE_PAGE_SIZE - (addr & (VMCORE_PAGE_SIZE - 1));
		enum fault_result result;
		struct access_end end = { 0 };
		void *p;
		if (piece > len)
			piece = len;
		if (e->near && write)
			TRY(near_write_fault(e, task, addr, &faulted));
		TRY(access_entry(e, task, &mm, addr, write ? ACCESS_WRITE : ACCESS_READ, &faulted, &end, &result,
				 why, sizeof(why)));
		if (result != FAULT_MINOR && result != FAULT_MAJOR)
			return kernel_error(EFAULT, "%s: %" PRIx64, why, addr);
		TRY(vmcore_map_writable(e->k->vmcore, access_phys(e, &end, addr), piece, &p));
		if (write)
			memcpy(p, bytes, piece);
		else
			memcpy(bytes, p, piece);
		bytes += piece;
		addr += piece;
		len -= piece;
	}
	return NULL;
}
