# SPDX-License-Identifier: MIT
"""A file under a key is the one that the key names, or it is not served: where its beginning tells,
there is a 404 at once; of a large PDB only the whole tells, so its first delivery is cut. """

import dataclasses

import pytest

from rig import faults
from rig.cachedir import CacheDir, quiet
from rig.client import is_miss
from rig.forms import EVERY, genuine
from rig.layouts import KEYS
from rig.server import s3, until
from rig.stage import Gate

from test_fills import PATIENT
from test_forms import ALL, put


STORE = {"forms": ALL, "aliases": "all"}        # of the fixture store


@pytest.fixture
def server(store, serve):
    return serve(stores=store, MAX_QUESTIONS="96", **PATIENT)


def mismatches(server):
    return server.metrics()["pepto_identity_mismatches_total", ""]


def wrong_key(symbol):
    """One of the same shape."""
    key = symbol.key
    if len(key) >= 32:
        digits = key.rpartition("-")[2]
        return key[:len(key) - len(digits)] + ("1" if digits[0] != "1" else "2") + digits[1:]
    return "5" + key[1:]


# what the beginning tells, and what only the whole does
SOON = ["exe", "early", "portable", "aged", "elf", "debug", "short", "dsym", "sym"]
LATE = ["pdb"]


def lay(origin, symbol, key, form="plain"):
    """Store the file under this key; the path that it is asked for by."""
    if form == "plain":
        target = f"{symbol.name}/{key}/{symbol.last or symbol.name}"
        origin.put("bucket", target.lower(), symbol.data)
    else:
        put(origin, EVERY[form], symbol.data, symbol.name, key)
        target = f"{symbol.name}/{key}/{symbol.name}"
    return "/" + target


def refused(server, origin, target, n=1):
    """A miss from now on, told and counted; not kept, and not asked for again."""
    quiet(server)
    assert not CacheDir(server).objects()
    assert mismatches(server) == n
    server.wait_log(count=n, msg="another file than its key names",
                    key=lambda key: key and key.split("/")[1] == target.lower().split("/")[2])
    origin.forget()
    for method in ("GET", "HEAD"):
        assert server.fetch(target, method).status == 404
    assert not origin.asked() and mismatches(server) == n


FORMS = ["plain", "mszip", "gz", "zst unsized", "gzip", "zstd", "encoded cabinet"]
WRONG = [(role, "plain") for role in SOON] + [("aged", form) for form in FORMS[1:]] + \
    [("exe", form) for form in FORMS[1:]]


@pytest.mark.cache_on
@pytest.mark.parametrize("role, form", WRONG)
def test_another_file_is_a_miss(role, form, origin, server):
    """Before there is an answer, whatever form it lies in."""
    symbol = genuine()[role]
    target = lay(origin, symbol, wrong_key(symbol), form)
    assert is_miss(server.fetch(target))
    refused(server, origin, target)


# of these the length is not known, or the beginning not there, before all of it is
WHOLE_FIRST = ["zst unsized", "msfz zstd"]


@pytest.mark.cache_on
@pytest.mark.parametrize("form", FORMS + ["lzx", "msfz zstd"])
def test_another_large_pdb_is_cut(form, origin, server):
    """Nobody gets its end; then it is a miss."""
    symbol = genuine()["pdb"]
    target = lay(origin, symbol, wrong_key(symbol), form)
    answer = server.fetch(target)
    if form in WHOLE_FIRST:
        assert answer.cut or is_miss(answer)
    else:
        assert answer.status == 200 and answer.cut
        assert answer.body == symbol.data[:len(answer.body)]
    refused(server, origin, target)


@pytest.mark.cache_on
@pytest.mark.parametrize("form", ["plain", "mszip"])
def test_all_who_wait_for_another_large_pdb(form, origin, store, serve):
    server = serve(stores=store, MAX_QUESTIONS="96", LOG_LEVEL="debug", **PATIENT)
    symbol = genuine()["pdb"]
    target = lay(origin, symbol, wrong_key(symbol), form)
    gate = Gate("")
    last = (symbol.name if form == "plain" else EVERY[form].last(symbol.name)).lower()
    origin.fault(faults.pause_at(50_000, gate),
                 lambda r: r.path.endswith("/" + last) and r.get("Range") != "bytes=0-0", times=1)
    clients = [server.connect() for _ in range(10)]
    for client in clients:
        client.ask(target)
    server.wait_in_flight(10, key=lambda key: key.endswith("/" + last), **{"for": "itself"})
    gate.release()
    for client in clients:
        with client:
            answer = client.answer()
            assert answer.cut or is_miss(answer)
    quiet(server)
    assert is_miss(server.fetch(target))


@pytest.mark.both_ways
@pytest.mark.parametrize("role, form", [*WRONG, *((role, form) for role in LATE for form in FORMS)])
def test_the_right_file_is_served(role, form, origin, store, serve):
    server = serve(stores=store, **PATIENT)
    symbol = genuine()[role]
    target = lay(origin, symbol, symbol.key, form)
    for _ in range(2):
        assert server.fetch(target).body == symbol.data
    assert mismatches(server) == 0


