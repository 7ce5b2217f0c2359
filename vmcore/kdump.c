/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmcore/image.h"
#include <string.h>

bool kdump_probe(struct file *f)
{
	char head[8];
	return file_read(f, 0, head, sizeof(head)) && !memcmp(head, "KDUMP   ", 8);
}

struct error *kdump_open(struct vmcore *vc)
{
	return error_new(ERR_UNSUPPORTED, "%s: kdump-compressed", vc->path);
}
