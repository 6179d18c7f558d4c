# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as bytes: a strict reader of messages, a peer that speaks them, and a server that records all it gets.

Written from RFC 9112 alone, so it is also a second opinion on what georelay sends. (The name `http` is the standard library's.)
"""
import collections
import re
import socket
import ssl
import struct
import threading
import time

import peers

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(rb"(%s) ([^\x00-\x20\x7f]+) HTTP/1\.([01])" % TOKEN)
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9]) ([^\x00-\x08\x0a-\x1f\x7f]*)")
FIELD = re.compile(rb"(%s):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)" % TOKEN)
SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})((?:;[^\x00-\x08\x0a-\x1f\x7f]*)?)")


class Malformed(peers.PeerError):
    """Bytes that are no HTTP message."""


class Truncated(peers.PeerError):
    """The connection ended before the message did, or without saying that it ended."""


# ---- messages ----

class Message:
    """A request or a response. Names and values are text of one byte a character, as written."""

    def __init__(self, raw, is_request):
        self.head = raw
        lines = raw[:-4].split(b"\r\n")
        match = (REQUEST_LINE if is_request else STATUS_LINE).fullmatch(lines[0])
        if not match:
            raise Malformed(f"{lines[0][:200]!r} is no {'request' if is_request else 'status'} line")
        self.line = lines[0].decode("latin-1")
        self.method, self.target, self.status = "", "", 0
        if is_request:
            self.method, self.target = match[1].decode(), match[2].decode("latin-1")
        else:
            self.status = int(match[2])
        self.minor = int(match[3 if is_request else 1])
        self.fields = [parse_field(line) for line in lines[1:]]
        self.body, self.chunks, self.trailers, self.length = b"", None, [], len(raw)

    def get(self, name):
        """The value of the only field of that name; None if there is none."""
        values = self.all(name)
        if len(values) > 1:
            raise Malformed(f"{name} is there {len(values)} times: {values}")
        return values[0] if values else None

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def without(self, *names):
        """The fields but for those names, in order."""
        lower = [name.lower() for name in names]
        return [(key, value) for key, value in self.fields if key.lower() not in lower]

    @property
    def text(self):
        return self.body.decode("latin-1")

    def __repr__(self):
        return f"<{self.line} {self.fields} + {len(self.body)} bytes>"


def parse_field(line):
    match = FIELD.fullmatch(line)
    if not match:
        raise Malformed(f"{line[:200]!r} is no field line")
    return match[1].decode(), match[2].decode("latin-1").rstrip(" \t")


def parse_chunks(data, at):
    """(chunks, trailers, where the body ends), or None while it has not ended."""
    chunks = []
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        match = SIZE_LINE.fullmatch(data[at:end])
        if not match:
            raise Malformed(f"{bytes(data[at:end])[:200]!r} is no chunk size")
        size, at = int(match[1], 16), end + 2
        if size == 0:
            break
        if len(data) < at + size + 2:
            return None
        if data[at + size:at + size + 2] != b"\r\n":
            raise Malformed(f"a chunk ends in {bytes(data[at + size:at + size + 2])!r}")
        chunks.append(bytes(data[at:at + size]))
        at += size + 2
    trailers = []
    while (end := data.find(b"\r\n", at)) >= 0:
        if end == at:
            return chunks, trailers, at + 2
        trailers.append(parse_field(bytes(data[at:end])))
        at = end + 2
    return None


def has_body(message, is_request, is_head):
    if is_request:
        return True
    return not (is_head or message.status < 200 or message.status in (204, 304))


def parse(data, is_request, is_head=False, ended=False):
    """The first message in `data`, or None while it is not whole. `is_head`: the answer to HEAD. `ended`: the connection is."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    message = Message(bytes(data[:end + 4]), is_request)
    at, coding, length = end + 4, message.get("Transfer-Encoding"), message.get("Content-Length")
    if coding is not None and (coding.lower() != "chunked" or length is not None):
        raise Malformed(f"Transfer-Encoding {coding!r}, Content-Length {length!r}")
    if length is not None and not re.fullmatch("[0-9]+", length):
        raise Malformed(f"Content-Length {length!r}")
    if not has_body(message, is_request, is_head):
        return message
    if coding is not None:
        found = parse_chunks(data, at)
        if found is None:
            return None
        message.chunks, message.trailers, message.length = found
        message.body = b"".join(message.chunks)
    elif length is not None:
        if len(data) < at + int(length):
            return None
        message.length = at + int(length)
        message.body = bytes(data[at:message.length])
    elif not is_request:
        if not ended:
            return None
        message.length, message.body = len(data), bytes(data[at:])
    return message


def fields_text(fields):
    """Fields from ("Name", "value") pairs or whole "Name: value" texts."""
    lines = (one if isinstance(one, str) else "%s: %s" % one for one in fields)
    return "".join(line + "\r\n" for line in lines)


def request(method, target="/", *fields, body=None, host="site.example", version="1.1"):
    """A request as bytes. Host comes first; a body gets its Content-Length."""
    more = [f"Host: {host}"] if host is not None else []
    more += fields
    if body is not None:
        more.append(f"Content-Length: {len(body)}")
    return f"{method} {target} HTTP/{version}\r\n{fields_text(more)}\r\n".encode("latin-1") + (body or b"")


def response(status=200, *fields, body=b"", phrase="Told"):
    """A response as bytes, with Content-Length."""
    body = body.encode("latin-1") if isinstance(body, str) else body
    return f"HTTP/1.1 {status} {phrase}\r\n{fields_text([*fields, f'Content-Length: {len(body)}'])}\r\n".encode("latin-1") + body


def chunked(*chunks, trailers=()):
    """A chunked body."""
    parts = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks]
    return b"".join(parts) + b"0\r\n" + fields_text(trailers).encode("latin-1") + b"\r\n"