@pytest.mark.parametrize("role, form", [("pdb", "plain"), ("pdb", "mszip"), ("aged", "plain"),
                                        ("aged", "gzip"), ("exe", "plain"), ("exe", "gz"),
                                        ("sym", "plain")])
def test_it_can_be_turned_off(role, form, origin, store, serve):
    server = serve(stores=store, VERIFY_KEYS="off", **PATIENT)
    symbol = genuine()[role]
    target = lay(origin, symbol, wrong_key(symbol), form)
    for _ in range(2):
        assert server.fetch(target).body == symbol.data
    assert mismatches(server) == 0


@pytest.mark.cache_off("without a directory the bytes pass by")
@pytest.mark.parametrize("role, form", [(role, "plain") for role in SOON if role != "aged"] +
                         [(role, form) for role in ("aged", "exe") for form in ("mszip", "gzip")])
def test_without_a_cache(role, form, origin, server):
    """What is made lies in a temporary file, which is looked at whole; of what passes by it is the
    first 64 KiB."""
    symbol = genuine()[role]
    target = lay(origin, symbol, wrong_key(symbol), form)
    for _ in range(2):
        assert is_miss(server.fetch(target))
    assert mismatches(server) == 1


@pytest.mark.parametrize("form", ["plain", "mszip", "gz"])
@pytest.mark.parametrize("role", SOON + LATE)
def test_in_a_directory(role, form, serve, tmp):
    """A file that is there is looked at whole before the first byte, for a part and HEAD, too."""
    symbol = genuine()[role]
    if form != "plain" and symbol.last:
        pytest.skip("compressed twins are those of the file itself")
    last = (symbol.last or symbol.name) if form == "plain" else EVERY[form].last(symbol.name)
    data = symbol.data if form == "plain" else EVERY[form].pack(symbol.name, symbol.data)
    for key in (symbol.key, wrong_key(symbol)):
        file = tmp / symbol.name / key / last
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
    server = serve(stores=f"file://{tmp}", **PATIENT)
    wrong = f"/{symbol.name}/{wrong_key(symbol)}/{symbol.last or symbol.name}"
    answer = server.fetch(wrong)
    assert answer.cut if form != "plain" and role in LATE else is_miss(answer)
    assert is_miss(server.fetch(wrong, headers={"Range": "bytes=1-9"}))
    assert server.fetch(wrong, "HEAD").status == 404
    assert server.fetch("/" + symbol.path).body == symbol.data
    assert mismatches(server) >= 1


# what means the same

@pytest.mark.parametrize("form", ["plain", "mszip"])
@pytest.mark.parametrize("role", ["pdb", "aged"])
def test_stored_under_an_alias(role, form, origin, server):
    """Without an age, with one in decimal, in any case; asked for by that, or by what it should be
    (protocol 2.1)."""
    symbol = genuine()[role]
    age = int(symbol.key[32:], 16)
    for key in (symbol.guid, f"{symbol.guid}{age}", symbol.key.lower()):
        target = lay(origin, symbol, key, form)
        for asked in (target, "/" + symbol.path):
            assert server.fetch(asked).body == symbol.data, (key, asked)
    assert mismatches(server) == 0


@pytest.mark.row("C28", "C29")
@pytest.mark.parametrize("role, asked", [("pdb", "ffffffff"), ("portable", "1"), ("portable", "")])
def test_asked_for_by_an_alias(role, asked, origin, server):
    symbol = genuine()[role]
    lay(origin, symbol, symbol.key)
    answer = server.fetch(f"/{symbol.name}/{symbol.guid}{asked}/{symbol.name}")
    assert answer.body == symbol.data and mismatches(server) == 0


def test_a_stamp_without_its_zeros(origin, server):
    symbol = genuine()["early"]
    assert server.fetch(lay(origin, symbol, symbol.unpadded_key)).body == symbol.data


PAGES = {
    "HTML": b"<!DOCTYPE html>\n<html><title>Sign in</title></html>\n",
    "XML": b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>',
    "LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 12345\n",
    "aws-chunked": b"12;chunk-signature=" + b"ad" * 32 + b"\r\nMicrosoft C/C++ MS\r\n",
}


@pytest.mark.cache_on
@pytest.mark.parametrize("name", PAGES)
def test_a_page_in_the_place_of_a_file(name, origin, server):
    """Saved sign-in forms, pointers, framing: whatever their label says, no debugger can use them."""
    symbol = dataclasses.replace(genuine()["pdb"], data=PAGES[name])
    target = lay(origin, symbol, symbol.key)
    assert is_miss(server.fetch(target))
    refused(server, origin, target)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_in_a_directory(name, serve, tmp):
    symbol = genuine()["pdb"]
    file = tmp / symbol.path
    file.parent.mkdir(parents=True)
    file.write_bytes(PAGES[name])
    server = serve(stores=f"file://{tmp}")
    assert is_miss(server.fetch("/" + symbol.path))
    file.write_bytes(symbol.data)
    until(lambda: server.fetch("/" + symbol.path).body == symbol.data)


