/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names of areas that map no file, in the order in which get_vma_name() of fs/proc/task_mmu.c looks
 * for them.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "mm/state.h"
#include "mm/vma.h"

/* ANON_VMA_NAME_MAX_LEN (include/linux/mm_types.h), and more than any special mapping's name has.
 */
#define NAME_SIZE 81

static bool printable(const char *s)
{
	for (const char *p = s; *p; p++)
		if (!isprint((unsigned char)*p))
			return false;
	return *s != 0;
}

/* Its address; 1, which is none, where the kernel has no such function. */
static uint64_t special_name_function(struct kernel *k)
{
	struct mm_state *s = mm_state(k);
	if (!s->special_mapping_name) {
		s->special_mapping_name = symbol_addr(k, "special_mapping_name");
		if (!s->special_mapping_name)
			s->special_mapping_name = 1;
	}
	return s->special_mapping_name;
}

/* vm_ops->name: only special_mapping_name() of mm/mmap.c (later mm/vma.c) is used by an area of a
 * process. */
static bool special_mapping_name(struct kernel *k, const struct vma *vma, char *name)
{
	uint64_t function, mapping, text;
	if (!vma->ops || !HAS(k, vm_special_mapping, name) ||
	    error_drop(kernel_get(k, vma->ops, M_vm_operations_struct_name, &function)) ||
	    !function || function != special_name_function(k))
		return false;
	mapping = GET(k, &vma->object, vm_area_struct, vm_private_data);
	return !error_drop(kernel_get(k, mapping, M_vm_special_mapping_name, &text)) &&
	       !error_drop(kernel_read_string(k, text, name, NAME_SIZE)) && printable(name);
}

static bool anon_name(struct kernel *k, const struct vma *vma, char *name)
{
	uint64_t addr = GET(k, &vma->object, vm_area_struct, anon_name);
	/* Where it shares its place with the interval tree's node, only an area without a file has
	 * a name there. */
	if (!addr || vma->file || !HAS(k, anon_vma_name, name))
		return false;
	return !error_drop(kernel_read_string(k, addr + OFFSET(k, anon_vma_name, name), name,
					      NAME_SIZE)) &&
	       printable(name);
}

static bool is_heap(struct kernel *k, const struct vma *vma, const struct object *mm)
{
	uint64_t brk = GET(k, mm, mm_struct, brk), start_brk = GET(k, mm, mm_struct, start_brk);
	/* vma_is_initial_heap() since 6.6 (told by ptdesc, of the same release) asks for an
	 * overlap; before, touching was enough. */
	if (HAS_STRUCT(k, ptdesc))
		return vma->start < brk && vma->end > start_brk;
	return vma->start <= brk && vma->end >= start_brk;
}

bool vma_special_name(struct kernel *k, const struct vma *vma, char *buf, size_t size)
{
	char name[NAME_SIZE];
	struct object mm;
	buf[0] = 0;
	if (vma->file)
		return false;
	if (special_mapping_name(k, vma, name)) {
		snprintf(buf, size, "%s", name);
		return true;
	}
	if (!vma->mm || !object_try_open(k, vma->mm, S_mm_struct, &mm))
		return false;
	uint64_t stack = GET(k, &mm, mm_struct, start_stack);
	/* arch_vma_name() of kernels before vm_special_mapping (arch/x86/vdso/vma.c) */
	if (!HAS(k, vm_special_mapping, name) && HAS(k, mm_struct, vdso) &&
	    vma->start == GET(k, &mm, mm_struct, vdso))
		snprintf(buf, size, "[vdso]");
	else if (is_heap(k, vma, &mm))
		snprintf(buf, size, "[heap]");
	else if (vma->start <= stack && vma->end >= stack)
		snprintf(buf, size, "[stack]");
	else if (anon_name(k, vma, name))
		snprintf(buf, size, "[anon:%s]", name);
	return buf[0] != 0;
}
