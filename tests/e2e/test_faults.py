# SPDX-License-Identifier: MIT
"""What goes wrong between us and S3, and what a debugger sees of it: the whole file, a miss that
is one, or 503.

Never 403, 400 or 429, never a wrong byte, never an answer that looks complete and is not. Each
test has its own server, because five faults in a row open the breaker of a store. """

import concurrent.futures
import email.utils
import re

import pytest

from conftest import KEYS
from rig import faults
from rig.client import is_fault, is_miss
from rig.pace import HASTY, IMPATIENT, PACE, ms, within
from rig.samples import Pattern, body, path
from rig.server import s3, until
from rig.stage import Gate
from rig.wire import Response

FOO, BAR = path("foo.pdb").lower(), path("bar.pdb").lower()
SIZE = 1_000_000


@pytest.fixture
def store(bucket, put, proxy):
    """A private bucket behind the fault proxy, with two files in it."""
    put(FOO, body(SIZE))
    put(BAR, body(5_000, 2))
    return s3(bucket, proxy)


@pytest.fixture
def server(store, serve):
    """For faults that take the whole budget."""
    return serve(stores=store, **IMPATIENT, **KEYS)


@pytest.fixture
def patient(store, serve):
    """For faults after the first byte, where the budget does not matter."""
    return serve(stores=store, STALL_TIMEOUT=ms(1), **KEYS)


def whole(answer, seed=1, size=SIZE):
    assert answer.status == 200 and not answer.cut and answer.body == body(size, seed), answer
    return True


def timed_fault(server, target="/" + FOO, method="GET"):
    with within(1):
        answer = server.fetch(target, method)
    return is_fault(answer)


# before the first byte

PASSING = {"500": faults.status(500, "InternalError"),
           "503 SlowDown": faults.status(503, "SlowDown"),
           "503 ServiceUnavailable": faults.status(503, "ServiceUnavailable"),
           "502": faults.status(502, "BadGateway"),
           "504": faults.status(504, "GatewayTimeout"),
           "400 RequestTimeout": faults.status(400, "RequestTimeout"),
           "429": faults.status(429, "TooManyRequests"),
           "reset": faults.reset(), "close": faults.close(), "garbage": faults.garbage(),
           "hang": faults.hang()}


@pytest.mark.row("C17")
@pytest.mark.parametrize("name", PASSING)
@pytest.mark.both_ways
def test_once_is_hidden(name, store, serve, proxy):
    server = serve(stores=store, **HASTY, **KEYS)
    fault = proxy.fault(PASSING[name], FOO, times=1)
    assert whole(server.fetch("/" + FOO))
    assert fault.struck == 1


@pytest.mark.row("C18", "C33", "C56", "C62")
@pytest.mark.parametrize("name", PASSING)
def test_for_good_is_503_within_the_budget(name, server, proxy):
    fault = proxy.fault(PASSING[name], FOO)
    assert timed_fault(server)
    assert fault.struck >= 2, "it was not tried again"
    assert whole(server.fetch("/" + BAR), 2, 5_000), "the next file is served normally"
    proxy.heal()
    assert whole(server.fetch("/" + FOO)), "and this one, once S3 is well again"
    server.wait_log(msg="request", outcome="fault", status=503)


@pytest.mark.row("C18")
def test_head_of_an_outage(server, proxy):
    proxy.fault(PASSING["500"], FOO)
    with within(1):
        answer = server.fetch("/" + FOO, "HEAD")
    assert answer.status == 503 and answer["Retry-After"]


def test_retries_are_spaced(server, proxy):
    """Back-off, not a hammer: the budget of a second has room for a few tries only."""
    fault = proxy.fault(PASSING["503 SlowDown"], FOO)
    assert timed_fault(server)
    assert 2 <= fault.struck <= 15


def test_outage_404(bucket, proxy, serve):
    server = serve(stores=s3(bucket, proxy), OUTAGE="404", **IMPATIENT, **KEYS)
    proxy.fault(PASSING["500"], FOO)
    answer = server.fetch("/" + FOO)
    assert is_miss(answer) and answer["Cache-Control"] == "no-store"


