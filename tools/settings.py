#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write what src/conf/options.def and notes.def say about settings into the tree: docs/settings.md,
the man page, the shell completion.  settings.py [--check]

With --check nothing is written; a file that would change is named, and the exit code is 1. Nothing
has to be built: the rows of the tables are read as they stand.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^([A-Z_]+)\((.*?)\)$", re.M | re.S)
ARGUMENT = re.compile(r'(?:"(?:[^"\\]|\\.)*"\s*)+|[^,"\s][^,"]*')
FIELDS = {"GROUP": "id title",
          "OPTION": "name field kind default least most form group flags help",
          "SWITCH": "field help", "STORE": "url help", "STORE_OPTION": "text scheme help",
          "AWS": "names help"}


class Row:
    def __init__(self, kind, text):
        names = FIELDS[kind].split()
        values = [ast.literal_eval(f"({a})") if a[0] == '"' else a.strip()
                  for a in ARGUMENT.findall(text)]
        if len(names) != len(values):
            sys.exit(f"settings.py: {kind}({values[0]}, ...) has {len(values)} fields")
        self.__dict__.update(zip(names, values))

    @property
    def flag(self):
        """As option_flag() has it: a list's flag names one of it."""
        flag = self.name.lower().replace("_", "-")
        return flag.removesuffix("s") if self.kind == "LIST" else flag


def rows_of(path):
    """{kind: its rows}, of one table."""
    body = (ROOT / "src/conf" / path).read_text().split("// clang-format off\n")[1]
    rows, found = ROW.findall(body.split("// clang-format on")[0]), {}
    if len(rows) != len(re.findall(r"^[A-Z_]+\(", body, re.M)):
        sys.exit(f"settings.py: {path}: not every row ends with its line")
    for kind, text in rows:
        found.setdefault(kind, []).append(Row(kind, text))
    return found


def grouped(rows):
    return [(group, [o for o in rows["OPTION"] if o.group == group.id]) for group in rows["GROUP"]]


def code(text):
    """A code span in a table cell, where GitHub wants bars escaped even inside the span."""
    return "`" + text.replace("|", "\\|") + "`" if text else ""


def table(head, rows):
    for cell in (cell for row in rows for cell in row if re.search(r"(?<!\\)\|", cell)):
        sys.exit(f"settings.py: a bar would split this cell: {cell}")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def markdown(rows):
    parts = ["""\
<!-- made by tools/settings.py out of src/conf/options.def and notes.def -->
# Settings

Each setting is a variable in the environment or in a file `.env` in the working
directory, or a flag: `PORT=5000` or `--port 5000`. The flag wins over the
environment, the environment over the file; an empty variable counts as not set.
Sizes are written `45056`, `44KiB`, `1m`, `10gb`, all in steps of 1024; times `500ms`, `8s`, `2m`, `1h`.
Wrong settings are one line on standard error and exit code 2."""]
    for group, options in grouped(rows):
        parts += [f"## {group.title}", table(["Setting", "Default", "Allowed", "Meaning"], [
            (code(o.name), code(o.default),
             f"{o.least} to {o.most}" if o.most else code(o.form),
             o.help + (f" As a flag: `--{o.flag}`, repeatable." if o.kind == "LIST" else ""))
            for o in options])]
    parts += ["## Stores", table(["Store URL", "Meaning"],
                                 [(code(s.url), s.help) for s in rows["STORE"]]),
              "Options stand behind the URL: `s3://bucket/prefix?region=eu-west-1&optional=true`.",
              table(["Store option", "For", "Meaning"],
                    [(code(s.text), s.scheme, s.help) for s in rows["STORE_OPTION"]]),
              "More about them is in [stores.md](stores.md).", "## AWS",
              "AWS's own variables mean [what they mean to the AWS CLI](aws-settings.md).",
              table(["Variable", "Meaning"],
                    [(", ".join(map(code, a.names.split())), a.help) for a in rows["AWS"]])]
    return "\n\n".join(parts) + "\n"


def roff(text):
    """Names keep their dashes as dashes, a backslash stays one, a first point is no request."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\\&" + text if text.startswith(".") else text


def roff_entry(tag, text, plain=""):
    return f".TP\n\\fB{roff(tag)}\\fR{roff(plain)}\n{roff(text)}\n"


def roff_option(o):
    default = f"\nDefault {o.default}" if o.default else ""
    span = f", from {o.least} to {o.most}" if o.most else ""
    return (f".TP\n\\fB{roff(o.name)}\\fR, \\fB{roff('--' + o.flag)}\\fR \\fI{roff(o.form)}\\fR\n"
            f"{roff(o.help)}{default}{span}" + (".\n" if default else "\n"))


def man(rows):
    version = (ROOT / "VERSION").read_text().strip()
    parts = [f"""\
