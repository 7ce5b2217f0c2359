/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Page tables that no address space has any more, and that wait until nobody can be walking them (mm/mmu_gather.c: tlb_remove_table_rcu()): each CPU's list of callbacks
 * (kernel/rcu/tree.c) leads to batches of them.
 */
#include "core/interrupt.h"
#include "mm/audit/parts.h"

/* More callbacks than that, and a list counts as damaged. */
#define CALLBACKS_MAX (1u << 22)
/* A batch is a page: MAX_TABLE_BATCH. */
#define BATCH_MAX (VMCORE_PAGE_SIZE / 4)

static void claim_batch(struct audit *a, uint64_t batch)
{
	struct kernel *k = a->k;
	uint64_t count, page, pfn;
	struct page p;
	if (error_drop(kernel_get(k, batch, M_mmu_table_batch_nr, &count)) || count > BATCH_MAX)
		return;
	for (uint64_t i = 0; i < count; i++)
		if (!error_drop(kernel_read_pointer(k, batch + OFFSET(k, mmu_table_batch, tables) + i * k->arch->pointer_size, &page)) && page_to_pfn(k, page, &pfn) &&
		    audit_page(a, pfn, &p) && page_use(k, &p) == PAGE_TABLE)
			audit_claim(a, pfn, 1, AUDIT_USE_TABLE, false);
}

static struct error *see_callbacks(struct audit *a, uint64_t at, uint64_t wanted)
{
	struct object callback;
	for (unsigned n = 0; at && n < CALLBACKS_MAX && object_try_open(a->k, at, S_callback_head, &callback); n++) {
		if (!(n & 4095))
			TRY(check_interrupt());
		if (GET(a->k, &callback, callback_head, func) == wanted)
			claim_batch(a, at);
		at = GET(a->k, &callback, callback_head, next);
	}
	return NULL;
}

struct error *audit_waiting_tables(struct audit *a)
{
	struct kernel *k = a->k;
	uint64_t data = symbol_addr(k, "rcu_data"), function = symbol_addr(k, "tlb_remove_table_rcu"), head;
	if (!data || !function || !HAS(k, rcu_data, cblist) || !HAS(k, callback_head, func) || !HAS(k, mmu_table_batch, tables))
		return NULL;
	for (unsigned cpu = 0; cpu < k->cpus; cpu++) {
		uint64_t here = percpu_addr(k, data, cpu);
		if (!error_drop(kernel_get(k, here, M_rcu_data_cblist, &head)))
			TRY(see_callbacks(a, head, function));
		if (HAS(k, rcu_data, nocb_bypass) && !error_drop(kernel_get(k, here, M_rcu_data_nocb_bypass, &head)))
			TRY(see_callbacks(a, head, function));
	}
	return NULL;
}
