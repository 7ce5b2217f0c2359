/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the simulated kernels map into each process as their vdso: the functions by name, each of which asks the kernel.
 */
	.macro call name, number
	.globl __vdso_\name, \name
	.weak \name
	.type __vdso_\name, @function
	.type \name, @function
	.balign 16
__vdso_\name:
\name:
	movl $\number, %eax
	syscall
	ret
	.size __vdso_\name, . - __vdso_\name
	.size \name, . - \name
	.endm

	.text
	call clock_gettime, 228
	call gettimeofday, 96
	call time, 201
	call getcpu, 309
	call clock_getres, 229
