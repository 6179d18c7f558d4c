# SPDX-License-Identifier: Apache-2.0
"""How long a message is: Content-Length, Transfer-Encoding, and both."""
from .case import HOST, MARK, Case, accepted, head, lines, post, refused, smuggled

CHUNKED = b"Transfer-Encoding: chunked"
OLD = b"POST /" + MARK + b" HTTP/1.0"
FIVE = b"Content-Length: 5"


def length(value):
    return post(b"Content-Length: " + value, body=b"hello")


LENGTHS = [refused(f"Content-Length {name}", length(value), "RFC 9110 8.6: Content-Length = 1*DIGIT") for name, value in (
    ("with a plus", b"+5"), ("below zero", b"-5"), ("-0", b"-0"), ("hexadecimal", b"0x5"), ("octal", b"0o5"),
    ("with a point", b"5.0"), ("with an exponent", b"5e0"),
    ("with a blank within", b"5 5"), ("with a word behind", b"5 bytes"), ("with a word before", b"abc5"), ("empty", b""),
    ("a word", b"five"), ("in quotes", b'"5"'),
    ("with an underscore", b"1_0"), ("with a comma at the end", b"5,"), ("with a comma before", b",5"),
    ("with a semicolon", b"5;q=1"), ("a list of equal ones", b"5, 5"),
    ("a list of two", b"5, 6"), ("a list of zero and five", b"0,5"), ("with a NUL", b"5\x00"), ("with a vertical tab", b"\x0b5"),
    ("with a form feed", b"5\x0c"),
    ("with a no-break space", b"5\xa0"), ("of full-width digits", b"\xef\xbc\x95"), ("of superscript digits", b"\xb2"),
    ("2^63", b"9223372036854775808"),
    ("2^64", b"18446744073709551616"), ("2^64 and five", b"18446744073709551621"), ("2^32 squared and more", b"9" * 40),
    ("with a thousand separator", b"1'000"))]
LENGTHS += [
    refused("Content-Length twice", post(FIVE, b"Content-Length: 6", body=b"hello"), "RFC 9112 6.3: differing"),
    refused("Content-Length twice the same", post(FIVE, FIVE, body=b"hello"), "RFC 9112 6.3: no client sends it"),
    refused("Content-Length twice, zero first", post(b"Content-Length: 0", FIVE, body=b"hello"), "CL.CL (Linhart 2005)"),
    refused("Content-Length in other cases", post(FIVE, b"content-length: 0", body=b"hello"), "CL.CL"),
    refused("Content_Length", post(b"Content_Length: 0", FIVE, body=b"hello"),
            "the same name for servers that make variables of names"),
    refused("Content-Length with a blank before the colon", post(b"Content-Length : 5", body=b"hello"), "RFC 9112 5.1; Klein 2020"),
    refused("Content-Length with a word before the colon", post(b"Content-Length abcde: 20", FIVE, body=b"hello"), "Klein 2020"),
    refused("Content-Length folded", post(b"Content-Length:", b" 5", body=b"hello"), "RFC 9112 5.2; Regilero 2019"),
    refused("Content-Length folded behind another field", post(b"X-A: 1", b" Content-Length: 0", FIVE, body=b"hello"),
            "Regilero 2019"),
    refused("Content-Length behind a bare CR", post(b"X-A: 1\rContent-Length: 0", FIVE, body=b"hello"), "Klein 2020"),
    refused("Content-Length behind a bare LF", post(b"X-A: 1\nContent-Length: 5", body=b"hello"), "RFC 9112 2.2"),
    refused("Content-Length in GET, twice", head(b"Content-Length: 0", b"Content-Length: 44") + smuggled(), "CL.0"),
    accepted("Content-Length: 0", post(b"Content-Length: 0"), "RFC 9110 8.6"),
    accepted("Content-Length with zeros before", post(b"Content-Length: 0005", body=b"hello"), "RFC 9110 8.6: digits; written anew",
             post(FIVE, body=b"hello")),
    accepted("Content-Length without blank", post(b"Content-Length:5", body=b"hello"), "RFC 9112 5", post(FIVE, body=b"hello")),
    accepted("Content-Length between blanks", post(b"Content-Length: \t 5 \t", body=b"hello"), "RFC 9112 5.1",
             post(FIVE, body=b"hello")),
    accepted("Content-Length in capitals", post(b"CONTENT-LENGTH: 5", body=b"hello"), "RFC 9110 5.1: written anew",
             post(FIVE, body=b"hello")),
    accepted("body in GET", head(b"Content-Length: 5") + b"hello", "RFC 9110 9.3.1: framing does not depend on the method"),
    accepted("body in GET that is a request", head(b"Content-Length: %d" % len(smuggled())) + smuggled(),
             "CL.0 (Heyes, Kettle 2022): it is a body and stays one"),
    accepted("body in HEAD-like method", head(FIVE, line=b"PROPFIND /" + MARK + b" HTTP/1.1") + b"hello", "RFC 9112 6"),
    accepted("POST without length", post(), "RFC 9112 6.3: no body then"),
    accepted("body of every byte", post(b"Content-Length: 256", body=bytes(range(256))), "a body is not looked at"),
    accepted("body in HTTP/1.0", lines(b"POST /" + MARK + b" HTTP/1.0", b"Host: " + HOST, FIVE) + b"\r\nhello", "RFC 9112 6.3",
             post(FIVE, body=b"hello"), True),
    Case("body that ends early", post(b"Content-Length: 10", body=b"hello"), "RFC 9112 8", (400,), is_cut=True, ends=True),
    Case("body of 2^63-1 bytes that ends early", post(b"Content-Length: 9223372036854775807", body=b"hello"), "RFC 9112 8", (400,),
         is_cut=True, ends=True),
]

CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"


def coding(value, body=CHUNKS):
    return post(b"Transfer-Encoding: " + value, body=body)


CODINGS = [refused(f"Transfer-Encoding {name}", coding(value), why) for name, value, why in (
    ("chunked twice", b"chunked, chunked", "RFC 9112 6.1: not more than once"),
    ("identity", b"identity", "RFC 9112 6.3: chunked is not the last"),
    ("identity behind chunked", b"chunked, identity", "TE.TE"),
    ("gzip", b"gzip", "RFC 9112 6.3: the length can't be known"),
    ("gzip behind chunked", b"chunked, gzip", "RFC 9112 6.3"),
    ("xchunked", b"xchunked", "TE.TE (Kettle 2019)"),
    ("chunkedx", b"chunkedx", "TE.TE"),
    ("x chunked", b"x chunked", "TE.TE"),
    ("cow", b"cow", "TE.TE (Kettle 2019)"),
    ("with a parameter", b"chunked;q=1", "RFC 9112 7: chunked has none"),
    ("with a semicolon", b"chunked;", "RFC 9112 7"),
    ("in quotes", b'"chunked"', "TE.TE"),
    ("in single quotes", b"'chunked'", "TE.TE"),
    ("in brackets", b"(chunked)", "TE.TE"),
    ("empty", b"", "RFC 9112 6.1"),
    ("a comma", b",", "RFC 9112 6.1"),
    ("with chunked in two words", b"chun ked", "TE.TE"),
    ("with a vertical tab", b"\x0bchunked", "Kettle 2019"),
    ("with a form feed", b"\x0cchunked", "Kettle 2019"),
    ("with a NUL", b"chunked\x00", "TE.TE"),
    ("with a NUL before", b"\x00chunked", "TE.TE"),
    ("with a no-break space", b"chunked\xa0", "TE.TE"),
    ("with a byte order mark", b"\xef\xbb\xbfchunked", "TE.TE"),
    ("with a dotless i", b"\xc4\xb1dentity", "TE.TE: case folding (Kettle 2019)"),
    ("with the Kelvin sign", b"chun\xe2\x84\xaaed", "case folding of Unicode makes k of it"),
    ("with a bare LF", b"\nchunked", "TE.TE"),
    ("folded", b"\r\n chunked", "RFC 9112 5.2; Regilero"),
    ("folded by a tab", b"\r\n\tchunked", "RFC 9112 5.2"),
    ("folded behind", b"chunked\r\n x", "RFC 9112 5.2"),
    ("false, with a body", b"false", "TE.TE"),
)]
CODINGS += [refused(f"Transfer-Encoding {name}", coding(value), "RFC 9112 6.1: 501 for a coding that is not understood", 501)
            for name, value in (("gzip, chunked", b"gzip, chunked"), ("deflate, chunked", b"deflate,chunked"),
                                ("identity, chunked", b"identity, chunked"),
                                ("cow, chunked", b"cow , chunked"))]
CODINGS += [refused(f"Transfer-Encoding in two fields, {name}", post(*fields, body=CHUNKS), "RFC 9112 6.1; TE.TE", status) for name,
            fields, status in (
    ("equal", (CHUNKED, CHUNKED), 400), ("cow behind", (CHUNKED, b"Transfer-encoding: cow"), 400),
    ("cow before", (b"Transfer-encoding: cow", CHUNKED), 501),
    ("empty behind", (CHUNKED, b"Transfer-Encoding:"), 400), ("identity behind", (CHUNKED, b"Transfer-Encoding: identity"), 400))]
