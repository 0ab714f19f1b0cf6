// SPDX-License-Identifier: MIT
/*
 * `key FILE|DIR|DUMP...`: what symbol files are, and where they belong in a store. Asks no store
 * and no setting.
 */
#pragma once
#include <stdio.h>

/* pepto-symbol key --help */
void help_print_key(FILE *f);
