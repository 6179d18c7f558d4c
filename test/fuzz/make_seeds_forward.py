#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes test/fuzz/seeds/forward/: heads with plans, as fuzz_forward.c reads them."""
import pathlib


def case(switches, head, host=b"", text=b"", path=b"", name=b"", value=b""):
    return b"\n".join((switches, host, text, path, name, value, b"")) + head.replace(b"\n", b"\r\n")


GET = b"GET /db/a?View={b} HTTP/1.1\nHost: scada.example\n"
POST = b"POST /logon HTTP/1.1\nHost: scada.example\n"
OK = b"HTTP/1.1 200 OK\n"
LIES = (b"X-Forwarded-For: 1.2.3.4\nForwarded: for=1.2.3.4\nX-Forwarded-Proto: http\nX_Forwarded_For: a\nX-Request-Id: b\n"
        b"X-ARR-SSL: c\nX-Client-Cert-Subject: CN=d\nX-Original-URL: /e\n")
HOPS = b"Connection: keep-alive, X-A, TE\nX-A: 1\nTE: trailers\nKeep-Alive: 5\nProxy-Authorization: Basic x\nX-B: 2\n"
LINKS = (b"Location: http://geo.plant.local:8080/new/a?b\nContent-Location: /new/c\nRefresh: 5; url='//geo.plant.local/new'\n"
         b"Set-Cookie: A={1}; Domain=geo.plant.local; Path=/new; HttpOnly\nset-cookie: b=c;;\n")

SEEDS = {
    "get": case(b"Qk", GET + b"\n"),
    "lies": case(b"Qs", GET + LIES + b"\n", text=b"00c0ffee1234567890abcdef00000001"),
    "lies-trusted": case(b"Qts6c", GET + LIES + LIES + b"\n", text=b"00c0ffee"),
    "lies-replace": case(b"Qtrsc", GET + LIES + b"\n", text=b"\r\x01X-Evil: 1"),
    "lies-arr": case(b"Qas6c", GET + LIES + b"\n", text=b"2048|256|CN=a|CN=b"),
    "lies-arr-trusted": case(b"Qatc", GET + LIES + b"\n", text=b"a\x01b"),
    "off": case(b"Qo", GET + LIES + HOPS + b"\n"),
    "off-trusted": case(b"Qot", GET + LIES + HOPS + b"\n"),
    "hops": case(b"Qk", GET + HOPS + b"\n"),
    "te-alone": case(b"Qk", GET + b"te: trailers\nKeep-Alive: 5\n\n"),
    "length": case(b"Q", POST + b"A: 1\nContent-Length: 007\nExpect: 100-continue\nB: 2\n\n"),
    "chunked": case(b"Qk", POST + b"Transfer-Encoding: chunked\nTrailer: X\n\n", host=b"geo:8080", path=b"/new/logon"),
    "upgrade": case(b"Qk", GET + b"Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Extensions: permessage-deflate\n\n"),
    "h2c": case(b"Qk", GET + b"Upgrade: h2c\nHTTP2-Settings: AA\nConnection: Upgrade, HTTP2-Settings\n\n"),
    "old": case(b"Q", b"POST http://a:8/b HTTP/1.0\nExpect: 100-continue\nContent-Length: 1\n\n"),
    "expect-listed": case(b"Q", POST + b"Connection: x-a\nExpect: 100-continue\nContent-Length: 1\n\n"),
    "set": case(b"Q", GET + b"x-site: a\nX-Forwarded-For: b\n\n", name=b"X-Site", value=b"north"),
    "set-told": case(b"Qt", GET + LIES + b"\n", name=b"x-forwarded-for", value=b"unknown"),
    "set-disguised": case(b"Q", GET + b"\n", name=b"X_Forwarded_For", value=b"a"),
    "remove": case(b"Qx", GET + b"X-Debug: 1\nexpect: 100-continue\n\n", name=b"A", value=b"x-debug"),
    "many-listed": case(b"Q", GET + b"Connection: " + b",".join(b"x%d" % i for i in range(33)) + b"\n\n"),
    "high-bytes": case(b"Qa", b"GET /\x80\xff HTTP/1.1\nHost: a\nX: \xc3\xbc\n\n"),
    "ok": case(b"R", OK + b"Content-Length: 5\nServer: x\n\n"),
    "links": case(b"Rlsd", OK + LINKS + b"\n", host=b"scada.example", text=b"/new", path=b"/WebX"),
    "links-plain": case(b"Rl", OK + LINKS + b"\n", host=b"[2001:db8::1]:81", text=b"/", path=b"/WebX/"),
    "links-root": case(b"RlsN", OK + LINKS + b"Location: /new//evil\n\n", host=b"a", text=b"/new/", path=b"/"),
    "links-kept": case(b"RSsh", OK + LINKS + b"\n", host=b"a"),
    "cookies": case(b"RsShLH", OK + LINKS + b"Strict-Transport-Security: max-age=1\nContent-Length: 0\n\n"),
    "response-hops": case(b"Rk", OK + HOPS + b"Transfer-Encoding: chunked\n\n"),
    "response-old": case(b"R0", OK + b"Transfer-Encoding: chunked\nTrailer: X\n\n"),
    "response-old-length": case(b"R0d", OK + b"Content-Length: 3\n\n"),
    "to-close": case(b"R", b"HTTP/1.0 200\n\n".replace(b"200", b"200 ")),
    "head": case(b"H", OK + b"Content-Length: 70\n\n"),
    "head-chunked": case(b"H", OK + b"Transfer-Encoding: chunked\n\n"),
    "not-modified": case(b"Rd", b"HTTP/1.1 304 Not Modified\nContent-Length: 70\n\n"),
    "no-content": case(b"Rk", b"HTTP/1.1 204 No Content\nContent-Length: 0\n\n"),
    "continue": case(b"RdH", b"HTTP/1.1 100 Continue\n\n"),
    "hints": case(b"RdHls", b"HTTP/1.1 103 Early Hints\nLink: </a>\nLocation: http://geo.plant.local/\n\n", host=b"a"),
    "switch": case(b"R", b"HTTP/1.1 101 Switching\nUpgrade: websocket\nConnection: upgrade\n\n"),
    "upgrade-required": case(b"Rk", b"HTTP/1.1 426 No\nUpgrade: websocket\nConnection: upgrade\nContent-Length: 0\n\n"),
    "offer": case(b"R", OK + b"Upgrade: h2,h2c\nConnection: upgrade\nContent-Length: 0\n\n"),
    "response-set": case(b"Rx", OK + b"Server: a\nX-Powered-By: b\nContent-Length: 0\n\n", name=b"Server", value=b"X-Powered-By"),
}

folder = pathlib.Path(__file__).parent / "seeds" / "forward"
folder.mkdir(parents=True, exist_ok=True)
for name, content in SEEDS.items():
    (folder / name).write_bytes(content)
