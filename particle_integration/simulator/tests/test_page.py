"""The page in a real browser: press by keyboard, watch it dance, flip a switch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

pytestmark = pytest.mark.chromium


@pytest.fixture
def page(cloud) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 360, "height": 740})
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{cloud.url}/simulator/")
        yield page
        browser.close()
    assert problems == []


def test_press_by_keyboard_shows_its_picture_and_a_call_makes_it_dance(cloud, page, ask):
    device = cloud.devices()[0]
    card = page.locator(".device").first

    card.get_by_role("button", name=f"Press: {device['name']}").focus()
    page.keyboard.press("Enter")
    expect(card.locator("img")).to_be_visible()
    ask("POST", f"/v1/products/8600/devices/{device['id']}/dance", json={"arg": "3"})

    expect(card).to_have_class("device dancing")
    expect(card).to_contain_text("danced 1 time, last for 3 likes")
    assert cloud.device(device["id"])["presses"] == 1


def test_unplugging_and_a_fault_switch_act_at_once(cloud, page):
    first = page.locator(".device").first
    first.get_by_role("button", name="Unplug").click()
    expect(first).to_contain_text("unplugged")

    page.get_by_text("What may go wrong").click()
    page.get_by_label("stream stalled").check()
    expect(page.locator("[data-fault-count]")).to_have_text("· 1 on")
    page.get_by_role("button", name="Put all back").click()
    expect(page.locator("[data-fault-count]")).to_have_text("")

    assert cloud.devices()[0]["online"] is False
    assert cloud.faults()["stream_stalled"] is False
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
