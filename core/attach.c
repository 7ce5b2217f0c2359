/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finding the kernel in an image: VMCOREINFO, where its text lies, which page tables it runs on,
 * and where the ranges of its address space start. Whatever is found is believed only when the
 * image's own page tables agree with it.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "core/kernel.h"
#include "core/kallsyms.h"
#include "core/translate.h"

static const char vmcoreinfo_start[] = "OSRELEASE=";
/* VMCOREINFO_BYTES: include/linux/crash_core.h, one page. */
#define VMCOREINFO_MAX 4096

static const struct pagetable_geometry *const x86_64_geometries[] = {&x86_64_4level,
								     &x86_64_5level};
static const struct pagetable_geometry *const i386_geometries[] = {&i386_2level, &i386_pae};

/* Memory that the machine had but the image has not: worth telling when no kernel is found. */
static void keep_unreadable(struct kernel *k, struct error *e)
{
	bool promised = e && (e->code == ERR_TRUNCATED || e->code == ERR_EXCLUDED || e->code == ERR_DAMAGED);
	if (promised && !k->unreadable)
		k->unreadable = e;
	else
		error_free(e);
}

/*
 * Does the page table at the link address `pgd_addr` map the text address `text` to where both lie
 * if the kernel's text was moved to phys_base? Tries the geometries of the architecture; on success
 * fills k->geometry, k->kernel_pgd, k->phys_base.
 */
static bool tables_agree(struct kernel *k, uint64_t phys_base, uint64_t pgd_addr, uint64_t text)
{
	const struct pagetable_geometry *const *geometries =
		k->arch->pointer_size == 8 ? x86_64_geometries : i386_geometries;
	uint64_t pgd = pgd_addr - k->arch->kernel_map + phys_base;
	uint64_t phys = text - k->arch->kernel_map + phys_base;
	if (pgd >= vmcore_max_phys(k->vmcore) || phys >= vmcore_max_phys(k->vmcore))
		return false;
	for (int i = 0; i < 2; i++) {
		struct walk walk;
		struct error *unreadable;
		pagetable_walk(k->vmcore, geometries[i], pgd, text, &walk, &unreadable);
		if (walk.result == WALK_MAPPED && walk.phys == phys) {
			k->geometry = *geometries[i];
			k->kernel_pgd = pgd;
			k->phys_base = phys_base;
			return true;
		}
		keep_unreadable(k, unreadable);
	}
	return false;
}

/* A text symbol and the page directory from VMCOREINFO, tried with its own phys_base or, for lack
 * of it, with all there could be. */
static bool try_vmcoreinfo_as(struct kernel *k, const struct arch *arch)
{
	uint64_t pgd, text;
	int64_t phys_base;
	k->arch = arch;
	if (!vmcoreinfo_symbol(&k->vmcoreinfo, "swapper_pg_dir", &pgd) ||
	    !vmcoreinfo_symbol(&k->vmcoreinfo, "_stext", &text))
		return false;
	if ((k->arch->pointer_size == 4) != (pgd <= UINT32_MAX && text <= UINT32_MAX))
		return false;
	if (vmcoreinfo_number(&k->vmcoreinfo, "phys_base", &phys_base))
		return tables_agree(k, (uint64_t)phys_base, pgd, text);
	/* The text moves in steps of CONFIG_PHYSICAL_ALIGN, at least 2 MiB (arch/x86/Kconfig),
	 * below a link address of 16 MiB by choice. */
	uint64_t max = vmcore_max_phys(k->vmcore);
	if (tables_agree(k, 0, pgd, text))
		return true;
	for (uint64_t step = 2ul << 20, at = step; at < max && !interrupted(); at += step)
		if (tables_agree(k, at, pgd, text) || tables_agree(k, -at, pgd, text))
			return true;
	return false;
}

/* QEMU calls an i386 guest's core x86_64 when its CPU is one, so the machine that the image names
 * is only the first guess. */
static bool try_vmcoreinfo(struct kernel *k)
{
	const struct arch *named = arch_find(vmcore_machine(k->vmcore));
	const struct arch *first = named ? named : &arch_x86_64;
	return try_vmcoreinfo_as(k, first) ||
	       try_vmcoreinfo_as(k, first == &arch_x86_64 ? &arch_i386 : &arch_x86_64);
}

