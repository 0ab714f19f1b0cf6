// SPDX-License-Identifier: MIT
#include "symfmt/machine.h"
#include "tap.h"

int main(void)
{
	CHECK_STR(machine_of_pe(0x14c), "x86", "PE");
	CHECK_STR(machine_of_pe(0x8664), "x64", "PE");
	CHECK_STR(machine_of_pe(0x1c4), "arm", "PE");
	CHECK_STR(machine_of_pe(0x1c0), "arm", "PE, of Windows CE");
	CHECK_STR(machine_of_pe(0xaa64), "arm64", "PE");
	CHECK_STR(machine_of_pe(0xc0ee), "managed", "a PDB");
	CHECK(!machine_of_pe(0), "any machine");
	CHECK(!machine_of_pe(0x9999), "one that is not known");
	CHECK_STR(machine_of_elf(3), "x86", "ELF");
	CHECK_STR(machine_of_elf(62), "x64", "ELF");
	CHECK_STR(machine_of_elf(183), "arm64", "ELF");
	CHECK(!machine_of_elf(0), "no machine");
	CHECK_STR(machine_of_macho(0x01000007), "x64", "Mach-O");
	CHECK_STR(machine_of_macho(0x0100000c), "arm64", "Mach-O");
	CHECK(!machine_of_macho(0), "no cpu");
	CHECK_STR(machine_of_dump(0), "x86", "in dumps 0 is one");
	CHECK_STR(machine_of_dump(9), "x64", "dump");
	CHECK_STR(machine_of_dump(12), "arm64", "dump");
	CHECK_STR(machine_of_dump(0x8003), "arm64", "dump of Breakpad");
	CHECK(!machine_of_dump(0xffff), "not told");
	CHECK_SLICE(machine_of_breakpad(SLICE("x86_64")), "x64", "Breakpad");
	CHECK_SLICE(machine_of_breakpad(SLICE("arm64")), "arm64", "Breakpad");
	CHECK_SLICE(machine_of_breakpad(SLICE("wasm32")), "wasm32", "as it is");
	return tap_done();
}