# answers that look like answers

@pytest.mark.row("C19", "C34")
@pytest.mark.parametrize("status, code", [
    (403, "InvalidAccessKeyId"), (403, "SignatureDoesNotMatch"), (403, "RequestTimeTooSkewed"),
    (400, "ExpiredToken"),
    (403, "ExpiredToken"), (400, "InvalidToken"), (403, "InvalidToken"), (403, "AllAccessDisabled"),
    (403, "AccountProblem"),
    (403, "NeverHeardOf"), (400, "NeverHeardOf"), (401, "Unauthorized"), (404, "NoSuchBucket"),
    (405, "MethodNotAllowed"),
    (406, "NotAcceptable"), (409, "OperationAborted"), (410, "Gone"), (501, "NotImplemented"),
])
def test_trouble_is_never_a_miss(status, code, server, proxy):
    proxy.fault(faults.status(status, code), FOO)
    assert timed_fault(server)
    assert code in server.wait_log(msg="request", outcome="fault").get("error",
            "") or code in server.stderr()
    assert whole(server.fetch("/" + BAR), 2, 5_000)


def test_archived_object_is_a_miss(server, proxy):
    proxy.fault(faults.status(403, "InvalidObjectState"), FOO)
    assert is_miss(server.fetch("/" + FOO))
    assert server.metrics()["pepto_store_archived_total", ""] >= 1


def test_denied_by_an_exact_store(server, proxy):
    """The owner may list, so AccessDenied means a policy, not absence."""
    proxy.fault(faults.status(403, "AccessDenied"), FOO)
    assert timed_fault(server)


def test_403_with_an_empty_body(server, proxy):
    """A middlebox without an S3 code: unknown, so a fault."""
    proxy.fault(faults.respond(lambda request: Response(403)), FOO)
    assert timed_fault(server)


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchKey"])
def test_error_document_of_another_shape(code, bucket, proxy, serve):
    """Namespaces, white space, attributes and elements in another order are still S3's error
    document."""
    text = f"""<?xml version="1.0"?>
<!-- c --><Error xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Resource>/x</Resource>
  <Message a="1">no &lt;Code&gt;</Message> <Code>{code}</Code></Error>\n""".encode()
    status = 403 if code == "AccessDenied" else 404
    proxy.fault(faults.respond(lambda request: Response(status,
                                                        [("Content-Type", "application/xml")],
                                                        text)))
    server = serve(stores=s3(bucket, proxy), **KEYS)
    assert is_miss(server.fetch("/" + FOO))


def test_huge_error_document(server, proxy):
    proxy.fault(faults.respond(lambda request: Response(403, [],
                                                        b"<Error><Message>" + b"x" * 3_000_000)),
                                                        FOO)
    assert timed_fault(server)


def test_store_that_does_not_answer_at_start(bucket, put, proxy, serve):
    """Until a first probe has told misses from trouble, reads are 503; then all is well without a
    restart."""
    put(FOO, body(SIZE))
    proxy.fault(PASSING["500"])
    server = serve(stores=s3(bucket, proxy), **IMPATIENT, **KEYS)
    assert is_fault(server.fetch("/" + path("gone.pdb")))
    assert server.fetch("/readyz").status == 503 and server.fetch("/healthz").status == 200
    proxy.heal()
    until(lambda: server.fetch("/" + FOO).status == 200)
    assert is_miss(server.fetch("/" + path("gone.pdb")))
    assert until(lambda: server.fetch("/readyz").status == 200)


# wrong region

def names_region(status, code, header, document):
    extra = "<Region>eu-west-7</Region>" if document else ""
    return lambda: faults.status(status, code, "<Endpoint>evil.example</Endpoint>" + extra,
                                 ([("x-amz-bucket-region", "eu-west-7")] if header else []) +
                                 ([("Location", "http://evil.example/")] if status != 400 else []))