static struct error *set_vmcoreinfo(struct kernel *k, const char *text, size_t len)
{
	free(k->vmcoreinfo.text);
	k->vmcoreinfo.text = strndup(text, len);
	if (!k->vmcoreinfo.text)
		return error_new(ERR_NO_MEMORY, "out of memory");
	k->vmcoreinfo.len = strlen(k->vmcoreinfo.text);
	return NULL;
}

struct vmcoreinfo_search {
	struct kernel *k;
	size_t alignment; /* the text starts at a multiple of this */
	bool found;
	struct error *error;
};

/* The text ends at the first byte that is neither printable nor a line's end. */
static size_t text_length(const char *text, size_t len)
{
	size_t i = 0;
	while (i < len && ((text[i] >= ' ' && text[i] < 0x7f) || text[i] == '\n'))
		i++;
	return i;
}

static bool try_vmcoreinfo_at(struct vmcoreinfo_search *s, uint64_t phys)
{
	char text[VMCOREINFO_MAX];
	size_t len = sizeof(text);
	if (error_drop(vmcore_read(s->k->vmcore, phys, text, len))) {
		len = VMCORE_PAGE_SIZE - (phys & (VMCORE_PAGE_SIZE - 1));
		if (error_drop(vmcore_read(s->k->vmcore, phys, text, len)))
			return false;
	}
	s->error = set_vmcoreinfo(s->k, text, text_length(text, len));
	if (s->error)
		return true;
	s->found = try_vmcoreinfo(s->k);
	if (s->found)
		s->k->vmcoreinfo.phys = phys;
	return s->found;
}

static bool visit_for_vmcoreinfo(void *context, uint64_t phys, const void *bytes, size_t len)
{
	struct vmcoreinfo_search *s = context;
	const size_t need = sizeof(vmcoreinfo_start) - 1;
	const char *at = bytes, *end = at + len;
	if (s->alignment > 1) {
		at += -phys & (s->alignment - 1);
		for (; at + need <= end && !interrupted(); at += s->alignment)
			if (*at == 'O' && !memcmp(at, vmcoreinfo_start, need) &&
			    try_vmcoreinfo_at(s, phys + (uint64_t)(at - (const char *)bytes)))
				return false;
		return !interrupted();
	}
	while ((at = memmem(at, (size_t)(end - at), vmcoreinfo_start, need))) {
		if (interrupted() ||
		    try_vmcoreinfo_at(s, phys + (uint64_t)(at - (const char *)bytes)))
			return false;
		at++;
	}
	return !interrupted();
}

/*
 * VMCOREINFO in memory: a page of its own (get_zeroed_page() in crash_save_vmcoreinfo_init(),
 * kernel/crash_core.c), or anywhere in the kernel's data in older ones. A page of an earlier
 * kernel, a file's text or our own copy look alike: what works is taken.
 */
static struct error *search_vmcoreinfo(struct kernel *k, bool *found)
{
	static const size_t alignments[] = {VMCORE_PAGE_SIZE, 1};
	*found = false;
	for (size_t i = 0; i < 2 && !*found; i++) {
		struct vmcoreinfo_search s = {k, alignments[i], false, NULL};
		TRY(vmcore_scan(k->vmcore, 0, vmcore_max_phys(k->vmcore), visit_for_vmcoreinfo,
				&s));
		if (s.error)
			return s.error;
		TRY(check_interrupt());
		*found = s.found;
	}
	if (!*found) {
		free(k->vmcoreinfo.text);
		k->vmcoreinfo = (struct vmcoreinfo){0};
	}
	return NULL;
}

static struct error *find_by_vmcoreinfo(struct kernel *k, bool *found)
{
	size_t len;
	const char *note = vmcore_vmcoreinfo(k->vmcore, &len);
	*found = false;
	if (note) {
		TRY(set_vmcoreinfo(k, note, len));
		*found = try_vmcoreinfo(k);
	}
	if (*found)
		return NULL;
	struct error *unreadable = k->unreadable;
	k->unreadable = NULL;
	TRY(search_vmcoreinfo(k, found));
	/* Only what the note promised counts: text that was found by its looks promises nothing. */
	error_free(k->unreadable);
	k->unreadable = unreadable;
	return NULL;
}

