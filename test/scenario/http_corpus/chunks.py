# SPDX-License-Identifier: Apache-2.0
"""Chunked bodies: sizes, extensions, line ends, trailers."""
from .case import Case, accepted, cut, post, smuggled

CHUNKED = b"Transfer-Encoding: chunked"
SHORT = b"5\r\nhello\r\n0\r\n\r\n"


def body(data):
    return post(CHUNKED, body=data)


def size(text):
    """A chunk with this size line, then the last chunk, then a request that must not be found."""
    return body(text + b"\r\nhello\r\n0\r\n\r\n") + smuggled()


SIZES = [cut(f"chunk size {name}", size(text), "RFC 9112 7.1: chunk-size = 1*HEXDIG") for name, text in (
    ("with 0x", b"0x5"), ("with a plus", b"+5"), ("below zero", b"-5"), ("-1", b"-1"), ("with a blank before", b" 5"),
    ("with a tab before", b"\t5"), ("with a blank behind", b"5 "),
    ("with a tab behind", b"5\t"), ("with a letter behind", b"5g"), ("with an underscore", b"5_"), ("with a point", b"5.0"),
    ("with a comma", b"5,0"), ("with h", b"5h"), ("empty", b""),
    ("a blank", b" "), ("a word", b"five"), ("in quotes", b'"5"'), ("with a NUL", b"5\x00"), ("with a NUL before", b"\x005"),
    ("with a vertical tab", b"5\x0b"),
    ("with a form feed", b"\x0c5"), ("above 127", b"\xb5"), ("of full-width digits", b"\xef\xbc\x95"),
    ("2^63", b"8000000000000000"), ("2^64 - 1", b"ffffffffffffffff"),
    ("2^64 and five", b"10000000000000005"), ("2^32 times 2^32 and five", b"100000000000000000005"),
    ("of thousand digits", b"0" * 999 + b"5"), ("twice", b"5 5"), ("octal", b"0o5"),
    ("binary", b"0b1_0"), ("without a CRLF", b"5hello"), ("percent", b"%35"))]
