# SPDX-License-Identifier: Apache-2.0
"""Request lines: methods, targets, versions, and what stands before and between."""
from .case import HOST, MARK, accepted, head, lines, refused, smuggled

TARGET = b"/" + MARK


def line(text):
    return head(line=text)


def with_target(target, method=b"GET"):
    return line(method + b" " + target + b" HTTP/1.1")


def goes_on(name, target, why, method=b"GET"):
    return accepted(f"target {name}", with_target(target, method), why)


METHODS = [accepted(f"method {method.decode()}", line(method + b" " + TARGET + b" HTTP/1.1"),
                    "RFC 9110 9.1: methods are tokens, case matters")
           for method in (b"GET", b"DELETE", b"OPTIONS", b"PROPFIND", b"get", b"Get", b"M-SEARCH", b"A!#$%&'*+.^_`|~9", b"X" * 40)]
METHODS += [refused(f"method {name}", line(method + b" " + TARGET + b" HTTP/1.1"), "RFC 9110 5.6.2: a method is a token")
            for name, method in (("with colon", b"GET:"), ("with slash", b"GE/T"), ("in quotes", b'"GET"'),
                                 ("with brace", b"{GET}"),
                                 ("above 127", b"G\xc9T"), ("with NUL", b"G\x00ET"), ("with DEL", b"GE\x7fT"), ("empty", b""),
                                 ("with a blank before it", b" GET"), ("with a tab before it", b"\tGET"), ("with @", b"GET@"))]
