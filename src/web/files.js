// SPDX-License-Identifier: MIT
// The paths of what is dropped: by the same rules as `pepto-symbol key`, from the few pages that say it. Nothing is sent.

const MODULES_MAX = 4096, NOTES_MAX = 1 << 16, NAMES_MAX = 1 << 20, TABLE_MAX = 1 << 23;
const NOT_HERE = "PDB, EXE, DLL, DMP, ELF and Mach-O files are read here. For others: pepto-symbol key.";
const hex = (n) => (n >>> 0).toString(16);
const last = (path) => path.split(/[\\/]/).pop();

class Bad extends Error {}

async function at(file, offset, n) {
  if (offset < 0 || n < 0 || offset + n > file.size) throw new Bad("It is cut off, or damaged.");
  return new DataView(await file.slice(offset, offset + n).arrayBuffer());
}

const text = (view, from, n) => new TextDecoder("latin1").decode(new Uint8Array(view.buffer, view.byteOffset + from, n));

function utf8(view, from) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + from, view.byteLength - from);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

const bytes = (v, from, n) => Array.from({length: n}, (_, i) => v.getUint8(from + i).toString(16).padStart(2, "0")).join("");

/* As it is written in keys: three numbers, then bytes. */
function guid(v, o) {
  const part = (n, digits) => n.toString(16).padStart(digits, "0");
  let s = part(v.getUint32(o, true), 8) + part(v.getUint16(o + 4, true), 4) + part(v.getUint16(o + 6, true), 4);
  s += bytes(v, o + 8, 8);
  return s.toUpperCase();
}

const of_guid = (name, id, age) => ({name, key: id + age});
const of_stamp = (name, stamp, size) => ({name, key: hex(stamp).toUpperCase().padStart(8, "0") + hex(size)});

/* A CodeView record: which PDB belongs to this image? null: none, or of another kind. */
function codeview(v, portable) {
  if (v.byteLength >= 24 && text(v, 0, 4) === "RSDS")
    return of_guid(last(utf8(v, 24)), guid(v, 4), portable ? "ffffffff" : hex(v.getUint32(20, true)));
  if (v.byteLength >= 16 && text(v, 0, 4) === "NB10")
    return of_stamp(last(utf8(v, 16)), v.getUint32(8, true), v.getUint32(12, true));
  return null;
}

async function image(file) {
  const start = await at(file, 0, 0x40);
  const pe = start.getUint32(0x3c, true);
  const coff = await at(file, pe, 24);
  if (text(coff, 0, 4) !== "PE\0\0") throw new Bad("It is no image of Windows.");
  const sections = coff.getUint16(6, true), optional_size = coff.getUint16(20, true);
  const optional = await at(file, pe + 24, optional_size);
  if (optional_size < 60) throw new Bad("Its headers are damaged.");
  const directories = optional.getUint16(0, true) === 0x20b ? 112 : 96;
  const found = [{...of_stamp(file.name, coff.getUint32(8, true), optional.getUint32(56, true)), kind: "image"}];
  if (optional_size < directories + 7 * 8 || optional.getUint32(directories - 4, true) < 7) return found;
  const rva = optional.getUint32(directories + 48, true), size = optional.getUint32(directories + 52, true);
  if (!size) return found;
  const table = await at(file, pe + 24 + optional_size, sections * 40);
  let debug = 0;
  for (let i = 0; i < sections && !debug; i++) {
    const from = table.getUint32(i * 40 + 12, true);
    if (rva >= from && rva - from < table.getUint32(i * 40 + 16, true)) debug = table.getUint32(i * 40 + 20, true) + rva - from;
  }
  if (!debug) return found;
  const entries = await at(file, debug, Math.min(64, Math.floor(size / 28)) * 28);
  for (let o = 0; o < entries.byteLength; o += 28) {
    if (entries.getUint32(o + 12, true) !== 2) continue;
    const record = await at(file, entries.getUint32(o + 24, true), Math.min(entries.getUint32(o + 16, true), 1024));
    const pdb = codeview(record, entries.getUint16(o + 10, true) === 0x504d);
    if (pdb) found.push({...pdb, kind: "its PDB"});
  }
  return found;
}

