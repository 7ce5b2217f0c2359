/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One compressed block to its bytes, by any of the methods that kdump-compressed dumps use. */
#ifndef VMCORE_DECOMPRESS_H
#define VMCORE_DECOMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* makedumpfile's page flags (diskdump_mod.h). */
enum {
	COMPRESSED_ZLIB = 0x1,
	COMPRESSED_LZO = 0x2,
	COMPRESSED_SNAPPY = 0x4,
	COMPRESSED_ZSTD = 0x20,
};
#define COMPRESSED_ANY (COMPRESSED_ZLIB | COMPRESSED_LZO | COMPRESSED_SNAPPY | COMPRESSED_ZSTD)

struct decompressor; /* the libraries' states, made when first needed */

struct decompressor *decompressor_new(void); /* NULL: no memory */
void decompressor_free(struct decompressor *d);

/* True when `from` gave exactly to_size bytes; otherwise the content of `to` is undefined. */
bool decompress(struct decompressor *d, unsigned method, const void *from, size_t from_size,
		void *to, size_t to_size);

#endif