SIZES += [
    accepted("chunk size with zeros before", body(b"0005\r\nhello\r\n000\r\n\r\n"), "RFC 9112 7.1: HEXDIG"),
    accepted("chunk size in capitals", body(b"A\r\nhellohello\r\n0\r\n\r\n"), "RFC 9112 7.1"),
    accepted("chunk size in small letters", body(b"a\r\nhellohello\r\n0\r\n\r\n"), "RFC 9112 7.1"),
    accepted("chunks of one byte", body(b"".join(b"1\r\n%c\r\n" % byte for byte in b"hello") + b"0\r\n\r\n"), "RFC 9112 7.1"),
    accepted("chunk that looks like its end", body(b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"), "only the size counts"),
    accepted("chunk that is a request", body(b"%x\r\n%s\r\n0\r\n\r\n" % (len(smuggled()), smuggled())),
             "it is a body and stays one"),
    accepted("no chunk but the last", body(b"0\r\n\r\n"), "RFC 9112 7.1"),
    accepted("chunk of 64 KiB", body(b"10000\r\n" + b"h" * 65536 + b"\r\n0\r\n\r\n"), "RFC 9112 7.1"),
]


def ends(data):
    return body(data) + smuggled()


ENDS = [cut(f"chunk {name}", ends(data), why) for name, data, why in (
    ("size line ends in LF", b"5\nhello\r\n0\r\n\r\n", "RFC 9112 2.2 is about heads; TERM (Weikop 2025)"),
    ("size line ends in CR", b"5\rhello\r\n0\r\n\r\n", "Funky chunks (Weikop 2025)"),
    ("size line ends in CR CR LF", b"5\r\r\nhello\r\n0\r\n\r\n", "Funky chunks"),
    ("size line ends in LF CR", b"5\n\rhello\r\n0\r\n\r\n", "Funky chunks"),
    ("size line ends in CR and another byte", b"5\rXhello\r\n0\r\n\r\n", "a parser that skips two bytes"),
    ("longer than its size", b"3\r\nhello\r\n0\r\n\r\n", "SPILL.TERM (Weikop 2025)"),
    ("shorter than its size", b"6\r\nhello\r\n0\r\n\r\n", "RFC 9112 7.1"),
    ("ends in LF", b"5\r\nhello\n0\r\n\r\n", "TERM.SPILL (Weikop 2025)"),
    ("ends in CR", b"5\r\nhello\r0\r\n\r\n", "Funky chunks"),
    ("ends in LF LF", b"5\r\nhello\n\n0\r\n\r\n", "Funky chunks"),
    ("ends in two other bytes", b"5\r\nhelloXX0\r\n\r\n", "TERM.SPILL: a parser that skips any two bytes"),
    ("ends in nothing", b"5\r\nhello0\r\n\r\n", "Funky chunks"),
    ("ends in CR and another byte", b"5\r\nhello\rX0\r\n\r\n", "Funky chunks"),
    ("ends in two empty lines", b"5\r\nhello\r\n\r\n0\r\n\r\n", "RFC 9112 7.1: an empty size"),
    ("last one's line ends in LF", b"5\r\nhello\r\n0\n\r\n", "RFC 9112 7.1"),
    ("last one's line ends in LF LF", b"5\r\nhello\r\n0\n\n", "RFC 9112 7.1"),
    ("last one's empty line is LF", b"5\r\nhello\r\n0\r\n\n", "RFC 9112 7.1.2"),
    ("last one's empty line is CR", b"5\r\nhello\r\n0\r\n\rX", "RFC 9112 7.1.2"),
    ("last one has no empty line", b"5\r\nhello\r\n0\r\nGET /smuggled HTTP/1.1\r\n\r\n", "a request is no trailer"),
    ("last one's empty line is blank", b"5\r\nhello\r\n0\r\n \r\n", "RFC 9112 5.2"),
)]

EXTENSIONS = [cut(f"chunk extension {name}", ends(b"5" + text + b"\r\nhello\r\n0\r\n\r\n"), why) for name, text, why in (
    ("empty", b";", "RFC 9112 7.1.1: a name"),
    ("two empty", b";;", "RFC 9112 7.1.1"),
    ("without name", b";=x", "RFC 9112 7.1.1"),
    ("without value", b";a=", "RFC 9112 7.1.1"),
    ("without semicolon", b" a", "RFC 9112 7.1.1"),
    ("with an open quote", b';a="b', "RFC 9112 7.1.1"),
    ("with text behind its quotes", b';a="b"c', "RFC 9112 7.1.1"),
    ("with a bare LF", b";a\nX", "TERM.EXT: one ends the line here, one does not (Weikop 2025)"),
    ("with a bare CR", b";a\rX", "TERM.EXT"),
    ("with LF in quotes", b';a="\n"', "EXT.TERM: a line end in quotes (Weikop 2025)"),
    ("with CRLF in quotes", b';a="\r\n"', "EXT.TERM"),
    ("with a NUL", b";a\x00", "RFC 9110 5.6.2"),
    ("with a blank at the end", b";a=b ", "RFC 9112 7.1.1"),
    ("with two values", b";a=b=c", "RFC 9112 7.1.1"),
    ("of blanks", b"    ;", "RFC 9112 7.1.1"),
    ("of thousands of bytes", b";a=" + b"b" * 3000, "RFC 9112 7.1.1: limit their length"),
    ("above 127", b";\xe9", "RFC 9110 5.6.2"),
)]
EXTENSIONS += [accepted(f"chunk extension {name}", body(b"5" + text + b"\r\nhello\r\n0\r\n\r\n"),
                        "RFC 9112 7.1.1: ignored; left out, as parsers differ", body(SHORT)) for name, text in (
    ("with a name", b";a"), ("with a value", b";a=b"), ("with quotes", b';a="b;c \\" d"'), ("twice", b";a=b;c"),
    ("with blanks around the semicolon", b" ; a"),
    ("with blanks around the equals sign", b";a = b"))]
EXTENSIONS += [
    accepted("chunk extension of the last chunk", body(b"5\r\nhello\r\n0;end=1\r\n\r\n"), "RFC 9112 7.1.1", body(SHORT)),
    cut("chunk extension of the last chunk with LF", ends(b"5\r\nhello\r\n0;a\nX: y\r\n\r\n"), "EXT.TERM"),
]


def trailers(text):
    return body(b"5\r\nhello\r\n0\r\n" + text + b"\r\n")


TRAILERS = [cut(f"trailer {name}", trailers(text) + smuggled(), why) for name, text, why in (
    ("with a blank before the colon", b"X-A : 1\r\n", "RFC 9112 5.1"), ("that is folded", b"X-A: 1\r\n 2\r\n", "RFC 9112 5.2"),
    ("without colon", b"nonsense\r\n", "RFC 9112 7.1.2"),
    ("with a bare LF", b"X-A: 1\nX-B: 2\r\n", "RFC 9112 2.2"), ("with a bare CR", b"X-A: 1\rX-B: 2\r\n", "RFC 9112 2.2"),
    ("with NUL", b"X-A: \x00\r\n", "RFC 9110 5.5"),
    ("with an empty name", b": 1\r\n", "RFC 9112 5"), ("section too long", b"X-A: 123456789\r\n" * 600, "limited to 8 KiB"),
    ("that is a chunk", b"5\r\n", "a size behind the end"))]
KEPT = b"X-Keep: 1\r\n"
TRAILERS += [accepted(f"trailer {name}", trailers(KEPT + text + b"\r\n"), why, trailers(KEPT)) for name, text, why in (
    ("Content-Length", b"Content-Length: 100", "RFC 9110 6.5.1: framing"),
    ("Transfer-Encoding", b"Transfer-Encoding: chunked", "RFC 9110 6.5.1"), ("Host", b"Host: evil", "RFC 9110 6.5.1: routing"),
    ("Authorization", b"Authorization: Basic eA==", "RFC 9110 6.5.1"), ("Cookie", b"Cookie: a=b", "RFC 9110 6.5.1"),
    ("X-Forwarded-For", b"X-Forwarded-For: evil", "ours alone"),
    ("Connection", b"Connection: close", "RFC 9110 6.5.1"), ("Content_Length", b"Content_Length: 100", "a disguise"))]
TRAILERS += [
    accepted("trailer of one's own", trailers(b"X-Checksum: abc\r\nX-More:\r\n"), "RFC 9110 6.5: goes on",
             trailers(b"X-Checksum: abc\r\nX-More:\r\n")),
    accepted("trailer announced", post(b"Trailer: X-Checksum", CHUNKED, body=b"5\r\nhello\r\n0\r\nX-Checksum: abc\r\n\r\n"),
             "RFC 9110 6.6.2"),
]

UNENDED = [Case(f"chunked body ends after {name}", body(data), "RFC 9112 8: incomplete", (400,), is_cut=True, ends=True) for name,
           data in (
    ("nothing", b""), ("a size", b"5"), ("a size line", b"5\r\n"), ("half a chunk", b"5\r\nhe"),
    ("a chunk without CRLF", b"5\r\nhello"), ("a chunk", b"5\r\nhello\r\n"),
    ("the last size", b"5\r\nhello\r\n0"), ("the last size line", b"5\r\nhello\r\n0\r\n"),
    ("a trailer", b"5\r\nhello\r\n0\r\nX: y\r\n"), ("the last CR", b"5\r\nhello\r\n0\r\n\r"))]

CASES = SIZES + ENDS + EXTENSIONS + TRAILERS + UNENDED
