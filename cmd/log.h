/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the log command share. */
#ifndef CMD_LOG_H
#define CMD_LOG_H

#include "cmd/session.h"

struct error *log_print_safe(struct session *s) MUST_CHECK;
struct error *log_print_audit(struct session *s) MUST_CHECK;

#endif
