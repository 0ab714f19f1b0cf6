# SPDX-License-Identifier: MIT
"""Files of every kind that symfmt reads, as clang, lld, gcc and LLVM's tools make them."""

import subprocess

from rig import msfz


def run(*command, cwd):
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)


WINDOWS = r"""
int _fltused;
__declspec(dllexport) int answer(int x) { return x * 2; }
int start(void) { return answer(21); }
"""
UNIX = "int twice(int x) { return x * 2; }\nint _start(void) { return twice(21) - 42; }\n"
PDB = """
PdbStream:
  Age: 7
  Guid: '{C9A61DDD-D7E4-4353-A668-E39AC614A7EA}'
  Signature: 1473148254
  Version: VC70
DbiStream:
  VerHeader: V70
  Age: 26
  Flags: 2
  MachineType: x86
"""


def make_windows(at):
    (at / "w.c").write_text(WINDOWS)

    def link(name, machine, *options):
        run("lld-link", "-nologo", f"-machine:{machine}", "-nodefaultlib", "-subsystem:console",
            "-entry:start", "-safeseh:no", f"-out:{name}", *options, "w.obj", cwd=at)
    for target, machine in ("x86_64", "x64"), ("i686", "x86"), ("aarch64", "arm64"):
        run("clang", f"--target={target}-pc-windows-msvc", "-g", "-gcodeview", "-O1",
            "-ffreestanding", "-c", "w.c", "-o", "w.obj", cwd=at)
        link(f"{machine}.exe", machine, "-debug", "-Brepro", f"-pdb:{machine}.pdb")
    link("path.exe", "arm64", "-debug", "-pdb:path.pdb", r"-pdbaltpath:C:\agent\Out dir\path.pdb",
         "-timestamp:19088743")
    link("bare.dll", "arm64", "-dll", "-noimplib")


def make_pdbs(at):
    """After make_windows: other ages, and what is in MSFZ form."""
    (at / "ages.yaml").write_text(PDB)
    run("llvm-pdbutil", "yaml2pdb", "-pdb=ages.pdb", "ages.yaml", cwd=at)
    streams = msfz.streams((at / "x64.pdb").read_bytes())
    (at / "zstd.msfz").write_bytes(msfz.build(streams))
    (at / "all.msfz").write_bytes(msfz.build(streams, loose=(), directory=msfz.DEFLATE))


def make_elf(at):
    (at / "u.c").write_text(UNIX)

    def link(name, target="x86_64", build_id="sha1", *options):
        run("clang", f"--target={target}-linux-gnu", "-g", "-ffreestanding", "-nostdlib",
            "-fuse-ld=lld", "-Wl,-e,_start", f"-Wl,--build-id={build_id}", *options, "u.c", "-o",
            name, cwd=at)
    for target in "x86_64", "i386", "aarch64", "powerpc", "mips":
        link(f"{target}.elf", target, "sha1", "-static")
    link("fast.so", "x86_64", "fast", "-shared", "-fPIC")
    link("md5.so", "x86_64", "md5", "-shared", "-fPIC", "-Wl,--compress-debug-sections=zlib")
    link("long.elf", "x86_64", "0x" + "c0de" * 16, "-static")
    link("none.elf", "x86_64", "none", "-static")
    run("clang", "-g", "-c", "u.c", "-o", "relocatable.elf", cwd=at)
    run("gcc", "-g", "-nostdlib", "-static", "-Wl,--build-id", "u.c", "-o", "gnu.elf", cwd=at)
    run("objcopy", "--only-keep-debug", "gnu.elf", "gnu.debug", cwd=at)
    run("llvm-objcopy", "--only-keep-debug", "x86_64.elf", "x86_64.debug", cwd=at)
    run("llvm-objcopy", "--only-keep-debug", "mips.elf", "mips.debug", cwd=at)
    run("llvm-strip", "-o", "stripped.elf", "x86_64.elf", cwd=at)
    run("llvm-objcopy", "--strip-debug", "--add-gnu-debuglink=x86_64.debug", "x86_64.elf",
        "linked.elf", cwd=at)


def make_macho(at):
    """After make_elf."""
    for arch in "x86_64", "arm64":
        run("clang", f"--target={arch}-apple-macos11", "-g", "-c", "u.c", "-o", f"{arch}.macho",
            cwd=at)
        run("ld64.lld-14", "-arch", arch, "-platform_version", "macos", "11.0", "11.0", "-dylib",
            "-install_name", "@rpath/lib", "-undefined", "dynamic_lookup", f"{arch}.macho", "-o",
            f"{arch}.dylib", cwd=at)
        run("dsymutil", "-f", f"{arch}.dylib", "-o", f"{arch}.dwarf", cwd=at)
    for kind in "dylib", "dwarf":
        run("llvm-lipo-14", "-create", f"x86_64.{kind}", f"arm64.{kind}", "-output", f"fat.{kind}",
            cwd=at)


def make(at):
    for kind in make_windows, make_pdbs, make_elf, make_macho:
        kind(at)