METHODS += [
    refused("CONNECT", lines(b"CONNECT " + HOST + b":443 HTTP/1.1", b"Host: " + HOST + b":443") + b"\r\n",
            "RFC 9110 9.3.6: a gateway may not become a tunnel", 501),
    refused("CONNECT with a path", line(b"CONNECT " + TARGET + b" HTTP/1.1"), "RFC 9110 9.3.6", 501),
    refused("TRACE", line(b"TRACE " + TARGET + b" HTTP/1.1"), "RFC 9110 9.3.8: shows the fields that we add", 501),
    refused("TRACK", line(b"TRACK " + TARGET + b" HTTP/1.1"), "IIS's TRACE", 501),
    refused("trace in lower case", line(b"trace " + TARGET + b" HTTP/1.1"), "a server may take case for nothing", 501),
    refused("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), "RFC 9113 3.4", 505),
]

TARGETS = [
    goes_on("with braces and bars", TARGET + b"?{a}|[b]^`\"'<>", "Geo SCADA's queries; byte for byte"),
    goes_on("with percent", TARGET + b"/%7B%7d%2F%2e%2e%5c%zz%", "never decoded, never normalised"),
    goes_on("with backslash", TARGET + b"\\..\\x", "byte for byte"),
    goes_on("above 127", TARGET + b"?SELECT+\xc4\xd6\xfc+\xe2\x82\xac", "old browsers send such queries raw"),
    goes_on("with dot segments", TARGET + b"/../a/./b//c", "not normalised where no rule depends on it"),
    goes_on("that begins with two slashes", b"//" + MARK + b"/x", "origin-form: the second slash is path, not authority"),
    goes_on("with an address in the query", TARGET + b"?u=http://elsewhere/", "only the form counts"),
    goes_on("with question marks", TARGET + b"??a=?", "RFC 3986 3.4"),
    goes_on("of 16 KiB", TARGET + b"?" + b"SELECT{x}|%20" * 1260, "limits.url is 32768"),
    goes_on("at the limit", TARGET + b"?" + b"q" * (32768 - 10), "limits.url"),
    refused("target over the limit", with_target(TARGET + b"?" + b"q" * (32769 - 10)), "RFC 9110 15.5.15", 414),
    refused("target without end", b"GET /" + b"a" * 70000, "limits.url", 414),
    refused("target with a fragment", with_target(TARGET + b"#top"), "RFC 9112 3.2: no form has one"),
    refused("target with a space", with_target(TARGET + b" x"), "RFC 9112 3.2: no white space"),
    refused("target with a tab", with_target(TARGET + b"\tx"), "RFC 9112 3.2"),
    refused("target with NUL", with_target(TARGET + b"\x00x"), "a C server may end the path there"),
    refused("target with DEL", with_target(TARGET + b"\x7f"), "RFC 3986 2"),
    refused("target with vertical tab", with_target(TARGET + b"\x0bx"), "RFC 9112 3: lenient splitting takes it for a blank"),
    refused("target with form feed", with_target(TARGET + b"\x0cx"), "RFC 9112 3"),
    refused("target with a CR", with_target(TARGET + b"\rx"), "RFC 9112 2.2"),
    refused("target with an LF", with_target(TARGET + b"\nx"), "RFC 9112 2.2"),
    refused("target empty", line(b"GET  HTTP/1.1"), "RFC 9112 3.2"),
    refused("target without slash", with_target(MARK), "RFC 9112 3.2.1"),
    refused("target is only a query", with_target(b"?" + MARK), "RFC 9112 3.2.1"),
    refused("target is a backslash", with_target(b"\\" + MARK), "RFC 9112 3.2.1"),
    refused("authority-form with GET", with_target(HOST + b":80"), "RFC 9112 3.2.3: CONNECT only"),
    refused("asterisk with GET", with_target(b"*"), "RFC 9112 3.2.4: OPTIONS only"),
    refused("asterisk and more", with_target(b"*" + TARGET, b"OPTIONS"), "RFC 9112 3.2.4"),
]


def absolute(name, target, seen, host=HOST, method=b"GET"):
    whole = lines(method + b" " + target + b" HTTP/1.1", b"Host: " + host, b"X-Of: " + MARK) + b"\r\n"
    return accepted(f"absolute {name}", whole, "RFC 9112 3.2.2: a server must accept it",
                    lines(method + b" " + seen + b" HTTP/1.1", b"Host: " + host, b"X-Of: " + MARK) + b"\r\n")


ABSOLUTE = [
    absolute("with path", b"http://" + HOST + TARGET + b"?q", TARGET + b"?q"),
    absolute("with https", b"https://" + HOST + TARGET, TARGET),
    absolute("without path", b"http://" + HOST, b"/"),
    absolute("with a scheme in capitals", b"HTTP://" + HOST + TARGET, TARGET),
    absolute("with port", b"http://h:8080" + TARGET, TARGET, b"h:8080"),
    absolute("of OPTIONS without path", b"http://" + HOST, b"*", method=b"OPTIONS"),
    accepted("asterisk of OPTIONS", lines(b"OPTIONS * HTTP/1.1", b"Host: " + HOST, b"X-Of: " + MARK) + b"\r\n", "RFC 9112 3.2.4"),
    refused("absolute of another host", with_target(b"http://other.example" + TARGET),
            "RFC 9112 3.2.2: two hosts, two caches (Kettle 2018)"),
    refused("absolute of another port", with_target(b"http://" + HOST + b":81" + TARGET), "RFC 9112 3.2.2"),
    refused("absolute with user information", with_target(b"http://user@" + HOST + TARGET), "RFC 9110 4.2.4"),
    refused("absolute with the host as user", with_target(b"http://" + HOST + b"@evil" + TARGET), "RFC 9110 4.2.4"),
    refused("absolute without host", with_target(b"http://" + TARGET), "RFC 9110 4.2.1"),
    refused("absolute with ftp", with_target(b"ftp://" + HOST + TARGET), "we serve http and https"),
    refused("absolute with file", with_target(b"file:///etc/passwd"), "we serve http and https"),
    refused("absolute with a fragment", with_target(b"http://" + HOST + TARGET + b"#x"), "RFC 9110 4.2.5"),
    refused("absolute with a backslash for a slash", with_target(b"http:\\\\" + HOST + TARGET), "browsers repair it, we do not"),
    refused("absolute without Host", lines(b"GET http://" + HOST + TARGET + b" HTTP/1.1") + b"\r\n",
            "RFC 9112 3.2: Host all the same"),
]


def version(text):
    return line(b"GET " + TARGET + b" " + text)


VERSIONS = [refused(f"version {text.decode()}", version(text), "RFC 9110 2.5", 505)
            for text in (b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/3.1", b"HTTP/0.0", b"HTTP/9.9")]
VERSIONS += [refused(f"version {name}", version(text),
                     "RFC 9112 2.3: HTTP-version = HTTP-name \"/\" DIGIT \".\" DIGIT, case-sensitive")
             for name, text in (("in lower case", b"http/1.1"), ("mixed case", b"Http/1.1"), ("with two digits", b"HTTP/1.10"),
                                ("with a leading zero", b"HTTP/01.1"), ("without minor", b"HTTP/1"), ("of HTTP/2 short", b"HTTP/2"),
                                ("without dot", b"HTTP/11"), ("with comma", b"HTTP/1,1"), ("with sign", b"HTTP/+1.1"),
                                ("with a letter behind", b"HTTP/1.1x"), ("with a blank behind", b"HTTP/1.1 "),
                                ("with a tab behind", b"HTTP/1.1\t"),
                                ("with a blank within", b"HTTP/ 1.1"), ("HTTPS", b"HTTPS/1.1"), ("SIP", b"SIP/2.0"),
                                ("with NUL", b"HTTP/1.1\x00"),
                                ("empty", b""), ("twice", b"HTTP/1.1 HTTP/1.1"), ("hexadecimal", b"HTTP/1.a"))]
VERSIONS += [
    refused("HTTP/0.9 with CRLF", b"GET " + TARGET + b"\r\n", "RFC 9112 Appendix C.1"),
    refused("HTTP/0.9 and fields", head(line=b"GET " + TARGET), "RFC 9112 3"),
]

SPACES = [refused(f"request line with {name}", head(line=text), "RFC 9112 3: one SP, and no lenient splitting")
          for name, text in (("two spaces before the target", b"GET  " + TARGET + b" HTTP/1.1"),
                             ("two spaces behind the target", b"GET " + TARGET + b"  HTTP/1.1"),
                             ("a tab before the target", b"GET\t" + TARGET + b" HTTP/1.1"),
                             ("a tab behind the target", b"GET " + TARGET + b"\tHTTP/1.1"),
                             ("a vertical tab before the target", b"GET\x0b" + TARGET + b" HTTP/1.1"),
                             ("a CR before the target", b"GET\r" + TARGET + b" HTTP/1.1"),
                             ("a no-break space", b"GET\xa0" + TARGET + b" HTTP/1.1"), ("no space", b"GET" + TARGET + b"HTTP/1.1"))]

GOOD = head()
BEFORE = [
    accepted("one empty line before", b"\r\n" + GOOD, "RFC 9112 2.2: at least one is ignored", GOOD),
    refused("two empty lines before", b"\r\n\r\n" + GOOD, "RFC 9112 2.2: one is enough"),
    refused("a lone LF before", b"\n" + GOOD, "RFC 9112 2.2"),
    refused("a lone CR before", b"\r" + GOOD, "RFC 9112 2.2"),
    refused("NUL before", b"\x00" + GOOD, "RFC 9112 3"),
    refused("a byte order mark before", b"\xef\xbb\xbf" + GOOD, "RFC 9112 3"),
    refused("a TLS client hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n", "known by its first byte"),
    refused("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", "known by its first line"),
    refused("SMTP", b"EHLO mail.example\r\nMAIL FROM:<a@b>\r\n", "another protocol's first line"),
    refused("a field line first", lines(b"Host: " + HOST, b"GET " + TARGET + b" HTTP/1.1") + b"\r\n", "RFC 9112 2.1"),
    refused("a response", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + smuggled(), "RFC 9112 2.1: we are the server"),
    refused("PROXY protocol", b"PROXY TCP4 127.0.0.1 127.0.0.1 5 6\r\n" + GOOD, "a client's own address claim"),
]

ENDS = [refused(f"start line ends in {name}",
                lines(b"GET " + TARGET + b" HTTP/1.1")[:-2] + end + b"Host: " + HOST + b"\r\n\r\n" + smuggled(), why)
        for name, end, why in (("LF", b"\n", "RFC 9112 2.2 allows it to be lenient; we are not"),
                               ("CR", b"\r", "RFC 9112 2.2: a bare CR is invalid"),
                               ("LF CR", b"\n\r", "RFC 9112 2.2"), ("CR CR LF", b"\r\r\n", "RFC 9112 2.2"),
                               ("CR NUL LF", b"\r\x00\n", "RFC 9112 2.2"),
                               ("CR blank LF", b"\r \n", "Linhart 2005"), ("NEL", b"\x85", "no line end"),
                               ("U+2028", b"\xe2\x80\xa8", "no line end"))]

CASES = METHODS + TARGETS + ABSOLUTE + VERSIONS + SPACES + BEFORE + ENDS
