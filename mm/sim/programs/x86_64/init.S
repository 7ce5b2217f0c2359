/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /sbin/init of the machines for x86_64: text of some pages, data with a bss that goes beyond its page, an interpreter. It counts, and waits.
 */
#include "wait.h"
	.section .interp, "a"
	.asciz "/lib/ld"

	.text
	.globl _start
_start:
	incl counter(%rip)
	movl $1, buffer+0x2000(%rip)
	WAIT
	.org 0x7e00, 0x90

	.data
	.globl counter
	.hidden counter
counter:
	.long 0
	.org 0x300, 0x11

	.bss
	.globl buffer
	.hidden buffer
buffer:
	.space 0x3000
