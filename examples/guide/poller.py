"""Two sockets at once, by a poller: it works for the ventilator, and reads the weather.

    python examples/guide/poller.py [TASKS] [WEATHER]

Start ventilator.py, which then needs a sink.py too, and weather_server.py. Ctrl-C ends it. Two tasks, with one socket
each, would do as well: a poller is for where one loop has to decide what comes first.
"""

from __future__ import annotations

import contextlib
import sys

import aiomq


async def main(tasks: str = "tcp://localhost:5557", weather: str = "tcp://localhost:5556") -> None:
    async with aiomq.Context() as context, context.socket(aiomq.PULL) as inlet, context.socket(aiomq.SUB) as news:
        inlet.connect(tasks)
        news.connect(weather)
        news.subscribe("10001 ")
        poller = aiomq.Poller()
        poller.register(inlet, aiomq.POLLIN)
        poller.register(news, aiomq.POLLIN)
        while True:
            ready = dict(await poller.poll())
            if inlet in ready:
                print("task of", await inlet.recv_string(), "ms")
            if news in ready:
                print("weather", await news.recv_string())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))
