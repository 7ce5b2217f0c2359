/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A kernel small enough to be made by hand: a few megabytes of RAM in the direct map, and types
 * that a test declares member by member. Members are found in it by BTF as in any image.
 */
#ifndef TESTS_UNIT_SMALL_KERNEL_H
#define TESTS_UNIT_SMALL_KERNEL_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "core/kernel.h"

#define SMALL_RAM  (8ull << 20)
#define SMALL_BASE 0xffff888000000000ull /* the direct map */

struct small_types {
	struct btf *btf;
	int u8, u16, u32, u64, pointer, s16;
};

static inline struct small_types small_types_new(void)
{
	struct small_types t = {.btf = btf__new_empty()};
	assert_non_null(t.btf);
	t.u64 = btf__add_int(t.btf, "unsigned long", 8, 0);
	t.u32 = btf__add_int(t.btf, "unsigned int", 4, 0);
	t.u16 = btf__add_int(t.btf, "unsigned short", 2, 0);
	t.s16 = btf__add_int(t.btf, "short", 2, BTF_INT_SIGNED);
	t.u8 = btf__add_int(t.btf, "unsigned char", 1, 0);
	t.pointer = btf__add_ptr(t.btf, 0);
	return t;
}

static inline int small_array(struct small_types *t, int element, unsigned count)
{
	return btf__add_array(t->btf, t->u32, element, count);
}

/* (name, type id, byte offset) …, NULL */
static inline int small_struct(struct small_types *t, const char *name, unsigned size, ...)
{
	va_list ap;
	const char *member;
	int id = btf__add_struct(t->btf, name, size);
	va_start(ap, size);
	while ((member = va_arg(ap, const char *))) {
		int type = va_arg(ap, int);
		int offset = va_arg(ap, int);
		assert_int_equal(btf__add_field(t->btf, member, type, offset * 8, 0), 0);
	}
	va_end(ap);
	return id;
}

/* Consumes the types. */
static inline struct kernel *small_kernel_new(struct small_types *t)
{
	struct kernel *k = calloc(1, sizeof(*k));
	uint32_t len;
	assert_non_null(k);
	assert_null(vmcore_new_ram(SMALL_RAM, &k->vmcore));
	k->arch = &arch_x86_64;
	k->geometry = x86_64_4level;
	k->geometry.inverts_absent = true;
	k->page_offset = SMALL_BASE;
	k->direct_end = SMALL_BASE + SMALL_RAM;
	k->cpus = 1;
	const void *bytes = btf__raw_data(t->btf, &len);
	assert_non_null(bytes);
	assert_null(types_open_bytes(k, bytes, len));
	btf__free(t->btf);
	members_resolve(k);
	return k;
}

static inline void small_kernel_free(struct kernel *k)
{
	struct vmcore *vc = k->vmcore;
	kernel_close(k);
	vmcore_close(vc);
}

static inline void poke(struct kernel *k, uint64_t addr, uint64_t value, unsigned size)
{
	assert_null(kernel_write(k, addr, &value, size));
}

static inline void poke64(struct kernel *k, uint64_t addr, uint64_t value)
{
	poke(k, addr, value, 8);
}

/* The error has this code; frees it. */
static inline void assert_error(struct error *e, enum error_code code)
{
	assert_non_null(e);
	if (e->code != code)
		fail_msg("error %d instead of %d: %s", e->code, code, e->message);
	error_free(e);
}

static inline void assert_success(struct error *e)
{
	if (e)
		fail_msg("error %d: %s", e->code, e->message);
}

#endif
