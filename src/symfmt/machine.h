// SPDX-License-Identifier: MIT
/*
 * The names of processors, one for each whatever number a format gives it: x86, x64, arm, arm64...
 * Sources: PE/COFF specification, elf.h, mach/machine.h, PROCESSOR_ARCHITECTURE_... of winnt.h. Pure.
 */
#pragma once
#include "base/slice.h"

/* NULL for a number that has none. */
const char *machine_of_pe(uint16_t machine);  /* IMAGE_FILE_MACHINE_..., of a PDB as well */
const char *machine_of_elf(uint16_t machine); /* EM_... */
const char *machine_of_macho(uint32_t cpu);   /* cputype */
const char *machine_of_dump(uint16_t processor);
/* As Breakpad writes it: "x86_64"; what is not known by another name stays as it is. */
struct slice machine_of_breakpad(struct slice arch);
