/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rmap command's parts: rmap.c takes the words and prints pages and their mappings, rmap_graph.c what -v adds, rmap_all.c is -A.
 */
#ifndef CMD_RMAP_H
#define CMD_RMAP_H

#include "cmd/context.h"
#include "mm/rmap.h"

/* The structures that lead to the page: its anon_vma and those above it, or stable node, or file; and the areas in their trees. */
struct error *rmap_graph_print(struct session *s, const struct rmap_page *page) MUST_CHECK;

/* Every mapping of every page that rmap covers: by rmap, or found in the page tables. */
struct error *rmap_all_print(struct session *s, bool scan) MUST_CHECK;

/*
 * The thread groups that have an mm, by index from 0: one task of each, its leader where that still has the mm. NULL past the last.
 * *at is 0 at first.
 */
const struct task *rmap_next_process(struct kernel *k, uint64_t mm, size_t *at);

/* "PTE", "PMD", …, and what kind of entry it is where it is no page: "migration", "raw" … */
const char *rmap_level_name(struct kernel *k, const struct rmap_mapping *m);
const char *rmap_state_name(enum leaf_kind kind);

#endif
