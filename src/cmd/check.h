// SPDX-License-Identifier: MIT
/*
 * `serve --check [PATH]`: ask every store whether it answers, or for a file, and print the outcome.
 */
#pragma once
#include "cmd/service.h"
#include "http/tls.h"

/*
 * Prints a line per store on standard output. Returns 0 when all answer, else 1. A store whose
 * answer is no proof that anything can be read is "unsure", which is no failure, and the line says
 * why.
 */
int check_stores(struct service *s);
/* Prints a line on the certificate, of that path. Returns 0 while it is valid, else 1. */
int check_certificate(struct tls *tls, const char *path);
/*
 * Fetches the file that a client would get for this path, from each store alone, and prints the
 * answer of each. Returns 0 when one has it, 1 when none has, 2 when it is no path.
 */
int check_path(struct service *s, const char *path);
