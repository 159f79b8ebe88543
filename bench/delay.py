"""A proxy that delivers what clients send some milliseconds later, as a network would.

``python -m bench.delay PORT MILLISECONDS`` prints its own port and runs until it is killed.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.machine import CORES, pin

ROOT = Path(__file__).resolve().parents[1]
CHUNK = 1 << 16
Sent = tuple[float, bytes]


async def _serve(port: int, seconds: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.TaskGroup() as group:
            group.create_task(_forward(reader, requests, seconds))
            group.create_task(_forward(answers, writer, 0))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
) -> None:
    """Deliver each chunk *seconds* after its arrival; several of them may be on their way."""
    clock, under_way = asyncio.get_running_loop().time, asyncio.Queue[Sent]()

    async def deliver() -> None:
        while True:
            due, chunk = await under_way.get()
            await asyncio.sleep(max(0.0, due - clock()))
            if not chunk:
                writer.close()
                return
            writer.write(chunk)

    async with asyncio.TaskGroup() as group:
        group.create_task(deliver())
        chunk = b"-"
        while chunk:
            chunk = b""
            with suppress(ConnectionError):
                chunk = await reader.read(CHUNK)
            under_way.put_nowait((clock() + seconds, chunk))


@contextmanager
def delayed(endpoint_url: str, milliseconds: float) -> Iterator[str]:
    """Run the proxy in a process of its own; return its URL."""
    port = endpoint_url.rpartition(":")[2].rstrip("/")
    command = [sys.executable, "-m", "bench.delay", port, str(milliseconds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pin(CORES[-1:], process.pid)
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
