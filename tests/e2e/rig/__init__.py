# SPDX-License-Identifier: MIT
"""The rig of the whole-program tests: the program under test, and the world it talks to.

    wire.py        HTTP/1.1 by hand, for servers that must misbehave on order
    stage.py       a server that records, holds back and spoils requests; the base of the next three
    faultproxy.py  ... in front of a real S3
    origin.py      ... an S3 and a symbol server in this process, for what a real one does not do
    aws.py         ... the credential services of AWS: metadata, container endpoint, STS
    rgw.py         Ceph RGW, a real S3 that verifies signatures and policies
    pace.py        how long a test waits, and how much slower than usual the machine is
    child.py       processes that end with the tests, whatever happens
    client.py      the debugger's side: exact bytes on the wire
    server.py      pepto-symbol as a process: environment in, log lines and exit code out
    cachedir.py    the server's cache as it lies on the disk, and as its metrics tell of it
    rows.py        the rows of the conformance table, and which of them do not apply
    samples.py     symbol keys, bodies that show where they were torn, the store of `make run`
    stock.py       a store with two files in it, and answers that no server should give
    symbols.py     genuine symbol files of every kind, with the identity that a test wants
    msfz.py        PDBs in both of their containers
    forms.py       stored forms of a file, damaged and lying ones too
    cabinets.py    cabinets: MSZIP, and LZX by lzxcab.c
    layouts.py     how such files lie in a store, and the bucket or directory that holds them

Nothing here sleeps to get an order of events: what must wait waits at a Gate (stage.py) or for a
line of the log. """
