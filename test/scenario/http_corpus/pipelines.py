# SPDX-License-Identifier: Apache-2.0
"""Several messages at once: whatever follows a refused one is never read."""
from .case import MARK, Case, head, lines, post, smuggled

CHUNKED = b"Transfer-Encoding: chunked"


def number(n, *fields):
    """The n-th good request."""
    return head(*fields, line=b"GET /" + MARK + b"/%d HTTP/1.1" % n)


def upload(n, body=b"hello"):
    return head(b"Content-Length: %d" % len(body), line=b"PUT /" + MARK + b"/%d HTTP/1.1" % n) + body


def chunked(n):
    return head(CHUNKED, line=b"PUT /" + MARK + b"/%d HTTP/1.1" % n) + b"5\r\nhello\r\n0\r\n\r\n"


def all_go_on(name, *messages, seen=None, closes=False):
    return Case(name, b"".join(messages), "RFC 9112 9.3.2: answered in order", (200,) * len(seen or messages),
                tuple(seen or messages), closes)


LAST = number(2, b"Connection: close")
ENDED = head(line=b"GET /" + MARK + b"/2 HTTP/1.1")

OLD = lines(b"GET /" + MARK + b"/2 HTTP/1.0", b"Host: site.example") + b"\r\n"

CASES = [
    all_go_on("three requests", number(1), number(2), number(3)),
    all_go_on("twenty requests", *[number(n) for n in range(20)]),
    all_go_on("uploads and requests", upload(1), number(2), chunked(3), number(4), chunked(5), upload(6)),
    all_go_on("a body that is a request, and a request", upload(1, smuggled()), number(2)),
    all_go_on("an empty line between", upload(1) + b"\r\n", number(2), seen=(upload(1), number(2))),
    Case("two empty lines between", upload(1) + b"\r\n\r\n" + number(2), "RFC 9112 2.2: one is enough", (200, 400), (upload(1),)),
    Case("request behind the last", number(1) + LAST + number(3) + smuggled(), "RFC 9112 9.6: nothing is read after close",
         (200, 200), (number(1), ENDED)),
    Case("request behind one of HTTP/1.0", number(1) + OLD + smuggled(), "RFC 9112 9.3", (200, 200), (number(1), ENDED)),
    Case("more body than its length", upload(1) + b"world" + number(2), "CL.0: the rest would be the next request's beginning",
         (200, 200),
         (upload(1), head(line=b"worldGET /" + MARK + b"/2 HTTP/1.1")), closes=False),
    Case("more body than its length, no token", upload(1) + b"{world}" + number(2), "RFC 9110 9.1", (200, 400), (upload(1),)),
    Case("less body than its length", head(b"Content-Length: 20", line=b"PUT /" + MARK + b"/1 HTTP/1.1") + b"hello" + number(2),
         "0.CL (Kettle 2025): the next head is body",
         (200, 400), (head(b"Content-Length: 20", line=b"PUT /" + MARK + b"/1 HTTP/1.1") + b"hello" + number(2)[:15],)),
    Case("bytes behind the last chunk", chunked(1) + b"0\r\n\r\n" + number(2), "RFC 9112 7.1: the body was over", (200, 400),
         (chunked(1),)),
    Case("a good request behind a bad line", number(1) + b"GET /x\x00 HTTP/1.1\r\n\r\n" + number(3), "RFC 9112 2.2", (200, 400),
         (number(1),)),
    Case("a good request behind both lengths", number(1) + post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n") + number(3),
         "RFC 9112 6.3: close", (200, 400), (number(1),)),
    Case("a good request behind a bad chunk", number(1) + post(CHUNKED, body=b"5\r\nhello\r\nx\r\n") + number(3), "RFC 9112 7.1",
         (200, 400), (number(1),), is_cut=True),
    Case("a good request behind a bad trailer", number(1) + post(CHUNKED, body=b"0\r\nX : y\r\n\r\n") + number(3), "RFC 9112 7.1.2",
         (200, 400), (number(1),), is_cut=True),
    Case("a good request behind CONNECT",
         number(1) + b"CONNECT site.example:80 HTTP/1.1\r\nHost: site.example:80\r\n\r\n" + smuggled(), "RFC 9110 9.3.6",
         (200, 501), (number(1),)),
    Case("a good request behind no Host", number(1) + b"GET / HTTP/1.1\r\n\r\n" + number(3), "RFC 9112 3.2", (200, 400),
         (number(1),)),
    Case("a hidden response", number(1) + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + number(3), "RFC 9112 2.1", (200, 400),
         (number(1),)),
]
