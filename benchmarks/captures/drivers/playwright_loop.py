"""Playwright for Python: one browser, a context of its own for each picture."""

from __future__ import annotations

import asyncio
import json
import sys

from playwright.async_api import Browser, async_playwright  # type: ignore[import-not-found]


async def _take(browser: Browser, asked: dict[str, str], width: int, height: int) -> None:
    try:
        context = await browser.new_context(viewport={"width": width, "height": height})
        try:
            page = await context.new_page()
            await page.goto(asked["url"], wait_until="load")
            path = {"path": asked["save"]} if asked["save"] else {}
            picture = await page.screenshot(type="png", **path)
        finally:
            await context.close()
        _say({"id": asked["id"], "bytes": len(picture)})
    except Exception as exc:  # noqa: BLE001 - whatever it is, who asked is to hear of it
        _say({"id": asked["id"], "error": str(exc)[:300]})


def _say(answer: dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)


async def _serve() -> None:
    settings = json.loads(sys.argv[1])
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=settings["binary"],
            args=settings["args"],
            chromium_sandbox="--no-sandbox" not in settings["args"],
        )
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
        )
        _say({"ready": True})
        async with asyncio.TaskGroup() as taking:
            while line := await lines.readline():
                taking.create_task(_take(browser, json.loads(line), settings["width"], settings["height"]))
        await browser.close()


asyncio.run(_serve())
