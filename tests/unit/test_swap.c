/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Swap entries in each of the layouts that x86 has had, and the kinds that are told by their type.
 */
#include "tests/unit/small_kernel.h"

#include "mm/state.h"
#include "mm/swap.h"

static struct kernel *k;

static int setup(void **state)
{
	struct small_types t = small_types_new();
	small_struct(&t, "list_head", 16, "next", t.pointer, 0, "prev", t.pointer, 8, NULL);
	k = small_kernel_new(&t);
	return 0;
}

static int teardown(void **state)
{
	small_kernel_free(k);
	return 0;
}

static void decodes(uint64_t entry, unsigned type, uint64_t offset)
{
	struct swap_entry e;
	swap_entry_decode(k, entry, &e);
	assert_int_equal(e.type, type);
	assert_int_equal(e.offset, offset);
}

/*
 * arch/x86/include/asm/pgtable_64.h: type in bits 63:59, offset in 58:9, inverted. An entry of
 * offset 0x1234 of the first area: 0x1234 << 9 = 0x246800, inverted within bits 58:9:
 * 0x07ffffffffdb9600; of area 1 with bit 59.
 */
static void x86_64(void **state)
{
	decodes(0x07ffffffffdb9600, 0, 0x1234);
	decodes(0x0fffffffffdb9600, 1, 0x1234);
	/* soft-dirty, uffd-wp and exclusive (bits 1, 2, 3) are no part of it */
	decodes(0x07ffffffffdb960e, 0, 0x1234);
	decodes(0xf800000000000000, 31, 0x3ffffffffffff);
	/* No swap areas here: the entry is bad, not an offset given as right. */
	struct swap_entry e;
	char text[128];
	swap_entry_decode(k, 0x07ffffffffdb9600, &e);
	assert_int_equal(e.kind, SWAP_BAD);
	assert_string_equal(swap_entry_format(k, &e, text, sizeof(text)),
			    "SWAP: (unknown swap location)  OFFSET: 4660");
}

/* pgtable-3level.h since the defence against L1TF: as on x86_64; before: type and offset in the
 * high word */
static void pae(void **state)
{
	k->arch = &arch_i386;
	k->geometry = i386_pae;
	k->geometry.inverts_absent = true;
	decodes(0x0fffffffffdb9600, 1, 0x1234);
	swap_table_free(k->mm->swap);
	k->mm->swap = NULL;
	k->geometry.inverts_absent = false;
	decodes((0x1234ull << 5 | 3) << 32, 3, 0x1234);
}

/* pgtable-2level.h: type in bits 5:1, offset from bit 9 */
static void two_levels(void **state)
{
	k->arch = &arch_i386;
	k->geometry = i386_2level;
	decodes(0x1234 << 9 | 3 << 1, 3, 0x1234);
}

/* pgtable_64.h before the defence: type in bits 5:1 and offset from bit 9, until 4.8 moved them to
 * 13:9 and 14 */
static void old_x86_64(void **state)
{
	k->geometry.inverts_absent = false;
	decodes(0x1234ull << 9 | 3 << 1, 3, 0x1234);
}

static void old_x86_64_since_4_8(void **state)
{
	small_kernel_free(k);
	struct small_types t = small_types_new();
	assert_true(btf__add_enum(t.btf, "node_stat_item", 4) > 0);
	assert_int_equal(btf__add_enum_value(t.btf, "NR_VM_NODE_STAT_ITEMS", 40), 0);
	k = small_kernel_new(&t);
	k->geometry.inverts_absent = false;
	decodes(0x1234ull << 14 | 3 << 9, 3, 0x1234);
}

/* Markers have the greatest type since 5.19 (PG_anon_exclusive, of the same release); this one is a
 * guard page's. */
static void markers(void **state)
{
	struct swap_entry e;
	char text[128];
	small_kernel_free(k);
	struct small_types t = small_types_new();
	assert_true(btf__add_enum(t.btf, "pageflags", 4) > 0);
	assert_int_equal(btf__add_enum_value(t.btf, "PG_anon_exclusive", 17), 0);
	small_struct(&t, "ptdesc", 64, "pt_flags", t.u64, 0, NULL);
	k = small_kernel_new(&t);
	swap_entry_decode(k, 0xfffffffffffff600, &e);
	assert_int_equal(e.kind, SWAP_MARKER);
	assert_int_equal(e.offset, SWAP_MARKER_GUARD);
	assert_string_equal(swap_entry_format(k, &e, text, sizeof(text)), "MARKER: guard");
	swap_entry_decode(k, 0xfffffffffffff400, &e);
	assert_string_equal(swap_entry_format(k, &e, text, sizeof(text)), "MARKER: uffd-wp guard");
	swap_entry_decode(k, 0xf7fffffffffff600, &e);
	assert_int_equal(e.kind, SWAP_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(x86_64, setup, teardown),
		cmocka_unit_test_setup_teardown(pae, setup, teardown),
		cmocka_unit_test_setup_teardown(two_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(old_x86_64, setup, teardown),
		cmocka_unit_test_setup_teardown(old_x86_64_since_4_8, setup, teardown),
		cmocka_unit_test_setup_teardown(markers, setup, teardown),
	};
	return cmocka_run_group_tests_name("swap entries", tests, NULL, NULL);
}
