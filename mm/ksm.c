/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/ksm.h"

struct error *ksm_stable_node_open(struct kernel *k, uint64_t addr, struct ksm_stable_node *out)
{
	TRY(members_require(k, "merged pages", M_ksm_stable_node_hlist, M_ksm_stable_node_kpfn, M_ksm_rmap_item_hlist,
			    M_ksm_rmap_item_hlist_next, M_ksm_rmap_item_anon_vma, M_ksm_rmap_item_address, MEMBER_NONE));
	TRY(object_open(k, addr, S_ksm_stable_node, &out->object));
	out->addr = addr;
	out->pfn = GET(k, &out->object, ksm_stable_node, kpfn);
	out->first = GET(k, &out->object, ksm_stable_node, hlist);
	return NULL;
}

struct error *ksm_for_each(struct kernel *k, const struct ksm_stable_node *node, ksm_visitor *visit, void *context)
{
	const uint64_t page_mask = (1ull << k->arch->page_shift) - 1;
	uint64_t tortoise = 0, steps = 0, power = 1;
	for (uint64_t at = node->first; at; steps++) {
		struct object o;
		/* Brent's cycle finder, as in mm/list.c. */
		if (at == tortoise)
			return error_at(ERR_BAD_LIST, at, "list of rmap_items loops: %" PRIx64 " comes twice", at);
		if (steps == power) {
			tortoise = at;
			power *= 2;
			TRY(check_interrupt());
		}
		TRY(object_open(k, at - OFFSET(k, ksm_rmap_item, hlist), S_ksm_rmap_item, &o));
		struct ksm_rmap_item item = {
			.addr = o.addr,
			.anon_vma = GET(k, &o, ksm_rmap_item, anon_vma),
			.mm = GET(k, &o, ksm_rmap_item, mm),
			.address = GET(k, &o, ksm_rmap_item, address) & ~page_mask,
		};
		if (!visit(context, &item))
			return NULL;
		at = GET(k, &o, ksm_rmap_item, hlist_next);
	}
	return NULL;
}
