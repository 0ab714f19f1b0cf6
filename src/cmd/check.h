// SPDX-License-Identifier: MIT
/* `serve --check`: ask every store once and say what was found. */
#pragma once
#include "cmd/service.h"

/* Prints a line per store on standard output. Returns 0 when all answer, else 1. */
int check_stores(struct service *s);
