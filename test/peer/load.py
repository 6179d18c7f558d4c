# SPDX-License-Identifier: Apache-2.0
"""Many clients at once in one thread: each asks one request after the other, and notes what became of it and when."""
import asyncio
import collections
import threading
import time

import http1

Outcome = collections.namedtuple("Outcome", "start end method target result")


class Client:
    """One connection after another, one request after another. `result` is a status, or how it went wrong."""

    def __init__(self, load, number):
        self.load, self.number = load, number
        self.reader = self.writer = None

    async def run(self):
        count = 0
        while not self.load.is_over:
            # Each client begins elsewhere, or all of them would ask in step and at any moment only one kind would be under way.
            method, body = self.load.kinds[(self.number + count) % len(self.load.kinds)]
            target = f"/echo/{self.number}/{count}"
            start = time.monotonic()
            result = await self.one(method, target, body)
            self.load.outcomes.append(Outcome(start, time.monotonic(), method, target, result))
            count += 1
            if result != 200:
                self.leave()
                await asyncio.sleep(0.02)  # a client that fails does not try again a thousand times a second
        self.leave()

    async def one(self, method, target, body):
        try:
            if self.writer is None:
                self.reader, self.writer = await asyncio.open_connection(*self.load.address)
            self.writer.write(http1.request(method, target, body=body))
            head = http1.Message(await self.reader.readuntil(b"\r\n\r\n"), False)
            got = await self.reader.readexactly(int(head.get("Content-Length")))
        except asyncio.IncompleteReadError as error:
            return "truncated" if error.partial else "closed"
        except OSError as error:
            return type(error).__name__
        if head.status == 200 and got.decode("latin-1") != target:
            return f"the answer to {got[:100]!r}"
        if head.get("Connection") == "close":
            self.leave()
        return head.status

    def leave(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


class Load:
    """`count` clients. `kinds` are (method, body) in turn."""

    def __init__(self, address, count, kinds=(("GET", None),)):
        self.address, self.kinds = address, kinds
        self.outcomes, self.is_over = [], False
        self.failure = None
        self.thread = threading.Thread(target=self._run, args=(count,), daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _run(self, count):
        async def everyone():
            await asyncio.gather(*[Client(self, number).run() for number in range(count)])

        try:
            asyncio.run(everyone())
        except BaseException as failure:  # told by stop()
            self.failure = failure

    def wait(self, count, within=30):
        """Until so many more requests were answered with 200."""
        before, end = len(self.outcomes), time.monotonic() + within
        while sum(one.result == 200 for one in self.outcomes[before:]) < count:
            assert time.monotonic() < end, f"no {count} good answers within {within} s: {self.tally(self.outcomes[before:])}"
            time.sleep(0.02)

    def stop(self):
        self.is_over = True
        self.thread.join(60)
        assert not self.thread.is_alive(), "some requests were never answered"
        if self.failure:
            raise self.failure

    @staticmethod
    def tally(outcomes):
        return dict(collections.Counter((one.method, one.result) for one in outcomes))

    def failed(self, since=0.0, until=float("inf")):
        """Outcomes other than 200 of requests that began in this time."""
        return [one for one in self.outcomes if one.result != 200 and since <= one.start < until]
