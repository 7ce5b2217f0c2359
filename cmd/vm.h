/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The vm command's parts: vm.c takes the words and prints tasks and areas, vm_pages.c the pages of
 * an area, vm_search.c is -R.
 */
#ifndef CMD_VM_H
#define CMD_VM_H

#include "cmd/context.h"
#include "mm/vma.h"

/* What vm prints before the areas: MM PGD RSS TOTAL_VM. */
struct vm_mm {
	uint64_t addr; /* mm_struct; 0: the task has none, and the rest is 0 */
	uint64_t pgd;  /* virtual address */
	uint64_t pgd_phys;
	uint64_t rss, total_vm; /* in KiB */
	int width;		/* digits of an address */
};
void vm_mm_print(struct out *o, const struct vm_mm *mm);

/* What -R looks for. */
struct vm_reference {
	const char *text;
	bool is_hex, is_dec; /* which of the numbers below there are */
	uint64_t hex, dec;
};

/*
 * The pages of an area, one row each, with the heading VIRTUAL PHYSICAL: the text right into the
 * buffer, JSON as the table "pages". With a reference only those that match: then the heading comes
 * before the first of them, after found() was called once.
 */
struct vm_pages {
	struct session *s;
	const struct vm_mm *mm;
	const struct vma *vma;
	const struct vm_reference *reference; /* NULL: all pages */
	void (*found)(void *context);
	void *context;
	bool any; /* gets true once a page was printed */
};
struct error *vm_pages_print(struct vm_pages *p) MUST_CHECK;

/* -R for one task. *found when anything was printed. */
struct error *vm_search(struct session *s, const struct task *t, const struct vm_mm *mm,
			const struct vm_reference *r, bool *found) MUST_CHECK;

#endif
