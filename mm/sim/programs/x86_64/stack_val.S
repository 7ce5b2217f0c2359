/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program with a value on its stack: it waits so that one can look for it.
 */
#include "wait.h"
	.section .rodata, "a"
	.asciz "a value on the stack"

	.text
	.globl _start
_start:
	subq $512, %rsp
	movl $0xdeadbeef, (%rsp)
	WAIT

	.data
	.long 0