struct error *attach_find_kernel(struct kernel *k)
{
	int machine = vmcore_machine(k->vmcore);
	bool found;
	if (machine && !arch_find(machine))
		return error_new(
			ERR_UNSUPPORTED,
			"the image is of a machine that mmscope does not know: ELF machine %d",
			machine);
	TRY(find_by_vmcoreinfo(k, &found));
	if (!found)
		k->arch = machine ? arch_find(machine) : &arch_x86_64;
	return NULL;
}

struct error *attach_by_symbols(struct kernel *k)
{
	/* swapper_pg_dir is a macro for init_top_pgt (init_level4_pgt until 4.13) on x86_64. */
	static const char *const names[] = {"init_top_pgt", "swapper_pg_dir", "init_level4_pgt"};
	uint64_t text = symbol_addr(k, "_stext");
	for (size_t i = 0; text && i < 3; i++) {
		uint64_t pgd = symbol_addr(k, names[i]);
		if (pgd && tables_agree(k, k->phys_base, pgd, text))
			return NULL;
	}
	return error_new(ERR_UNSUPPORTED,
			 "a kernel's symbols were found, but no page table that maps it");
}

/* ---- Once there are symbols ---- */

static bool read_word(struct kernel *k, const char *symbol, uint64_t *value)
{
	uint64_t v;
	if (error_drop(kernel_read_symbol(k, symbol, 0, &v)) || !v)
		return false;
	*value = v;
	return true;
}

/* Does the page table map `base` + phys to phys, for a frame that is certainly there (the page
 * directory's own)? */
static bool maps_directly(struct kernel *k, uint64_t base)
{
	struct walk walk;
	pagetable_walk(k->vmcore, &k->geometry, k->kernel_pgd, base + k->kernel_pgd, &walk, NULL);
	return walk.result == WALK_MAPPED && walk.phys == k->kernel_pgd;
}

/* i386: the end of what the page tables map at a constant distance, in steps of the largest page. */
static uint64_t last_mapped_directly(struct kernel *k)
{
	const uint64_t step = 4ull << 20;
	uint64_t at = k->page_offset;
	struct walk walk;
	for (; at <= UINT32_MAX; at += step) {
		pagetable_walk(k->vmcore, &k->geometry, k->kernel_pgd, at, &walk, NULL);
		if (walk.result != WALK_MAPPED || walk.phys != at - k->page_offset)
			break;
	}
	return at > k->page_offset && at <= UINT32_MAX ? at : UINT32_MAX;
}

/*
 * Where the direct map starts: the variable page_offset_base with CONFIG_DYNAMIC_MEMORY_LAYOUT,
 * else a constant of the build (arch/x86/include/asm/page_64_types.h, page_32_types.h;
 * Documentation/arch/x86/x86_64/mm.rst); what the page tables confirm is taken.
 */
static struct error *find_direct_map(struct kernel *k)
{
	static const uint64_t bases_64[] = {0xffff888000000000, 0xff11000000000000,
					    0xffff880000000000, 0xff10000000000000,
					    0xffff810000000000};
	static const uint64_t bases_32[] = {0xc0000000, 0xb0000000, 0x80000000, 0x78000000,
					    0x40000000};
	bool wide = k->arch->pointer_size == 8;
	const uint64_t *bases = wide ? bases_64 : bases_32;
	uint64_t base;
	if (wide && read_word(k, "page_offset_base", &base) && maps_directly(k, base)) {
		k->page_offset = base;
	} else {
		for (size_t i = 0; i < 5 && !k->page_offset; i++)
			if (maps_directly(k, bases[i]))
				k->page_offset = bases[i];
	}
	if (!k->page_offset)
		return error_new(ERR_UNSUPPORTED, "the kernel's direct map was not found: "
						  "its page tables confirm no page_offset_base");
	k->direct_end = k->page_offset + vmcore_max_phys(k->vmcore);
	if (!wide) {
		uint64_t high;
		if (!read_word(k, "high_memory", &high) || high <= k->page_offset ||
		    high > UINT32_MAX)
			high = last_mapped_directly(k);
		if (k->direct_end > high)
			k->direct_end = high;
	}
	return NULL;
}

