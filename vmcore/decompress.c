/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmcore/decompress.h"

#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

struct decompressor {
	z_stream zlib;
	bool zlib_ready, lzo_ready;
	ZSTD_DCtx *zstd;
};

struct decompressor *decompressor_new(void)
{
	return calloc(1, sizeof(struct decompressor));
}

void decompressor_free(struct decompressor *d)
{
	if (!d)
		return;
	if (d->zlib_ready)
		inflateEnd(&d->zlib);
	ZSTD_freeDCtx(d->zstd);
	free(d);
}

/* A stream kept from block to block saves inflateInit()'s allocations. */
static bool decompress_zlib(struct decompressor *d, const void *from, size_t from_size, void *to,
			    size_t to_size)
{
	if (!d->zlib_ready && inflateInit(&d->zlib) != Z_OK)
		return false;
	d->zlib_ready = true;
	if (inflateReset(&d->zlib) != Z_OK)
		return false;
	d->zlib.next_in = (Bytef *)from;
	d->zlib.avail_in = from_size;
	d->zlib.next_out = to;
	d->zlib.avail_out = to_size;
	return inflate(&d->zlib, Z_FINISH) == Z_STREAM_END && !d->zlib.avail_out;
}

static bool decompress_lzo(struct decompressor *d, const void *from, size_t from_size, void *to,
			   size_t to_size)
{
	lzo_uint made = to_size;

	if (!d->lzo_ready && lzo_init() != LZO_E_OK)
		return false;
	d->lzo_ready = true;
	return lzo1x_decompress_safe(from, from_size, to, &made, NULL) == LZO_E_OK &&
	       made == to_size;
}

static bool decompress_snappy(const void *from, size_t from_size, void *to, size_t to_size)
{
	size_t made;

	if (snappy_uncompressed_length(from, from_size, &made) != SNAPPY_OK || made != to_size)
		return false;
	return snappy_uncompress(from, from_size, to, &made) == SNAPPY_OK && made == to_size;
}

static bool decompress_zstd(struct decompressor *d, const void *from, size_t from_size, void *to,
			    size_t to_size)
{
	if (!d->zstd && !(d->zstd = ZSTD_createDCtx()))
		return false;
	size_t made = ZSTD_decompressDCtx(d->zstd, to, to_size, from, from_size);
	return !ZSTD_isError(made) && made == to_size;
}

bool decompress(struct decompressor *d, unsigned method, const void *from, size_t from_size,
		void *to, size_t to_size)
{
	switch (method) {
	case COMPRESSED_ZLIB:
		return decompress_zlib(d, from, from_size, to, to_size);
	case COMPRESSED_LZO:
		return decompress_lzo(d, from, from_size, to, to_size);
	case COMPRESSED_SNAPPY:
		return decompress_snappy(from, from_size, to, to_size);
	case COMPRESSED_ZSTD:
		return decompress_zstd(d, from, from_size, to, to_size);
	default:
		return false;
	}
}
