# SPDX-License-Identifier: Apache-2.0
"""Field lines: names, values, line ends, Host, Connection, Expect, Upgrade."""
from .case import HOST, MARK, Case, accepted, head, lines, post, refused, smuggled

LINE = b"GET /" + MARK + b" HTTP/1.1"


def field(text, host=HOST):
    return head(text, b"X-After: 1", host=host)


NAMES = [refused(f"field name {name}", field(text), why) for name, text, why in (
    ("with a blank before the colon", b"X-A : 1", "RFC 9112 5.1: must be refused with 400"),
    ("with a tab before the colon", b"X-A\t: 1", "RFC 9112 5.1"),
    ("with a blank within", b"X A: 1", "RFC 9110 5.6.2"),
    ("empty", b": 1", "RFC 9112 5"),
    ("missing with its colon", b"nonsense", "RFC 9112 5"),
    ("with a slash", b"X/A: 1", "RFC 9110 5.6.2"),
    ("in quotes", b'"X-A": 1', "RFC 9110 5.6.2"),
    ("in brackets", b"[X-A]: 1", "RFC 9110 5.6.2"),
    ("with a parenthesis", b"(X): 1", "RFC 9110 5.6.2"),
    ("with an at sign", b"X@A: 1", "RFC 9110 5.6.2"),
    ("with an equals sign", b"X=A: 1", "RFC 9110 5.6.2"),
    ("with a comma", b"X,A: 1", "RFC 9110 5.6.2"),
    ("with a semicolon", b"X;A: 1", "RFC 9110 5.6.2"),
    ("with a backslash", b"X\\A: 1", "RFC 9110 5.6.2"),
    ("with a brace", b"{X}: 1", "RFC 9110 5.6.2"),
    ("above 127", b"X-\xe9: 1", "RFC 9110 5.6.2"),
    ("with NUL", b"X\x00: 1", "RFC 9110 5.6.2"),
    ("with DEL", b"X\x7f: 1", "RFC 9110 5.6.2"),
    ("that is a request line", b"GET /smuggled HTTP/1.1", "a lost empty line"),
    ("that is folded", b"X-A: 1\r\n folded", "RFC 9112 5.2: obs-fold"),
    ("that is folded by a tab", b"X-A: 1\r\n\tfolded", "RFC 9112 5.2"),
    ("that is folded without text", b"X-A: 1\r\n ", "RFC 9112 5.2"),
    ("that is folded before its value", b"X-A:\r\n 1", "RFC 9112 5.2"),
)]
NAMES += [
    refused("blank before the first field", lines(LINE, b" X-A: 1", b"Host: " + HOST) + b"\r\n",
            "RFC 9112 2.2: white space behind the start line"),
    refused("tab before the first field", lines(LINE, b"\tHost: " + HOST) + b"\r\n", "RFC 9112 2.2"),
    refused("blank line that is not empty", lines(LINE, b"Host: " + HOST) + b" \r\n\r\n" + smuggled(), "RFC 9112 5.2"),
    accepted("field names of every token byte", field(b"X-!#$%&'*+.^`|~9: 1"), "RFC 9110 5.6.2"),
    accepted("field with underscore", field(b"X_Site_Id: 1"), "a token like any other"),
    accepted("a hundred fields", head(*[b"X-%d: 1" % n for n in range(99)]), "limits.fields is 100"),
    refused("a hundred and one fields", head(*[b"X-%d: 1" % n for n in range(100)]), "limits.fields", 431),
    refused("fields without end", lines(LINE) + b"X-A: 1\r\n" * 5000, "limits.fields", 431),
    refused("a head over its limit", head(b"X-A: " + b"v" * 66000), "limits.head is 65536", 431),
    accepted("a head near its limit", head(b"X-A: " + b"v" * 60000), "limits.head"),
    refused("a name without end", lines(LINE) + b"X" * 70000, "limits.head", 431),
]

VALUES = [accepted(f"field value {name}", field(b"X-A: " + value), why,
                   field(b"X-A: " + (value if seen is None else seen))) for name, value, seen, why in (
    ("empty", b"", None, "RFC 9110 5.5"),
    ("above 127", b"caf\xe9 \xe2\x82\xac", None, "RFC 9110 5.5: obs-text"),
    ("with a tab within", b"a\tb", None, "RFC 9110 5.5"),
    ("with blanks around", b"   a b\t \t", b"a b", "RFC 9112 5.1: white space around is no part of it"),
    ("with colons and quotes", b'": a\\"b,; :', None, "RFC 9110 5.5"),
    ("with a lone quote", b'"', None, "only visible bytes count"),
    ("of braces", b"{0A1B2C3D-0000-0000-0000-000000000000}|%", None, "Geo SCADA's cookies"),
)]
VALUES += [refused(f"field value with {name}", field(b"X-A: a" + bytes([byte]) + b"b"),
                   "RFC 9110 5.5: CR, LF, NUL are dangerous, other CTL invalid")
           for name, byte in (("NUL", 0), ("SOH", 1), ("backspace", 8), ("LF", 10), ("vertical tab", 11), ("form feed", 12),
                              ("CR", 13), ("escape", 27), ("unit separator", 31), ("DEL", 127))]