@pytest.mark.row("C20")
@pytest.mark.parametrize("wrong", [names_region(400, "AuthorizationHeaderMalformed", False, True),
                                   names_region(400, "AuthorizationHeaderMalformed", True, True),
                                   names_region(301, "PermanentRedirect", True, False),
                                   names_region(307, "TemporaryRedirect", True, False)],
                         ids=["400 document", "400 both", "301 header", "307 header"])
def test_wrong_region_is_signed_again_and_remembered(wrong, bucket, put, proxy, serve):
    """RGW takes any region in a signature, so the proxy plays the part of S3 that does not."""
    put(FOO, body(SIZE))
    put(BAR, body(5_000, 2))
    strange = proxy.fault(wrong(), lambda r: "/eu-west-7/s3/" not in (r.get("Authorization") or ""))
    server = serve(stores=s3(bucket, proxy), **KEYS)
    assert whole(server.fetch("/" + FOO)), "signed for the named region, at the same host"
    struck = strange.struck
    assert whole(server.fetch("/" + BAR), 2, 5_000)
    assert strange.struck == struck, "the region was not remembered"
    assert server.metrics()["pepto_store_resigned_total", ""] >= 1


@pytest.mark.row("C20")
def test_wrong_region_without_end_is_an_outage(server, proxy):
    """Followed once; a service that always names another region gets no loop."""
    fault = proxy.fault(names_region(301, "PermanentRedirect", True, False)(), FOO)
    assert timed_fault(server)
    assert fault.struck <= 15


@pytest.mark.row("C20")
def test_region_of_an_unsigned_bucket(origin, serve):
    """Nothing to sign: a redirect by S3 is an outage, and never reaches the debugger."""
    origin.put("public", FOO, b"x")
    origin.fault(faults.status(301, "PermanentRedirect", "<Endpoint>evil.example</Endpoint>"), FOO)
    server = serve(stores=s3("public", origin), **IMPATIENT)
    assert timed_fault(server)


@pytest.mark.parametrize("name", ["eu-west-7/../x", "", "a" * 300, "eu\twest", "eu\\west"])
def test_region_that_is_no_name(name, server, proxy):
    proxy.fault(faults.status(400, "AuthorizationHeaderMalformed", f"<Region>{name}</Region>"), FOO)
    assert timed_fault(server)
    assert all("/us-east-1/s3/" in r.get("Authorization") for r in proxy.asked(FOO))


def test_two_candidates_that_learn_the_region_at_once(rgw, make_bucket, proxy, serve):
    """Both spellings are told another region before either has remembered it; the probe at
    the start had failed."""
    name = make_bucket()
    rgw.client().put_object(Bucket=name, Key=path("Foo.pdb"), Body=body(5_000))
    proxy.fault(faults.status(500, "InternalError"))
    server = serve(stores=s3(name, proxy), **KEYS)
    proxy.heal()

    def strange(request):
        return "foo.pdb" in request.path.lower() and \
            "/eu-west-7/s3/" not in request.get("Authorization")
    proxy.fault(faults.status(301, "PermanentRedirect",
                              headers=[("x-amz-bucket-region", "eu-west-7")]), strange)
    gate = proxy.hold(strange)
    with server.connect() as client:
        client.ask("/" + path("Foo.pdb"))
        gate.wait(2)
        gate.release()
        assert client.answer().body == body(5_000)


# in mid-body

MIDDLE = {"cut": faults.cut, "reset": faults.reset_at, "stall": faults.stall}


@pytest.mark.row("C70")
@pytest.mark.parametrize("kind", MIDDLE)
@pytest.mark.parametrize("after", [0, 1, 65_536, 500_000, SIZE - 1])
@pytest.mark.both_ways
def test_torn_once_is_continued(kind, after, patient, proxy):
    """By a read of the rest, pinned to the same object."""
    proxy.fault(MIDDLE[kind](after), FOO, times=1)
    assert whole(patient.fetch("/" + FOO))
    first, *more = proxy.asked(FOO, "GET")
    assert more
    if after > 1:
        asked = re.fullmatch(rf"bytes=(\d+)-({SIZE - 1})?", more[-1].get("Range") or "")
        # a reset takes along what the kernel had not handed over yet, which may be all of it
        assert asked or kind == "reset" and more[-1].get("Range") is None
        if asked:
            assert int(asked[1]) == after or kind == "reset" and int(asked[1]) < after
            assert more[-1].get("If-Match")
            assert patient.metrics()["pepto_store_resumes_total", ""] >= 1


