/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pause(), again and again: __NR_pause of x86_64. */
#define WAIT                       \
	1 : movl $34, %eax;        \
	syscall;                   \
	jmp 1b
