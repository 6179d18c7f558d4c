# SPDX-License-Identifier: Apache-2.0
"""WebSockets by a public library (python3-websockets): a server in a thread, and a client called from outside of its loop."""
import asyncio
import http
import threading

import websockets


class Loop:
    """An asyncio loop in a thread of its own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, coroutine, within=30):
        """Runs it there and gives its result here."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(within)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


class Echo(Loop):
    """Sends each message back. Serves `page` to whoever asks for no WebSocket. Compresses if it is asked to."""

    def __init__(self, page=""):
        super().__init__()
        self.page = page
        self.messages, self.extensions = [], []
        self.server = self.call(self._start())
        self.text = "%s:%d" % self.server.sockets[0].getsockname()[:2]

    async def _start(self):
        return await websockets.serve(self._serve, "127.0.0.1", 0, compression="deflate", ping_interval=None, max_size=None,
                                      process_request=self._page)

    async def _page(self, _, headers):
        if "upgrade" not in headers.get("Connection", "").lower():
            return http.HTTPStatus.OK, [("Content-Type", "text/html")], self.page.encode()
        return None

    async def _serve(self, connection, _=None):
        self.extensions.append([extension.name for extension in connection.extensions])
        async for message in connection:
            self.messages.append(message)
            await connection.send(message)

    def close(self):
        async def stop():
            self.server.close()
            await self.server.wait_closed()

        self.call(stop())
        super().close()


class Client(Loop):
    """One connection; `tls` is an ssl.SSLContext."""

    def __init__(self, address, tls=None):
        super().__init__()
        self.connection = self.call(self._open("%s://%s/live?{x}|y" % ("wss" if tls else "ws", address), tls))

    @staticmethod
    async def _open(uri, tls):
        return await websockets.connect(uri, ssl=tls, ping_interval=None, max_size=None,
                                        extra_headers={"Origin": "https://site.example"})

    @property
    def extensions(self):
        return [extension.name for extension in self.connection.extensions]

    def echo(self, message):
        """Sends a message and waits for the answer."""
        async def both():
            await self.connection.send(message)
            return await self.connection.recv()
        return self.call(both())

    def ping(self):
        async def both():
            await (await self.connection.ping())
        self.call(both())

    def end(self, code=1000, reason=""):
        self.call(self.connection.close(code, reason))

    def close(self):
        self.call(self.connection.close())
        super().close()
