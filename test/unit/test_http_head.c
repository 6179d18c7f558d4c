/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/head.h: tables of heads, each in every cut (test/unit/http_feed.h), then every byte at every place of a head. The
 * bad ones follow RFC 9112, RFC 9110 and what is known of request smuggling.
 */
#include "test/unit/unit.h"

#include "proxy/http/grammar.h"
#include "test/unit/http_feed.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct good_row {
    const char *bytes;
    size_t length;
    const char *expected; /**< as written by describe() */
    const char *comment;
};

struct bad_row {
    const char *bytes;
    size_t length;
    enum http_fault fault;
    const char *comment;
};

#define TCHARS "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static const struct good_row good_requests[] = {
    {B("GET / HTTP/1.1\r\n\r\n"), "GET|/|1", "no field"},
    {B("GET / HTTP/1.0\r\n\r\n"), "GET|/|0", "HTTP/1.0"},
    {B("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "GET|/|1|Host=a", "a field"},
    {B("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), "GET|/|1|Host=a", "one empty line before"},
    {B("GET / HTTP/1.1\r\nHost:a\r\n\r\n"), "GET|/|1|Host=a", "no blank behind the colon"},
    {B("GET / HTTP/1.1\r\nHost: \t a\t \r\n\r\n"), "GET|/|1|Host=a", "blanks and tabs around a value"},
    {B("GET / HTTP/1.1\r\nX:\r\nY: \r\nZ:\t\r\n\r\n"), "GET|/|1|X=|Y=|Z=", "empty values"},
    {B("GET / HTTP/1.1\r\nX: a \t b\r\n\r\n"), "GET|/|1|X=a \t b", "blank and tab inside a value"},
    {B("GET / HTTP/1.1\r\nX: a:b: c\r\n\r\n"), "GET|/|1|X=a:b: c", "colons in a value"},
    {B("GET / HTTP/1.1\r\nX: \x80\xff\xc3\xbc\r\n\r\n"), "GET|/|1|X=\x80\xff\xc3\xbc", "bytes above 127 in a value"},
    {B("GET / HTTP/1.1\r\nA: 1\r\na: 2\r\nA: 1\r\n\r\n"), "GET|/|1|A=1|a=2|A=1", "the same name again"},
    {B("GET / HTTP/1.1\r\n" TCHARS ": v\r\n\r\n"), "GET|/|1|" TCHARS "=v", "each byte of a token in a name"},
    {B(TCHARS " / HTTP/1.1\r\n\r\n"), TCHARS "|/|1", "each byte of a token in a method"},
    {B("get / HTTP/1.1\r\n\r\n"), "get|/|1", "a method in lower case is another method"},
    {B("OPTIONS * HTTP/1.1\r\n\r\n"), "OPTIONS|*|1", "asterisk-form"},
    {B("CONNECT a:1 HTTP/1.1\r\n\r\n"), "CONNECT|a:1|1", "authority-form"},
    {B("GET http://a/b HTTP/1.1\r\n\r\n"), "GET|http://a/b|1", "absolute-form"},
    {B("GET /a?b=c&d=%20+e HTTP/1.1\r\n\r\n"), "GET|/a?b=c&d=%20+e|1", "a query"},
    {B("GET /{a}|\"<>\\^`[%zz] HTTP/1.1\r\n\r\n"), "GET|/{a}|\"<>\\^`[%zz]|1", "what browsers and ViewX send unescaped"},
    {B("GET /\x80\xff\xc3\xbc HTTP/1.1\r\n\r\n"), "GET|/\x80\xff\xc3\xbc|1", "bytes above 127 in a target"},
    {B("GET //../a HTTP/1.1\r\n\r\n"), "GET|//../a|1", "nothing is normalised"},
    {B("GET / HTTP/1.1\r\nA: HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"), "GET|/|1|A=HTTP/1.1", "the next request behind it"},
    {B("GET / HTTP/1.1\r\n\r\n\r\n\r\n"), "GET|/|1", "empty lines behind it"},
    {B("GET / HTTP/1.1\r\n\r\n\0\n\r"), "GET|/|1", "anything behind it"},
};

static const struct bad_row bad_requests[] = {
    /* Line ends: RFC 9112 2.2. */
    {B("GET / HTTP/1.1\n\n"), HTTP_FAULT_BARE_LF, "LF for CRLF"},
    {B("GET / HTTP/1.1\nHost: a\r\n\r\n"), HTTP_FAULT_BARE_LF, "LF behind the request line"},
    {B("GET / HTTP/1.1\r\nHost: a\n\r\n"), HTTP_FAULT_BARE_LF, "LF behind a field"},
    {B("GET / HTTP/1.1\r\nHost: a\r\n\n"), HTTP_FAULT_BARE_LF, "LF as the empty line"},
    {B("GET / HTTP/1.1\r\n\n"), HTTP_FAULT_BARE_LF, "LF as the empty line, no field"},
    {B("GET / HTTP/1.1\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n"), HTTP_FAULT_BARE_LF, "a field behind LF"},
    {B("\nGET / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BARE_LF, "LF before"},
    {B("\r\n\nGET / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BARE_LF, "CRLF, LF before"},
    {B("\n"), HTTP_FAULT_BARE_LF, "LF alone"},
    {B("G\nET / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BARE_LF, "LF in a method"},
    {B("GET\n/ HTTP/1.1\r\n\r\n"), HTTP_FAULT_BARE_LF, "LF behind a method"},
    {B("GET /\nHTTP/1.1\r\n\r\n"), HTTP_FAULT_BARE_LF, "LF behind a target"},
    {B("GET /\n"), HTTP_FAULT_BARE_LF, "HTTP/0.9 with LF"},
    {B("GET / HTTP/1.\n1\r\n\r\n"), HTTP_FAULT_BARE_LF, "LF in a version"},
    {B("GET / HTTP/1.1\r\nHo\nst: a\r\n\r\n"), HTTP_FAULT_BARE_LF, "LF in a name"},
    {B("GET / HTTP/1.1\r\n\nHost: a\r\n\r\n"), HTTP_FAULT_BARE_LF, "LF before a name"},
    {B("GET / HTTP/1.1\rHost: a\r\n\r\n"), HTTP_FAULT_BARE_CR, "CR behind the request line"},
    {B("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"), HTTP_FAULT_BARE_CR, "CR between fields"},
    {B("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), HTTP_FAULT_BARE_CR, "CR CR LF"},
    {B("GET / HTTP/1.1\r\nHost: a\r\n\r\r\n"), HTTP_FAULT_BARE_CR, "CR CR LF as the empty line"},
    {B("GET / HTTP/1.1\r\nHost: a\r\n\rX"), HTTP_FAULT_BARE_CR, "CR at the beginning of a line"},
    {B("GET / HTTP/1.1\r\nX: \rTransfer-Encoding: chunked\r\n\r\n"), HTTP_FAULT_BARE_CR, "a field behind CR"},
    {B("GET / HTTP/1.1\r\nX: a\r b\r\n\r\n"), HTTP_FAULT_BARE_CR, "CR and a blank in a value"},
    {B("GET / HTTP/1.1\r\nX:\ra\r\n\r\n"), HTTP_FAULT_BARE_CR, "CR behind a colon"},
    {B("GET / HTTP/1.1\r\nX\r: a\r\n\r\n"), HTTP_FAULT_BARE_CR, "CR before a colon"},
    {B("\rGET / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BARE_CR, "CR before"},
    {B("\r\r\nGET / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BARE_CR, "CR CRLF before"},
    {B("\r\n\rGET / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BARE_CR, "CRLF CR before"},
    {B("GET\r/ HTTP/1.1\r\n\r\n"), HTTP_FAULT_BARE_CR, "CR behind a method"},
    {B("GET /\rHTTP/1.1\r\n\r\n"), HTTP_FAULT_BARE_CR, "CR behind a target"},
    {B("GET / HTTP/1.1\r\r\n\r\n"), HTTP_FAULT_BARE_CR, "CR in a version"},
    {B("\r\n\r\nGET / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_METHOD, "two empty lines before"},
    {B("\r\n\r\n"), HTTP_FAULT_BAD_METHOD, "nothing but empty lines"},
    /* Control bytes: RFC 9110 5.5. */
    {B("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "NUL in a value"},
    {B("GET / HTTP/1.1\r\nX: a\0\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "NUL at the end of a value"},
    {B("GET / HTTP/1.1\r\nHost\0: a\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "NUL before a colon"},
    {B("GET / HTTP/1.1\r\n\0Host: a\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "NUL before a name"},
    {B("GET / HTTP/1.1\r\n\0\r\n"), HTTP_FAULT_CONTROL_BYTE, "NUL in the empty line"},
    {B("GET /\0 HTTP/1.1\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "NUL in a target"},
    {B("G\0T / HTTP/1.1\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "NUL in a method"},
    {B("\0GET / HTTP/1.1\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "NUL before a method"},
    {B("GET / HTTP/1.1\0\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "NUL behind a version"},
    {B("GET / HTTP/1.1\r\nTransfer-Encoding:\vchunked\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "vertical tab behind a colon"},
    {B("GET / HTTP/1.1\r\nTransfer-Encoding\v: chunked\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "vertical tab before a colon"},
    {B("GET / HTTP/1.1\r\n\vTransfer-Encoding: chunked\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "vertical tab before a name"},
    {B("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\f\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "form feed behind a value"},
    {B("GET / HTTP/1.1\r\nX: \x1b[2J\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "escape"},
    {B("GET / HTTP/1.1\r\nX: \x7f\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "delete"},
    {B("GET / HTTP/1.1\r\nX: \x08\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "backspace"},
    {B("GET /\x7f HTTP/1.1\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "delete in a target"},
    {B("GET\t/ HTTP/1.1\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "tab behind a method"},
    {B("GET \t/ HTTP/1.1\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "tab before a target"},
    {B("GET /\tHTTP/1.1\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "tab behind a target"},
    {B("GET / \tHTTP/1.1\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "tab before a version"},
    {B("GET / HTTP/1.1\t\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "tab behind a version"},
    {B("\tGET / HTTP/1.1\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "tab before a method"},
    {B("GET\v/\fHTTP/1.1\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "other white space in a request line"},
    /* The request line: RFC 9112 3. */
    {B(" GET / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_METHOD, "a blank before a method"},
    {B(" / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_METHOD, "no method"},
    {B("\r\n / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_METHOD, "no method behind an empty line"},
    {B("GET\r\n\r\n"), HTTP_FAULT_BAD_METHOD, "a method alone"},
    {B("GET: / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_METHOD, "a colon in a method"},
    {B("GE/T / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_METHOD, "a slash in a method"},
    {B("G(ET) / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_METHOD, "parentheses in a method"},
    {B("\"GET\" / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_METHOD, "quotes around a method"},
    {B("G\xc3\x89T / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_METHOD, "a byte above 127 in a method"},
    {B("\xef\xbb\xbfGET / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_METHOD, "a byte order mark"},
    {B("{\"jsonrpc\":\"2.0\"}"), HTTP_FAULT_BAD_METHOD, "JSON"},
    {B("Host: a\r\n\r\n"), HTTP_FAULT_BAD_METHOD, "no request line"},
    {B("GET  / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_TARGET, "two blanks behind a method"},
    {B("GET  HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_TARGET, "no target"},
    {B("GET /#a HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_TARGET, "a fragment"},
    {B("GET # HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_TARGET, "a fragment alone"},
    {B("GET http://a#@b/ HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_TARGET, "a fragment in an authority"},
    {B("GET /  HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "two blanks behind a target"},
    {B("GET / HTTP/1.1 \r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a blank behind a version"},
    {B("GET /a b HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a blank in a target"},
    {B("GET / HTTP/1.1 HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "two versions"},
    {B("GET / HTTP/1.0 /b HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a request line within a request line"},
    {B("GET /\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "HTTP/0.9"},
    {B("GET /\r\n"), HTTP_FAULT_BAD_VERSION, "HTTP/0.9, one line"},
    {B("GET \r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a method and a blank"},
    {B("GET / \r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a blank for a version"},
    {B("GET / http/1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a version in lower case"},
    {B("GET / Http/1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a version in mixed case"},
    {B("GET / HTTP/1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a version without minor"},
    {B("GET / HTTP/1.\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a version with an empty minor"},
    {B("GET / HTTP/.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a version with an empty major"},
    {B("GET / HTTP/\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a version without number"},
    {B("GET / HTTP\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a version without slash"},
    {B("GET / HTTP/1.10\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "minor of two digits"},
    {B("GET / HTTP/1.01\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "minor with a leading zero"},
    {B("GET / HTTP/01.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "major with a leading zero"},
    {B("GET / HTTP/10.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "major of two digits"},
    {B("GET / HTTP/1.1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "three numbers"},
    {B("GET / HTTP/+1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a sign"},
    {B("GET / HTTP/-1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a minus"},
    {B("GET / HTTP/1,1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a comma"},
    {B("GET / HTTP/ 1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a blank in a version"},
    {B("GET / HTTP /1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a blank before the slash"},
    {B("GET / HTTP/1.x\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a letter for a number"},
    {B("GET / HTTP/0x1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "hexadecimal"},
    {B("GET / HTTP/\xc2\xb9.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "SUPERSCRIPT ONE"},
    {B("GET / HTTPS/1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "HTTPS"},
    {B("GET / XTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "a first byte other than H"},
    {B("GET / FTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "another protocol"},
    {B("DESCRIBE rtsp://a/ RTSP/1.0\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "RTSP"},
    {B("OPTIONS sip:a SIP/2.0\r\n\r\n"), HTTP_FAULT_BAD_VERSION, "SIP"},
    {B("GET / HTTP/1.2\r\n\r\n"), HTTP_FAULT_VERSION_NOT_SERVED, "HTTP/1.2"},
    {B("GET / HTTP/1.9\r\n\r\n"), HTTP_FAULT_VERSION_NOT_SERVED, "HTTP/1.9"},
    {B("GET / HTTP/0.9\r\n\r\n"), HTTP_FAULT_VERSION_NOT_SERVED, "HTTP/0.9 by name"},
    {B("GET / HTTP/0.1\r\n\r\n"), HTTP_FAULT_VERSION_NOT_SERVED, "HTTP/0.1"},
    {B("GET / HTTP/2.0\r\n\r\n"), HTTP_FAULT_VERSION_NOT_SERVED, "HTTP/2.0"},
    {B("GET / HTTP/2.1\r\n\r\n"), HTTP_FAULT_VERSION_NOT_SERVED, "HTTP/2.1"},
    {B("GET / HTTP/3.0\r\n\r\n"), HTTP_FAULT_VERSION_NOT_SERVED, "HTTP/3.0"},
    {B("GET / HTTP/9.9\r\n\r\n"), HTTP_FAULT_VERSION_NOT_SERVED, "HTTP/9.9"},
    {B("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), HTTP_FAULT_VERSION_NOT_SERVED, "the preface of HTTP/2"},
    /* Other protocols, before their line ends. */
    {B("\x16\x03\x01\x02\x00\x01"), HTTP_FAULT_CONTROL_BYTE, "a TLS record"},
    {B("\x80\x2e\x01\x00\x02"), HTTP_FAULT_BAD_METHOD, "SSLv2"},
    {B("SSH-2.0-OpenSSH_9.2p1\r\n"), HTTP_FAULT_BAD_METHOD, "SSH"},
    {B("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), HTTP_FAULT_BAD_VERSION, "SSH with a comment"},
    {B("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), HTTP_FAULT_BAD_VERSION, "PROXY protocol 1"},
    {B("\r\n\r\n\0\r\nQUIT\n"), HTTP_FAULT_BAD_METHOD, "PROXY protocol 2"},
    {B("EHLO a\r\n"), HTTP_FAULT_BAD_VERSION, "SMTP"},
    {B("*1\r\n$4\r\nPING\r\n"), HTTP_FAULT_BAD_METHOD, "redis"},
    {B("\x03\x00\x00\x13\x0e\xe0"), HTTP_FAULT_CONTROL_BYTE, "RDP"},
    /* Fields: RFC 9112 5. */
    {B("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "a blank before a colon"},
    {B("GET / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "Transfer-Encoding with a blank"},
    {B("GET / HTTP/1.1\r\nContent-Length\t: 5\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "a tab before a colon"},
    {B("GET / HTTP/1.1\r\nContent Length: 5\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "a blank in a name"},
    {B("GET / HTTP/1.1\r\nContent-Length 5\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "no colon"},
    {B("GET / HTTP/1.1\r\nHost\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "a name alone"},
    {B("GET / HTTP/1.1\r\n: a\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "no name"},
    {B("GET / HTTP/1.1\r\n:\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "a colon alone"},
    {B("GET / HTTP/1.1\r\n:method: GET\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "a pseudo field of HTTP/2"},
    {B("GET / HTTP/1.1\r\nHost\xa0: a\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "a no-break space before a colon"},
    {B("GET / HTTP/1.1\r\nContent-\xc5\xbf"
       "ength: 5\r\n\r\n"),
     HTTP_FAULT_BAD_FIELD_NAME, "LONG S"},
    {B("GET / HTTP/1.1\r\nHost\\: a\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "a backslash in a name"},
    {B("GET / HTTP/1.1\r\n\"Host\": a\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "quotes around a name"},
    {B("GET / HTTP/1.1\r\nContent-Length=5\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "an equals sign for a colon"},
    {B("GET / HTTP/1.1\r\nX[Y]: a\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "brackets in a name"},
    {B("GET / HTTP/1.1\r\nX,Y: a\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "a comma in a name"},
    {B("GET / HTTP/1.1\r\nX;Y: a\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "a semicolon in a name"},
    {B("GET / HTTP/1.1\r\n(X): a\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "a comment for a name"},
    {B("GET / HTTP/1.1\r\nGET / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "a second request line"},
    {B("GET / HTTP/1.1\r\nA: b\r\nC\r\nD: e\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "a bad name between good ones"},
    {B("GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n"), HTTP_FAULT_FOLDED_LINE, "obs-fold with a blank"},
    {B("GET / HTTP/1.1\r\nX: a\r\n\tb\r\n\r\n"), HTTP_FAULT_FOLDED_LINE, "obs-fold with a tab"},
    {B("GET / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n"), HTTP_FAULT_FOLDED_LINE, "a value on the next line"},
    {B("GET / HTTP/1.1\r\nX: a\r\n \r\n\r\n"), HTTP_FAULT_FOLDED_LINE, "a blank on a line of its own"},
    {B("GET / HTTP/1.1\r\nX: a\r\n\t\r\n\r\n"), HTTP_FAULT_FOLDED_LINE, "a tab on a line of its own"},
    {B("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), HTTP_FAULT_FOLDED_LINE, "a blank behind the request line"},
    {B("GET / HTTP/1.1\r\n\tHost: a\r\n\r\n"), HTTP_FAULT_FOLDED_LINE, "a tab behind the request line"},
    {B("GET / HTTP/1.1\r\n \r\n\r\n"), HTTP_FAULT_FOLDED_LINE, "a blank in the empty line"},
    /* The first of two faults decides. */
    {B("G(T /# http/9\n"), HTTP_FAULT_BAD_METHOD, "everything is wrong"},
    {B("GET /# HTTP/2.0\r\n\r\n"), HTTP_FAULT_BAD_TARGET, "target before version"},
    {B("GET / FOO\x01\r\n"), HTTP_FAULT_BAD_VERSION, "version before a control byte"},
    {B("GET / HTTP/2.0x\r\n"), HTTP_FAULT_BAD_VERSION, "a longer version is none"},
    {B("GET / HTTP/2.0\rx"), HTTP_FAULT_BARE_CR, "a version is known at the end of its line"},
    {B("GET / HTTP/2.0\r\nX\n"), HTTP_FAULT_VERSION_NOT_SERVED, "version before fields"},
};

static const struct good_row good_responses[] = {
    {B("HTTP/1.1 200 OK\r\n\r\n"), "200|OK|1", "no field"},
    {B("HTTP/1.0 404 Not Found\r\nServer: a\r\n\r\n"), "404|Not Found|0|Server=a", "HTTP/1.0"},
    {B("HTTP/1.1 200 \r\n\r\n"), "200||1", "no phrase"},
    {B("HTTP/1.1 200\r\nA: b\r\n\r\n"), "200||1|A=b", "no phrase, and no blank where it would be"},
    {B("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), "100|Continue|1", "an interim one"},
    {B("HTTP/1.1 999 x\r\n\r\n"), "999|x|1", "the highest status"},
    {B("HTTP/1.1 299  a \t\xc3\xbc \r\n\r\n"), "299| a \t\xc3\xbc |1", "blanks, a tab and bytes above 127 in a phrase"},
    {B("HTTP/1.1 200 OK\r\nA:\r\nB: \xff\r\n\r\nbody"), "200|OK|1|A=|B=\xff", "fields and a body"},
    {B("HTTP/1.1 200 #\r\n\r\n"), "200|#|1", "any visible byte in a phrase"},
};

static const struct bad_row bad_responses[] = {
    {B("HTTP/1.1 200\t\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "a tab behind the status"},
    {B("HTTP/1.1 200x\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "a letter behind the status"},
    {B("HTTP/1.1 20\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "two digits"},
    {B("HTTP/1.1 2000 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "four digits"},
    {B("HTTP/1.1 099 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "below 100"},
    {B("HTTP/1.1 000 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "zero"},
    {B("HTTP/1.1 +20 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "a sign"},
    {B("HTTP/1.1 -20 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "a minus"},
    {B("HTTP/1.1 2x0 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "a letter"},
    {B("HTTP/1.1 0x20 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "hexadecimal"},
    {B("HTTP/1.1  200 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "two blanks before the status"},
    {B("HTTP/1.1 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "no status"},
    {B("HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "a version alone"},
    {B("HTTP/1.1 403.1 Forbidden\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "a status with a part, as old IIS had them"},
    {B(" HTTP/1.1 200 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "a blank before"},
    {B("\r\nHTTP/1.1 200 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "an empty line before: only servers pass over one"},
    {B("\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "empty lines"},
    {B("http/1.1 200 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "lower case"},
    {B("HTTPS/1.1 200 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "HTTPS"},
    {B("ICY 200 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "SHOUTcast"},
    {B("GET / HTTP/1.1\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "a request"},
    {B("<html></html>"), HTTP_FAULT_BAD_STATUS, "HTTP/0.9"},
    {B("HTTP/1.10 200 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "minor of two digits"},
    {B("HTTP/2 200 OK\r\n\r\n"), HTTP_FAULT_BAD_STATUS, "no minor"},
    {B("HTTP/1.2 200 OK\r\n\r\n"), HTTP_FAULT_VERSION_NOT_SERVED, "HTTP/1.2"},
    {B("HTTP/2.0 200 OK\r\n\r\n"), HTTP_FAULT_VERSION_NOT_SERVED, "HTTP/2.0"},
    {B("HTTP/0.9 200 OK\r\n\r\n"), HTTP_FAULT_VERSION_NOT_SERVED, "HTTP/0.9 by name"},
    {B("HTTP/1.1\t200 OK\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "tab before the status"},
    {B("HTTP/1.1 200\tOK\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "tab behind the status"},
    {B("HTTP/1.1 200 O\0K\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "NUL in a phrase"},
    {B("HTTP/1.1 200 O\vK\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "vertical tab in a phrase"},
    {B("HTTP/1.1 200 OK\n\n"), HTTP_FAULT_BARE_LF, "LF for CRLF"},
    {B("HTTP/1.1 200\n"), HTTP_FAULT_BARE_LF, "LF behind the status"},
    {B("\nHTTP/1.1 200 OK\r\n\r\n"), HTTP_FAULT_BARE_LF, "LF before"},
    {B("HTTP/1.1 200 O\rK\r\n\r\n"), HTTP_FAULT_BARE_CR, "CR in a phrase"},
    {B("HTTP/1.1 200 OK\rSet-Cookie: a=b\r\n\r\n"), HTTP_FAULT_BARE_CR, "a field behind CR"},
    {B("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), HTTP_FAULT_FOLDED_LINE, "obs-fold"},
    {B("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "a blank before a colon: RFC 9112 5.1 would repair it"},
    {B("HTTP/1.1 200 OK\r\nA b\r\n\r\n"), HTTP_FAULT_BAD_FIELD_NAME, "no colon"},
    {B("HTTP/1.1 200 OK\r\nA: b\r\n\n"), HTTP_FAULT_BARE_LF, "LF as the empty line"},
};

static struct guard guard;
static struct http_head head;

static int setup(void **state)
{
    (void)state;
    guard_init(&guard, 32768);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    guard_fini(&guard);
    return 0;
}

static void add(char **at, struct slice s)
{
    if (s.length > 0)
        memcpy(*at, s.at, s.length);
    *at += s.length;
}

/** "method|target|minor|name=value|…", or "status|phrase|minor|…". */
static const char *describe(const struct http_head *h)
{
    static char text[65536];
    char *at = text;

    if (h->status == 0) {
        add(&at, h->method);
        *at++ = '|';
        add(&at, h->target);
    } else {
        at += sprintf(at, "%u|", h->status);
        add(&at, h->phrase);
    }
    at += sprintf(at, "|%u", h->minor);
    for (size_t i = 0; i < h->fields_count; i++) {
        *at++ = '|';
        add(&at, h->fields[i].name);
        *at++ = '=';
        add(&at, h->fields[i].value);
    }
    *at = '\0';
    return text;
}

static void check_good(enum feed_kind kind, const struct good_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct good_row *row = &rows[i];

        EXPECT(feed_parse(&guard, kind, row->bytes, row->length, row->comment, &head) == HTTP_FAULT_NONE, row->comment);
        EXPECT(strcmp(describe(&head), row->expected) == 0, row->comment);
    }
}

static void check_bad(enum feed_kind kind, const struct bad_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct bad_row *row = &rows[i];
        enum http_fault fault = feed_parse(&guard, kind, row->bytes, row->length, row->comment, &head);

        if (fault != row->fault)
            fail_msg("%s: %s instead of %s", row->comment, http_fault_name(fault), http_fault_name(row->fault));
    }
}

static void good_requests_are_taken_apart(void **state)
{
    (void)state;
    check_good(FEED_REQUEST, good_requests, ROWS(good_requests));
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    check_bad(FEED_REQUEST, bad_requests, ROWS(bad_requests));
}

static void good_responses_are_taken_apart(void **state)
{
    (void)state;
    check_good(FEED_RESPONSE, good_responses, ROWS(good_responses));
}

static void bad_responses_are_refused(void **state)
{
    (void)state;
    check_bad(FEED_RESPONSE, bad_responses, ROWS(bad_responses));
}

/** A head is not whole a byte before its end, and whatever follows is not looked at. */
static void end_is_found_exactly(void **state)
{
    static const char bytes[] = "\r\nPUT /a HTTP/1.1\r\nHost: b\r\n\r\nGET";
    size_t length = sizeof(bytes) - 1 - 3;

    (void)state;
    for (size_t count = 0; count < length; count++)
        assert_int_equal(feed_head(&guard, FEED_REQUEST, bytes, count, &feed_limits, "cut").result, HTTP_SCAN_MORE);
    for (size_t count = length; count < sizeof(bytes); count++) {
        struct fed fed = feed_head(&guard, FEED_REQUEST, bytes, count, &feed_limits, "whole");

        assert_int_equal(fed.result, HTTP_SCAN_WHOLE);
        assert_int_equal(fed.done, length);
        assert_int_equal(fed.fields, 1);
    }
}

/** What a byte is to the grammar, written down anew from RFC 9110 5.6.2 and not taken from the parser. */
static bool is_tchar(int byte)
{
    return byte != 0 && strchr(TCHARS, byte) != NULL;
}

/** Feeds a head with `byte` between two texts. */
static enum http_fault fault_with(enum feed_kind kind, const char *before, int byte, const char *after)
{
    char bytes[128];
    int length = sprintf(bytes, "%s", before);

    bytes[length++] = (char)byte;
    length += sprintf(bytes + length, "%s", after);
    return feed_parse(&guard, kind, bytes, (size_t)length, before, &head);
}

/** The fault of a control byte that does not stand at a place where it has a meaning. */
static enum http_fault control_fault(int byte)
{
    if (byte == '\n')
        return HTTP_FAULT_BARE_LF;
    return byte == '\r' ? HTTP_FAULT_BARE_CR : HTTP_FAULT_CONTROL_BYTE;
}

static void every_byte_in_a_method(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        enum http_fault fault = fault_with(FEED_REQUEST, "GE", byte, "T / HTTP/1.1\r\n\r\n");

        if (is_tchar(byte))
            assert_int_equal(fault, HTTP_FAULT_NONE);
        else if (byte == ' ') /* "GE" asks for "T" */
            assert_int_equal(fault, HTTP_FAULT_BAD_VERSION);
        else
            assert_int_equal(fault, byte < 32 || byte == 127 ? control_fault(byte) : HTTP_FAULT_BAD_METHOD);
    }
}

static void every_byte_in_a_target(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        enum http_fault fault = fault_with(FEED_REQUEST, "GET /a", byte, "b HTTP/1.1\r\n\r\n");

        if (byte < 32 || byte == 127)
            assert_int_equal(fault, control_fault(byte));
        else if (byte == ' ')
            assert_int_equal(fault, HTTP_FAULT_BAD_VERSION);
        else
            assert_int_equal(fault, byte == '#' ? HTTP_FAULT_BAD_TARGET : HTTP_FAULT_NONE);
    }
}

/** Also at every place of a version: nothing but the digits that we serve. */
static void every_byte_in_a_version(void **state)
{
    static const char version[] = "HTTP/1.1";

    (void)state;
    for (size_t at = 0; at < sizeof(version) - 1; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char bytes[] = "GET / HTTP/1.1\r\n\r\n";
            bool is_digit = byte >= '0' && byte <= '9' && (at == 5 || at == 7);
            bool is_served = byte == version[at] || (at == 7 && byte == '0');
            enum http_fault fault;

            bytes[6 + at] = (char)byte;
            fault = feed_parse(&guard, FEED_REQUEST, bytes, sizeof(bytes) - 1, "version", &head);
            if (is_digit || is_served)
                assert_int_equal(fault, is_served ? HTTP_FAULT_NONE : HTTP_FAULT_VERSION_NOT_SERVED);
            else
                assert_int_equal(fault, byte < 32 || byte == 127 ? control_fault(byte) : HTTP_FAULT_BAD_VERSION);
        }
    }
}

static void every_byte_in_a_name(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        enum http_fault fault = fault_with(FEED_REQUEST, "GET / HTTP/1.1\r\nX", byte, "Y: a\r\n\r\n");

        if (is_tchar(byte) || byte == ':')
            assert_int_equal(fault, HTTP_FAULT_NONE);
        else if ((byte < 32 && byte != '\t') || byte == 127)
            assert_int_equal(fault, control_fault(byte));
        else
            assert_int_equal(fault, HTTP_FAULT_BAD_FIELD_NAME);
    }
}

/** At every distance from the steps of eight bytes in which text is passed over. */
static void every_byte_in_a_value(void **state)
{
    (void)state;
    for (int lead = 0; lead < 9; lead++) {
        char before[64];

        sprintf(before, "GET / HTTP/1.1\r\nX: %.*s", lead, "aaaaaaaa\xff");
        for (int byte = 0; byte < 256; byte++) {
            bool is_control = (byte < 32 && byte != '\t') || byte == 127;

            assert_int_equal(fault_with(FEED_REQUEST, before, byte, "bbbbbbb\x80\r\n\r\n"),
                             is_control ? control_fault(byte) : HTTP_FAULT_NONE);
        }
    }
}

static void every_byte_in_a_phrase(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool is_control = (byte < 32 && byte != '\t') || byte == 127;

        assert_int_equal(fault_with(FEED_RESPONSE, "HTTP/1.1 200 O", byte, "K\r\n\r\n"),
                         is_control ? control_fault(byte) : HTTP_FAULT_NONE);
    }
}

/** Each limit at its last good value and one above; the fault comes before the head is whole. */
static void limits_are_exact(void **state)
{
    static const struct http_limits limits = {.head_bytes = 64, .fields = 3, .target_bytes = 8};
    static const struct bad_row rows[] = {
        {B("GET /1234567 HTTP/1.1\r\n\r\n"), HTTP_FAULT_NONE, "target of 8 bytes"},
        {B("GET /12345678 HTTP/1.1\r\n\r\n"), HTTP_FAULT_TARGET_TOO_LONG, "target of 9 bytes"},
        {B("GET /12345678"), HTTP_FAULT_TARGET_TOO_LONG, "target of 9 bytes, no more"},
        {B("GET /1234567#"), HTTP_FAULT_BAD_TARGET, "a bad byte behind a target of 8 bytes"},
        {B("GET /1234567\r\n"), HTTP_FAULT_BAD_VERSION, "HTTP/0.9 with a target of 8 bytes"},
        {B("\r\nGET /1234567 HTTP/1.1\r\n\r\n"), HTTP_FAULT_NONE, "target of 8 bytes behind an empty line"},
        {B("GET / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\n\r\n"), HTTP_FAULT_NONE, "3 fields"},
        {B("GET / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\nD"), HTTP_FAULT_TOO_MANY_FIELDS, "4 fields, known at the first byte"},
        {B("GET / HTTP/1.1\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n"), HTTP_FAULT_TOO_MANY_FIELDS, "4 fields of one name"},
        {B("GET / HTTP/1.1\r\nX: 123456789012345678901234567890123456789012\r\n\r\n"), HTTP_FAULT_HEAD_TOO_LARGE, "65 bytes"},
        {B("GET / HTTP/1.1\r\nX: 12345678901234567890123456789012345678901\r\n\r\n"), HTTP_FAULT_NONE, "64 bytes"},
        {B("GET / HTTP/1.1\r\nX: 12345678901234567890123456789012345678901\r\n\r\nabc"), HTTP_FAULT_NONE, "64 bytes and a body"},
        {B("\r\nGET / HTTP/1.1\r\nX: 12345678901234567890123456789012345678901\r\n\r\n"), HTTP_FAULT_HEAD_TOO_LARGE,
         "66 bytes with the empty line before"},
        {B("GET / HTTP/1.1\r\nX: 123456789012345678901234567890123456789012345"), HTTP_FAULT_HEAD_TOO_LARGE, "64 bytes, no end"},
        {B("GETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETG"), HTTP_FAULT_HEAD_TOO_LARGE, "an endless method"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        EXPECT(feed_head(&guard, FEED_REQUEST, rows[i].bytes, rows[i].length, &limits, rows[i].comment).fault == rows[i].fault,
               rows[i].comment);
}

static void limits_hold_for_responses(void **state)
{
    static const struct http_limits limits = {.head_bytes = 32, .fields = 1, .target_bytes = 0};
    static const struct bad_row rows[] = {
        {B("HTTP/1.1 200 123456789012345\r\n\r\n"), HTTP_FAULT_NONE, "32 bytes"},
        {B("HTTP/1.1 200 1234567890123456\r\n\r\n"), HTTP_FAULT_HEAD_TOO_LARGE, "33 bytes"},
        {B("HTTP/1.1 200 1234567890123456789"), HTTP_FAULT_HEAD_TOO_LARGE, "an endless phrase"},
        {B("HTTP/1.1 200 \r\nA:\r\n\r\n"), HTTP_FAULT_NONE, "1 field"},
        {B("HTTP/1.1 200 \r\nA:\r\nB"), HTTP_FAULT_TOO_MANY_FIELDS, "2 fields"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        EXPECT(feed_head(&guard, FEED_RESPONSE, rows[i].bytes, rows[i].length, &limits, rows[i].comment).fault == rows[i].fault,
               rows[i].comment);
}

/** HTTP_FIELDS_MAX fields fit, and no limit lets one more in. */
static void fields_never_pass_their_array(void **state)
{
    static const struct http_limits limits = {.head_bytes = 32768, .fields = SIZE_MAX, .target_bytes = SIZE_MAX};
    char bytes[8192];
    int length = sprintf(bytes, "GET / HTTP/1.1\r\n");
    struct fed fed;
    const char *copy;

    (void)state;
    for (size_t i = 0; i < HTTP_FIELDS_MAX; i++)
        length += sprintf(bytes + length, "a%zu: b\r\n", i);
    strcpy(bytes + length, "\r\n");
    fed = feed_head(&guard, FEED_REQUEST, bytes, (size_t)length + 2, &limits, "256 fields");
    assert_int_equal(fed.result, HTTP_SCAN_WHOLE);
    copy = (const char *)guard_copy(&guard, bytes, fed.done);
    assert_int_equal(http_parse_request(copy, fed.done, &limits, &head), HTTP_FAULT_NONE);
    assert_int_equal(head.fields_count, HTTP_FIELDS_MAX);
    assert_true(slice_is(head.fields[HTTP_FIELDS_MAX - 1].name, "a255"));
    strcpy(bytes + length, "c:\r\n\r\n");
    fed = feed_head(&guard, FEED_REQUEST, bytes, (size_t)length + 6, &limits, "257 fields");
    assert_int_equal(fed.fault, HTTP_FAULT_TOO_MANY_FIELDS);
}

static void fields_are_found_by_name(void **state)
{
    static const char bytes[] = "GET / HTTP/1.1\r\nAccept: 1\r\nConnection: Close, x\r\naccept: 2\r\nAB: 3\r\nACCEPT : 4\r\n\r\n";
    static const char good[] = "GET / HTTP/1.1\r\nAccept: 1\r\nConnection: Close, x\r\naccept: 2\r\nAB: 3\r\nX-ARR-x: 4\r\n\r\n";

    (void)state;
    assert_int_equal(feed_parse(&guard, FEED_REQUEST, bytes, sizeof(bytes) - 1, "blank", &head), HTTP_FAULT_BAD_FIELD_NAME);
    assert_int_equal(feed_parse(&guard, FEED_REQUEST, good, sizeof(good) - 1, "find", &head), HTTP_FAULT_NONE);
    assert_true(slice_is(http_find(&head, HTTP_NAME_ACCEPT, 0)->value, "1"));
    assert_true(slice_is(http_find(&head, HTTP_NAME_ACCEPT, 1)->value, "2"));
    assert_null(http_find(&head, HTTP_NAME_ACCEPT, 2));
    assert_null(http_find(&head, HTTP_NAME_HOST, 0));
    assert_true(http_has(&head, HTTP_NAME_CONNECTION));
    assert_false(http_has(&head, HTTP_NAME_X_ARR_SSL));
    assert_int_equal(head.fields[3].known, HTTP_NAME_OTHER);
    assert_int_equal(head.fields[3].kind, HTTP_FIELD_END_TO_END);
    assert_int_equal(head.fields[4].kind, HTTP_FIELD_TOLD);
}

/** Each row of field.def is in the table of lengths too. */
static void every_known_name_is_known(void **state)
{
    char name[64];

    (void)state;
    for (unsigned n = HTTP_NAME_OTHER + 1; n < HTTP_NAME_COUNT; n++) {
        const char *text = http_name_text((enum http_name)n).at;
        size_t length = http_name_text((enum http_name)n).length;

        EXPECT(http_name_of(slice_of(text)) == n, text);
        for (size_t i = 0; i < length; i++)
            name[i] = (char)(i % 2 == 0 ? toupper(text[i]) : tolower(text[i]));
        EXPECT(http_name_of((struct slice){name, length}) == n, text);
        EXPECT(http_name_of((struct slice){text, length - 1}) == HTTP_NAME_OTHER, text);
        name[length - 1] ^= 3;
        EXPECT(http_name_of((struct slice){name, length}) == HTTP_NAME_OTHER, text);
    }
    assert_int_equal(http_name_of(slice_of(NULL)), HTTP_NAME_OTHER);
    memset(name, 'a', sizeof(name));
    for (size_t length = 0; length <= sizeof(name); length++)
        assert_int_equal(http_name_of((struct slice){name, length}), HTTP_NAME_OTHER);
}

static struct slice guarded(const char *bytes, size_t length)
{
    return (struct slice){(const char *)guard_copy(&guard, bytes, length), length};
}

static void tokens_and_values_are_told_apart(void **state)
{
    (void)state;
    assert_false(http_is_token(guarded(B(""))));
    assert_true(http_is_token(guarded(B(TCHARS))));
    assert_false(http_is_token(guarded(B("a b"))));
    assert_false(http_is_token(guarded(B("a:"))));
    assert_true(http_is_value(guarded(B(""))));
    assert_true(http_is_value(guarded(B("\t"))));
    assert_true(http_is_value(guarded(B("a \t\xff b \t \t aaaaaaaaaaaaaaaa\t"))));
    for (size_t at = 0; at < 20; at++) {
        char bytes[20];

        for (int byte = 0; byte < 256; byte++) {
            memset(bytes, 'a', sizeof(bytes));
            bytes[at] = (char)byte;
            assert_int_equal(http_is_value(guarded(bytes, sizeof(bytes))), byte == '\t' || (byte >= 32 && byte != 127));
        }
    }
}

/** Also where no CRLF stops a reader that goes on. */
static void field_lines_end_where_they_end(void **state)
{
    struct http_field field;

    (void)state;
    assert_int_equal(http_parse_field(guarded(B("Host")), &field), HTTP_FAULT_BAD_FIELD_NAME);
    assert_int_equal(http_parse_field(guarded(B("")), &field), HTTP_FAULT_BAD_FIELD_NAME);
    assert_int_equal(http_parse_field(guarded(B("Host:")), &field), HTTP_FAULT_NONE);
    assert_int_equal(field.value.length, 0);
    assert_int_equal(http_parse_field(guarded(B("Host: ")), &field), HTTP_FAULT_NONE);
    assert_int_equal(field.value.length, 0);
}

/** Each fault has a name of its own, a sentence and a status; the status of those that name it in RFC 9110 is that one. */
static void faults_have_names(void **state)
{
    (void)state;
    for (enum http_fault fault = HTTP_FAULT_NONE; fault < HTTP_FAULT_COUNT; fault++) {
        assert_true(strlen(http_fault_name(fault)) > 0);
        assert_true(strlen(http_fault_sentence(fault)) > 0);
        for (enum http_fault other = HTTP_FAULT_NONE; other < fault; other++)
            assert_string_not_equal(http_fault_name(fault), http_fault_name(other));
        if (fault != HTTP_FAULT_NONE)
            assert_in_range(http_fault_status(fault), 400, 599);
    }
    assert_int_equal(http_fault_status(HTTP_FAULT_NONE), 0);
    assert_int_equal(http_fault_status(HTTP_FAULT_TARGET_TOO_LONG), 414);
    assert_int_equal(http_fault_status(HTTP_FAULT_VERSION_NOT_SERVED), 505);
    assert_int_equal(http_fault_status(HTTP_FAULT_CODING_NOT_SERVED), 501);
    assert_int_equal(http_fault_status(HTTP_FAULT_BOTH_LENGTHS), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_requests_are_taken_apart),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(good_responses_are_taken_apart),
        cmocka_unit_test(bad_responses_are_refused),
        cmocka_unit_test(end_is_found_exactly),
        cmocka_unit_test(every_byte_in_a_method),
        cmocka_unit_test(every_byte_in_a_target),
        cmocka_unit_test(every_byte_in_a_version),
        cmocka_unit_test(every_byte_in_a_name),
        cmocka_unit_test(every_byte_in_a_value),
        cmocka_unit_test(every_byte_in_a_phrase),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(limits_hold_for_responses),
        cmocka_unit_test(fields_never_pass_their_array),
        cmocka_unit_test(fields_are_found_by_name),
        cmocka_unit_test(every_known_name_is_known),
        cmocka_unit_test(tokens_and_values_are_told_apart),
        cmocka_unit_test(field_lines_end_where_they_end),
        cmocka_unit_test(faults_have_names),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