static void find_ranges_64(struct kernel *k)
{
	bool five = k->geometry.levels == 5;
	if (!read_word(k, "vmalloc_base", &k->vmalloc_start))
		k->vmalloc_start = five ? 0xffa0000000000000 : 0xffffc90000000000;
	/* VMALLOC_SIZE_TB_L4 32, VMALLOC_SIZE_TB_L5 12800: arch/x86/include/asm/pgtable_64_types.h
	 */
	k->vmalloc_end = k->vmalloc_start + ((five ? 12800ull : 32ull) << 40) - 1;
	if (!read_word(k, "vmemmap_base", &k->vmemmap))
		k->vmemmap = five ? 0xffd4000000000000 : 0xffffea0000000000;
	/* MODULES_VADDR = START_KERNEL_map + KERNEL_IMAGE_SIZE, which is 1 GiB with KASLR and 512
	 * MiB without it. */
	int64_t image_size;
	if (!vmcoreinfo_number(&k->vmcoreinfo, "KERNEL_IMAGE_SIZE", &image_size) || image_size <= 0 ||
	    image_size > 1024ll << 20)
		image_size = 512ll << 20;
	k->modules_start = k->arch->kernel_map + image_size;
	if (k->modules_start < k->text_end)
		k->modules_start = k->arch->kernel_map + (1024ull << 20);
	k->modules_end = 0xffffffffff000000;
}

static void find_ranges_32(struct kernel *k)
{
	k->vmalloc_start = k->direct_end;
	k->vmalloc_end = UINT32_MAX;
	k->modules_start = k->vmalloc_start;
	k->modules_end = k->vmalloc_end;
}

/* CONFIG_NR_CPUS never exceeds this on x86 (arch/x86/Kconfig: 8192). */
#define CPUS_MAX 8192

static struct error *find_percpu(struct kernel *k)
{
	uint64_t cpus, table = symbol_addr(k, "__per_cpu_offset");
	if (error_drop(kernel_read_symbol(k, "nr_cpu_ids", 4, &cpus)) || !cpus)
		cpus = 1; /* a constant in kernels for one CPU, or for a fixed number of them */
	if (cpus > CPUS_MAX)
		return error_new(ERR_BAD_OBJECT, "nr_cpu_ids is damaged: %" PRIu64, cpus);
	k->cpus = (unsigned)cpus;
	if (!table)
		return NULL;
	k->percpu_offset = calloc(k->cpus, sizeof(*k->percpu_offset));
	if (!k->percpu_offset)
		return error_new(ERR_NO_MEMORY, "out of memory");
	for (unsigned cpu = 0; cpu < k->cpus; cpu++)
		TRY(error_prefix(kernel_read_pointer(k,
						     table + (uint64_t)cpu * k->arch->pointer_size,
						     &k->percpu_offset[cpu]),
				 "__per_cpu_offset"));
	return NULL;
}

/* The end of the page of the kernel's last symbol: where kallsyms has no _end (no CONFIG_KALLSYMS_ALL). */
static uint64_t last_symbol_page(struct kernel *k)
{
	struct symbol symbol;
	uint64_t end = 0;
	for (size_t i = 0; symbols_get(k, i, &symbol) && !symbol.module; i++)
		if (symbol.addr > end)
			end = symbol.addr;
	return (end | (VMCORE_PAGE_SIZE - 1)) + 1;
}

struct error *attach_layout(struct kernel *k)
{
	k->text_start = symbol_addr(k, "_text");
	if (!k->text_start)
		k->text_start = symbol_addr(k, "_stext");
	k->text_end = symbol_addr(k, "_end");
	if (!k->text_end)
		k->text_end = last_symbol_page(k);
	if (k->text_start < k->arch->kernel_map || k->text_end <= k->text_start)
		return error_new(ERR_BAD_OBJECT,
				 "kallsyms is damaged: _text %" PRIx64 ", _end %" PRIx64,
				 k->text_start, k->text_end);
	TRY(find_direct_map(k));
	if (k->arch->pointer_size == 8)
		find_ranges_64(k);
	else
		find_ranges_32(k);
	k->geometry.inverts_absent =
		k->geometry.inverts_absent && symbol_addr(k, "l1tf_mitigation");
	uint64_t offset;
	int64_t sme_mask;
	char text[64];
	if (vmcoreinfo_string(&k->vmcoreinfo, "KERNELOFFSET", text, sizeof(text))) {
		offset = strtoull(text, NULL, 16);
		k->kaslr_offset = offset;
	}
	/* Memory encryption's C bit stands among the address bits. */
	if (vmcoreinfo_number(&k->vmcoreinfo, "sme_mask", &sme_mask) && sme_mask > 0)
		k->geometry.frame_mask &= ~(uint64_t)sme_mask;
	return find_percpu(k);
}
