/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/needs.h"

#include "mm/state.h"

static const struct need {
	unsigned subject;
	enum struct_id of, in;
	enum member_id member, unless;
} table[] = {
#define NEED(subject, s, m)		   {NEEDS_##subject, S_##s, S_##s, M_##s##_##m, MEMBER_NONE},
#define NEED_IN(subject, s, m, other)	   {NEEDS_##subject, S_##s, S_##other, M_##s##_##m, MEMBER_NONE},
#define NEED_IN_UNLESS(subject, s, m, other, os, om) {NEEDS_##subject, S_##s, S_##other, M_##s##_##m, M_##os##_##om},
#define NEED_UNLESS(subject, s, m, os, om) NEED_IN_UNLESS(subject, s, m, anon_vma_chain, os, om)
#include "mm/needs.def"
};

struct error *needs_check(struct kernel *k, const char *what, unsigned subjects)
{
	struct mm_state *state = mm_state(k);
	if (!(subjects & ~state->needs_met))
		return NULL;
	if ((subjects & NEEDS_COUNTS) && k->percpu_offset)
		subjects |= NEEDS_SMP;
	if ((subjects & NEEDS_PAGES) && k->vmemmap)
		subjects |= NEEDS_VMEMMAP;
	for (const struct need *n = table; n < table + sizeof(table) / sizeof(table[0]); n++) {
		if (!(n->subject & subjects) || k->members[n->member].present || !k->structs[n->of].size || !k->structs[n->in].size ||
		    (n->unless != MEMBER_NONE && k->members[n->unless].present))
			continue;
		return members_require(k, what, n->member, MEMBER_NONE);
	}
	state->needs_met |= subjects;
	return NULL;
}