/* Two streams of an MSF file, of which page numbers say where they lie, and of those page numbers, too. */
async function pdb(file) {
  const head = await at(file, 0, 56);
  const page = head.getUint32(32, true), pages = head.getUint32(40, true), size = head.getUint32(44, true);
  if (page < 512 || page > 65536 || page & (page - 1) || size < 8) throw new Bad("Its superblock is damaged.");
  const here = (n, from, length) => {
    if (n >= pages) throw new Bad("A page of it is missing.");
    return at(file, n * page + from, length);
  };
  const u32 = async (view, o = 0) => (await view).getUint32(o, true);
  // The page numbers of the directory fill pages, whose numbers stand behind the superblock.
  const directory_page = async (i) => {
    const list = await u32(at(file, 52 + Math.floor(i * 4 / page) * 4, 4));
    return u32(here(list, i * 4 % page, 4));
  };
  const directory = async (from) => {
    if (from + 4 > size) throw new Bad("Its directory is damaged.");
    return u32(here(await directory_page(Math.floor(from / page)), from % page, 4));
  };
  const streams = await directory(0);
  const pages_of = (n) => n === 0xffffffff ? 0 : Math.ceil(n / page);
  const sizes = [];
  for (let i = 0; i < Math.min(4, streams); i++) sizes.push(await directory(4 + 4 * i));
  const first = async (stream, n) => {
    if (stream >= sizes.length || sizes[stream] === 0xffffffff || sizes[stream] < n) return null;
    const before = sizes.slice(0, stream).reduce((sum, s) => sum + pages_of(s), 0);
    return here(await directory(4 + 4 * streams + 4 * before), 0, n);
  };
  const info = await first(1, 28);
  if (!info) throw new Bad("It has no identity.");
  const dbi = await first(3, 12);
  const age = dbi ? hex(dbi.getUint32(8, true) || info.getUint32(8, true)) : "";
  return [{...of_guid(file.name, guid(info, 12), age), kind: "PDB"}];
}

async function portable(file) {
  const head = await at(file, 0, Math.min(file.size, 4096));
  let o = 16 + head.getUint32(12, true) + 4;
  for (let n = head.getUint16(o - 2, true); n > 0; n--) {
    const name = utf8(head, o + 8);
    if (name === "#Pdb") return [{...of_guid(file.name, guid(head, head.getUint32(o, true)), "ffffffff"), kind: "portable PDB"}];
    o += 8 + (name.length + 4 & ~3);
  }
  throw new Bad("It has no identity.");
}

async function minidump(file) {
  const head = await at(file, 0, 32);
  const streams = Math.min(head.getUint32(8, true), 1024);
  const directory = await at(file, head.getUint32(12, true), streams * 12);
  const found = [];
  for (let i = 0; i < streams; i++) {
    if (directory.getUint32(i * 12, true) !== 4) continue;
    const size = directory.getUint32(i * 12 + 4, true), where = directory.getUint32(i * 12 + 8, true);
    const n = Math.min((await at(file, where, 4)).getUint32(0, true), MODULES_MAX);
    const rows = await at(file, where + (size === n * 108 + 8 ? 8 : 4), n * 108);
    for (let m = 0; m < n; m++) {
      const o = m * 108, name_at = rows.getUint32(o + 20, true);
      const units = (await at(file, name_at, 4)).getUint32(0, true);
      const raw = await at(file, name_at + 4, Math.min(units, 4096) & ~1);
      const name = last(new TextDecoder("utf-16le").decode(raw));
      found.push({...of_stamp(name, rows.getUint32(o + 16, true), rows.getUint32(o + 8, true)), kind: "image", module: name});
      const length = Math.min(rows.getUint32(o + 76, true), 1024);
      const record = length && codeview(await at(file, rows.getUint32(o + 80, true), length), false);
      if (record) found.push({...record, kind: "PDB", module: name});
    }
  }
  if (!found.length) throw new Bad("It lists no modules.");
  return found;
}

/* The build-id among the notes there; "": none. */
async function build_id(file, from, size, align, little) {
  const v = await at(file, from, Math.min(size, NOTES_MAX));
  const padded = (n) => Math.ceil(n / align) * align;
  for (let o = 0; o + 12 <= v.byteLength;) {
    const name = v.getUint32(o, little), n = v.getUint32(o + 4, little), id = o + padded(12 + name);
    if (id + n > v.byteLength) break;
    if (v.getUint32(o + 8, little) === 3 && name === 4 && text(v, o + 12, 4) === "GNU\0") return n <= 64 ? bytes(v, id, n) : "";
    o = id + padded(n);
  }
  return "";
}

