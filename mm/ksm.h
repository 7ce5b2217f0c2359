/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages merged by KSM (mm/ksm.c): what anon_vma is to an anonymous page, a stable node is to a merged one. It lists an rmap_item for each
 * place that was merged into it: an address, and the anon_vma whose areas may have it there (in the process itself, and those forked since).
 */
#ifndef MM_KSM_H
#define MM_KSM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"

struct ksm_stable_node {
	uint64_t addr;
	uint64_t pfn;	/* kpfn */
	uint64_t first; /* hlist_node of its first rmap_item, or 0 */
	struct object object;
};

/* ERR_UNSUPPORTED for a kernel without KSM. */
struct error *ksm_stable_node_open(struct kernel *k, uint64_t addr, struct ksm_stable_node *out) MUST_CHECK;

struct ksm_rmap_item {
	uint64_t addr;
	uint64_t anon_vma, mm;
	uint64_t address; /* user address, without the flags that stand below the page's size */
};

/* Gets each rmap_item; returns false to end. */
typedef bool ksm_visitor(void *context, const struct ksm_rmap_item *item);
/* ERR_BAD_LIST for a list that loops or leads astray (items given before are good), ERR_INTERRUPTED. */
struct error *ksm_for_each(struct kernel *k, const struct ksm_stable_node *node, ksm_visitor *visit, void *context) MUST_CHECK;

#endif
