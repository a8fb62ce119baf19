# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Ports on loopback in front of others, which do to connections what networks do: they
are slow, say nothing, break, and end in the middle of an answer."""

import asyncio
import threading

READ = 16 * 1024


class Network:
    """All links, carried by one thread."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.links = {}

    def link(self, name, port):
        """A new port before ``port``."""
        link = Link(self, port)
        asyncio.run_coroutine_threadsafe(link.listen(), self.loop).result()
        self.links[name] = link
        return link

    def mend(self):
        for link in self.links.values():
            link.be()
            link.cut_next(0)


class Link:
    """A port in front of another one. As long as nothing else is asked for it passes
    on what comes."""

    def __init__(self, network, target):
        self.loop = network.loop
        self.target = target
        self.delay = 0
        self.broken = False
        self.to_cut = 0
        #: How many answers were cut in the middle.
        self.cut = 0
        self.pairs = set()

    async def listen(self):
        self.passes = asyncio.Event()
        self.passes.set()
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.server = server
        self.port = server.sockets[0].getsockname()[1]

    # -- from other threads

    def be(self, delay=0, silent=False, broken=False):
        """Each read takes ``delay`` seconds; ``silent``: nothing is passed on;
        ``broken``: there are no connections."""
        self.loop.call_soon_threadsafe(self._be, delay, silent, broken)

    def _be(self, delay, silent, broken):
        self.delay, self.broken = delay, broken
        if silent:
            self.passes.clear()
        else:
            self.passes.set()
        if broken:
            for pair in list(self.pairs):
                for end in pair:
                    end.transport.abort()

    def cut_next(self, count):
        """The next so many answers end in the middle, and their connections with
        them."""
        self.loop.call_soon_threadsafe(setattr, self, "to_cut", count)

    # -- connections

    async def serve(self, reader, writer):
        if self.broken:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(
                "127.0.0.1", self.target
            )
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, far_writer)
        self.pairs.add(pair)
        try:
            await asyncio.gather(
                self.carry(reader, far_writer, False),
                self.carry(far_reader, writer, True),
            )
        except OSError:
            pass
        finally:
            self.pairs.discard(pair)
            for end in pair:
                end.close()

    async def carry(self, reader, writer, is_answer):
        while data := await reader.read(READ):
            if self.delay:
                await asyncio.sleep(self.delay)
            await self.passes.wait()
            if is_answer and self.to_cut and len(data) > 1:
                self.to_cut -= 1
                self.cut += 1
                writer.write(data[: len(data) // 2])
                await writer.drain()
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()
        writer.write_eof()
