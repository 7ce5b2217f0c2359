/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text, data, and a bss that is larger than the rest of the data's page: for processes that fork and share.
 */
	.text
	.globl _start
_start:
	movl value, %eax
	movl %eax, buffer
1:	jmp 1b

	.data
value:
	.long 0x01020304

	.bss
	.globl buffer
buffer:
	.space 0x4000
