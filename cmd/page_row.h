/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The row that kmem -p, vtop and others print for a struct page: PAGE PHYSICAL MAPPING INDEX CNT
 * FLAGS.
 */
#ifndef CMD_PAGE_ROW_H
#define CMD_PAGE_ROW_H

#include "core/out.h"
#include "mm/page.h"

/* Starts the table "pages" (with the heading when asked), and ends it. Call pages_open() first. */
void page_rows_begin(struct out *o, bool heading);
void page_row(struct out *o, struct kernel *k, const struct page *p);
void page_rows_end(struct out *o);
/* Table, heading and the one row of the page at that address. */
struct error *page_row_print(struct out *o, struct kernel *k, uint64_t page) MUST_CHECK;

/* Below its row, in text: the use of the page and the members of struct page's unions that count for it. */
void page_detail_print(struct out *o, struct kernel *k, const struct page *p);

#endif
