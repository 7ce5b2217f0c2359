/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the bits of vm_flags mean. They are macros (include/linux/mm.h), of which types keep no
 * trace until the enumerators VMA_…_BIT of Linux 6.19; before that, each bit whose meaning has
 * changed is told by something that came or went with the change.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/state.h"
#include "mm/vma.h"

/* Names of the kernels with enumerators, the special ones of x86 before the bits that they share.
 */
static const char *const enumerated[] = {
	"READ",	       "WRITE",
	"EXEC",	       "SHARED",
	"MAYREAD",     "MAYWRITE",
	"MAYEXEC",     "MAYSHARE",
	"GROWSDOWN",   "UFFD_MISSING",
	"PFNMAP",      "MAYBE_GUARD",
	"UFFD_WP",     "LOCKED",
	"IO",	       "SEQ_READ",
	"RAND_READ",   "DONTCOPY",
	"DONTEXPAND",  "LOCKONFAULT",
	"ACCOUNT",     "NORESERVE",
	"HUGETLB",     "SYNC",
	"ARCH_1",      "WIPEONFORK",
	"DONTDUMP",    "SOFTDIRTY",
	"MIXEDMAP",    "HUGEPAGE",
	"NOHUGEPAGE",  "MERGEABLE",
	"PKEY_BIT0",   "PKEY_BIT1",
	"PKEY_BIT2",   "PKEY_BIT3",
	"PKEY_BIT4",   "SHADOW_STACK",
	"HIGH_ARCH_0", "HIGH_ARCH_1",
	"HIGH_ARCH_2", "HIGH_ARCH_3",
	"HIGH_ARCH_4", "HIGH_ARCH_5",
	"HIGH_ARCH_6", "ALLOW_ANY_UNCACHED",
	"DROPPABLE",   "UFFD_MINOR",
	"SEALED",
};

static const char *enumerated_name(struct kernel *k, unsigned bit)
{
	char name[64];
	int64_t value;
	for (size_t i = 0; i < sizeof(enumerated) / sizeof(*enumerated); i++) {
		snprintf(name, sizeof(name), "VMA_%s_BIT", enumerated[i]);
		if (enumerator_find(k, name, &value) && value == (int64_t)bit)
			return enumerated[i];
	}
	return NULL;
}

/* Bits that mean the same in every kernel that has them. */
static const char *const constant[32] = {
	[0] = "READ",	    [1] = "WRITE",     [2] = "EXEC",	    [3] = "SHARED",
	[4] = "MAYREAD",    [5] = "MAYWRITE",  [6] = "MAYEXEC",	    [7] = "MAYSHARE",
	[8] = "GROWSDOWN",  [13] = "LOCKED",   [14] = "IO",	    [15] = "SEQ_READ",
	[16] = "RAND_READ", [17] = "DONTCOPY", [18] = "DONTEXPAND", [20] = "ACCOUNT",
	[21] = "NORESERVE", [22] = "HUGETLB",  [28] = "MIXEDMAP",   [31] = "MERGEABLE",
};

static const char *x86_high_name(struct kernel *k, unsigned bit)
{
	static const char *const pkey[] = {"PKEY_BIT0", "PKEY_BIT1", "PKEY_BIT2", "PKEY_BIT3"};
	bool since_6_6 = HAS_STRUCT(k, ptdesc);
	/* include/linux/mm.h: mseal() came in 6.10, with bits 39 and 40 about then */
	bool seals = symbol_addr(k, "do_mseal") != 0;
	switch (bit) {
	case 32 ... 35:
		return pkey[bit - 32];
	case 37: /* UFFD_MINOR made room for x86's shadow stacks in 6.6 */
		return since_6_6 ? "SHADOW_STACK" : "UFFD_MINOR";
	case 38:
		return since_6_6 ? "UFFD_MINOR" : NULL;
	case 39:
		return seals ? "ALLOW_ANY_UNCACHED" : NULL;
	case 40:
		return seals ? "DROPPABLE" : NULL;
	case 63:
		return seals ? "SEALED" : NULL;
	}
	return NULL;
}

