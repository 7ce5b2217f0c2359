/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the audit: the page cache in its two forms.
 */
#ifndef MM_AUDIT_CACHE_H
#define MM_AUDIT_CACHE_H

#include "mm/audit/parts.h"

/* mm/audit_hash.c: of 2.4. */
struct error *audit_page_hash(struct audit *a) MUST_CHECK;

#endif
