/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program interpreter: it finds the program's entry in the auxiliary vector, and goes there.
 */
#define AT_ENTRY 9

	.text
	.globl _start
	.hidden _start
_start:
	movq (%rsp), %rax
	leaq 16(%rsp, %rax, 8), %rdi	/* behind argv and its end */
1:	movq (%rdi), %rax		/* envp */
	addq $8, %rdi
	testq %rax, %rax
	jnz 1b
2:	movq (%rdi), %rax
	movq 8(%rdi), %rdx
	addq $16, %rdi
	cmpq $AT_ENTRY, %rax
	jne 2b
	incl started(%rip)
	jmp *%rdx
	.org 0x2a00, 0x90

	.data
	.hidden started
started:
	.long 0
	.org 0x1c00, 0x22