@pytest.mark.row("C70")
def test_torn_twice_at_different_places(patient, proxy):
    proxy.fault(faults.cut(300_000), FOO, times=1)
    proxy.fault(faults.reset_at(300_000), FOO, times=1)
    answer = patient.fetch("/" + FOO)
    assert answer.status == 200
    assert answer.body == body(SIZE)[:len(answer.body)]
    assert answer.cut or len(answer.body) == SIZE


@pytest.mark.row("C70")
@pytest.mark.parametrize("kind", MIDDLE)
@pytest.mark.both_ways
def test_torn_for_good_is_cut_never_completed(kind, patient, proxy):
    proxy.fault(MIDDLE[kind](200_000), lambda r: FOO in r.path and not r.get("If-Match"))
    proxy.fault(faults.status(500, "InternalError"), lambda r: FOO in r.path and r.get("If-Match"))
    answer = patient.fetch("/" + FOO)
    assert answer.status == 200 and answer.cut, answer
    assert answer.body == body(SIZE)[:len(answer.body)]
    assert patient.metrics()["pepto_requests_cut_total", '{by="store"}'] == 1
    proxy.heal()
    assert whole(patient.fetch("/" + FOO))


@pytest.mark.row("C70")
def test_small_file_torn_for_good_is_never_completed(patient, proxy):
    """Smaller than the tail that is held back: the client gets nothing of it."""
    proxy.fault(faults.cut(1_000), lambda r: BAR in r.path and not r.get("If-Match"))
    proxy.fault(faults.status(500, "InternalError"), lambda r: BAR in r.path and r.get("If-Match"))
    answer = patient.fetch("/" + BAR)
    assert answer.status == 503 or answer.cut and answer.body == b""


@pytest.mark.row("C70")
@pytest.mark.parametrize("delta", [1, 1000])
def test_length_that_promises_too_much(delta, patient, proxy):
    """The connection ends early; what follows shows another total than promised."""
    proxy.fault(faults.wrong_length(delta), lambda r: FOO in r.path and not r.get("If-Match"))
    answer = patient.fetch("/" + FOO)
    assert answer.status == 503 or answer.cut, answer
    assert answer.body == body(SIZE)[:len(answer.body)]


@pytest.mark.parametrize("length", ["-1", "x", "99999999999999999999", "10, 20", None])
def test_length_that_is_none(length, patient, proxy):
    """Without a length there is no exact Content-Length to give: an outage, or a whole file;
    never a torn one."""
    def spoil(response):
        response.set("Content-Length", length)
        response.set("Connection", "close")
    proxy.fault(faults.edit(spoil), BAR)
    answer = patient.fetch("/" + BAR)
    assert answer.status == 503 or answer.cut or answer.body == body(5_000, 2), answer


def test_slow_but_steady_is_no_stall(store, serve, proxy):
    """Pieces that keep coming: slower in all than TRY_TIMEOUT, REQUEST_BUDGET and STALL_TIMEOUT."""
    server = serve(stores=store, STALL_TIMEOUT=ms(1), **IMPATIENT, **KEYS)
    proxy.fault(faults.slow(100, 0.03 * PACE), BAR)
    assert whole(server.fetch("/" + BAR), 2, 5_000)


@pytest.mark.row("C60")
def test_the_head_leaves_before_the_body_is_there(patient, proxy):
    """x64dbg gives up after a second: no store-and-forward."""
    gate = Gate("")
    proxy.fault(faults.pause_at(400_000, gate), FOO, times=1)
    with patient.connect() as client:
        client.ask("/" + FOO)
        head = client.head()
        assert head["Content-Length"] == str(SIZE)
        early = client.read(400_000 - 65_536 - 65_536)
        assert early == body(SIZE)[:len(early)] and not gate.released
        gate.release()
        assert early + client.read(SIZE - len(early)) == body(SIZE)