.\\" Made by tools/settings.py.
.TH PEPTO\\-SYMBOL 1 "" "pepto\\-symbol {version}" "User Commands"
.SH NAME
pepto\\-symbol \\- symbol server for S3 buckets
.SH SYNOPSIS
.B pepto\\-symbol serve
.RI [ "flag value" ]...
.br
.B pepto\\-symbol key
.RB [ \\-\\-json ]
.RB [ \\-\\-case
.BR lower | symstore ]
.IR FILE | DIR | DUMP ...
.br
.B pepto\\-symbol add
.IR PATH ...
.RI [ "flag value" ]...
.br
.B pepto\\-symbol ls
.RI [ ID | GLOB ]
.RB [ \\-\\-json ]
.RI [ "flag value" ]...
.br
.B pepto\\-symbol check
.RB [ \\-\\-json ]
.RI [ "flag value" ]...
.IR FILE | DIR | DUMP ...
.br
.B pepto\\-symbol get
.BI \\-o " DIR"
.RB [ \\-\\-json ]
.RI [ "flag value" ]...
.IR KEY | FILE | DIR | DUMP ...
.br
.B pepto\\-symbol verify
.IR ID |\\fB\\-\\-all\\fR
.RB [ \\-\\-full ]
.RB [ \\-\\-json ]
.RI [ "flag value" ]...
.br
.B pepto\\-symbol find
.I GLOB
.RB [ \\-\\-keys ]
.RB [ \\-\\-json ]
.RI [ "flag value" ]...
.br
.B pepto\\-symbol export
.RI [ "flag value" ]...
.br
.B pepto\\-symbol rm
.IR ID ...
.RB [ \\-\\-dry\\-run ]
.RB [ \\-\\-json ]
.RI [ "flag value" ]...
.br
.B pepto\\-symbol expire
.RB [ \\-\\-keep\\-last
.IR N ]
.RB [ \\-\\-older\\-than
.IR AGE ]
.RB [ \\-\\-product
.IR NAME ]
.RB [ \\-\\-dry\\-run ]
.RB [ \\-\\-json ]
.RI [ "flag value" ]...
.br
.B pepto\\-symbol help
.RB [ settings |\\fICOMMAND\\fR ]
.br
.B pepto\\-symbol \\-\\-help
|
.B \\-\\-version
.SH DESCRIPTION
Serves debug symbols (PDB, EXE, DLL and others) out of S3 buckets, directories and
other symbol servers to WinDbg, Visual Studio, LLDB and every other client of the
symbol server protocol, whatever case they ask in.
Without a command it serves when PORT, S3_BUCKET or STORES is set.
.PP
.B key
tells of each symbol file what it is, by which key debuggers ask for it, and its path in
a store; of an image also which PDB it wants, of a minidump all that for its modules.
Directories are walked through. \\fB\\-\\-json\\fR prints a line of JSON for each file,
\\fB\\-\\-case symstore\\fR paths as symstore.exe writes them, else they are in lower case.
No store and no setting is asked.
.PP
.B add
publishes symbol files into a bucket or a directory, as one transaction: the files at
\\fIPATH\\fR and those in directories there, under the keys that debuggers ask for. What
is there already stays. Its flags are told by \\fBpepto\\-symbol add \\-\\-help\\fR.
.PP
.B ls
prints the transactions of the stores, newest first, or the files of the one that is
called \\fIID\\fR, or the files whose names match \\fIGLOB\\fR with the transactions
that name them.
.PP
.B check
tells whether a debugger would find what it needs for these files: each itself, the PDBs
that images name, the images and PDBs of a minidump. They are looked for in the stores as
\\fBserve\\fR does, read to their end, and held to their keys.
.PP
.B get
fetches these, or what lies under a \\fIKEY\\fR (a path in a store), into a directory that a
debugger can use as a store; what broke off is gone on with the next time.
.PP
.B verify
tells whether the files of a transaction, or of all that are live, are still in the
stores, and what they were: by a few ranges of each, or with \\fB\\-\\-full\\fR by every byte.
.PP
.B rm
removes what these transactions have stored and nobody else needs, while others may add to
the store;
.B expire
does so with those that are older than \\fIAGE\\fR (90d, 12w, 36h), and not among the last
\\fIN\\fR of their product. \\fB\\-\\-dry\\-run\\fR prints what would be removed.
.PP
.B find
prints the names in the stores that match \\fIGLOB\\fR (*, ?, any case), or with \\fB\\-\\-keys\\fR
the keys below them;
.B export
all keys, as lines of JSON. They list the stores, take the flags of \\fBserve\\fR, and
cannot ask https:// stores. A bucket needs s3:ListBucket.
.SH SETTINGS
Each setting is a variable in the environment or in a file \\fI.env\\fR in the
working directory, or a flag of \\fBserve\\fR. The flag wins over the environment,
the environment over the file; an empty variable counts as not set. Sizes are
written 45056, 44KiB, 1m, 2g; times 500ms, 8s, 2m, 1h.
"""]
    for group, options in grouped(rows):
        parts += [f".SS {group.title}\n"] + [roff_option(o) for o in options]
    parts.append(".SS Flags alone\n")
    parts += [roff_entry("--" + s.field, s.help) for s in rows["SWITCH"]]
    parts.append(".SH STORES\n")
    parts += [roff_entry(s.url, s.help) for s in rows["STORE"]]
    parts.append(".PP\nOptions stand behind the URL, as in\n"
                 ".BR s3://bucket/prefix?region=eu\\-west\\-1&optional=true :\n")
    parts += [roff_entry(s.text, s.help, f" ({s.scheme})") for s in rows["STORE_OPTION"]]
    parts.append(".SH ENVIRONMENT\n"
                 "Besides the settings, AWS's own variables; they mean what they mean to the AWS\n"
                 "CLI.\n")
    parts += [roff_entry(a.names, a.help) for a in rows["AWS"]]
    parts.append("""\
