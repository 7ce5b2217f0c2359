/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What cmd/args.c and cmd/arithmetic.c have of each other; commands use cmd/command.h. */
#ifndef CMD_ARGS_H
#define CMD_ARGS_H

#include "cmd/session.h"

/* "symbol", "symbol+offset", "symbol:cpu". ERR_NO_SYMBOL; ERR_USAGE without a kernel. */
struct error *parse_symbol_address(struct session *s, const char *text, uint64_t *out) MUST_CHECK;
/* "(expression)". ERR_USAGE, ERR_NO_SYMBOL, and what core/expr.h fails with. */
struct error *parse_expression(struct session *s, const char *text, uint64_t *out) MUST_CHECK;

#endif
