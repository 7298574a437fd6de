"""Only renditions are served at /media/, with headers that let them be nothing else."""

from __future__ import annotations

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from feed.media import media_application

NAME = f"{'a' * 24}-{'0' * 16}-320.webp"


async def ask(path: str, method: str = "GET", headers: dict[str, str] | None = None):
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(key.encode(), value.encode()) for key, value in (headers or {}).items()],
    }
    await media_application(scope, receive, send)
    start, body = sent
    decoded = {key.decode(): value.decode() for key, value in start["headers"]}
    return start["status"], decoded, body["body"]


@pytest.fixture
def rendition() -> bytes:
    default_storage.save(NAME, ContentFile(b"RIFF of a picture"))
    return b"RIFF of a picture"


async def test_a_rendition_is_served_for_ever_and_as_nothing_but_a_picture(rendition):
    status, headers, body = await ask(f"/media/{NAME}")

    assert (status, body) == (200, rendition)
    assert headers["content-type"] == "image/webp"
    assert headers["content-length"] == str(len(rendition))
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"


async def test_head_says_the_same_without_the_body(rendition):
    status, headers, body = await ask(f"/media/{NAME}", "HEAD")

    assert (status, body) == (200, b"")
    assert headers["content-length"] == str(len(rendition))


async def test_what_a_browser_has_is_not_sent_again(rendition):
    _, headers, _ = await ask(f"/media/{NAME}")

    status, _, body = await ask(f"/media/{NAME}", headers={"if-none-match": headers["etag"]})

    assert (status, body) == (304, b"")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "secret.txt",
        "../private/secret.txt",
        "..%2fprivate%2fsecret.txt",
        "/etc/passwd",
        f"../media/{NAME}",
        f"x/{NAME}",
        f"{NAME}\n",
        f"{NAME}\0.txt",
        f"{NAME}/",
        NAME.upper(),
        NAME.replace("a", "а"),
        NAME.replace("0", "٠"),
        NAME.replace(".webp", ".svg"),
        f".{NAME}",
        "b" + NAME[1:],
    ],
)
async def test_any_other_name_is_not_found(rendition, name, settings):
    default_storage.save("secret.txt", ContentFile(b"secret"))

    status, headers, body = await ask(f"/media/{name}")

    assert (status, body) == (404, b"")
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


async def test_a_folder_of_that_name_is_not_found(settings):
    (settings.MEDIA_ROOT / NAME).mkdir(parents=True)

    assert (await ask(f"/media/{NAME}"))[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
async def test_only_reading_is_allowed(rendition, method):
    status, headers, _ = await ask(f"/media/{NAME}", method)

    assert (status, headers["allow"]) == (405, "GET, HEAD")
