"""Processes killed in the middle, and malformed events, with everything real."""

from __future__ import annotations

import base64
import io
import json
import threading
import time

import pytest
from PIL import Image

pytestmark = pytest.mark.slow

COUNTS = """
import json
from collections import Counter
from feed.models import Picture
from particle_integration.models import InboxEvent
from portal.live.models import Update
print(json.dumps({
    "events": Counter(InboxEvent.objects.filter(name="picture").values_list("state", flat=True)),
    "pictures": Counter(Picture.objects.values_list("state", flat=True)),
    "per_event": Picture.objects.values("event").distinct().count(),
    "cards": Update.objects.filter(type="feed.picture_added").count(),
}))
"""


def jpeg_url(colour: str) -> str:
    image = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(image, "JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(image.getvalue()).decode()


def counts(portal):
    return json.loads(portal.shell(COUNTS))


def test_a_listener_killed_in_a_busy_stream_loses_and_doubles_nothing_it_stored(portal):
    device = portal.cloud.devices()[0]["id"]
    stop = threading.Event()

    def keep_publishing() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            data = {"image": jpeg_url("teal"), "press": f"busy-{number}"}
            portal.cloud.publish(device, "picture", json.dumps(data))

    portal.start_listener()
    publisher = threading.Thread(target=keep_publishing)
    publisher.start()
    try:
        for _ in range(3):
            time.sleep(0.7)
            portal.kill("listener")
            portal.start_listener()
    finally:
        stop.set()
        publisher.join()
    assert portal.stop("listener") == 0
    # A killed worker's rows come due again when its lease lapses; a test need not wait for that.
    portal.shell(
        "from datetime import timedelta\n"
        "from django.utils import timezone\n"
        "from feed.models import Picture\n"
        "from particle_integration.models import InboxEvent\n"
        "past = timezone.now() - timedelta(seconds=1)\n"
        "for model in (Picture, InboxEvent):\n"
        "    model.objects.filter(state='claimed').update(leased_until=past)"
    )
    portal.manage("run_worker", "--until-idle")

    found = counts(portal)
    stored = sum(found["events"].values())
    assert stored > 20
    assert found["events"] == {"handled": stored}
    assert found["pictures"] == {"published": stored}
    assert (found["per_event"], found["cards"]) == (stored, stored)


def test_malformed_events_are_kept_with_their_reason_and_the_next_ones_are_handled(portal):
    device = portal.cloud.devices()[0]["id"]
    portal.start_listener()

    portal.cloud.send_bytes(b"event: picture\ndata: {not JSON\n\n")
    portal.cloud.send_bytes(b'event: picture\ndata: {"data": 5, "coreid": [], "ttl": {}}\n\n')
    portal.cloud.publish(device, "picture", "data:image/jpeg;base64,bm90IGEgcGljdHVyZQ==")
    portal.cloud.publish(device, "picture", json.dumps({"image": jpeg_url("teal")}))
    deadline = time.monotonic() + 30
    while counts(portal)["pictures"].get("published") != 1:
        assert time.monotonic() < deadline, portal.log("listener")
    portal.stop("listener")
    portal.manage("run_worker", "--until-idle")

    reasons = portal.shell(
        "from feed.models import Picture\n"
        "from particle_integration.models import InboxEvent\n"
        "print([e.reason for e in InboxEvent.objects.filter(state='quarantined')])\n"
        "print([p.reason for p in Picture.objects.filter(state='refused')])"
    )
    quarantined, refused = (json.loads(line.replace("'", '"')) for line in reasons.splitlines())
    assert len(quarantined) == 2
    assert all(quarantined)
    assert len(refused) == 1
    assert all(refused)


def test_sigterm_ends_every_process_cleanly(portal):
    portal.start_web()
    portal.start_listener("--no-worker")
    portal.start_worker()

    statuses = [portal.stop(name) for name in ("listener", "worker", "web")]

    assert statuses == [0, 0, 0]
