"""A WebSocket server that reports to seeds. It echoes; what is below the line is for any server."""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import websockets

SEEDS = os.environ["SEEDS"].split(",")
TOKEN = os.environ["TOKEN"]
ID = os.environ["ID"]
URL = os.environ["URL"]
PORT = int(os.environ["PORT"])
CAPACITY = int(os.environ.get("CAPACITY", "1000"))
DRAIN_SECONDS = float(os.environ.get("DRAIN_SECONDS", "120"))

clients = set()


async def echo(socket):
    clients.add(socket)
    try:
        async for message in socket:
            await socket.send(message)
    except websockets.ConnectionClosed:
        pass
    finally:
        clients.remove(socket)


async def main():
    async with websockets.serve(echo, None, PORT):
        await report_until_told_to_end()


# --------------------------------------------------------------------------------------------- reporting

drain = asyncio.Event()
leave = asyncio.Event()


async def report(seed):
    """Tells one seed of this server until it leaves, whatever becomes of the other seeds."""
    complaint = None

    def complain(error):
        nonlocal complaint
        if repr(error) != complaint:
            print(f"{seed}: {error!r}", file=sys.stderr, flush=True)
        complaint = repr(error)

    for over in drain, leave:
        while not over.is_set():
            pause = 1 + random.random()
            try:
                body = {
                    "url": URL,
                    "users": len(clients),
                    "capacity": CAPACITY,
                    "draining": drain.is_set(),
                }
                answer = await asyncio.to_thread(ask, seed, "PUT", body)
                pause = max(0.1, float(answer["reportAfter"]))
                complaint = None
            except Exception as error:  # noqa: BLE001  # whatever it is
                complain(error)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(over.wait(), pause)
    try:
        await asyncio.to_thread(ask, seed, "DELETE")
    except Exception as error:  # noqa: BLE001
        complain(error)


def ask(seed, method, body=None):
    request = urllib.request.Request(
        f"{seed}/{urllib.parse.quote(ID, safe='')}",
        method=method,
        headers={
            "authorization": f"Bearer {TOKEN}",
            "content-type": "application/json",
        },
        data=json.dumps(body).encode() if body else None,
    )
    try:
        with urllib.request.urlopen(request, timeout=2) as response:
            return json.loads(response.read() or "null")
    except urllib.error.HTTPError as error:
        raise OSError(
            f"{error.code} {error.read(500).decode(errors='replace')}"
        ) from None


async def report_until_told_to_end():
    def told():
        if drain.is_set():
            os._exit(1)  # Told twice: at once.
        drain.set()

    for number in signal.SIGTERM, signal.SIGINT:
        asyncio.get_running_loop().add_signal_handler(number, told)
    reports = [asyncio.create_task(report(seed)) for seed in SEEDS]
    await drain.wait()
    end = time.monotonic() + DRAIN_SECONDS
    await asyncio.sleep(0.1)  # Whose handshake is under way is counted by then.
    while clients and time.monotonic() < end:
        await asyncio.sleep(0.1)
    leave.set()
    await asyncio.gather(*reports)


asyncio.run(main())