# ---- one connection ----

class Talker(peers.Peer):
    """A connection on which messages are read; what was read too far is kept for the next reader."""

    def __init__(self, sock, name="peer"):
        super().__init__(sock, name)
        self.ahead = bytearray()

    def recv(self, most=65536):
        if self.ahead:
            part = bytes(self.ahead[:most])
            del self.ahead[:most]
            return part
        return super().recv(most)

    def more(self):
        """Waits for bytes; False at the end."""
        part = super().recv(1 << 18)
        self.ahead += part
        return bool(part)

    def take(self, count):
        part = bytes(self.ahead[:count])
        del self.ahead[:count]
        return part

    def head(self, is_request=False):
        """Only the head of the next message; its body is left to read()."""
        while (end := self.ahead.find(b"\r\n\r\n")) < 0:
            if not self.more():
                raise Truncated(f"{self.name}: end within a head: {bytes(self.ahead)[:200]!r}")
        return Message(self.take(end + 4), is_request)

    def request(self):
        """The next request, whole."""
        while (message := parse(self.ahead, True)) is None:
            if not self.more():
                raise Truncated(f"{self.name}: end within a request: {bytes(self.ahead)[:200]!r}")
        self.take(message.length)
        return message

    def response(self, is_head=False):
        """The next response, whole and with a proper end; raises Truncated if a careful client would know that it is not."""
        ended = False
        while (message := parse(self.ahead, False, is_head, ended)) is None:
            if ended:
                raise Truncated(f"{self.name}: end within a response: {bytes(self.ahead)[:200]!r}")
            try:
                ended = not self.more()
            except (ConnectionResetError, ssl.SSLError) as error:
                raise Truncated(f"{self.name}: {error!r} after {bytes(self.ahead)[:200]!r}") from None
        self.take(message.length)
        return message

    def chunk(self):
        """The next chunk of a chunked body as soon as it is there; b"" is the last one."""
        while True:
            end = self.ahead.find(b"\r\n")
            size = int(self.ahead[:end], 16) if end > 0 else -1
            if size >= 0 and len(self.ahead) >= end + 2 + size + 2:
                return self.take(end + 2 + size + 2)[end + 2:-2]
            if not self.more():
                raise Truncated(f"{self.name}: end within a chunk")

    def ask(self, method="GET", target="/", *fields, **options):
        """Sends a request and reads the answer."""
        self.send(request(method, target, *fields, **options))
        return self.response(is_head=method == "HEAD")

    def expect_silence(self, seconds):
        """Not a byte of HTTP; TLS may have something to say."""
        self.sock.settimeout(seconds)
        try:
            ended = not self.ahead and not self.more()
        except TimeoutError:
            return
        finally:
            self.sock.settimeout(peers.DEADLINE)
        raise peers.PeerError(f"{self.name}: {'the end' if ended else bytes(self.ahead)[:200]} came, silence was expected")

    def expect_end(self, within=peers.DEADLINE):
        if self.ahead:
            raise peers.PeerError(f"{self.name}: {bytes(self.ahead)[:200]!r} instead of the end")
        super().expect_end(within)

    def expect_gone(self, within=peers.DEADLINE):
        """The end, orderly or not, after whatever bytes; returns these."""
        self.sock.settimeout(within)
        try:
            while self.more():
                pass
        except (ConnectionError, ssl.SSLError):
            pass
        return self.take(len(self.ahead))

    def rst(self):
        raw = socket.socket(fileno=self.sock.detach())
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()


def connect(address, ca=None, server_name="127.0.0.1", version=None, name="client", **options):
    """A client to (ip, port); over TLS if a CA's file is given. A missing close_notify is an error then."""
    peer = peers.connect(address, **options)
    if ca is None:
        return Talker(peer.sock, name)
    context = ssl.create_default_context(cafile=ca)
    if version:
        context.minimum_version = context.maximum_version = version
    try:
        return Talker(context.wrap_socket(peer.sock, server_hostname=server_name, suppress_ragged_eofs=False), name)
    except BaseException:
        peer.close()
        raise