# an object that changes under the reader

OLD, NEW = Pattern(SIZE, 1), Pattern(SIZE, 7)


def ignore_if_match(origin, key, change=lambda response: None):
    """A service that does not know If-Match: the ranged read gives the new object's bytes."""
    def act(request):
        if not request.get("Range"):
            return faults.error(404, "NoSuchKey")
        first = int(request.get("Range")[len("bytes="):].split("-")[0])
        response = Response(206, [("ETag", NEW.etag), ("Content-Length", str(SIZE - first)),
                                  ("Content-Range", f"bytes {first}-{SIZE - 1}/{SIZE}")],
                                  NEW.chunks(first))
        change(response)
        return response
    origin.fault(faults.respond(act), key)


def no_mix(answer):
    """The old version as far as it goes; complete only if it is all of it."""
    assert answer.status == 200 and answer.body == OLD.bytes()[:len(answer.body)], answer
    assert answer.cut, answer
    return True


@pytest.fixture
def changing(origin, serve):
    origin.put("changing", FOO, OLD)
    server = serve(stores=s3("changing", origin))
    origin.fault(faults.cut(500_000), lambda r: FOO in r.path and not r.get("If-Match"), times=1)
    return server


@pytest.mark.row("C69")
@pytest.mark.both_ways
def test_overwritten_then_resumed(changing, origin):
    """S3 refuses the rest of the old version (412), and gives that of another one to who does not
    name it: the connection is cut; the next client gets the new one."""
    gate = origin.hold(lambda r: FOO in r.path and r.get("If-Match"))
    with changing.connect() as client:
        client.ask("/" + FOO)
        gate.wait(1)
        origin.put("changing", FOO, NEW)
        gate.release()
        assert no_mix(client.answer())
    assert origin.asked(FOO, "GET")[1].get("If-Match") == OLD.etag
    assert changing.fetch("/" + FOO).body == NEW.bytes()


@pytest.mark.row("C69")
@pytest.mark.parametrize("change", [
    lambda response: None,
    lambda response: response.set("ETag", None),
    lambda response: (response.set("ETag", OLD.etag),
                      response.set("Content-Range", f"bytes 500000-{SIZE}/{SIZE + 1}")),
    lambda response: (response.set("ETag", OLD.etag),
                      response.set("Content-Range", f"bytes 499999-{SIZE - 1}/{SIZE}")),
    lambda response: (response.set("ETag", OLD.etag), response.set("Content-Range", None)),
], ids=["other etag", "no etag", "other total", "other start", "no content-range"])
def test_service_that_ignores_if_match(change, changing, origin):
    ignore_if_match(origin, FOO, change)
    assert no_mix(changing.fetch("/" + FOO))


@pytest.mark.row("C69")
def test_service_that_ignores_range(changing, origin):
    """200 with all of it in place of 206: neither appended, nor the new version under the old
    one's head."""
    origin.fault(faults.respond(lambda r: Response(200,
                                                   [("ETag", NEW.etag),
                                                    ("Content-Length", str(SIZE))], NEW.chunks())),
                 FOO)
    assert no_mix(changing.fetch("/" + FOO))


@pytest.mark.row("C69")
def test_old_version_completes_when_nothing_fails(origin, serve):
    origin.put("changing", FOO, OLD)
    server = serve(stores=s3("changing", origin))
    gate = Gate("")
    origin.fault(faults.pause_at(300_000, gate), FOO, times=1)
    with server.connect() as client:
        client.ask("/" + FOO)
        gate.wait(1)
        origin.put("changing", FOO, NEW)
        gate.release()
        assert client.answer().body == OLD.bytes()


@pytest.mark.both_ways
def test_resume_needs_an_etag(origin, serve):
    """Without one the rest cannot be pinned: cut, not guessed."""
    origin.put("bare", FOO, OLD)
    def bare_then_cut(connection, request, answer):
        def without(request):
            response = answer(request)
            response.set("ETag", None)
            return response
        faults.cut(500_000)(connection, request, without)
    origin.fault(bare_then_cut, FOO, times=1)
    origin.fault(faults.edit(lambda response: response.set("ETag", None)), FOO)
    server = serve(stores=s3("bare", origin))
    assert no_mix(server.fetch("/" + FOO))


