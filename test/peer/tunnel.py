# SPDX-License-Identifier: Apache-2.0
"""The tunnel's two ends as scripts (docs/tunnel-protocol.md), so that a story can have an agent or a relay misbehave.

Written from the specification alone, so it is also a second opinion on the bytes.
"""
import ipaddress
import os
import select
import socket
import ssl
import struct

import peers

NAMES = ("", "HELLO", "WELCOME", "PING", "PONG", "NEED", "DRAIN", "BYE", "SPARE", "DELIVER", "DIALLING", "OPEN", "OPENED", "REFUSED",
         "ASK", "HAND", "OPEN_AT", "RENEW", "RENEWED", "NOT_RENEWED")
TYPES = {name: number for number, name in enumerate(NAMES) if name}
ALPN = "georelay/1"


def text(value):
    raw = value.encode("ascii")
    return bytes([len(raw)]) + raw


def ip(value):
    address = ipaddress.ip_address(value)
    return bytes([address.version]) + address.packed


def frame(name, body=b""):
    return struct.pack("!BBH", TYPES[name], 0, len(body)) + body


def number(value):
    return struct.pack("!Q", value)


class Channel(peers.Peer):
    """A TLS connection that speaks frames, and after OPENED bytes."""

    def __init__(self, sock, name):
        super().__init__(sock, name)
        self.trace = []

    def say(self, name, body=b""):
        self.send(frame(name, body))

    def hear(self):
        """The next frame: (name, body)."""
        kind, zero, length = struct.unpack("!BBH", self.read(4))
        assert zero == 0 and 0 < kind < len(NAMES) and length <= 512, f"{self.name}: broken frame {kind} {zero} {length}"
        got = NAMES[kind], self.read(length)
        self.trace.append(got[0])
        return got

    def hear_only(self, wanted, answer_pings=True):
        """The next frame of that name; PINGs on the way are answered, PONGs dropped."""
        while True:
            name, body = self.hear()
            if name == wanted:
                return body
            if name == "PING" and answer_pings:
                self.say("PONG", body)
            elif name not in ("PING", "PONG", "NEED"):
                raise peers.PeerError(f"{self.name}: {name} came, {wanted} was expected")

    def expect_closed(self):
        """The other end closes, one way or another; its last frames are returned."""
        heard = []
        try:
            while True:
                heard.append(self.hear())
        except (peers.PeerError, ConnectionError, ssl.SSLError):
            return heard

    def rst(self):
        raw = socket.socket(fileno=self.sock.detach())
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()


def refusal(body):
    """The reason in a REFUSED or BYE."""
    return body[1:1 + body[0]].decode("ascii")


def delivery(body):
    """(stream id, link, ip, port) of a DELIVER."""
    stream, size = struct.unpack("!QB", body[:9])
    link, rest = body[9:9 + size].decode(), body[9 + size:]
    width = {4: 4, 6: 16}[rest[0]]
    return stream, link, str(ipaddress.ip_address(rest[1:1 + width])), struct.unpack("!H", rest[1 + width:])[0]


def asked(body):
    """(stream id, entry, agent behind which the client is, ip, client's port, server's port) of an ASK."""
    stream, size = struct.unpack("!QB", body[:9])
    entry, rest = body[9:9 + size].decode(), body[9 + size:]
    behind, rest = rest[1:1 + rest[0]].decode(), rest[1 + rest[0]:]
    width = {4: 4, 6: 16}[rest[0]]
    return (stream, entry, behind, str(ipaddress.ip_address(rest[1:1 + width])), *struct.unpack("!HH", rest[1 + width:]))


def _context(side, identity, ca, alpn):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if side == "agent" else ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca)
    if identity:
        context.load_cert_chain(identity["chain"], identity["key"])
    if alpn:
        context.set_alpn_protocols([alpn])
    return context