/* Segments tell first; in a debug file they may be copies from the program, of which nothing is there. */
async function elf(file) {
  const head = await at(file, 0, Math.min(file.size, 64));
  const wide = head.getUint8(4) === 2, little = head.getUint8(5) !== 2;
  const half = (o64, o32) => head.getUint16(wide ? o64 : o32, little);
  const word = (v, o, o64, o32) => wide ? Number(v.getBigUint64(o + o64, little)) : v.getUint32(o + o32, little);
  let id = "", debug = false;
  const each = async (from, n, size, least, take) => {
    if (!from || size < least) return;
    if (n * size > TABLE_MAX) throw new Bad("Its headers are damaged.");
    const rows = await at(file, from, n * size);
    for (let o = 0; o < rows.byteLength; o += size) await take(rows, o);
  };
  try {
    await each(word(head, 0, 32, 28), half(56, 44), half(54, 42), wide ? 56 : 32, async (v, o) => {
      if (v.getUint32(o, little) === 4) // PT_NOTE
        id ||= await build_id(file, word(v, o, 8, 4), word(v, o, 32, 16), word(v, o, 48, 28) === 8 ? 8 : 4, little);
    });
  } catch (e) {
    if (!(e instanceof Bad || e instanceof RangeError)) throw e;
  }
  const from = word(head, 0, 40, 32), size = half(58, 46), first = from ? await at(file, from, wide ? 64 : 40) : null;
  const sections = [];
  await each(from, half(60, 48) || first && word(first, 0, 32, 20), size, wide ? 64 : 40, (v, o) => {
    sections.push({name: v.getUint32(o, little), type: v.getUint32(o + 4, little), at: word(v, o, 24, 16), size: word(v, o, 32, 20)});
  });
  for (const s of sections) if (!id && s.type === 7) id = await build_id(file, s.at, s.size, 4, little); // SHT_NOTE
  if (!id) throw new Bad("It has no build-id.");
  const names = half(62, 50) === 0xffff ? first && first.getUint32(wide ? 40 : 24, little) : half(62, 50);
  if (sections[names]) {
    const v = await at(file, sections[names].at, Math.min(sections[names].size, NAMES_MAX));
    const is = (s, ...wanted) => s.name < v.byteLength && wanted.includes(text(v, s.name, Math.min(16, v.byteLength - s.name)).split("\0")[0]);
    const empty = (s) => s.type === 8; // SHT_NOBITS
    debug = sections.some((s) => empty(s) && is(s, ".text")) && sections.some((s) => !empty(s) && is(s, ".debug_info", ".zdebug_info", ".symtab"));
  }
  id = id.padEnd(40, "0");
  return [debug ? {name: "_.debug", key: `elf-buildid-sym-${id}`, kind: "debug file"} : {name: file.name, key: `elf-buildid-${id}`, kind: "ELF"}];
}

/* One of a fat file, or all of a file. null: no image begins there. */
async function apple(file, from) {
  const head = await at(file, from, 28);
  const little = [0xfeedface, 0xfeedfacf].includes(head.getUint32(0, true)), magic = head.getUint32(0, little);
  if (magic !== 0xfeedface && magic !== 0xfeedfacf) return null;
  const v = await at(file, from + (magic === 0xfeedfacf ? 32 : 28), Math.min(head.getUint32(20, little), NAMES_MAX));
  for (let o = 0; o + 24 <= v.byteLength; o += Math.max(8, v.getUint32(o + 4, little))) {
    if (v.getUint32(o, little) !== 0x1b) continue;
    const uuid = bytes(v, o + 8, 16);
    return head.getUint32(12, little) === 10 ? {name: "_.dwarf", key: `mach-uuid-sym-${uuid}`, kind: "dSYM"}
      : {name: file.name, key: `mach-uuid-${uuid}`, kind: "Mach-O"};
  }
  return null;
}

async function macho(file) {
  const head = await at(file, 0, 8), found = [];
  const wide = head.getUint32(0) === 0xcafebabf, fat = wide || head.getUint32(0) === 0xcafebabe;
  const n = fat ? head.getUint32(4) : 1;
  if (!n || n > 16) throw new Bad(NOT_HERE); // a Java class has the magic of a fat file
  for (let i = 0; i < n; i++) {
    const entry = fat && await at(file, 8 + i * (wide ? 32 : 20), 20);
    found.push(await apple(file, !fat ? 0 : wide ? Number(entry.getBigUint64(8)) : entry.getUint32(8)));
  }
  if (!found.some(Boolean)) throw new Bad("It has no UUID.");
  return found.filter(Boolean);
}

const formats = [["\x7fELF", elf], ...["\xcf\xfa\xed\xfe", "\xce\xfa\xed\xfe", "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xca\xfe\xba\xbe", "\xca\xfe\xba\xbf"]
  .map((magic) => [magic, macho]), ["Microsoft MSFZ Container", () => { throw new Bad("Its key is packed (MSFZ): pepto-symbol key reads it."); }], ["MDMP", minidump], ["Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0", pdb], ["BSJB", portable], ["MZ", image]];

/* [{name, key, path, kind, module}] of a file; or what is wrong with it, as {name, why}. */
export async function identify(file) {
  try {
    const begins = text(await at(file, 0, Math.min(file.size, 32)), 0, Math.min(file.size, 32));
    const [, read] = formats.find(([magic]) => begins.startsWith(magic)) || [];
    if (!read) throw new Bad(NOT_HERE);
    const seen = new Set();
    return (await read(file)).map((f) => ({...f, module: f.module || file.name, path: `${f.name}/${f.key}/${f.name}`}))
      .filter((f) => f.name && !seen.has(f.path) && seen.add(f.path));
  } catch (e) {
    if (!(e instanceof Bad || e instanceof RangeError || e.name === "NotReadableError")) throw e;
    return [{name: file.name, module: file.name, why: e instanceof Bad ? e.message : "It is damaged, or cannot be read."}];
  }
}