# candidates

def test_fault_of_the_earlier_candidate_wins_over_the_later_one(bucket, put, proxy, serve):
    """Lower-case goes before as-asked: while it cannot be read, the other must not be given out."""
    put(path("Foo.pdb"), b"as asked")
    server = serve(stores=s3(bucket, proxy), **IMPATIENT, **KEYS)
    proxy.fault(PASSING["500"], FOO)
    assert timed_fault(server, "/" + path("Foo.pdb"))


def test_fault_of_the_later_candidate_does_not_hide_the_earlier(server, proxy):
    proxy.fault(PASSING["500"], path("Foo.pdb"))
    assert whole(server.fetch("/" + path("Foo.pdb")))


def test_fault_and_miss_is_an_outage(server, proxy):
    proxy.fault(PASSING["500"], path("Gone.pdb"))
    assert timed_fault(server, "/" + path("Gone.pdb"))


# HEAD, whose errors have no document

def test_head_of_what_is_missing_in_an_opaque_bucket(rgw, bucket, put, serve):
    """403 to HEAD says nothing: it is asked again as GET."""
    put(FOO, body(SIZE))
    rgw.allow(bucket, "GetObject")
    server = serve(stores=s3(bucket, rgw))
    assert server.fetch("/" + path("gone.pdb"), "HEAD").status == 404
    found = server.fetch("/" + FOO, "HEAD")
    assert found.status == 200 and found["Content-Length"] == str(SIZE)


def test_head_with_broken_credentials(rgw, bucket, put, serve):
    put(FOO, body(SIZE))
    server = serve(stores=s3(bucket, rgw), AWS_ACCESS_KEY_ID="NOSUCHACCESSKEY00001",
                   AWS_SECRET_ACCESS_KEY="x",
                   AWS_REGION="us-east-1")
    assert server.fetch("/" + FOO, "HEAD").status == 503


def test_connection_that_dies_between_requests(rgw, bucket, put, proxy, serve):
    """A kept-alive connection that S3 has closed meanwhile costs the client nothing."""
    put(FOO, body(SIZE))
    server = serve(stores=s3(bucket, proxy), **KEYS)
    for _ in range(3):
        assert whole(server.fetch("/" + FOO))
        proxy.listener.drop()
    assert not server.log(outcome="fault")


def test_a_clock_that_is_wrong(bucket, put, proxy, serve):
    """RequestTimeTooSkewed with S3's Date: signed again by S3's clock."""
    put(FOO, body(SIZE))
    server = serve(stores=s3(bucket, proxy), **KEYS)
    proxy.fault(faults.status(403, "RequestTimeTooSkewed",
                              headers=[("Date", email.utils.formatdate(usegmt=True))]), FOO,
                              times=1)
    assert whole(server.fetch("/" + FOO))


@pytest.mark.tsan
def test_faults_under_load(origin, serve):
    """Torn, failing and good transfers at once over few threads: every answer is right or
    honestly cut."""
    names = [path(f"n{n}.pdb").lower() for n in range(12)]
    for n, name in enumerate(names):
        origin.put("busy", name, Pattern(200_000, n))
    kinds = [faults.cut(100_000), faults.reset_at(70_000), faults.status(500, "InternalError"),
             faults.reset()]
    for n, kind in enumerate(kinds):
        origin.fault(kind, names[n], times=3)
    server = serve(stores=s3("busy", origin), THREADS=4)

    def session(k):
        with server.connect() as client:
            for n in range(12):
                n = (n + k) % 12
                answer = client.fetch("/" + names[n])
                assert answer.status in (200, 503)
                if answer.status == 200:
                    assert answer.body == body(200_000, n)[:len(answer.body)]
                if answer.cut:
                    return
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        list(pool.map(session, range(24)))
    origin.heal()
    until(lambda: server.fetch("/" + names[0]).status == 200)
