/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the audit: what rules about one mm share.
 */
#ifndef MM_AUDIT_MM_H
#define MM_AUDIT_MM_H

#include "mm/audit/parts.h"

/* A finding about an mm, under its first task's name; busy while a lock of its is held. addr 0: the mm itself. */
void audit_say_mm(struct audit *a, const struct audit_mm *mm, enum audit_rule rule, uint64_t addr, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* mm/audit/unseen.c: adds those that no task has to a->mms, which has the tasks', sorted. */
struct error *audit_unseen_mms(struct audit *a) MUST_CHECK;

/* mm/audit/gaps.c: the gaps that trees of areas keep, against the areas. Errors of the tree's own. */
struct error *audit_gaps(struct audit *a, const struct audit_mm *mm) MUST_CHECK;

#endif
