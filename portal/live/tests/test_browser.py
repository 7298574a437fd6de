"""The browser's module in a real Chromium, against a real server."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from portal.live import updates

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True, reset_sequences=True),
]


SOON = {"backoffLast": 500}
NEVER_BY_ITSELF = {"backoffFirst": 120_000, "backoffLast": 120_000}


@pytest.fixture(scope="module")
def server(start_server):
    with start_server("daphne") as address:
        yield address


@contextlib.asynccontextmanager
async def browser_page(address: str):
    """Open tests/live_page.html in Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page()
        await page.goto(f"http://{address}/page")
        await page.wait_for_function("window.ready")
        yield page
        await browser.close()


async def start(page: Page, **options: Any) -> None:
    await page.evaluate("(options) => window.start(options)", options)


async def wait_for(page: Page, expression: str) -> None:
    await page.wait_for_function(expression, timeout=15_000)


async def test_updates_are_handed_over_and_acknowledged(server, append):
    async with browser_page(server) as page:
        await start(page, timing={"acknowledge": 50, "beat": 50})
        await wait_for(page, "window.states.at(-1) === 'live'")

        await append(payload={"index": 1})
        await append(payload={"fail": True})
        last = await append(payload={"index": 2})

        await wait_for(page, "window.seen.length === 2")
        await wait_for(page, f"""window.sent.includes('{{"ack":{last}}}')""")
        await wait_for(page, """window.sent.includes('{"beat":true}')""")
        assert await page.evaluate("window.states") == ["connecting", "live"]


async def test_what_was_missed_while_the_server_was_away_arrives(start_server, append, in_thread):
    position = await in_thread(updates.snapshot)
    async with contextlib.AsyncExitStack() as stack:
        with start_server("daphne") as address:
            page = await stack.enter_async_context(browser_page(address))
            await append(payload={"index": 0})
            await start(page, after=position["number"], epoch=position["epoch"], timing=SOON)
            await wait_for(page, "window.seen.length === 1")
        await wait_for(page, "window.states.at(-1) !== 'live'")
        for index in range(1, 4):
            await append(payload={"index": index})

        with start_server("daphne", int(address.rpartition(":")[2])):
            await wait_for(page, "window.seen.length === 4")

            assert await page.evaluate("window.seen") == [0, 1, 2, 3]


async def test_another_epoch_resets_once_and_stops(server):
    async with browser_page(server) as page:
        await start(page, after=0, epoch="of another database")

        await wait_for(page, "window.resets.length === 1")
        assert await page.evaluate("window.resets") == ["epoch"]
        assert await page.evaluate("window.states") == ["connecting", "offline"]


async def test_offline_and_online_resume(server, append):
    async with browser_page(server) as page:
        await start(page, timing=NEVER_BY_ITSELF)
        await wait_for(page, "window.states.at(-1) === 'live'")

        await page.evaluate("window.dispatchEvent(new Event('offline'))")
        await append(payload={"index": 1})
        assert await page.evaluate("window.states.at(-1)") == "offline"
        await page.evaluate("window.dispatchEvent(new Event('online'))")

        await wait_for(page, "window.seen.length === 1")
        assert await page.evaluate("window.states.at(-1)") == "live"


async def test_silent_connection_is_given_up_and_resumed(server, append):
    async with browser_page(server) as page:
        first = await append(payload={"index": 1})
        await start(page, after=first - 1, timing={"dead": 300, "look": 50})
        await wait_for(page, "window.seen.length === 1")

        await wait_for(page, "window.states.filter((state) => state === 'live').length >= 2")
        await append(payload={"index": 2})

        await wait_for(page, "window.seen.length === 2")
        assert await page.evaluate("window.seen") == [1, 2]


async def test_closed_means_closed(server, append):
    async with browser_page(server) as page:
        await start(page)
        await wait_for(page, "window.states.at(-1) === 'live'")

        await page.evaluate("window.live.close()")
        await page.evaluate("window.dispatchEvent(new Event('online'))")
        await append(payload={"index": 1})
        await page.wait_for_timeout(300)

        assert await page.evaluate("window.seen") == []
