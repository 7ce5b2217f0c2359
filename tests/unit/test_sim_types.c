/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Types as text (mm/sim/types.c): cut up rightly, and Linux 5.10's struct page where gcc puts the members of its declaration.
 */
#include <bpf/btf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/sim/programs.h"
#include "mm/sim/types.h"

static void ok(struct error *e)
{
	if (e)
		fail_msg("%s", e->message);
}

static const char small[] = "# a comment\nroot a b\n"
			    "struct a 24\n\t0 const struct b * first; 8 union $1 -;\n\t16.3:5 unsigned int bits; 20 e_t kind\n"
			    "union $1 8\n\t0 int (*)(struct a *, ...) call; 0 unsigned char [2][4] bytes\n"
			    "struct empty 0\n"
			    "typedef e_t = enum e\nenum e\n\t-1 E_NONE; 0 E_SOME\nenum $2\n\t7 E_SEVEN\n";

static void test_parse(void **state)
{
	const struct layout *l = types_parse(8, small, sizeof(small) - 1, "struct own 4\n\t0 int x\n");
	assert_non_null(l);
	assert_string_equal(l->structs[0].name, "a");
	assert_int_equal(l->structs[0].size, 24);
	assert_string_equal(l->structs[0].members[0].type, "const struct b *");
	assert_string_equal(l->structs[0].members[1].name, "");
	const struct layout_member *bits = &l->structs[0].members[2];
	assert_int_equal(bits->offset, 16);
	assert_int_equal(bits->bit, 3);
	assert_int_equal(bits->bits, 5);
	assert_null(l->structs[0].members[4].name);
	assert_true(l->structs[1].is_union);
	assert_null(l->structs[2].members[0].name);
	assert_string_equal(l->structs[3].name, "own");
	assert_null(l->structs[4].name);
	assert_string_equal(l->typedefs[0].type, "enum e");
	assert_int_equal(l->enums[0].values[0].value, -1);
	assert_null(l->enums[0].values[2].name);
	assert_string_equal(l->enums[1].values[0].name, "E_SEVEN");
	assert_null(l->enums[2].name);
	assert_int_equal(layout_offset(l, "own", "x"), 0);
	void *bytes;
	size_t len;
	ok(layout_to_btf(l, &bytes, &len));
	struct btf *btf = btf__new(bytes, (uint32_t)len);
	assert_non_null(btf);
	int id = btf__find_by_name_kind(btf, "a", BTF_KIND_STRUCT);
	assert_true(id > 0);
	const struct btf_type *t = btf__type_by_id(btf, (uint32_t)id);
	assert_int_equal(btf_vlen(t), 4);
	assert_int_equal(btf_member_bit_offset(t, 2), 16 * 8 + 3);
	assert_int_equal(btf_member_bitfield_size(t, 2), 5);
	btf__free(btf);
	free(bytes);
	types_free(l);
}

/* ---- struct page as its declaration in include/linux/mm_types.h (5.10) has it, with CONFIG_MEMCG and small spinlocks ---- */

struct list_head {
	struct list_head *next, *prev;
};
#define rcu_head callback_head /* include/linux/types.h has the same line */
struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *);
};
typedef struct {
	int counter;
} atomic_t;

struct page {
	unsigned long flags;
	union {
		struct {
			struct list_head lru;
			void *mapping;
			unsigned long index;
			unsigned long private;
		};
		struct {
			unsigned long dma_addr[2]; /* one dma_addr_t until 5.10.46, for the sake of 32-bit machines */
		};
		struct {
			union {
				struct list_head slab_list;
				struct {
					struct page *next;
					int pages;
					int pobjects;
				};
			};
			void *slab_cache;
			void *freelist;
			union {
				void *s_mem;
				unsigned long counters;
				struct {
					unsigned inuse : 16, objects : 15, frozen : 1;
				};
			};
		};
		struct {
			unsigned long compound_head;
			unsigned char compound_dtor;
			unsigned char compound_order;
			atomic_t compound_mapcount;
			unsigned int compound_nr;
		};
		struct {
			unsigned long _compound_pad_1;
			atomic_t hpage_pinned_refcount;
			struct list_head deferred_list;
		};
		struct {
			unsigned long _pt_pad_1;
			void *pmd_huge_pte;
			unsigned long _pt_pad_2;
			union {
				void *pt_mm;
				atomic_t pt_frag_refcount;
			};
			uint32_t ptl;
		};
		struct {
			void *pgmap;
			void *zone_device_data;
		};
		struct rcu_head rcu_head;
	};
	union {
		atomic_t _mapcount;
		unsigned int page_type;
		unsigned int active;
		int units;
	};
	atomic_t _refcount;
	union {
		void *mem_cgroup;
		void **obj_cgroups;
	};
} __attribute__((aligned(16)));

/* The offset of a member in bits, those of unnamed members counted as the struct's; -1: there is none. */
static long find_member(const struct btf *btf, const struct btf_type *t, const char *name, unsigned *size)
{
	for (unsigned i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		const char *own = btf__name_by_offset(btf, m->name_off);
		long inner;
		if (!strcmp(own, name)) {
			*size = (unsigned)btf__resolve_size(btf, m->type) * 8;
			if (btf_member_bitfield_size(t, i))
				*size = btf_member_bitfield_size(t, i);
			return btf_member_bit_offset(t, i);
		}
		if (!*own && (inner = find_member(btf, btf__type_by_id(btf, m->type), name, size)) >= 0)
			return (long)btf_member_bit_offset(t, i) + inner;
	}
	return -1;
}

static void test_page(void **state)
{
#define AT(member)                                                                             \
	{                                                                                      \
		#member, offsetof(struct page, member) * 8, sizeof(((struct page *)0)->member) * 8 \
	}
	static const struct {
		const char *name;
		unsigned bit, bits;
	} members[] = {
		AT(flags), AT(lru), AT(mapping), AT(index), AT(private), AT(dma_addr), AT(slab_list), AT(next), AT(pages), AT(pobjects),
		AT(slab_cache), AT(freelist), AT(s_mem), AT(counters), { "inuse", 40 * 8, 16 }, { "objects", 40 * 8 + 16, 15 },
		{ "frozen", 40 * 8 + 31, 1 }, AT(compound_head), AT(compound_dtor), AT(compound_order), AT(compound_mapcount), AT(compound_nr),
		AT(_compound_pad_1), AT(hpage_pinned_refcount), AT(deferred_list), AT(_pt_pad_1), AT(pmd_huge_pte), AT(_pt_pad_2), AT(pt_mm),
		AT(pt_frag_refcount), AT(ptl), AT(pgmap), AT(zone_device_data), { "callback_head", 8 * 8, 16 * 8 }, AT(_mapcount), AT(page_type), AT(active),
		AT(units), AT(_refcount), AT(mem_cgroup), AT(obj_cgroups),
	};
#undef AT
	void *bytes;
	size_t len;
	const char *text = sim_types("linux-5.10-x86_64", &len);
	const struct layout *l = types_parse(8, text, len, NULL);
	ok(layout_to_btf(l, &bytes, &len));
	struct btf *btf = btf__new(bytes, (uint32_t)len);
	const struct btf_type *page = btf__type_by_id(btf, (uint32_t)btf__find_by_name_kind(btf, "page", BTF_KIND_STRUCT));
	assert_int_equal(page->size, sizeof(struct page));
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		unsigned size;
		long bit = find_member(btf, page, members[i].name, &size);
		if (bit != members[i].bit || size != members[i].bits)
			fail_msg("page.%s: %u bits at %ld", members[i].name, size, bit);
	}
	btf__free(btf);
	free(bytes);
	types_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
