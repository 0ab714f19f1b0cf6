# SPDX-License-Identifier: MIT
"""
big_pdb.py: a PDB as large as those of large programs, made when it is needed.

It is a true one: C++ with classes, templates, enumerations, functions, locals and lines, its names out
of a made-up vocabulary, compiled by clang and linked by lld. All of it depends on the seeds alone.
How it compresses is a matter of these sources; they are such that it does about as a real one does
(a PDB of mono of 7 MB: gzip -6 to 0.28, zstd -3 to 0.26, zstd -19 to 0.19).
"""
import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor

CLASSES = 2685  # of a unit; 125 MB in all
UNITS = 16
NUMBERS = ["int", "unsigned", "short", "float", "double", "char", "bool", "long long", "unsigned char"]
COMPILE = ["clang", "--target=x86_64-pc-windows-msvc", "-O0", "-g", "-gcodeview", "-ffreestanding",
           "-fno-stack-protector", "-mno-stack-arg-probe", "-ffile-compilation-dir=.", "-w", "-c"]
LINK = ["lld-link", "-nologo", "-machine:x64", "-nodefaultlib", "-subsystem:console", "-entry:start",
        "-debug", "-opt:noref", "-Brepro", "-pdbaltpath:%_PDB%", "-pdb:big.pdb", "-out:big.exe"]
TEMPLATES = """
template <class T> struct Vector { T *first, *last; T &at(int i) { return first[i]; } };
template <class T> struct Shared { T *object; int *owners; T *operator->() { return object; } };
template <class K, class V> struct Map {
	struct Node { Node *left, *right; K key; V value; } *root;
	V *find(K k) { Node *n = root; while (n && n->key != k) n = k < n->key ? n->left : n->right;
		       return n ? &n->value : nullptr; }
};
"""


class Unit:
    def __init__(self, seed):
        self.random, self.classes, self.lines = random.Random(seed), [], [TEMPLATES]
        letters = random.Random(0)  # one vocabulary for all units
        self.words = ["".join(letters.choice("bcdfghklmnprstvw") + letters.choice("aeiou")
                              for _ in range(letters.randint(1, 3))) + letters.choice("dklmnrst")
                      for _ in range(500)]
        self.lines.append(f"namespace {self.name(2)}{seed} {{")
        for number in range(CLASSES):
            self.enumeration(number) if number % 4 == 0 else None
            self.klass(number)
        self.lines.append("}")

    def name(self, most, capital=True):
        words = self.random.choices(self.words, k=self.random.randint(1, most))
        return "".join(map(str.capitalize, words)) if capital else "_".join(words)

    def pick(self, *most):
        return self.random.choice(most)

    def type(self):
        """Mostly of few kinds, as in life, and of classes that were made not long ago."""
        if not self.classes or self.random.random() < 0.5:
            return self.pick(*NUMBERS)
        near = self.random.choice(self.classes[-40:])
        return self.pick(f"{near} *", f"{near} *", f"const {near} &", f"Vector<{near}>",
                         f"Shared<{near}>", f"Map<int, {near} *>", f"Vector<Shared<{near}>>")

    def enumeration(self, number):
        values = (f"{self.name(2)}{i} = {self.random.randrange(1 << self.pick(4, 8, 30))}"
                  for i in range(self.random.randint(3, 12)))
        self.lines.append(f"enum class {self.name(2)}Kind{number} {{ {', '.join(values)} }};")

    def klass(self, number):
        name = f"{self.name(3)}{number}"
        fields = [(self.type().replace("const ", "").replace("&", "*"), f"{self.name(2, False)}_{i}")
                  for i in range(self.random.randint(2, 9))]
        methods = [(self.pick(*NUMBERS), f"{self.name(3)}{i}",
                    [(self.type(), f"{self.name(1, False)}{j}") for j in range(self.random.randint(0, 3))])
                   for i in range(self.random.randint(1, 4))]
        heads = [(f"{result} ", f"{method}({', '.join(' '.join(a) for a in arguments)})")
                 for result, method, arguments in methods]
        self.lines += [f"struct {name} {{", *(f"\t{kind} {field};" for kind, field in fields),
                       *(f"\t{result}{rest};" for result, rest in heads), "};"]
        self.classes.append(name)
        for (result, rest), (_, _, arguments) in zip(heads, methods):
            self.lines += [f"{result}{name}::{rest}", "{"]
            self.body(result, [f for t, f in fields + arguments if t in NUMBERS])
            self.lines.append("}")

    def body(self, kind, numbers):
        local = self.name(2, False) + "_local"
        number = self.random.randrange
        self.lines.append(f"\t{kind}{local} = {number(100)};")
        for _ in range(number(1, 7)):
            other = self.random.choice(numbers or ["7"])
            self.lines.append(self.pick(
                f"\t{local} += {other};",
                f"\t{local} = {local} * {number(2, 50)} - {other};",
                f"\tif ({other} > {number(100)})\n\t\t{local} -= {other};",
                f"\tfor (int {self.name(1, False)}_i = {other}; {local} < {number(20, 90)};)\n"
                f"\t\t{local} += {number(2, 9)};"))
        self.lines.append(f"\treturn {local};")


def make(directory):
    """Returns the path of the PDB, made in the directory."""
    def compile_unit(seed):
        source = directory / f"unit{seed}.cc"
        source.write_text("\n".join(Unit(seed).lines))
        subprocess.run([*COMPILE, source.name], cwd=directory, check=True)
        source.unlink()
        return f"unit{seed}.o"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_unit, range(UNITS)))
    (directory / "start.c").write_text("int _fltused; int start(void) { return 0; }\n")
    subprocess.run([*COMPILE, "start.c"], cwd=directory, check=True)
    subprocess.run([*LINK, "start.o", *objects], cwd=directory, check=True)
    return directory / "big.pdb"