class Upstream(peers.Listener):
    """A listener whose connections speak HTTP as the story says."""

    def accept(self, within=peers.DEADLINE):
        return Talker(super().accept(within).sock, self.name)


# ---- a server that records ----

class Record:
    """What came over one connection."""

    def __init__(self, number):
        self.number = number
        self.raw = bytearray()
        self.requests = []
        self.broken = None  # the sentence, if what came was no HTTP
        self.end = None     # "fin", "reset" or "ours"

    @property
    def rest(self):
        """What came behind the last whole request."""
        return bytes(self.raw[sum(one.length for one in self.requests):])


def echo_target(message):
    return response(body=message.target)


class Recorder:
    """Answers on any number of connections and keeps every byte of each.

    `answer(request)` gives the response's bytes, or None to stay silent, or a function that plays on the connection: it gets the
    Talker, and the connection is served on if it returns True. After a response that says "Connection: close", or to a request that
    does, the connection is closed. With `tls`, a server's ssl.SSLContext, it speaks TLS.
    """

    def __init__(self, answer=echo_target, ip="127.0.0.1", port=0, name="recorder", tls=None):
        self.answer, self.name, self.tls = answer, name, tls
        self.records = []
        self.socks = set()
        self._changed = threading.Condition()
        self.listener = peers.Listener(ip, port, name)
        self.listener.sock.settimeout(None)
        self.text, self.address = self.listener.text, self.listener.address
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _serve(self):
        while True:
            try:
                sock, _ = self.listener.sock.accept()
            except OSError:
                return
            with self._changed:
                record = Record(len(self.records))
                self.records.append(record)
                self.socks.add(sock)
            threading.Thread(target=self._talk, args=(sock, record), daemon=True).start()

    def _talk(self, sock, record):
        try:
            if self.tls:
                with self._changed:
                    self.socks.discard(sock)
                sock = self.tls.wrap_socket(sock, server_side=True)
                with self._changed:
                    self.socks.add(sock)
            talker = Talker(sock, self.name)
            sock.settimeout(None)
            while self._next(talker, record):
                pass
        except Malformed as fault:
            self._note(record, broken=str(fault), end="ours")
        except ConnectionResetError:
            self._note(record, end="reset")
        except OSError:
            self._note(record, end="ours")
        with self._changed:
            self.socks.discard(sock)
        sock.close()

    def _next(self, talker, record):
        """One request and its answer; False when the connection is over."""
        while (message := parse(talker.ahead, True)) is None:
            before = len(talker.ahead)
            if not talker.more():
                self._note(record, end="fin")
                return False
            with self._changed:
                record.raw += talker.ahead[before:]
                self._changed.notify_all()
        message.raw, message.record = talker.take(message.length), record
        with self._changed:
            record.requests.append(message)
            self._changed.notify_all()
        answer = self.answer(message)
        if answer is None:
            return True
        if callable(answer):
            return self._play(answer, talker, record)
        talker.send(answer)
        last = b"\r\nconnection: close\r\n" in answer.split(b"\r\n\r\n")[0].lower() + b"\r\n"
        if last or "close" in (message.get("Connection") or "").lower():
            self._note(record, end="ours")
            return False
        return True

    def _play(self, script, talker, record):
        goes_on = bool(script(talker))
        if not goes_on:
            self._note(record, end="ours")
        return goes_on

    def _note(self, record, end, broken=None):
        with self._changed:
            record.end, record.broken = end, broken
            self._changed.notify_all()

    # ---- what the story asks ----

    @property
    def requests(self):
        """All whole requests so far, connection by connection."""
        with self._changed:
            return [one for record in self.records for one in record.requests]

    def targets(self):
        return collections.Counter(one.target for one in self.requests)

    def find(self, target):
        """The only request for that target."""
        found = [one for one in self.requests if one.target == target]
        assert len(found) == 1, f"{self.name}: {len(found)} requests for {target}"
        return found[0]

    def wait(self, condition, within=peers.DEADLINE, what="it"):
        """Waits until condition(self) is true; each byte is a reason to look again."""
        end = time.monotonic() + within
        with self._changed:
            while not condition(self):
                left = end - time.monotonic()
                if left <= 0:
                    raise peers.PeerError(f"{self.name}: {what} did not happen; {len(self.records)} connections, {self.targets()}")
                self._changed.wait(left)

    def wait_requests(self, count, within=peers.DEADLINE):
        self.wait(lambda one: len(one.requests) >= count, within, f"{count} requests")

    def drop(self, how=socket.SHUT_RDWR):
        """Closes every connection that is open, or one half of it, and goes on listening."""
        with self._changed:
            socks = list(self.socks)
        for sock in socks:
            try:
                socket.socket.shutdown(sock, how)  # also of TLS, without a word
            except OSError:
                pass

    def close(self):
        try:
            self.listener.sock.shutdown(socket.SHUT_RDWR)  # wakes accept()
        except OSError:
            pass
        self.listener.close()
        self.drop()
