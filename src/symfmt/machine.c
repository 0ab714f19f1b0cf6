// SPDX-License-Identifier: MIT
/* One table, a column for each format, 0 where it has no number of its own; see machine.h. */
#include "symfmt/machine.h"

#define NO_DUMP 0xffff /* there 0 is x86 */

static const struct {
	const char *name;
	uint16_t pe, elf;
	uint32_t cpu;
	uint16_t dump;
} machines[] = {
	{"x86", 0x14c, 3, 7, 0},
	{"x64", 0x8664, 62, 0x01000007, 9},
	{"arm", 0x1c4, 40, 12, 5},
	{"arm", 0x1c0, 0, 0, NO_DUMP},
	{"arm", 0x1c2, 0, 0, NO_DUMP},
	{"arm64", 0xaa64, 183, 0x0100000c, 12},
	{"arm64", 0, 0, 0, 0x8003}, /* as Breakpad had it first */
	{"arm64ec", 0xa641, 0, 0, NO_DUMP},
	{"arm64x", 0xa64e, 0, 0, NO_DUMP},
	{"ia64", 0x200, 50, 0, 6},
	{"ppc", 0x1f0, 20, 18, 3},
	{"ppc64", 0, 21, 0x01000012, 0x8002},
	{"mips", 0x166, 8, 0, 1},
	{"mips64", 0, 0, 0, 0x8004},
	{"alpha", 0x184, 0x9026, 0, 2},
	{"riscv", 0x5032, 243, 0, NO_DUMP},
	{"riscv64", 0x5064, 0, 0, 0x8006},
	{"loongarch64", 0x6264, 258, 0, NO_DUMP},
	{"s390", 0, 22, 0, NO_DUMP},
	{"sparc64", 0, 43, 0, 0x8001},
	{"ebc", 0xebc, 0, 0, NO_DUMP},
	{"managed", 0xc0ee, 0, 0, NO_DUMP}, /* a PDB of managed code */
};

const char *machine_of_pe(uint16_t machine)
{
	for (size_t i = 0; machine && i < ARRAY_LEN(machines); i++)
		if (machines[i].pe == machine)
			return machines[i].name;
	return NULL;
}

const char *machine_of_elf(uint16_t machine)
{
	for (size_t i = 0; machine && i < ARRAY_LEN(machines); i++)
		if (machines[i].elf == machine)
			return machines[i].name;
	return NULL;
}

const char *machine_of_macho(uint32_t cpu)
{
	for (size_t i = 0; cpu && i < ARRAY_LEN(machines); i++)
		if (machines[i].cpu == cpu)
			return machines[i].name;
	return NULL;
}

const char *machine_of_dump(uint16_t processor)
{
	for (size_t i = 0; processor != NO_DUMP && i < ARRAY_LEN(machines); i++)
		if (machines[i].dump == processor)
			return machines[i].name;
	return NULL;
}

struct slice machine_of_breakpad(struct slice arch)
{
	if (slice_eq(arch, SLICE("x86_64")) || slice_eq(arch, SLICE("x86_64h")))
		return SLICE("x64");
	return slice_eq(arch, SLICE("arm64e")) ? SLICE("arm64") : arch;
}