static const char *find_name(struct kernel *k, unsigned bit)
{
	int64_t value;
	if (enumerator_find(k, "VMA_READ_BIT", &value))
		return enumerated_name(k, bit);
	if (bit >= 32)
		return k->arch->pointer_size == 8 ? x86_high_name(k, bit) : NULL;
	if (constant[bit])
		return constant[bit];
	/*
	 * vm_area_struct.shared: a list and a priority tree until 3.7 (which also renumbered the
	 * flags), then an interval tree; beside it a list of nonlinear areas until 4.0.
	 */
	bool interval_tree =
		HAS(k, vm_area_struct, shared_rb) || HAS(k, vm_area_struct, shared_linear);
	bool nonlinear = !HAS(k, vm_area_struct, shared_rb);
	bool userfaults = HAS(k, vm_area_struct, vm_userfaultfd_ctx);
	/* An image whose types leave vm_area_struct.shared out is taken as a new one, unless it has
	 * the areas of 2.4. */
	bool is_2_4 = HAS(k, vm_area_struct, vm_next_share);
	if (!interval_tree && !HAS(k, vm_area_struct, shared_vm_set) && !is_2_4)
		interval_tree = true, nonlinear = false;
	switch (bit) {
	case 9:
		return symbol_addr(k, "expand_upwards") && !userfaults ? "GROWSUP"
		       : userfaults				       ? "UFFD_MISSING"
		       : interval_tree || is_2_4		       ? NULL
								       : "NOHUGEPAGE";
	case 10: /* VM_SHM until 2.6.17 */
		return is_2_4 ? "SHM" : "PFNMAP";
	case 11: /* went in 5.15, when replace_mm_exe_file() came (kernel/fork.c) */
		return symbol_addr(k, "replace_mm_exe_file") ? NULL : "DENYWRITE";
	case 12:
		return userfaults ? "UFFD_WP" : interval_tree ? NULL : "EXECUTABLE";
	case 19:
		return interval_tree ? "LOCKONFAULT" : "RESERVED";
	case 23:
		return nonlinear ? "NONLINEAR" : "SYNC";
	case 24:
		return !interval_tree			  ? "HUGEPAGE"
		       : symbol_addr(k, "track_pfn_copy") ? "PAT"
							  : "ARCH_1";
	case 25:
		return !interval_tree ? "INSERTPAGE" : nonlinear ? "ARCH_2" : "WIPEONFORK";
	case 26:
		return interval_tree ? "DONTDUMP" : "ALWAYSDUMP";
	case 27:
		return interval_tree ? "SOFTDIRTY" : "CAN_NONLINEAR";
	case 29:
		return interval_tree ? "HUGEPAGE" : "SAO";
	case 30:
		return interval_tree ? "NOHUGEPAGE" : "PFN_AT_MMAP";
	}
	return NULL;
}

struct vma_flag_names {
	const char *name[64];
};

void vma_flag_names_free(struct vma_flag_names *n)
{
	free(n);
}

const char *vma_flag_name(struct kernel *k, unsigned bit)
{
	struct mm_state *s = mm_state(k);
	if (bit > 63)
		return NULL;
	if (!s->flag_names) {
		s->flag_names = calloc(1, sizeof(*s->flag_names));
		if (!s->flag_names)
			abort();
		for (unsigned i = 0; i < 64; i++)
			s->flag_names->name[i] = find_name(k, i);
	}
	return s->flag_names->name[bit];
}

const char *vma_flags_format(struct kernel *k, uint64_t flags, char *buf, size_t size)
{
	size_t len = 0;
	uint64_t nameless = 0;
	buf[0] = 0;
	for (unsigned bit = 0; bit < 64; bit++) {
		if (!(flags >> bit & 1))
			continue;
		const char *name = vma_flag_name(k, bit);
		if (!name) {
			nameless |= 1ull << bit;
			continue;
		}
		int n = snprintf(buf + len, size - len, "%s%s", len ? "|" : "", name);
		if (n < 0 || (size_t)n >= size - len) {
			buf[len] = 0;
			return buf;
		}
		len += n;
	}
	if (nameless)
		snprintf(buf + len, size - len, "%s0x%" PRIx64, len ? "|" : "", nameless);
	return buf;
}

void vma_permissions(uint64_t flags, char buf[5])
{
	buf[0] = flags & VM_READ ? 'r' : '-';
	buf[1] = flags & VM_WRITE ? 'w' : '-';
	buf[2] = flags & VM_EXEC ? 'x' : '-';
	buf[3] = flags & VM_MAYSHARE ? 's' : 'p';
	buf[4] = 0;
}
