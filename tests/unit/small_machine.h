/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine for the engine's tests: booted, attached to, its books checked.
 */
#ifndef TESTS_UNIT_SMALL_MACHINE_H
#define TESTS_UNIT_SMALL_MACHINE_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "mm/engine/engine.h"
#include "mm/engine/fork_edit.h"
#include "mm/sim/books.h"
#include "mm/sim/machine.h"

#define PAGE 4096u

struct machine {
	struct vmcore *vc;
	struct kernel *k;
	struct engine *e;
	struct books booted; /* the books after booting, page tables trimmed */
};

#define ok(call)                                                                                  \
	do {                                                                                      \
		struct error *ok_error_ = (call);                                                 \
		if (ok_error_)                                                                    \
			fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, #call, ok_error_->message); \
	} while (0)

/* The kernel says no, with that errno. */
#define refused(call, number)                                                                \
	do {                                                                                 \
		struct error *refused_ = (call);                                             \
		if (!refused_ || refused_->code != ERR_KERNEL || refused_->addr != (number)) \
			fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, #call,                 \
				 refused_ ? refused_->message : "done");                     \
		error_free(refused_);                                                        \
	} while (0)

static inline void boot_as(struct machine *m, unsigned megabytes, bool highmem)
{
	struct machine_options o = {.mem = (uint64_t)megabytes << 20, .highmem = highmem};
	ok(machine_boot(MACHINE_DEFAULT, &o, &m->vc, &m->k));
	ok(engine_open(m->k, &m->e));
	ok(books_check(m->e, &m->booted));
}

static inline void boot(struct machine *m, unsigned megabytes)
{
	boot_as(m, megabytes, false);
}

static inline void shut_down(struct machine *m)
{
	kernel_close(m->k);
	vmcore_close(m->vc);
}

/* A process with an empty address space. */
static inline uint64_t new_process(struct machine *m)
{
	uint64_t task;
	ok(do_fork(m->e, m->e->init_task, 0, 0, &task));
	ok(exec_mmap(m->e, task));
	return task;
}

static inline uint64_t mm_of(struct machine *m, uint64_t task)
{
	uint64_t mm;
	ok(kernel_get(m->k, task, M_task_struct_mm, &mm));
	return mm;
}

/* A member of an object, read fresh. */
static inline uint64_t get(struct machine *m, uint64_t object, enum member_id id)
{
	uint64_t v;
	ok(kernel_get(m->k, object, id, &v));
	return v;
}
#define READ(m, object, structure, member) get((m), (object), M_##structure##_##member)

static inline uint64_t counter(struct machine *m, const char *symbol)
{
	uint64_t v;
	ok(kernel_read_symbol(m->k, symbol, 4, &v));
	return v;
}

/* The entry for an address, 0 when there is no table. */
static inline uint64_t entry_of(struct machine *m, uint64_t task, uint64_t addr)
{
	struct object mm;
	ok(object_open(m->k, mm_of(m, task), S_mm_struct, &mm));
	uint64_t at = pte_offset(m->e, &mm, addr);
	return at ? get_pte(m->e, at) : 0;
}

static inline uint64_t page_at(struct machine *m, uint64_t task, uint64_t addr)
{
	return engine_phys_page(m->e, entry_of(m, task, addr) & m->k->geometry.frame_mask);
}

static inline int32_t count_of(struct machine *m, uint64_t page)
{
	return (int32_t)READ(m, page, page, refcount);
}

static inline bool page_is(struct machine *m, uint64_t page, int bit)
{
	return READ(m, page, page, flags) >> bit & 1;
}

static inline uint64_t map(struct machine *m, uint64_t task, uint64_t addr, uint64_t pages,
			   unsigned prot, unsigned flags)
{
	uint64_t at;
	ok(do_mmap_pgoff(m->e, mm_of(m, task), 0, addr, pages * PAGE, prot,
			 MAP_PRIVATE | MAP_ANONYMOUS | flags, 0, &at));
	return at;
}

static inline void poke32(struct machine *m, uint64_t task, uint64_t addr, uint32_t value)
{
	ok(access_process_vm(m->e, task, addr, &value, 4, true));
}

static inline uint32_t peek32(struct machine *m, uint64_t task, uint64_t addr)
{
	uint32_t value = 0;
	ok(access_process_vm(m->e, task, addr, &value, 4, false));
	return value;
}

/* After every process has gone and the page tables are trimmed, all frames are free but those of
 * slabs. */
static inline void all_given_back(struct machine *m)
{
	struct books b;
	ok(check_pgt_cache(m->e, 0, 0));
	ok(books_check(m->e, &b));
	assert_int_equal(b.mms, 0);
	assert_int_equal(b.tasks, 0);
	assert_int_equal(b.tables, 0);
	assert_int_equal(b.areas, 0);
	assert_int_equal(b.objects, m->booted.objects);
	assert_int_equal(b.user, b.cached);
	assert_int_equal(b.free + b.slab + b.cached + b.boot,
			 m->booted.free + m->booted.slab + m->booted.boot);
}

#endif
