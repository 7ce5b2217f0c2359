/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CMD_SIZE_H
#define CMD_SIZE_H

#include <stddef.h>
#include <stdint.h>

/* "1 GB", "1.5 GB", "512 MB" (cmd/sys.c) */
void format_size(uint64_t bytes, char *buf, size_t size);

#endif
