/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "mm/regs.h"

/* Are these registers of user mode? CS and SS then have privilege level 3 in their low bits. */
static bool from_user_mode(struct kernel *k, const struct object *regs)
{
	return (GET(k, regs, pt_regs, cs) & 3) == 3 && (GET(k, regs, pt_regs, ss) & 3) == 3;
}

struct error *task_user_regs(struct kernel *k, const struct task *t, struct object *regs)
{
	/*
	 * TOP_OF_KERNEL_STACK_PADDING (arch/x86/include/asm/thread_info.h): nothing on x86_64, 16
	 * bytes with FRED; on i386 8 bytes, 16 with VM86, nothing in 2.4. The kernel's constant
	 * leaves no other trace than FRED's struct, so the frame itself decides.
	 */
	static const uint8_t plain[] = {0, 16, 8}, fred[] = {16, 0}, i386[] = {8, 16, 0};
	bool wide = k->arch->pointer_size == 8;
	const uint8_t *padding = !wide ? i386 : HAS_STRUCT(k, fred_frame) ? fred : plain;
	size_t choices = wide ? 2 : 3;

	*regs = (struct object){NULL, 0, 0};
	TRY(members_require(k, "user registers", M_pt_regs_ip, M_pt_regs_cs, M_pt_regs_ss,
			    MEMBER_NONE));
	if (t->is_kernel)
		return error_new(ERR_NOT_FOUND, "a kernel thread has no user registers: pid %u",
				 t->pid);
	if (!t->stack)
		return error_new(ERR_NOT_FOUND,
				 "the task has ended, its kernel stack is gone: pid %u", t->pid);
	uint64_t top = t->stack + task_stack_size(k);
	for (size_t i = 0; i < choices; i++) {
		TRY(error_prefix(
			object_open(k, top - padding[i] - SIZE_OF(k, pt_regs), S_pt_regs, regs),
			"kernel stack"));
		if (from_user_mode(k, regs))
			return NULL;
	}
	*regs = (struct object){NULL, 0, 0};
	return error_at(ERR_BAD_OBJECT, top,
			"no user registers at the top of the kernel stack: %" PRIx64, top);
}

/*
 * Under page-table isolation (arch/x86/mm/pti.c) a pgd is two pages: the kernel's, and behind it
 * the one for user mode, with the same entries of the user half; in the kernel's these have NX set,
 * so that it cannot run user code by accident. No other pgd looks so.
 */
static uint64_t isolated_pgd(struct kernel *k, uint64_t pgd)
{
	enum { ENTRIES = 512, USER = ENTRIES / 2 };
	uint64_t kernel[USER], user[USER];
	bool any = false;

	if (k->arch->pointer_size != 8 || k->geometry.entry_size != 8 || pgd % 8192 ||
	    error_drop(vmcore_read(k->vmcore, pgd, kernel, sizeof(kernel))) ||
	    error_drop(vmcore_read(k->vmcore, pgd + 4096, user, sizeof(user))))
		return 0;
	for (size_t i = 0; i < USER; i++) {
		if (!(kernel[i] & X86_PRESENT))
			continue;
		if (!(kernel[i] & X86_NX) || (kernel[i] & ~X86_NX) != (user[i] & ~X86_NX))
			return 0;
		any = true;
	}
	return any ? pgd + 4096 : 0;
}

struct error *task_cr3(struct kernel *k, const struct task *t, uint64_t *kernel_pgd,
		       uint64_t *user_pgd)
{
	*user_pgd = 0;
	TRY(mm_pgd(k, t->mm, kernel_pgd));
	if (t->mm)
		*user_pgd = isolated_pgd(k, *kernel_pgd);
	return NULL;
}