ENDS = [refused(f"field line ends in {name}", lines(LINE, b"Host: " + HOST) + b"X-A: 1" + end + b"X-B: 2\r\n\r\n" + smuggled(), why)
        for name, end, why in (("LF", b"\n", "RFC 9112 2.2"), ("CR", b"\r", "CVE-2023-30589"), ("LF CR", b"\n\r", "RFC 9112 2.2"),
                               ("CR CR LF", b"\r\r\n", "RFC 9112 2.2"),
                               ("CR blank LF", b"\r \n", "RFC 9112 2.2"), ("NUL CR LF", b"\x00\r\n", "RFC 9110 5.5"),
                               ("CR tab LF", b"\r\t\n", "RFC 9112 2.2"))]
ENDS += [refused(f"head ends in {name}", lines(LINE, b"Host: " + HOST)[:-2] + end + smuggled(), why)
         for name, end, why in (("LF LF", b"\n\n", "RFC 9112 2.2"), ("CRLF LF", b"\r\n\n", "RFC 9112 2.2"),
                                ("LF CRLF", b"\n\r\n", "RFC 9112 2.2"), ("CR CR", b"\r\r", "RFC 9112 2.2"),
                                ("CRLF CR CRLF", b"\r\n\r\r\n", "RFC 9112 2.2"),
                                ("CR LF CR", b"\r\n\rX", "CVE-2023-30589: an empty line that ends in CR"),
                                ("CRLF NUL CRLF", b"\r\n\x00\r\n", "RFC 9112 5"))]


def hosts(*values):
    return lines(LINE, *[b"Host: " + value for value in values]) + b"\r\n"


HOSTS = [refused(f"Host {name}", data, why) for name, data, why in (
    ("missing", lines(LINE, b"X-A: 1") + b"\r\n", "RFC 9112 3.2: must be 400"),
    ("missing and nothing else", lines(LINE) + b"\r\n", "RFC 9112 3.2"),
    ("twice", hosts(HOST, b"evil.example"), "RFC 9112 3.2: must be 400"),
    ("twice the same", hosts(HOST, HOST), "RFC 9112 3.2"),
    ("twice in other cases", lines(LINE, b"Host: " + HOST, b"hOST: evil") + b"\r\n", "RFC 9112 3.2"),
    ("empty", hosts(b""), "RFC 9110 4.2.1: an http origin has a host"),
    ("with a path", hosts(HOST + b"/x"), "RFC 9112 3.2"),
    ("with a query", hosts(HOST + b"?x"), "RFC 9112 3.2"),
    ("with user information", hosts(b"user@" + HOST), "RFC 9110 4.2.4"),
    ("with a blank", hosts(HOST + b" evil"), "RFC 9112 3.2"),
    ("with a comma", hosts(HOST + b",evil"), "RFC 9112 3.2"),
    ("with a scheme", hosts(b"http://" + HOST), "RFC 9112 3.2"),
    ("with two ports", hosts(HOST + b":80:80"), "RFC 3986 3.2.3"),
    ("with a port that is a word", hosts(HOST + b":http"), "RFC 3986 3.2.3"),
    ("with a port too large", hosts(HOST + b":65536"), "RFC 3986 3.2.3"),
    ("with a port below zero", hosts(HOST + b":-1"), "RFC 3986 3.2.3"),
    ("that is only a port", hosts(b":80"), "RFC 3986 3.2.2"),
    ("above 127", hosts(b"b\xfccher.example"), "RFC 3986 3.2.2"),
    ("with a NUL", hosts(HOST + b"\x00evil"), "RFC 9110 5.5"),
    ("with quotes", hosts(b'"' + HOST + b'"'), "RFC 3986 3.2.2"),
    ("with an open bracket", hosts(b"[::1"), "RFC 3986 3.2.2"),
    ("with letters in brackets", hosts(b"[evil]"), "RFC 3986 3.2.2"),
    ("with text behind the brackets", hosts(b"[::1]evil"), "RFC 3986 3.2.2"),
    ("with IPv6 and no brackets", hosts(b"::1"), "RFC 3986 3.2.2"),
    ("with a backslash", hosts(HOST + b"\\evil"), "RFC 3986 3.2.2"),
    ("with a space before its colon", lines(LINE, b"Host : " + HOST) + b"\r\n", "RFC 9112 5.1"),
    ("with an underscore beside it", lines(LINE, b"Host: " + HOST, b"Host\x00: evil") + b"\r\n", "RFC 9110 5.6.2"),
    ("folded", lines(LINE, b"Host:", b" " + HOST) + b"\r\n", "RFC 9112 5.2"),
    ("longer than a name can be", hosts(b"a" * 300), "RFC 1035 2.3.4"),
)]
HOSTS += [accepted(f"Host {name}", hosts(value), "RFC 9110 7.2", hosts(value)) for name, value in (
    ("with port", HOST + b":8080"), ("IPv4", b"10.1.2.3"), ("IPv6", b"[2001:db8::1]:443"), ("in capitals", b"SITE.Example"),
    ("with a dot at the end", b"site.example."),
    ("with an underscore", b"plant_1"))]
