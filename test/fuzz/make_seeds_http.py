#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes test/fuzz/seeds/http/: messages as they are on the wire, good and bad. The first byte is for fuzz_http.c: what follows it."""
import pathlib

HOST = b"Host: a.example:8080\r\n"
END = b"0\r\n\r\n"


def request(line=b"GET / HTTP/1.1", fields=HOST, body=b""):
    return b"Q" + line + b"\r\n" + fields + b"\r\n" + body


def response(line=b"HTTP/1.1 200 OK", fields=b"", body=b"", kind=b"R"):
    return kind + line + b"\r\n" + fields + b"\r\n" + body


BROWSER = (HOST + b"User-Agent: Mozilla/5.0 (X11; Linux)\r\nAccept: text/html,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate, br\r\n"
           b"Cookie: id={6F9619FF-8B86-D011-B42D-00CF4FC964FF}\r\nConnection: keep-alive\r\n")
UPGRADE = (HOST + b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")

SEEDS = {
    "request": request(),
    "request-browser": request(b"GET /a/b.css?c={1}&d=%20|e HTTP/1.1", BROWSER),
    "request-1.0": request(b"GET / HTTP/1.0", b"Connection: keep-alive\r\n"),
    "request-crlf-before": b"Q\r\n" + request()[1:],
    "request-length": request(b"POST /a HTTP/1.1", HOST + b"Content-Length: 5\r\n", b"helloGET / HTTP/1.1\r\n"),
    "request-chunked": request(b"POST /a HTTP/1.1", HOST + b"Transfer-Encoding: chunked\r\n", b"5;a=\"b\"\r\nhello\r\n" + END),
    "request-expect": request(b"PUT /a HTTP/1.1", HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n", b"abc"),
    "request-upgrade": request(fields=UPGRADE),
    "request-h2c": request(fields=HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"),
    "request-absolute": request(b"GET http://a.example:8080/b?c HTTP/1.1"),
    "request-absolute-ip6": request(b"GET https://[2001:db8::1]:1 HTTP/1.1", b"Host: [2001:db8::1]:1\r\n"),
    "request-asterisk": request(b"OPTIONS * HTTP/1.1"),
    "request-dots": request(b"GET /../%2e%2e/..;/%2f\\%zz HTTP/1.1"),
    "request-connect": request(b"CONNECT a:1 HTTP/1.1"),
    "request-values": request(fields=HOST + b"A:\r\nB: \t c \t d \t\r\nC: \xff\x80\r\nA: e\r\n"),
    "request-cl-te": request(b"POST / HTTP/1.1", HOST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", END + b"G"),
    "request-te-te": request(b"POST / HTTP/1.1", HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", END),
    "request-te-gzip": request(b"POST / HTTP/1.1", HOST + b"Transfer-Encoding: gzip, chunked\r\n", END),
    "request-te-blank": request(b"POST / HTTP/1.1", HOST + b"Transfer-Encoding : chunked\r\n", END),
    "request-te-tab": request(b"POST / HTTP/1.1", HOST + b"Transfer-Encoding:\x0bchunked\r\n", END),
    "request-cl-cl": request(b"POST / HTTP/1.1", HOST + b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"),
    "request-cl-plus": request(b"POST / HTTP/1.1", HOST + b"Content-Length: +5\r\n", b"hello"),
    "request-cl-wraps": request(b"POST / HTTP/1.1", HOST + b"Content-Length: 18446744073709551621\r\n", b"hello"),
    "request-underscore": request(b"POST / HTTP/1.1", HOST + b"Transfer_Encoding: chunked\r\n", END),
    "request-connection": request(fields=HOST + b"Connection: close, , X-Forwarded-For, \"a,b\"\r\n"),
    "request-fold": request(fields=HOST + b"A: b\r\n c\r\n"),
    "request-bare-lf": b"QGET / HTTP/1.1\nHost: a\n\n",
    "request-bare-cr": request(fields=b"Host: a\rTransfer-Encoding: chunked\r\n"),
    "request-nul": request(fields=b"Host: a\0b\r\n"),
    "request-0.9": b"QGET /\r\n",
    "request-2.0": b"QPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "request-blanks": request(b"GET  /  HTTP/1.1 "),
    "request-fragment": request(b"GET /#a HTTP/1.1"),
    "request-host-twice": request(fields=HOST + HOST),
    "request-host-path": request(fields=b"Host: a/b@c\r\n"),
    "request-tls": b"Q\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "request-ssh": b"QSSH-2.0-OpenSSH_9.2p1\r\n",
    "request-many-fields": request(fields=b"A: b\r\n" * 13),
    "request-long-target": request(b"GET /" + b"a" * 64 + b" HTTP/1.1"),
    "request-long-head": request(fields=b"A: " + b"b" * 512 + b"\r\n"),
    "response": response(fields=b"Content-Length: 5\r\n", body=b"hello"),
    "response-chunked": response(fields=b"Transfer-Encoding: chunked\r\nSet-Cookie: a=b\r\n", body=b"1\r\na\r\n0\r\nA: b\r\n\r\n"),
    "response-to-close": response(b"HTTP/1.0 404 Not Found", b"Server: a\r\n", b"<html>"),
    "response-no-phrase": response(b"HTTP/1.1 204 ", b"Content-Length: 0\r\n"),
    "response-no-blank": response(b"HTTP/1.1 200"),
    "response-interim": response(b"HTTP/1.1 100 Continue", body=response()[1:]),
    "response-304": response(b"HTTP/1.1 304 Not Modified", b"Content-Length: 5\r\nETag: \"a\"\r\n"),
    "response-101": response(b"HTTP/1.1 101 Switching Protocols", b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"\x81\x01a"),
    "response-both": response(fields=b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", body=END),
    "response-head": response(fields=b"Content-Length: 5\r\n", body=b"HTTP/1.1 200 OK\r\n\r\n", kind=b"H"),
    "response-2.0": response(b"HTTP/2.0 200 OK"),
    "response-phrase": response(b"HTTP/1.1 299 a\tb \xfc "),
    "chunks": b"C5\r\nhello\r\na\r\n0123456789\r\n" + END + b"GET",
    "chunks-extensions": b"C1;a;b=c;d=\"e;\\\"f\" ; g\r\nx\r\n2 ;h = i\r\nyz\r\n0;j\r\n\r\n",
    "chunks-trailers": b"C1\r\nx\r\n0\r\nA: b\r\nContent-Length: 5\r\nX_Forwarded_For: c\r\nD:\te\xff\r\n\r\nGET",
    "chunks-largest": b"C7fffffffffffffff\r\nabc",
    "chunks-wrap": b"C10000000000000005\r\nhello\r\n" + END,
    "chunks-zeros": b"C0000000000000001\r\nx\r\n0000000000000000\r\n\r\n",
    "chunks-long-line": b"C5;" + b"a" * 1022 + b"\r\nhello\r\n" + END,
    "chunks-0x": b"C0x5\r\nhello\r\n" + END,
    "chunks-blank": b"C5 \r\nhello\r\n" + END,
    "chunks-bare-lf": b"C5\nhello\r\n" + END,
    "chunks-term-ext": b"C2;\nxx\r\nab\r\n" + END,
    "chunks-ext-term": b"C2;a\nab\r\n" + END,
    "chunks-quoted-crlf": b"C2;a=\"\r\nab\r\n" + END,
    "chunks-spill": b"C5\r\nhelloXX" + END,
    "chunks-bad-trailer": b"C0\r\nA : b\r\n\r\n",
    "chunks-dropped": b"D5;a\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\nGET",
}

folder = pathlib.Path(__file__).parent / "seeds" / "http"
folder.mkdir(parents=True, exist_ok=True)
for name, content in SEEDS.items():
    (folder / name).write_bytes(content)
