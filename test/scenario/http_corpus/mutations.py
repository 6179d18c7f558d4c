# SPDX-License-Identifier: Apache-2.0
"""One odd byte at each place around a length field: the table of the tool "smuggler" (Defparam 2020), and one for Content-Length.

Whatever the byte does, georelay and the server must not come to different lengths.
"""
from .case import accepted, post, refused

ODD = (0x00, 0x01, 0x04, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1f, 0x20, 0x7f, 0x80, 0xa0, 0xff)
IN_VALUES = (0x09, 0x20, 0x80, 0xa0, 0xff)  # RFC 9110 5.5: may stand within a value
BLANKS = (0x09, 0x20)
BOTH = "TE.TE (Kettle 2019, Defparam 2020): beside a Content-Length no coding is taken, however it is written"
ONE = "Klein 2020, Regilero 2019: a length that only one of two readers sees"

CODING_PLACES = (
    ("before its value", b"Transfer-Encoding:%c chunked"), ("instead of the blank", b"Transfer-Encoding:%cchunked"),
    ("before the colon", b"Transfer-Encoding%c: chunked"),
    ("before its name", b"%cTransfer-Encoding: chunked"), ("behind it", b"Transfer-Encoding: chunked%c"),
    ("behind it, and text", b"Transfer-Encoding: chunked%cX: X"),
    ("behind it and a CR", b"Transfer-Encoding: chunked\r%cX: X"),
    ("behind it and before an LF", b"Transfer-Encoding: chunked%c\nX: X"),
    ("behind another field and a CR", b"X: X\r%cTransfer-Encoding: chunked"),
    ("behind another field and before an LF", b"X: X%c\nTransfer-Encoding: chunked"),
)
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"


def coding(place, pattern, byte):
    data = post(b"Content-Length: %d" % len(CHUNKS), pattern % byte, body=CHUNKS)
    return refused(f"Transfer-Encoding with {byte:02x} {place}", data, BOTH)


def length(place, pattern, byte, is_fine=False, seen=None):
    data = post(pattern % byte, body=b"hello")
    name = f"Content-Length with {byte:02x} {place}"
    if is_fine:
        return accepted(name, data, "RFC 9112 5.1: white space around a value", post(seen, body=b"hello"))
    return refused(name, data, ONE)


CASES = [coding(place, pattern, byte) for place, pattern in CODING_PLACES for byte in ODD]
for odd in ODD:
    # Within another field's value the coding is only text, for any reader: the length counts.
    hidden = post(b"Content-Length: 5", b"X: X%cTransfer-Encoding: chunked" % odd, body=b"hello")
    if odd in IN_VALUES:
        CASES.append(accepted(f"Transfer-Encoding with {odd:02x} within another value", hidden, "RFC 9110 5.5: text"))
    else:
        CASES.append(refused(f"Transfer-Encoding with {odd:02x} within another value", hidden, BOTH))
    CASES.append(length("before its value", b"Content-Length:%c5", odd, odd in BLANKS, b"Content-Length: 5"))
    CASES.append(length("behind it", b"Content-Length: 5%c", odd, odd in BLANKS, b"Content-Length: 5"))
    CASES.append(length("before the colon", b"Content-Length%c: 5", odd))
    CASES.append(length("before its name", b"%cContent-Length: 5", odd))
