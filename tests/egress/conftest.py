"""Both event loops: uvicorn serves on uvloop, the command line and some platforms on asyncio's own."""

import asyncio

import uvloop


def pytest_asyncio_loop_factories():
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
