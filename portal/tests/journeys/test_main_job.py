"""The main job in a real browser, over real processes: a press, a picture, a like, a dance."""

from __future__ import annotations

import re
import time

import pytest

pytestmark = [pytest.mark.chromium, pytest.mark.slow]

CARD = "[data-picture-id]"
ANSWER = "document.querySelector('tr[data-call] [data-field=return_value]')?.textContent.trim()"


def wait_for(condition, what: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it never happened: {what}"
        time.sleep(0.05)


def sign_in(page, portal, who: str, password: str = "rainbow-customer") -> None:
    page.goto(f"{portal.url}/account/login/")
    page.fill("input[name=login]", f"{who}@example.com")
    page.fill("input[name=password]", password)
    page.click("main button[type=submit]")
    page.wait_for_url(f"{portal.url}/")


@pytest.fixture
def running(portal):
    portal.start_web()
    portal.start_listener()
    return portal


def test_a_press_becomes_a_card_and_a_like_becomes_one_dance(running, new_page):
    device = running.cloud.devices()[0]
    problems: list[str] = []
    page = new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    sign_in(page, running, "ben")
    page.wait_for_selector("[data-live-state=live]")

    running.cloud.press(device["id"])
    card = page.wait_for_selector(CARD)
    page.wait_for_function(
        "document.querySelector('[data-picture-id] img[srcset]')?.naturalWidth > 0"
    )
    like = card.query_selector("button[name=like]")
    like.click()

    page.wait_for_selector(f"{CARD} button[aria-pressed=true]")
    wait_for(lambda: running.cloud.dances(device["id"]), "the device dances")
    page.wait_for_selector(f"{CARD} [data-danced]:not([hidden])")
    assert [dance["argument"] for dance in running.cloud.dances(device["id"])] == ["1"]
    assert page.locator(CARD).count() == 1
    assert problems == []


def test_unliking_and_liking_again_dances_once(running, new_page):
    device = running.cloud.devices()[1]
    page = new_page()
    sign_in(page, running, "cleo")
    page.wait_for_selector("[data-live-state=live]")
    running.cloud.press(device["id"])
    page.wait_for_selector(CARD)
    page.click(f"{CARD} button[name=like]")
    page.wait_for_selector(f"{CARD} [data-danced]:not([hidden])")

    page.click(f"{CARD} button[name=like]")
    page.wait_for_selector(f"{CARD} button[aria-pressed=false]")
    page.click(f"{CARD} button[name=like]")
    page.wait_for_selector(f"{CARD} button[aria-pressed=true]")
    running.stop("listener")
    running.manage("run_worker", "--until-idle")

    assert len(running.cloud.dances(device["id"])) == 1


def test_a_page_that_lost_its_server_asks_for_what_it_missed(running, new_page):
    first, second = running.cloud.devices()[:2]
    page = new_page()
    page.goto(running.url)
    page.wait_for_selector("[data-live-state=live]")
    running.cloud.press(first["id"])
    page.wait_for_selector(CARD)

    running.kill("web")
    page.wait_for_selector("[data-live-state]:not([data-live-state=live])")
    running.cloud.press(second["id"])
    running.cloud.press(second["id"])
    running.start_web()

    page.wait_for_selector("[data-live-state=live]")
    page.wait_for_function("document.querySelectorAll('[data-picture-id]').length === 3")


def test_hiding_in_the_admin_takes_the_card_off_open_browsers(running, new_page):
    page = new_page()
    page.goto(running.url)
    page.wait_for_selector("[data-live-state=live]")
    running.cloud.press(running.cloud.devices()[0]["id"])
    page.wait_for_selector(CARD)
    source = page.get_attribute(f"{CARD} img[srcset]", "src")

    running.shell(
        "from feed.models import Picture\n"
        "from feed.pictures import hide_picture\n"
        "hide_picture(picture=Picture.objects.get())"
    )

    page.wait_for_function("document.querySelectorAll('[data-picture-id]').length === 0")
    assert page.request.get(f"{running.url}{source}").status == 404


def test_staff_call_a_function_and_see_the_answer_without_reloading(running, new_page):
    device = running.cloud.devices()[2]
    page = new_page()
    running.cloud.press(device["id"])
    wait_for(
        lambda: (
            running.shell(
                "from devices.models import Device\n"
                f"print(Device.objects.get(particle_device_id={device['id']!r}).functions)"
            )
            != "[]"
        ),
        "the device's functions are known",
    )
    sign_in(page, running, "staff", "rainbow-staff")
    page.goto(f"{running.url}/admin/devices/device/?q={device['id']}")
    page.click("#result_list tbody a[href*='/change/']")
    page.evaluate("window.isTheSamePage = true")

    page.select_option("select[name=function]", "dance")
    page.fill("input[name=argument]", "3")
    page.click("[data-call-form] button[type=submit]")

    page.wait_for_function(ANSWER + " === '1'")
    assert page.evaluate("window.isTheSamePage")
    assert [dance["argument"] for dance in running.cloud.dances(device["id"])] == ["3"]


def test_the_feed_works_without_javascript(running, new_page):
    page = new_page(java_script_enabled=False)
    sign_in(page, running, "ada")
    running.cloud.press(running.cloud.devices()[0]["id"])
    wait_for(
        lambda: page.goto(running.url) and page.locator(CARD).count() == 1, "the card is there"
    )

    page.click(f"{CARD} button[name=like]")

    page.wait_for_selector(f"{CARD} button[aria-pressed=true]")
    assert re.search(r"\b1\b", page.inner_text(f"{CARD} [data-like-count]"))