HOSTS += [
    accepted("Host is the last field", lines(LINE, b"X-A: 1", b"Host: " + HOST) + b"\r\n", "RFC 9110 7.2: should be first",
             lines(LINE, b"Host: " + HOST, b"X-A: 1") + b"\r\n"),
    accepted("Host in HTTP/1.0", lines(b"GET /" + MARK + b" HTTP/1.0", b"Host: " + HOST) + b"\r\n", "RFC 9112 3.2", hosts(HOST),
             closes=True),
    refused("Host twice in HTTP/1.0", lines(b"GET /" + MARK + b" HTTP/1.0", b"Host: " + HOST, b"Host: evil") + b"\r\n",
            "RFC 9112 3.2"),
]


def drops(name, fields, why, left=(), closes=False):
    """Only `left` of the fields goes on."""
    return accepted(name, head(*fields), why, head(*left), closes)


CONNECTION = [
    drops("Connection lists a field", [b"Connection: x-hop, X-Other", b"X-Hop: 1", b"X-Keep: 2", b"X-OTHER: 3"], "RFC 9110 7.6.1",
          [b"X-Keep: 2"]),
    drops("two Connection fields", [b"Connection: x-hop", b"X-Hop: 1", b"connection: keep-alive", b"X-Keep: 2"], "RFC 9110 7.6.1",
          [b"X-Keep: 2"]),
    drops("Connection with empty elements", [b"Connection: , keep-alive ,,", b"X-Keep: 2"], "RFC 9110 5.6.1.2", [b"X-Keep: 2"]),
    drops("hop-by-hop fields", [b"Keep-Alive: timeout=5", b"Proxy-Connection: keep-alive", b"TE: trailers",
                                b"Proxy-Authorization: Basic eA==", b"X-Keep: 2"],
          "RFC 9110 7.6.1, 11.7.2", [b"X-Keep: 2"]),
    drops("TE: chunked", [b"TE: chunked, trailers;q=0.5", b"X-Keep: 2"], "RFC 9110 10.1.4", [b"X-Keep: 2"]),
    drops("Connection: close", [b"Connection: close", b"X-Keep: 2"], "RFC 9112 9.6", [b"X-Keep: 2"], True),
    drops("Connection: CLOSE, keep-alive", [b"Connection: CLOSE, keep-alive"], "RFC 9112 9.3: close wins", [], True),
    drops("Upgrade that Connection does not list", [b"Upgrade: websocket", b"X-Keep: 2"], "RFC 9110 7.8", [b"X-Keep: 2"]),
    drops("Upgrade to HTTP/2", [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c",
                                b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA", b"X-Keep: 2"],
          "h2c smuggling (Schaeffer 2020): requests past every rule", [b"X-Keep: 2"]),
    drops("Upgrade to HTTP/2 not listed fully", [b"Connection: Upgrade", b"Upgrade: h2c",
                                                 b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"], "h2c smuggling (Schaeffer 2020)"),
    drops("Upgrade to HTTP/1.1", [b"Connection: Upgrade", b"Upgrade: HTTP/1.1"], "a tunnel past every rule"),
    drops("Proxy", [b"Proxy: http://evil:80"], "CVE-2016-5385, httpoxy"),
]
CONNECTION += [refused(f"Connection lists {name}", head(b"Connection: " + name.encode(), b"X-Keep: 2"),
                       "hop-by-hop abuse (Davison 2019): a proxy made to lose a field")
               for name in ("Host", "host", "Content-Length", "Transfer-Encoding", "Cookie", "Authorization", "X-Forwarded-For",
                            "Forwarded", "Content-Type", "X-Real-IP")]
CONNECTION += [refused(f"Connection with {name}", head(b"Connection: " + value), "RFC 9110 7.6.1: tokens")
               for name, value in (("a blank", b"keep alive"), ("quotes", b'"close"'), ("a colon", b"close: x"),
                                   ("a slash", b"a/b"))]
CONNECTION += [
    refused("an upgrade with a body", post(b"Connection: upgrade", b"Upgrade: websocket", b"Content-Length: 5", body=b"hello"),
            "RFC 9110 7.8: whose bytes are they?"),
    refused("an upgrade with chunks", post(b"Connection: upgrade", b"Upgrade: websocket", b"Transfer-Encoding: chunked",
                                           body=b"0\r\n\r\n"), "RFC 9110 7.8"),
    refused("an upgrade to no token", head(b"Connection: upgrade", b"Upgrade: web socket"), "RFC 9110 7.8"),
    accepted("an upgrade in HTTP/1.0", lines(b"GET /" + MARK + b" HTTP/1.0", b"Host: " + HOST, b"Connection: upgrade",
                                             b"Upgrade: websocket") + b"\r\n",
             "RFC 9110 7.8: ignored", hosts(HOST), closes=True),
]

BODY = b"Content-Length: 5"
EXPECT = [
    refused("Expect: something else", post(b"Expect: payment", BODY, body=b"hello"), "RFC 9110 10.1.1", 417),
    refused("Expect: 100-continue and more", post(b"Expect: 100-continue, x", BODY, body=b"hello"), "RFC 9110 10.1.1", 417),
    refused("Expect twice", post(b"Expect: 100-continue", b"Expect: 100-continue", BODY, body=b"hello"),
            "Kettle 2025: Expect-based desync", 417),
    refused("Expect: y 100-continue", post(b"Expect: y 100-continue", BODY, body=b"hello"), "Kettle 2025: obfuscated Expect", 417),
    refused("Expect empty", post(b"Expect: ", BODY, body=b"hello"), "RFC 9110 10.1.1", 417),
    refused("Expect folded", post(b"Expect:", b" 100-continue", BODY, body=b"hello"), "Kettle 2025"),
    accepted("Expect: 100-Continue", post(b"Expect: 100-Continue", BODY, body=b"hello"), "RFC 9110 10.1.1: in any case"),
    accepted("Expect of GET without body", head(b"Expect: 100-continue", b"X-Keep: 2"),
             "RFC 9110 10.1.1: there is nothing to continue with", head(b"X-Keep: 2")),
    accepted("Expect in HTTP/1.0", lines(b"POST /" + MARK + b" HTTP/1.0", b"Host: " + HOST, b"Expect: 100-continue",
                                         BODY) + b"\r\nhello",
             "RFC 9110 10.1.1: ignored", post(BODY, body=b"hello"), closes=True),
]

DISGUISED = [drops(f"disguised {name.decode()}", [name + b": evil", b"X-Keep: 2"],
                   "read as the real one by servers that make variables of names", [b"X-Keep: 2"])
             for name in (b"X_Forwarded_For", b"X_FORWARDED_PROTO", b"X-Forwarded_Host", b"X_Original_URL", b"X_ARR_SSL",
                          b"X_Real_IP", b"X_Request_Id")]
DISGUISED += [drops(f"spoofed {name.decode()}", [name + b": evil", b"X-Keep: 2"], "only a trusted proxy may say it", [b"X-Keep: 2"])
              for name in (b"X-Forwarded-For", b"x-forwarded-proto", b"X-FORWARDED-HOST", b"X-Forwarded-Port",
                           b"X-Forwarded-Anything", b"Forwarded", b"X-Real-IP",
                           b"X-ARR-SSL", b"X-ARR-LOG-ID", b"X-ARR-ClientCert", b"X-Original-URL", b"X-Rewrite-URL",
                           b"X-Client-Cert-Subject", b"X-SSL-Client-DN", b"X-Request-Id")]

UNENDED = [Case(f"head ends after {name}", data, "RFC 9112 8: incomplete, not to be acted on", (), ends=True)
           for name, data in (("the method", b"GET "), ("the start line", lines(LINE)), ("half a field", lines(LINE) + b"Host: si"),
                              ("a field", lines(LINE, b"Host: " + HOST)),
                              ("the last CR", lines(LINE, b"Host: " + HOST) + b"\r"))]

CASES = NAMES + VALUES + ENDS + HOSTS + CONNECTION + EXPECT + DISGUISED + UNENDED
