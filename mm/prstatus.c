/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/prstatus.h"

#include <elf.h>

#include "mm/task.h"

/* struct elf_prstatus of i386: pr_pid at 24, pr_reg at 72 in the order of struct pt_regs with fs and gs, pr_fpvalid behind it. */
#define I386_PID  24
#define I386_REGS 72
#define I386_SIZE 144

static const enum member_id i386_registers[] = {
	M_pt_regs_bx, M_pt_regs_cx, M_pt_regs_dx, M_pt_regs_si, M_pt_regs_di, M_pt_regs_bp,
	M_pt_regs_ax, M_pt_regs_ds, M_pt_regs_es, M_pt_regs_fs, M_pt_regs_gs, M_pt_regs_orig_ax,
	M_pt_regs_ip, M_pt_regs_cs, M_pt_regs_flags, M_pt_regs_sp, M_pt_regs_ss,
};

void prstatus_note(struct kernel *k, unsigned char *room, struct vmcore_note *note)
{
	const struct task *t = task_active(k, 0);
	struct object regs = { 0 };
	if (k->arch->pointer_size != 4 || !HAS_STRUCT(k, pt_regs))
		return;
	if (!t)
		t = task_by_pid(k, 0);
	memset(room, 0, PRSTATUS_SIZE);
	if (t) {
		store_uint(room + I386_PID, 4, t->pid);
		if (t->mm && !error_drop(object_open(k, t->stack + task_stack_size(k) - SIZE_OF(k, pt_regs), S_pt_regs, &regs))) {
			for (unsigned i = 0; i < sizeof(i386_registers) / sizeof(i386_registers[0]); i++)
				store_uint(room + I386_REGS + 4 * i, 4, object_get(k, &regs, i386_registers[i]));
		} else {
			store_uint(room + I386_REGS + 4 * 15, 4, GET(k, &t->object, task_struct, sp));
			store_uint(room + I386_REGS + 4 * 12, 4, GET(k, &t->object, task_struct, eip));
		}
	}
	*note = (struct vmcore_note){ .name = "CORE", .type = NT_PRSTATUS, .desc = room, .desc_size = I386_SIZE };
}
