/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the audit: reverse mapping.
 */
#ifndef MM_AUDIT_RMAP_H
#define MM_AUDIT_RMAP_H

#include "mm/audit/mm.h"

/* An entry at `addr` that counts as a mapping of frame pfn, of the compound page `head`. */
void audit_rmap_entry(struct audit *a, const struct audit_mm *mm, const struct audit_area *area, uint64_t addr, const struct page *head, uint64_t pfn);

#endif
