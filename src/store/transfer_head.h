// SPDX-License-Identifier: MIT
/* From the lines of an HTTP head to a struct transfer_head; for transfer.c. Pure. */
#pragma once
#include "store/transfer.h"

/* "HTTP/1.1 200 OK": a new head begins; an earlier one was a 100 or a redirect that is followed. */
void transfer_head_begin(struct transfer_head *h, struct slice line);
/* Most names are none of ours and do nothing. */
void transfer_head_add(struct transfer_head *h, struct slice name, struct slice value);
