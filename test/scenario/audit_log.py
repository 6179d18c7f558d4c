# SPDX-License-Identifier: Apache-2.0
"""The audit log as its reader sees it: lines as events, the chain worked out anew, `georelay audit verify`, syslog receivers."""
import hashlib
import hmac
import pathlib
import re
import socket
import ssl
import subprocess
import threading

import build
import relay as relay_module

ZEROS = "0" * 64
SYSLOG = re.compile(rb'<(\d+)>1 (\S+) (\S+) georelay (\d+) (\S+) \[georelay@32473 seq="(\d+)" id="(\d+)" category="(\w+)" '
                    rb'result="(\w+)"\] (seq=.*)', re.DOTALL)


def event_of(line):
    fields = ((key, relay_module.unquote(text)) for key, text in relay_module.FIELD.findall(line))
    return relay_module.Event(fields)


def read(path):
    """The events of a file; a piece of a line is left out."""
    return [event_of(line) for line in pathlib.Path(path).read_text().split("\n") if line.startswith("seq=")]


def check_chain(lines, key=None, prev=ZEROS, seq=0):
    """As a stranger would do it, with nothing of georelay's. Returns the last hash."""
    for line in lines:
        body, tail = line.rsplit(" ", 1)
        name, value = tail.split("=")
        own = hmac.new(key, body.encode(), "sha256") if key else hashlib.sha256(body.encode())
        assert (name, value) == ("mac" if key else "hash", own.hexdigest()), line
        seq += 1
        event = event_of(line)
        assert event["prev"] == prev and event["seq"] == str(seq), line
        prev = value
    return prev


class Verified:
    def __init__(self, *words):
        command = [build.georelay(), "audit", "verify", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.code, self.text, self.errors = done.returncode, done.stdout, done.stderr

    def __str__(self):
        return f"exit code {self.code}\n{self.text}{self.errors}"


class Receiver:
    """A syslog receiver: keeps the messages, as bytes."""

    def __init__(self, transport, at, context=None):
        self.transport, self.messages, self.changed = transport, [], threading.Condition()
        self.context, self.connections = context, []
        if transport == "unix":
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.socket.bind(str(at))
        else:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind(at)
        if transport in ("tcp", "tls"):
            self.socket.listen()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def port(self):
        return self.socket.getsockname()[1]

    def close(self):
        for one in (self.socket, *self.connections):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def _keep(self, message):
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()

    def _run(self):
        try:
            while self.transport in ("udp", "unix"):
                message = self.socket.recv(65536)
                if not message:
                    return
                self._keep(message)
            while True:
                connection, _ = self.socket.accept()
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
        except OSError:
            pass

    def _serve(self, connection):
        """Octet counting: "LENGTH MESSAGE" one after the other."""
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
                self.connections.append(connection)
            with connection.makefile("rb") as stream:
                while True:
                    digits = b""
                    while (byte := stream.read(1)) != b" ":
                        if not byte:
                            return
                        digits += byte
                    self._keep(stream.read(int(digits)))
        except (OSError, ssl.SSLError, ValueError):
            pass

    def events(self):
        with self.changed:
            return [event_of(SYSLOG.fullmatch(message)[10].decode()) for message in self.messages]

    def lines(self):
        """The lines of the chain, in the order of their numbers, each once."""
        with self.changed:
            found = {int(SYSLOG.fullmatch(message)[6]): SYSLOG.fullmatch(message)[10].decode() for message in self.messages}
        return [found[seq] for seq in sorted(found)]

    def wait(self, wanted, within=15):
        """Until an event is there for which wanted(event) is true."""
        with self.changed:
            ok = self.changed.wait_for(lambda: any(wanted(event_of(SYSLOG.fullmatch(m)[10].decode())) for m in self.messages),
                                       within * build.patience())
            assert ok, f"{self.transport}: it did not arrive; {len(self.messages)} messages: {self.messages[-3:]}"
