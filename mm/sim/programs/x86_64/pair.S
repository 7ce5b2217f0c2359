/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Constants, text, data, and a bss that is larger than the rest of the data's page: for processes that fork and share.
 */
#include "wait.h"
	.section .rodata, "a"
	.asciz "shared by copy on write"

	.text
	.globl _start
_start:
	movl value(%rip), %eax
	movl %eax, buffer(%rip)
	WAIT

	.data
value:
	.long 0x01020304

	.bss
	.globl buffer
buffer:
	.space 0x4000
