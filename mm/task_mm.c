/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An mm_struct as its tasks see it: how much of it is resident, and its user memory.
 */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/task.h"

enum { FILE_PAGES, ANON_PAGES, SWAP_ENTRIES, SHMEM_PAGES, KINDS };

/* include/linux/mm_types_task.h: the counters' places are enumerators; MM_SHMEMPAGES came in 4.5.
 */
static void find_places(struct kernel *k, int64_t place[KINDS])
{
	static const char *const names[KINDS] = {"MM_FILEPAGES", "MM_ANONPAGES", "MM_SWAPENTS",
						 "MM_SHMEMPAGES"};
	for (int i = 0; i < KINDS; i++) {
		if (!enumerator_find(k, names[i], &place[i]))
			place[i] = i == SHMEM_PAGES ? -1 : i;
	}
}

static int64_t signed_at(const struct object *o, uint64_t offset, unsigned size)
{
	if (offset + size > o->size)
		return 0;
	uint64_t v = load_uint(o->bytes + offset, size);
	return size == 4 ? (int32_t)v : (int64_t)v;
}

/*
 * Since 6.2 (commit f1a7941243c1): each counter is a sum and what each CPU has not yet added to it.
 * All possible CPUs: what an offline one left was added, and it stands at zero.
 */
static struct error *percpu_counters(struct kernel *k, const struct object *mm,
				     const int64_t place[KINDS], bool whole, int64_t sum[KINDS])
{
	const struct member *array = &k->members[M_mm_struct_rss_stat];
	for (int i = 0; i < KINDS; i++) {
		if (place[i] < 0 || place[i] >= array->count)
			continue;
		uint64_t at = array->offset + (uint64_t)place[i] * array->stride;
		if (at + array->stride > mm->size)
			continue;
		struct object counter = {mm->bytes + at, mm->addr + at, array->stride};
		sum[i] = (int64_t)GET(k, &counter, percpu_counter, count);
		uint64_t counters = GET(k, &counter, percpu_counter, counters);
		for (unsigned cpu = 0; whole && counters && cpu < k->cpus; cpu++) {
			uint32_t part;
			TRY(kernel_read_u32(k, percpu_ptr(k, counters, cpu), &part));
			sum[i] += (int32_t)part;
		}
	}
	return NULL;
}

static void add_counts(const struct member *array, const struct object *o,
		       const int64_t place[KINDS], int64_t sum[KINDS])
{
	if (!array->present || (array->stride != 4 && array->stride != 8))
		return;
	for (int i = 0; i < KINDS; i++) {
		if (place[i] >= 0 && place[i] < array->count)
			sum[i] += signed_at(o, array->offset + (uint64_t)place[i] * array->stride,
					    array->stride);
	}
}

static struct error *read_rss(struct kernel *k, uint64_t mm, bool whole, struct mm_rss *out)
{
	struct object o;
	int64_t place[KINDS], sum[KINDS] = {0};
	const struct member *array = &k->members[M_mm_struct_rss_stat];
	*out = (struct mm_rss){0};
	TRY(object_open(k, mm, S_mm_struct, &o));
	find_places(k, place);
	/* An array; struct mm_rss_stat may be as long as one counter. */
	if (HAS_STRUCT(k, percpu_counter) && array->count > 1 &&
	    array->stride == SIZE_OF(k, percpu_counter)) {
		TRY(percpu_counters(k, &o, place, whole, sum));
	} else if (HAS(k, mm_struct, rss_count)) {
		add_counts(&k->members[M_mm_struct_rss_count], &o, place, sum);
		/* SPLIT_RSS_COUNTING: each task keeps up to 64 page faults' worth to itself
		 * (mm/memory.c). */
		const struct task *t;
		for (size_t i = 0; whole && (t = task_of_mm(k, mm, i)); i++)
			add_counts(&k->members[M_task_struct_rss_stat], &t->object, place, sum);
	} else if (HAS(k, mm_struct, file_rss)) {
		sum[FILE_PAGES] = (int64_t)GET(k, &o, mm_struct, file_rss);
		sum[ANON_PAGES] = (int64_t)GET(k, &o, mm_struct, anon_rss);
	} else {
		TRY(members_require(k, "counts of resident pages", M_mm_struct_rss, MEMBER_NONE));
		sum[ANON_PAGES] = (int64_t)GET(k, &o, mm_struct, rss); /* all kinds in one */
	}
	/* A counter that is split may be below zero for a moment; the kernel shows 0 then
	 * (get_mm_counter). */
	for (int i = 0; i < KINDS; i++) {
		if (sum[i] < 0)
			sum[i] = 0;
	}
	*out = (struct mm_rss){sum[FILE_PAGES], sum[ANON_PAGES], sum[SHMEM_PAGES],
			       sum[SWAP_ENTRIES]};
	return NULL;
}

struct error *mm_rss(struct kernel *k, uint64_t mm, struct mm_rss *out)
{
	return read_rss(k, mm, true, out);
}

struct error *mm_rss_rough(struct kernel *k, uint64_t mm, struct mm_rss *out)
{
	return read_rss(k, mm, false, out);
}

struct error *mm_pgd(struct kernel *k, uint64_t mm, uint64_t *phys)
{
	uint64_t pgd;
	*phys = k->kernel_pgd;
	if (!mm)
		return NULL;
	TRY(error_prefix(kernel_get(k, mm, M_mm_struct_pgd, &pgd), "mm_struct %" PRIx64, mm));
	return error_prefix(kernel_vtop(k, pgd, phys), "pgd of mm_struct %" PRIx64, mm);
}

struct error *mm_read_user(struct kernel *k, uint64_t mm, uint64_t addr, void *buffer, size_t len,
			   size_t *got, const char **why)
{
	uint64_t pgd;
	*got = 0;
	if (why)
		*why = NULL;
	TRY(mm_pgd(k, mm, &pgd));
	while (*got < len) {
		struct walk walk;
		struct error *e = NULL;
		const char *absent = NULL;
		TRY(check_interrupt());
		pagetable_walk(k->vmcore, &k->geometry, pgd, addr + *got, &walk, &e);
		if (walk.result == WALK_MAPPED) {
			uint64_t page = walk.page_size - (walk.phys & (walk.page_size - 1));
			size_t piece = len - *got < page ? len - *got : page;
			e = vmcore_read(k->vmcore, walk.phys, (char *)buffer + *got, piece);
			if (!e) {
				*got += piece;
				continue;
			}
			absent = "not in the image";
		} else {
			absent = walk.result == WALK_NOT_PRESENT ? "swapped out"
				 : walk.result == WALK_EMPTY	 ? "not mapped"
							     : "its page table is not in the image";
		}
		if (e && !*got)
			return e;
		error_free(e);
		if (why)
			*why = absent;
		return NULL;
	}
	return NULL;
}
