/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /sbin/init of the default machine: eight pages of text, one of data with its bss, an interpreter.
 */
	.section .interp, "a"
	.asciz "/lib/ld-2.3.6.so"

	.text
	.globl _start
_start:
	incl counter
	jmp _start
	.org 0x7e00, 0x90

	.data
counter:
	.long 0
	.org 0x300, 0x11

	.bss
	.space 0x200
