/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The indices of fragmentation, worked out by hand: what they say where an allocation fails. (That they are the kernel's where it does not is for the
 * guest tests.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/fragmentation.h"

static struct zone_free blocks(uint64_t order0, uint64_t order1, uint64_t order2)
{
	struct zone_free f = {.orders = 11, .types = 1, .blocks = {order0, order1, order2}};
	f.total = order0 + order1 + order2;
	f.pages = order0 + 2 * order1 + 4 * order2;
	return f;
}

/* 1000 single pages: for order 3, all is unusable; 1000 - (1000 + 1000000 / 8) / 1000 */
static void test_in_pieces(void **state)
{
	struct zone_free f = blocks(1000, 0, 0);
	(void)state;
	assert_int_equal(unusable_free_index(&f, 0), 0);
	assert_int_equal(unusable_free_index(&f, 3), 1000);
	assert_int_equal(fragmentation_index(&f, 0), -1000);
	assert_int_equal(fragmentation_index(&f, 3), 1000 - (1000 + 125000) / 1000);
	assert_int_equal(fragmentation_index(&f, 9), 1000 - (1000 + 1953) / 1000);
}

/* One block of 4 pages: order 3 wants twice what there is, and fails for want of memory: 1000 - (1000 + 500) / 1 */
static void test_too_little(void **state)
{
	struct zone_free f = blocks(0, 0, 1), none = blocks(0, 0, 0);
	(void)state;
	assert_int_equal(fragmentation_index(&f, 3), -500);
	assert_int_equal(fragmentation_index(&none, 3), 0);
	assert_int_equal(unusable_free_index(&none, 3), 1000);
}

/* 10 pages of which 4 are in a block of order 2, 4 in two of order 1 */
static void test_mixed(void **state)
{
	struct zone_free f = blocks(2, 2, 1);
	(void)state;
	assert_int_equal(unusable_free_index(&f, 1), 200);
	assert_int_equal(unusable_free_index(&f, 2), 600);
	assert_int_equal(fragmentation_index(&f, 2), -1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_pieces),
		cmocka_unit_test(test_too_little),
		cmocka_unit_test(test_mixed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
