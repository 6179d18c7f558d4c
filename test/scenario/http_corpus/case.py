# SPDX-License-Identifier: Apache-2.0
"""What a row of the corpus is.

MARK stands where each connection has a word of its own (eight bytes, so that lengths stay), by which the upstream's records are
told apart. "Seen" is what the server behind must get, byte for byte, but for the Connection field.
"""
import dataclasses

MARK = b"MARKMARK"
HOST = b"site.example"


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    data: bytes
    why: str             # an RFC's section, or where the attack is from
    answers: tuple       # statuses, in order
    seen: tuple = ()     # whole requests that the server gets, in order
    closes: bool = True  # georelay closes afterwards
    is_cut: bool = False # the server may get the beginning of a message, and then the connection's end
    ends: bool = False   # the client ends its side after the bytes


def lines(*texts):
    return b"".join(text + b"\r\n" for text in texts)


def head(*fields, line=b"GET /" + MARK + b" HTTP/1.1", host=HOST):
    """A head with these field lines behind Host."""
    return lines(line, *([b"Host: " + host] if host is not None else []), *fields) + b"\r\n"


def post(*fields, body=b"", host=HOST):
    return head(*fields, line=b"POST /" + MARK + b" HTTP/1.1", host=host) + body


def smuggled(host=HOST):
    """The request that an attacker wants to hide."""
    return lines(b"GET /smuggled HTTP/1.1", b"Host: " + host) + b"\r\n"


def refused(name, data, why, status=400):
    """Nothing of it may reach the server."""
    return Case(name, data, why, (status,))


def cut(name, data, why, status=400):
    """The fault is in the body, whose beginning may be on its way already. It must never become whole."""
    return Case(name, data, why, (status,), is_cut=True)


def accepted(name, data, why, seen=None, closes=False):
    """Goes on as it is, or as `seen`."""
    return Case(name, data, why, (200,), (data if seen is None else seen,), closes)
