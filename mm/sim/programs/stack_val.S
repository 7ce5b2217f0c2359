/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program with a value on its stack: it waits so that one can look for it.
 */
	.text
	.globl _start
_start:
	subl $512, %esp
	movl $0xdeadbeef, (%esp)
1:	jmp 1b

	.data
	.long 0
