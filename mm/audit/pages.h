/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the audit: every struct page in turn.
 */
#ifndef MM_AUDIT_PAGES_H
#define MM_AUDIT_PAGES_H

#include "mm/audit/parts.h"

/* Gets each frame that has a struct page in the image; *next (pfn + 1 at first) may be moved on. Errors end the pass. */
typedef struct error *audit_page_visitor(void *context, const struct page *p, struct audit_frame *f, uint64_t *next);
struct error *audit_each_page(struct audit *a, audit_page_visitor *visit, void *context) MUST_CHECK;

#endif
