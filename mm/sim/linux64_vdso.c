/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The vdso that the kernel maps into each process (arch/x86/entry/vdso/, arch/x86/vdso/ until 4.1): a small ELF library in the kernel's read-only data, and the page of
 * its data. What describes them differs: since 4.5 a page comes by a function, before by an array of pages.
 */
#include <string.h>

#include "mm/sim/linux64.h"
#include "mm/sim/programs.h"

static uint64_t place_mapping(struct linux64 *m, const char *variable, uint64_t name, const char *fault, const char *mremap)
{
	static const char s[] = "vm_special_mapping";
	struct image *i = &m->image;
	uint64_t at = image_place(i, 'd', variable, l64_size(m, s), 32);
	l64_set(m, at, s, "name", name);
	l64_set(m, at, s, "fault", image_symbol(i, fault));
		l64_set(m, at, s, "mremap", image_symbol(i, mremap));
	return at;
}

/* Where the data's pages lie before the code: as many as that kernel's linker script leaves room for. */
static void set_data_pages(struct linux64 *m, uint64_t image)
{
	static const char s[] = "vdso_image";
	static const char *const pages[] = { "sym_vvar_page", "sym_pvclock_page", "sym_hvclock_page", "sym_timens_page" };
	bool many = l64_has(m, s, "sym_timens_page");
	uint64_t start = -(many ? 4 : 2) * PAGE_SIZE64;
	l64_set(m, image, s, "sym_vvar_start", start);
	for (unsigned n = 0; n < sizeof(pages) / sizeof(pages[0]); n++)
		l64_set(m, image, s, pages[n], start + n * PAGE_SIZE64);
	l64_set(m, image, s, "sym_hpet_page", start + PAGE_SIZE64);
}

void linux64_vdso(struct linux64 *m)
{
	static const char s[] = "vdso_image";
	struct image *i = &m->image;
	uint64_t size = ((uint64_t)(sim_vdso.end - sim_vdso.bytes) + PAGE_SIZE64 - 1) & -PAGE_SIZE64;
	uint64_t data = image_place(i, 'd', "raw_data", size, PAGE_SIZE64), image;
	memcpy(image_bytes(i, data), sim_vdso.bytes, (size_t)(sim_vdso.end - sim_vdso.bytes));
	image_place(i, 'D', "__vvar_page", PAGE_SIZE64, PAGE_SIZE64);
	/* No hypervisor's clock (arch/x86/kernel/pvclock.c, since 4.16 a variable) */
	if (l64_has(m, s, "sym_pvclock_page"))
		image_place(i, 'd', "pvti_cpu0_va", 8, 8);
	image = image_place(i, 'D', "vdso_image_64", l64_size(m, s), 32);
	l64_set(m, image, s, "data", data);
	l64_set(m, image, s, "size", size);
	set_data_pages(m, image);
	image_put32(i, image_place(i, 'D', "vdso64_enabled", 4, 4), 1);
	uint64_t code = image_string(i, "[vdso]"), of_data = image_string(i, "[vvar]");
	if (l64_has(m, "vm_special_mapping", "fault")) {
		place_mapping(m, "vdso_mapping", code, "vdso_fault", "vdso_mremap");
		place_mapping(m, "vvar_mapping", of_data, "vvar_fault", "vvar_mremap");
		return;
	}
	uint64_t pages = image_place(i, 'd', "pages", (size / PAGE_SIZE64 + 1) * 8, 32), none = image_place(i, 'd', "no_pages", 8, 8);
	for (uint64_t n = 0; n < size / PAGE_SIZE64; n++)
		image_put64(i, pages + 8 * n, l64_page(m, ((data - LINUX64_KERNEL_MAP) >> PAGE_SHIFT64) + n));
	l64_set(m, image, s, "text_mapping.name", code);
	l64_set(m, image, s, "text_mapping.pages", pages);
	uint64_t vvar = image_place(i, 'd', "vvar_mapping", l64_size(m, "vm_special_mapping"), 32);
	l64_set(m, vvar, "vm_special_mapping", "name", of_data);
	l64_set(m, vvar, "vm_special_mapping", "pages", none);
}