def test_a_file_is_what_its_bytes_are(origin, server):
    """A PDB that was uploaded as text/html is a PDB."""
    symbol = genuine()["pdb"]
    target = lay(origin, symbol, symbol.key)
    origin.put("bucket", target[1:].lower(), symbol.data, [("Content-Type", "text/html")])
    assert server.fetch(target).body == symbol.data


@pytest.mark.cache_on
def test_another_age_is_another_file(origin, server):
    symbol = genuine()["aged"]
    assert is_miss(server.fetch(lay(origin, symbol, symbol.guid + "b")))


@pytest.mark.parametrize("key", ["opaque", "no-key-at-all", "0123"])
def test_what_cannot_be_told_is_not_held_against_it(key, origin, server):
    symbol = genuine()["pdb"]
    assert server.fetch(lay(origin, symbol, key)).body == symbol.data


@pytest.mark.cache_on
def test_the_wrong_file_is_replaced(origin, store, serve):
    """After MISS_TTL the store is asked again."""
    right, server = genuine()["pdb"], serve(stores=store, MISS_TTL="1s", **PATIENT)
    target = lay(origin, dataclasses.replace(genuine()["aged"], name=right.name), right.key)
    assert is_miss(server.fetch(target))
    lay(origin, right, right.key)
    until(lambda: server.fetch(target).status == 200)
    assert server.fetch(target).body == right.data


@pytest.mark.cache_on
def test_the_next_store_has_the_right_one(origin, serve, stage):
    right, wrong = genuine()["aged"], genuine()["ten"]
    origin.listable = True
    other = stage(type(origin), listable=True)
    target = lay(origin, dataclasses.replace(wrong, name=right.name), right.key)
    lay(other, right, right.key)
    server = serve(stores=[s3("bucket", origin), s3("bucket", other)], **PATIENT)
    for _ in range(2):
        assert server.fetch(target).body == right.data


@pytest.mark.cache_on
def test_the_next_form_is_the_right_one(origin, server):
    """A wrong file in the plain one's place does not hide a right cabinet."""
    right, wrong = genuine()["aged"], genuine()["ten"]
    target = lay(origin, dataclasses.replace(wrong, name=right.name), right.key)
    lay(origin, right, right.key, "mszip")
    for _ in range(2):
        assert server.fetch(target).body == right.data


@pytest.mark.cache_on
@pytest.mark.parametrize("role", ["aged", "pdb", "exe"])
def test_no_cabinet_is_made_of_another_file(role, origin, store, serve):
    symbol, server = genuine()[role], serve(stores=store, SERVE_CAB="on", **PATIENT)
    target = lay(origin, symbol, wrong_key(symbol))[:-1] + "_"
    for _ in range(2):
        assert is_miss(server.fetch(target))
    assert mismatches(server) == 1


@pytest.mark.parametrize("role", ["exe", pytest.param("aged", marks=pytest.mark.cache_on),
                                  pytest.param("pdb", marks=pytest.mark.cache_on)])
def test_where_a_pointer_leads_to(role, origin, serve):
    """The file has to be that of the key which was asked for, not of the place where it lies. One
    that is wrong for one key is right for another."""
    symbol = genuine()[role]
    origin.listable = True
    server = serve(stores=s3(origin.bucket("bucket"), origin, ptr="%5C%5Cbuilds%5Cshare"),
                   **PATIENT)
    origin.put("bucket", f"7/{symbol.name.lower()}", symbol.data)
    right, wrong = (f"{symbol.name}/{key}" for key in (symbol.key, wrong_key(symbol)))
    for folder in right, wrong:
        origin.put("bucket", f"{folder}/file.ptr".lower(),
                   f"PATH:\\\\builds\\share\\7\\{symbol.name.lower()}".encode())
    for _ in range(2):
        answer = server.fetch(f"/{wrong}/{symbol.name}")
        assert answer.cut or is_miss(answer)
        assert server.fetch(f"/{right}/{symbol.name}").body == symbol.data


@pytest.mark.cache_on
@pytest.mark.row("C01")
def test_in_a_real_s3(rgw, bucket, put, serve):
    """Whose ETags are checksums, so that both are looked at."""
    server = serve(stores=s3(bucket, rgw), **KEYS, **PATIENT)
    right, wrong = genuine()["pdb"], wrong_key(genuine()["pdb"])
    put(right.path.lower(), right.data)
    put(f"{right.name}/{wrong}/{right.name}".lower(), right.data)
    assert server.fetch("/" + right.path).body == right.data
    answer = server.fetch(f"/{right.name}/{wrong}/{right.name}")
    assert answer.cut or is_miss(answer)
    assert is_miss(server.fetch(f"/{right.name}/{wrong}/{right.name}"))