class Agent:
    """A scripted agent of protocol version `version`: control() first, then spare(), open() and hand() as the story wants."""

    def __init__(self, address, identity, ca, name="scripted agent", alpn=ALPN, version=1):
        self.address, self.name, self.version = address, name, version
        self.context = _context("agent", identity, ca, alpn)
        self.instance = os.urandom(16)
        self.session = None  # that the next connections resume

    def connection(self):
        raw = peers.connect(self.address, name=self.name)
        try:
            return Channel(self.context.wrap_socket(raw.sock, session=self.session), self.name)
        except BaseException:
            raw.close()
            raise

    def control(self, low=1, high=None):
        """Says HELLO; returns the channel before anything came back."""
        channel = self.connection()
        channel.say("HELLO", struct.pack("!HH", low, high or self.version) + self.instance + text("scripted"))
        return channel

    def welcome(self):
        """A control channel that has been welcomed."""
        channel = self.control()
        assert struct.unpack("!H", channel.hear_only("WELCOME")[:2])[0] == self.version
        return channel

    def spare(self):
        """A spare channel that the relay has verified."""
        channel = self.connection()
        channel.say("SPARE", self.instance)
        channel.say("PONG", channel.hear_only("PING", answer_pings=False))
        return channel

    def open(self, link, client, port=4321, stream=None, at=None):
        """OPEN, or OPEN_AT the server's port `at`."""
        channel = self.connection()
        identifier = number(stream if stream is not None else int.from_bytes(os.urandom(8), "big"))
        ports = struct.pack("!H", port) + (struct.pack("!H", at) if at else b"")
        channel.say("OPEN_AT" if at else "OPEN", self.instance + identifier + text(link) + ip(client) + ports)
        return channel

    def hand(self, entry, behind, client, port=5500, first=b""):
        channel = self.connection()
        channel.send(frame("HAND", self.instance + os.urandom(8) + text(entry) + text(behind) + ip(client) + struct.pack("!H", port)) + first)
        return channel


class Relay:
    """A scripted relay of protocol version `version`: accept() gives the agent's next connection and its first frame."""

    def __init__(self, identity, ca, heartbeat_ms=60000, spares=1, name="scripted relay", version=1):
        self.version = version
        self.listener = peers.Listener(name=name)
        self.context = _context("relay", identity, ca, ALPN)
        self.heartbeat_ms, self.spares, self.name = heartbeat_ms, spares, name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    @property
    def text(self):
        return self.listener.text

    def connection(self, within=peers.DEADLINE):
        raw = self.listener.accept(within)
        try:
            return Channel(self.context.wrap_socket(raw.sock, server_side=True), self.name)
        except BaseException:
            raw.close()
            raise

    def accept(self, within=peers.DEADLINE):
        channel = self.connection(within)
        name, body = channel.hear()
        return channel, name, body

    def control(self):
        """The agent's control channel, welcomed."""
        channel, name, body = self.accept()
        assert name == "HELLO", f"first frame was {name}"
        low, high = struct.unpack("!HH", body[:4])
        assert low <= self.version <= high and len(body[4:20]) == 16
        channel.say("WELCOME", struct.pack("!HIH", self.version, self.heartbeat_ms, self.spares) + text("scripted"))
        return channel

    def spare(self):
        """A spare channel, verified."""
        channel, name, _ = self.accept()
        assert name == "SPARE", f"first frame was {name}"
        channel.say("PING", number(7))
        assert channel.hear_only("PONG") == number(7)
        return channel

    @staticmethod
    def deliver(channel, link, client, port, first=b""):
        channel.send(frame("DELIVER", number(99) + text(link) + ip(client) + struct.pack("!H", port)) + first)

    @staticmethod
    def ask(channel, entry, behind, client, port=4321, at=0, first=b""):
        body = number(77) + text(entry) + text(behind) + ip(client) + struct.pack("!HH", port, at)
        channel.send(frame("ASK", body) + first)


def is_quiet(channel, seconds):
    return not select.select([channel.sock], [], [], seconds)[0]
