/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/list.h"

struct error *list_for_each(struct kernel *k, uint64_t head, list_visitor *visit, void *context)
{
	uint64_t at, tortoise = head, steps = 0, power = 1;
	TRY(kernel_read_pointer(k, head, &at));
	if (!at)
		return NULL;
	for (; at != head; steps++) {
		/* Brent's cycle finder: the tortoise jumps to where we are at every power of two.
		 */
		if (at == tortoise)
			return error_at(ERR_BAD_LIST, at, "list loops: %" PRIx64 " comes twice",
					at);
		if (steps == power) {
			tortoise = at;
			power *= 2;
			TRY(check_interrupt());
		}
		if (!visit(context, at))
			return NULL;
		uint64_t previous = at;
		TRY(error_prefix(kernel_read_pointer(k, at, &at), "list"));
		if (!at)
			return error_at(ERR_BAD_LIST, previous,
					"list ends in nothing after %" PRIx64, previous);
	}
	return NULL;
}
