#include "mm/audit_parts.h"
struct error *audit_counters(struct audit *a)
{
	(void)a;
	return NULL;
}
