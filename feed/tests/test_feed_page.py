"""The feed page in a real browser; the test speaks for the server at the other end of the wire."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from axe_core_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.utils import timezone
from PIL import Image
from playwright.sync_api import WebSocketRoute, sync_playwright

from feed.serialisers import picture_json
from portal.live import updates

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]

HOSTILE = "<img src=x onerror=document.title='owned'> & co"
CARD = "[data-picture-id]"
_TOP = "document.querySelector('[data-picture-id=\"{}\"]').getBoundingClientRect().top"
_LAYOUT_SHIFT = """() => new Promise((resolve) => {
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(sum), 300);
})"""


@pytest.fixture(scope="module")
def chromium():
    """One Chromium for the module."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def a_webp() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), "teal").save(out, "WEBP")
    return out.getvalue()


class Browser:
    """A page, and the server's end of its websocket."""

    def __init__(self, context, url):
        self.context, self.url = context, url
        self.problems: list[str] = []
        self.sockets: list[WebSocketRoute] = []
        self.number = 0
        self.hello = ""
        self.page = context.new_page()
        self.page.set_default_timeout(8_000)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._hear)
        self.page.route("**/media/**", self._serve_media)
        self.page.route_web_socket("**/ws/feed/**", self._greet)

    def sign_in(self, customer):
        client = Client()
        client.force_login(customer.user)
        value = client.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": value, "url": self.url}
        self.context.add_cookies([cookie])

    def open(self, path="/", *, state="live"):
        # Read here: a handler runs in a context of its own, whose connection nobody would close.
        self.hello = json.dumps({"type": "hello", **updates.snapshot()})
        self.page.goto(self.url + path)
        self.page.wait_for_selector(f"[data-live-state={state}]")
        return self.page

    def push(self, type_, **payload):
        self.number += 1
        message = {"number": self.number, "type": type_, **payload}
        self.sockets[-1].send(json.dumps(message, default=lambda moment: moment.isoformat()))

    def push_picture(self, picture_id, **changed):
        picture = {
            "id": picture_id,
            "url": f"/pictures/{picture_id}/",
            "caption": f"Picture {picture_id}",
            "alt": f"Picture {picture_id}",
            "poster": {"handle": "ada", "name": "Ada Aurora"},
            "device": {"name": "kitchen"},
            "published_at": timezone.now() + timedelta(hours=1),  # above what the page has
            "likes": 0,
            "danced": None,
            "width": 640,
            "height": 480,
            "colour": "#008080",
            "placeholder": "",
            "images": {"320": "/media/x-320.webp", "640": "/media/x-640.webp"},
            **changed,
        }
        self.push("feed.picture_added", picture=picture)

    def _greet(self, socket):
        socket.on_message(lambda said: None)
        self.sockets.append(socket)
        socket.send(self.hello)

    def _hear(self, said):
        if said.type == "error":
            self.problems.append(said.text)

    @staticmethod
    def _serve_media(route):
        route.fulfill(body=a_webp(), content_type="image/webp")


@pytest.fixture
def browse(chromium, live_server):
    """Open browsers, each in a context of its own; at the end none may have met an error."""
    opened: list[Browser] = []

    def build(**options):
        options = {"viewport": {"width": 390, "height": 800}, **options}
        opened.append(Browser(chromium.new_context(**options), live_server.url))
        return opened[-1]

    yield build
    for browser in opened:
        browser.context.close()


def test_a_new_picture_arrives_at_the_top_and_its_words_stay_words(browse, published):
    published()
    browser = browse()
    page = browser.open()

    browser.push_picture(900, caption=HOSTILE, alt=HOSTILE)

    first = page.locator(CARD).first
    first.locator("[data-caption]").get_by_text(HOSTILE).wait_for()
    assert first.get_attribute("data-picture-id") == "900"
    assert first.locator("[data-image]").get_attribute("alt") == HOSTILE
    assert page.title().startswith("Live feed")
    assert browser.problems == []


def test_the_picture_being_read_does_not_move(browse, published):
    pictures = [published() for _ in range(4)]
    browser = browse()
    page = browser.open()
    page.evaluate("scrollTo(0, 900)")
    read = pictures[1].pk
    before = page.evaluate(_TOP.format(read))

    browser.push_picture(900)
    browser.push_picture(901)
    page.wait_for_selector("[data-pill]:not([hidden])")

    assert page.inner_text("[data-pill-count]") == "2"
    assert page.locator(CARD).count() == 4
    assert page.evaluate(_TOP.format(read)) == before


def test_the_pill_leads_to_what_is_new(browse, published):
    for _ in range(4):
        published()
    browser = browse()
    page = browser.open()
    page.evaluate("scrollTo(0, 900)")
    browser.push_picture(900)
    browser.push("feed.likes_changed", id=900, likes=5)

    page.click("[data-pill]")

    first = page.locator(CARD).first
    first.locator("[data-like-count]").get_by_text("5").wait_for()
    assert first.get_attribute("data-picture-id") == "900"
    assert page.evaluate("scrollY") == 0
    assert page.locator("[data-pill]").is_hidden()