.SH EXIT STATUS
.TP
.B 0
Stopped by SIGTERM or SIGINT, or done.
.TP
.B 1
Something failed; the last line on standard error says what. Of \\fBkey\\fR: a file is
damaged, cannot be read or is no symbol file, or nothing was found. Of \\fBls\\fR,
\\fBfind\\fR and \\fBexport\\fR: nothing was found, or not all was listed or readable. Of
\\fBcheck\\fR, \\fBget\\fR and \\fBverify\\fR: something is missing, or wrong. Of
\\fBrm\\fR and \\fBexpire\\fR: not all was removed, or a plan could not be read, so that
nothing was.
.TP
.B 2
A setting or a flag is wrong; the line on standard error names it.
.TP
.B 3
Of \\fBadd\\fR: another file lies under a key.
.TP
.B 4
Of the commands: a store cannot be reached, listed or locked.
.TP
.B 130
Of \\fBadd\\fR, \\fBrm\\fR and \\fBexpire\\fR: interrupted.
.SH EXAMPLES
.nf
S3_BUCKET=my\\-symbols pepto\\-symbol serve
pepto\\-symbol serve \\-\\-store file:///srv/symbols \\-\\-port 8080
pepto\\-symbol serve \\-\\-store s3://my\\-symbols \\-\\-check
pepto\\-symbol key build/Release
pepto\\-symbol check crash.dmp \\-\\-store s3://my\\-symbols
pepto\\-symbol get crash.dmp \\-o symbols \\-\\-store s3://my\\-symbols
pepto\\-symbol verify \\-\\-all \\-\\-full \\-\\-store s3://my\\-symbols
pepto\\-symbol find \\(aqmyapp*\\(aq \\-\\-keys \\-\\-store s3://my\\-symbols
pepto\\-symbol export \\-\\-store s3://my\\-symbols >keys.jsonl
.fi
""")
    return "".join(parts)


def completion_case(o):
    """What may follow the flag, when that is not one of the flags again."""
    if o.kind in ("CHOICE", "BOOL"):
        does = f"words='{o.form.replace('|', ' ')}' ;;"
    elif o.form == "FILE":
        does = 'mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;'
    else:
        does = "return ;;"
    return f"\t--{o.flag}) {does}\n"


def completion(rows):
    flags = [o.flag for o in rows["OPTION"]] + [s.field for s in rows["SWITCH"]]
    return """\
# shellcheck shell=bash
# Completion of pepto-symbol for bash. Made by tools/settings.py.
_pepto_symbol() {
\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=''

\tif [ "${COMP_WORDS[1]}" = key ] && [ "$COMP_CWORD" -gt 1 ]; then
\t\tcase $prev,$cur in
\t\t--case,*) words='lower symstore' ;;
\t\t*,-*) words='--json --case --help' ;;
\t\t*) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
\t\tesac
\t\tmapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
\t\treturn
\tfi
\tcase $prev in
\tpepto-symbol | */pepto-symbol) words='serve key add ls check get verify rm expire find export help --help --version' ;;
\thelp) words='settings key add ls check get verify rm expire find export' ;;
""" + "".join(map(completion_case, rows["OPTION"])) + f"""\
\t*)
\t\twords='{" ".join("--" + flag for flag in flags)}'
\t\t[ "${{COMP_WORDS[1]}}" != find ] || words="--keys --json $words"
\t\tcase ${{COMP_WORDS[1]}},$cur in
\t\tls,* | check,-*) words="--json $words" ;;
\t\tadd,-*) words="--exclude --strict --case --compress --level --jobs --product --version --comment --source --keep-until --dry-run --force --resume --json $words" ;;
\t\tverify,*) words="--all --full --json $words" ;;
\t\tget,-*) words="--json --output $words" ;;
\t\tcheck,* | get,* | add,*) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
\t\trm,*) words="--dry-run --json $words" ;;
\t\texpire,*) words="--keep-last --older-than --product --dry-run --json $words" ;;
\t\tesac
\t\t;;
\tesac
\tmapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}}
complete -F _pepto_symbol pepto-symbol
"""


def main():
    rows = rows_of("options.def") | rows_of("notes.def")
    stale = False
    for path, made in (("docs/settings.md", markdown(rows)), ("docs/pepto-symbol.1", man(rows)),
                       ("deploy/completion.bash", completion(rows))):
        file = ROOT / path
        if file.exists() and file.read_text() == made:
            continue
        if "--check" in sys.argv[1:]:
            print(f"{path}: out of date; run tools/settings.py", file=sys.stderr)
            stale = True
        else:
            file.write_text(made)
            print("wrote", path)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