CODINGS += [
    refused("Transfer-Encoding with a blank before the colon", post(b"Transfer-Encoding : chunked", body=CHUNKS),
            "RFC 9112 5.1; Kettle 2019"),
    refused("Transfer-Encoding with a tab before the colon", post(b"Transfer-Encoding\t: chunked", body=CHUNKS), "RFC 9112 5.1"),
    refused("Transfer-Encoding behind a blank", post(b"X-A: 1", b" Transfer-Encoding: chunked", body=CHUNKS),
            "RFC 9112 5.2; Kettle 2019"),
    refused("Transfer_Encoding", post(b"Transfer_Encoding: chunked", body=CHUNKS),
            "the same name for servers that make variables of names"),
    refused("Transfer-Encoding without value or blank", post(b"Transfer-Encoding:", FIVE, body=b"hello"), "RFC 9112 6.1"),
    refused("Transfer-Encoding behind a bare LF", post(b"X: X\nTransfer-Encoding: chunked", body=CHUNKS), "Kettle 2019"),
    refused("Transfer-Encoding behind a bare CR", post(b"X: X\rTransfer-Encoding: chunked", body=CHUNKS), "CVE-2023-30589"),
    refused("Transfer-Encoding in HTTP/1.0", lines(OLD, b"Host: " + HOST, CHUNKED) + b"\r\n" + CHUNKS, "RFC 9112 6.1: faulty"),
    refused("Transfer-Encoding in HTTP/1.0 that stays",
            lines(OLD, b"Host: " + HOST, b"Connection: keep-alive", CHUNKED) + b"\r\n" + CHUNKS, "RFC 9112 6.1"),
    accepted("Transfer-Encoding: Chunked", coding(b"Chunked"), "RFC 9112 7: case-insensitive; written anew", coding(b"chunked")),
    accepted("Transfer-Encoding between blanks", coding(b" \t chunked\t "), "RFC 9112 5.1", coding(b"chunked")),
    accepted("TRANSFER-ENCODING", post(b"TRANSFER-ENCODING:chunked", body=CHUNKS), "RFC 9110 5.1", coding(b"chunked")),
    accepted("chunked in GET", head(CHUNKED) + CHUNKS, "RFC 9112 6"),
    accepted("X-Transfer-Encoding", post(b"X-Transfer-Encoding: chunked", FIVE, body=b"hello"), "just another field"),
    accepted("Content-Encoding: chunked", post(b"Content-Encoding: chunked", FIVE, body=b"hello"),
             "just a wrong value: the length decides"),
]

CL_TE = b"0\r\n\r\n" + smuggled()
BOTH = [refused(f"both lengths, {name}", data, why) for name, data, why in (
    ("CL.TE", post(b"Content-Length: %d" % len(CL_TE), CHUNKED, body=CL_TE), "RFC 9112 6.3; Kettle 2019"),
    ("TE.CL", post(CHUNKED, b"Content-Length: 4", body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(smuggled()), smuggled())), "Kettle 2019"),
    ("that agree", post(b"Content-Length: %d" % len(CHUNKS), CHUNKED, body=CHUNKS), "RFC 9112 6.3"),
    ("zero", post(b"Content-Length: 0", CHUNKED, body=CHUNKS), "CL.0"),
    ("TE first", post(CHUNKED, FIVE, body=CHUNKS), "RFC 9112 6.3"),
    ("in GET", head(FIVE, CHUNKED) + CHUNKS, "RFC 9112 6.3"),
    ("identity", post(FIVE, b"Transfer-Encoding: identity", body=b"hello"), "RFC 9112 6.3"),
    ("empty coding", post(FIVE, b"Transfer-Encoding: ", body=b"hello"), "RFC 9112 6.3"),
    ("unknown coding", post(FIVE, b"Transfer-Encoding: cow", body=b"hello"), "RFC 9112 6.3"),
    ("a coding in quotes", post(FIVE, b'Transfer-Encoding: "chunked"', body=b"hello"), "RFC 9112 6.3"),
    ("TE.TE", post(FIVE, CHUNKED, b"Transfer-encoding: cow", body=CHUNKS), "Kettle 2019"),
    ("bad length", post(b"Content-Length: x", CHUNKED, body=CHUNKS), "RFC 9112 6.3"),
    ("empty length", post(b"Content-Length:", CHUNKED, body=CHUNKS), "RFC 9112 6.3"),
    ("with Connection listing the length", post(b"Connection: Content-Length", FIVE, CHUNKED, body=CHUNKS),
     "a proxy made to drop one"),
    ("with Connection listing the coding", post(b"Connection: Transfer-Encoding", FIVE, CHUNKED, body=CHUNKS),
     "a proxy made to drop one"),
    ("in HTTP/1.0", lines(b"POST /" + MARK + b" HTTP/1.0", b"Host: " + HOST, FIVE, CHUNKED) + b"\r\n" + CHUNKS, "RFC 9112 6.1"),
    ("wide apart", post(FIVE, *[b"X-%d: 1" % n for n in range(60)], CHUNKED, body=CHUNKS), "RFC 9112 6.3"),
    ("and an expectation", post(FIVE, CHUNKED, b"Expect: 100-continue", body=CHUNKS), "Kettle 2025"),
    ("and an upgrade", post(FIVE, CHUNKED, b"Connection: upgrade", b"Upgrade: x", body=CHUNKS), "RFC 9112 6.3"),
)]

CASES = LENGTHS + CODINGS + BOTH