def test_a_picture_that_the_page_knows_comes_once(browse, published):
    picture = published()
    browser = browse()
    page = browser.open()

    browser.push("feed.picture_added", picture={**picture_json(picture), "caption": "once"})

    page.get_by_text("once", exact=True).wait_for()
    assert page.locator(CARD).count() == 1


def test_a_removed_picture_goes_and_the_shelf_says_that_it_is_empty(browse, published):
    picture = published()
    browser = browse()
    page = browser.open()

    browser.push("feed.picture_removed", id=picture.pk)

    page.wait_for_selector("[data-empty]:not([hidden])")
    assert page.locator(CARD).count() == 0


def test_the_card_says_that_the_device_danced(browse, published):
    picture = published()
    browser = browse(reduced_motion="reduce")
    page = browser.open()

    browser.push("feed.danced", id=picture.pk, likes=3, seconds=0.84)

    page.wait_for_selector("[data-danced]:not([hidden])")
    assert page.inner_text("[data-danced-likes]") == "3"
    assert page.inner_text("[data-danced-seconds]") == "0.8"


def test_a_like_shows_before_the_answer_and_stays(browse, published, ben):
    published()
    browser = browse()
    browser.sign_in(ben)
    page = browser.open()
    asked = []
    page.route("**/api/v1/pictures/*/like/", lambda route: asked.append(route))

    page.click("[data-like]")
    page.wait_for_selector("[data-like][aria-pressed=true]")
    assert page.inner_text("[data-like-count]") == "1"
    page.wait_for_function("true")
    asked[0].continue_()

    page.wait_for_timeout(300)
    assert page.get_attribute("[data-like]", "aria-pressed") == "true"
    assert page.inner_text("[data-like-count]") == "1"
    assert browser.problems == []


def test_a_like_that_did_not_get_through_is_taken_back(browse, published, ben):
    published(like_count=4)
    browser = browse()
    browser.sign_in(ben)
    page = browser.open()
    page.route("**/api/v1/pictures/*/like/", lambda route: route.abort())

    page.click("[data-like]")

    page.wait_for_selector("[data-toast]:not([hidden])")
    assert page.get_attribute("[data-like]", "aria-pressed") == "false"
    assert page.inner_text("[data-like-count]") == "4"


def test_pressing_twice_quickly_ends_as_pressed_last(browse, published, ben):
    published()
    browser = browse()
    browser.sign_in(ben)
    page = browser.open()

    page.click("[data-like]")
    page.click("[data-like]")

    page.wait_for_timeout(600)
    assert page.get_attribute("[data-like]", "aria-pressed") == "false"
    assert page.inner_text("[data-like-count]") == "0"


def test_strangers_who_like_are_led_to_sign_in(browse, published):
    published()
    page = browse().open()

    page.click("[data-like]")

    page.wait_for_url("**/account/login/**")
    assert urlsplit(page.url).query.startswith("next=")


def test_the_sign_says_that_the_page_is_cut_off(browse, published):
    published()
    browser = browse()
    page = browser.open()

    browser.sockets[-1].close(code=1012)

    page.wait_for_selector("[data-live-state=offline]")
    assert "reconnecting" in page.inner_text("[data-live-text]")
    page.wait_for_selector("[data-live-state=live]")


def test_the_page_keeps_a_bounded_number_of_cards(browse, published):
    for _ in range(22):
        published()
    browser = browse()
    page = browser.open()

    for picture_id in range(900, 1010):
        browser.push_picture(picture_id)

    page.wait_for_selector(f"{CARD}[data-picture-id='1009']")
    assert page.locator(CARD).count() == 120
    assert page.locator("[data-older]").count() == 0
    assert page.locator("[data-trimmed]").is_visible()


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 2560])
def test_nothing_shifts_and_nothing_sticks_out(browse, published, width):
    published(caption="Supercalifragilisticexpialidocious" * 6)
    published()
    browser = browse(viewport={"width": width, "height": 900})
    page = browser.open()
    page.wait_for_function("document.querySelector('[data-image]').naturalWidth > 0")

    assert page.evaluate(_LAYOUT_SHIFT) == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(browse, published, ben, scheme):
    picture = published(like_count=2, danced_like_count=1, danced_seconds=0.7)
    browser = browse(color_scheme=scheme, reduced_motion="reduce")
    found = {}

    def look(path):
        browser.page.goto(browser.url + path)
        result = Axe().run(browser.page)
        problems = [
            (one["id"], [node["html"][:160] for node in one["nodes"]])
            for one in result["violations"]
        ]
        if problems:
            found[path] = problems

    paths = ["/", f"/pictures/{picture.pk}/", "/account/login/", "/account/signup/", "/nowhere/"]
    for path in [*paths, "/account/password/reset/"]:
        look(path)
    browser.sign_in(ben)
    for path in ["/", "/people/settings/", "/account/email/", "/account/password/change/"]:
        look(path)

    assert found == {}
