/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "mm/engine/huge_switch.h"

struct value {
	enum huge_switch of;
	const char *word;
	const char *flag; /* enumerator of its bit; NULL: none of the others' bits */
};

#define FLAG(name) "TRANSPARENT_HUGEPAGE_" name "FLAG"

/* Which defrag had until 4.5 ("defer" and its like came in 4.6 and 4.11) is told by the bit that it had. */
static const struct value values[] = {
	{ HUGE_ENABLED, "always", FLAG("") },
	{ HUGE_ENABLED, "madvise", FLAG("REQ_MADV_") },
	{ HUGE_ENABLED, "never", NULL },
	{ HUGE_DEFRAG, "always", FLAG("DEFRAG_DIRECT_") },
	{ HUGE_DEFRAG, "always", FLAG("DEFRAG_") },
	{ HUGE_DEFRAG, "defer", FLAG("DEFRAG_KSWAPD_") },
	{ HUGE_DEFRAG, "defer+madvise", FLAG("DEFRAG_KSWAPD_OR_MADV_") },
	{ HUGE_DEFRAG, "madvise", FLAG("DEFRAG_REQ_MADV_") },
	{ HUGE_DEFRAG, "never", NULL },
	{ HUGE_USE_ZERO_PAGE, "1", FLAG("USE_ZERO_PAGE_") },
	{ HUGE_USE_ZERO_PAGE, "0", NULL },
};
#define VALUES (sizeof(values) / sizeof(values[0]))

const char *huge_switch_name(enum huge_switch which)
{
	static const char *const names[] = { [HUGE_ENABLED] = "enabled", [HUGE_DEFRAG] = "defrag", [HUGE_USE_ZERO_PAGE] = "use_zero_page" };
	return names[which];
}

static uint64_t bit_of(struct kernel *k, const char *flag)
{
	int64_t bit;
	return flag && enumerator_find(k, flag, &bit) && bit >= 0 && bit < 64 ? 1ull << bit : 0;
}

static bool has_huge_pages(struct kernel *k, uint64_t *flags)
{
	return symbol_addr(k, "transparent_hugepage_flags") && bit_of(k, FLAG("")) && !error_drop(kernel_read_symbol(k, "transparent_hugepage_flags", 0, flags));
}

static bool can_have(struct kernel *k, const struct value *v, enum huge_switch which)
{
	return v->of == which && (!v->flag || bit_of(k, v->flag));
}

const char *huge_switch_value(struct kernel *k, enum huge_switch which, unsigned n)
{
	uint64_t flags;
	for (size_t i = 0; i < VALUES && has_huge_pages(k, &flags); i++)
		if (can_have(k, &values[i], which) && !n--)
			return values[i].word;
	return NULL;
}

const char *huge_switch_read(struct kernel *k, enum huge_switch which)
{
	uint64_t flags;
	if (!has_huge_pages(k, &flags))
		return NULL;
	for (size_t i = 0; i < VALUES; i++)
		if (can_have(k, &values[i], which) && (!values[i].flag || (flags & bit_of(k, values[i].flag))))
			return values[i].word;
	return NULL;
}

static struct error *no_value(const char *what, const char *value)
{
	return kernel_error(EINVAL, "not a value of %s: %s", what, value);
}

struct error *huge_switch_write(struct kernel *k, enum huge_switch which, const char *value)
{
	uint64_t flags, group = 0, wanted = 0;
	bool known = false;
	if (!has_huge_pages(k, &flags))
		return error_new(ERR_UNSUPPORTED, "this kernel has no transparent huge pages");
	for (size_t i = 0; i < VALUES; i++) {
		if (!can_have(k, &values[i], which))
			continue;
		group |= bit_of(k, values[i].flag);
		if (!strcmp(values[i].word, value)) {
			known = true;
			wanted = bit_of(k, values[i].flag);
		}
	}
	if (!known)
		return no_value(huge_switch_name(which), value);
	return kernel_write_pointer(k, symbol_addr(k, "transparent_hugepage_flags"), (flags & ~group) | wanted);
}

/* ---- By size ---- */

static const struct {
	const char *word, *symbol;
} sizes[] = { { "always", "huge_anon_orders_always" }, { "inherit", "huge_anon_orders_inherit" }, { "madvise", "huge_anon_orders_madvise" } };
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* THP_ORDERS_ALL_ANON: from four pages up to a huge one. */
static bool has_sizes(struct kernel *k, unsigned order)
{
	for (size_t i = 0; i < SIZES; i++)
		if (!symbol_addr(k, sizes[i].symbol))
			return false;
	return k->geometry.levels >= 2 && order >= 2 && order + k->arch->page_shift <= k->geometry.level[k->geometry.levels - 2].shift;
}

const char *huge_size_read(struct kernel *k, unsigned order)
{
	uint64_t orders;
	if (!has_sizes(k, order))
		return NULL;
	for (size_t i = 0; i < SIZES; i++)
		if (!error_drop(kernel_read_symbol(k, sizes[i].symbol, 0, &orders)) && (orders >> order & 1))
			return sizes[i].word;
	return "never";
}

struct error *huge_size_write(struct kernel *k, unsigned order, const char *value)
{
	uint64_t orders;
	bool known = !strcmp(value, "never");
	if (!has_sizes(k, order))
		return error_new(ERR_UNSUPPORTED, "this kernel has no switch for huge pages of that size");
	for (size_t i = 0; i < SIZES; i++)
		known |= !strcmp(value, sizes[i].word);
	if (!known)
		return no_value("a size", value);
	for (size_t i = 0; i < SIZES; i++) {
		TRY(kernel_read_symbol(k, sizes[i].symbol, 0, &orders));
		orders = strcmp(value, sizes[i].word) ? orders & ~(1ull << order) : orders | 1ull << order;
		TRY(kernel_write_pointer(k, symbol_addr(k, sizes[i].symbol), orders));
	}
	return NULL;
}
