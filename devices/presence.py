"""Which devices are online, and when each was last heard: from `spark/status` and all they publish.

Events come in any order and more than once, so that moments are compared, never the order of
arrival. All work on a batch takes a handful of statements, whatever its size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from devices.models import Device
from devices.outbox import wake_waiting
from particle_integration.models import InboxEvent
from portal.lib.wakeups import announce
from portal.live import updates

CHANNEL = "devices"  # for portal.lib.wakeups: some device wants to be described
STATUS = "spark/status"
_DEVICE_ID = re.compile(r"[0-9a-f]{24}")
# Published by the cloud in the device's name, when the device itself may be long gone.
_BY_CLOUD = ("spark/", "particle/", "hook-")
_BY_DEVICE = ("spark/device/", "spark/status/safe-mode")
# Clocks differ. What claims to be further ahead than this is taken for what came just now.
_MAX_LEAD = timedelta(minutes=5)
# What was published longer ago says nothing about now: calls that wait are not tried for it.
_FRESH = timedelta(seconds=60)
_HEARD_AGAIN_AFTER = timedelta(seconds=5)  # fewer writes for what nobody can tell apart


@dataclass
class _Evidence:
    """What a batch of events says about one device."""

    heard_at: datetime | None = None
    status_at: datetime | None = None
    is_online: bool = False

    def add_heard(self, moment: datetime) -> None:
        self.heard_at = moment if self.heard_at is None else max(self.heard_at, moment)
        self.add_status(moment, is_online=True)

    def add_status(self, moment: datetime, *, is_online: bool) -> None:
        """Keep the newest; of one instant `online`: the cloud then made up a missed `offline`."""
        if self.status_at is None or (moment, is_online) > (self.status_at, self.is_online):
            self.status_at, self.is_online = moment, is_online


def devices_for(particle_device_ids: Iterable[str]) -> dict[str, Device]:
    """Return the devices by cloud id, in small letters; unknown ones are made, owned by nobody.

    Ids that are not 24 hexadecimal digits (`api`, `particle-internal`) are left out.
    """
    ids = sorted({one.lower() for one in particle_device_ids})
    wanted = [one for one in ids if _DEVICE_ID.fullmatch(one)]
    found = {device.particle_device_id: device for device in _by_particle_ids(wanted)}
    missing = [one for one in wanted if one not in found]
    if missing:
        # Sorted, so that two workers that make the same ones wait for, and not against, each other.
        Device.objects.bulk_create(
            [Device(particle_device_id=one) for one in missing], ignore_conflicts=True
        )
        announce(CHANNEL)
        found |= {device.particle_device_id: device for device in _by_particle_ids(missing)}
    return found


def note_heard(events: Sequence[InboxEvent]) -> dict[str, Device]:
    """Note what events say about their devices' presence; return those devices by cloud id.

    Runs in the handler's transaction, which must be `updates.transaction()`; every handler of
    events that devices publish calls it. Does not depend on the order of events.
    """
    evidence = _gather(events)
    devices = devices_for(evidence)
    locked = Device.objects.filter(pk__in=[device.pk for device in devices.values()])
    changed: list[Device] = []
    heard_now: list[int] = []
    now = timezone.now()
    for device in locked.order_by("pk").select_for_update(no_key=True, of=("self",)):
        devices[device.particle_device_id] = device
        said = evidence[device.particle_device_id]
        was_online = device.is_online
        if not _apply(device, said, now=now):
            continue
        changed.append(device)
        if said.is_online and said.status_at is not None and now - said.status_at < _FRESH:
            heard_now.append(device.pk)
        if device.is_online and not was_online:
            device.describe_at = now
        if device.is_online != was_online:
            tell(device)
    if any(device.describe_at == now for device in changed):
        announce(CHANNEL)
    if changed:
        Device.objects.bulk_update(
            changed, ["is_online", "status_at", "last_heard_at", "describe_at"]
        )
    if heard_now:
        wake_waiting(heard_now)
    return devices


def note_answers(*, heard_device_ids: set[int], offline_device_ids: set[int]) -> None:
    """Note what calls and pings showed just now; in a transaction of its own."""
    now = timezone.now()
    devices = Device.objects.filter(pk__in=heard_device_ids | offline_device_ids).order_by("pk")
    known_well = Q(
        pk__in=heard_device_ids, is_online=True, last_heard_at__gte=now - _HEARD_AGAIN_AFTER
    ) | Q(pk__in=offline_device_ids, is_online=False)
    # A look first: on SQLite a transaction is a writer, and a busy device is known well.
    if not (heard_device_ids or offline_device_ids) or not devices.exclude(known_well).exists():
        return
    with updates.transaction():
        changed = []
        for device in devices.select_for_update(no_key=True, of=("self",)):
            is_online = device.pk in heard_device_ids
            is_news = device.is_online != is_online
            # `status_at` stays: it is the cloud's clock, and ours may be ahead of its next event.
            device.is_online = is_online
            if is_online and _is_later(now, device.last_heard_at, by=_HEARD_AGAIN_AFTER):
                device.last_heard_at = now
            elif not is_news:
                continue
            changed.append(device)
            if is_news:
                tell(device)
        if changed:
            Device.objects.bulk_update(changed, ["is_online", "last_heard_at"])


def tell(device: Device) -> None:
    """Append `device.changed`: to the device's owner and to staff."""
    topics = [] if device.owner_id is None else [updates.customer_topic(device.owner_id)]
    updates.append(
        type="device.changed",
        topics=[*topics, updates.STAFF],
        payload={"device": device_json(device)},
    )


def device_json(device: Device) -> dict[str, Any]:
    """Return a device as sockets, pages and the API show it.

    {"id": 3, "particle_device_id": "…", "name": "…", "is_online": true, "status_at": … | null,
    "last_heard_at": … | null, "functions": ["dance", …], "firmware_version": 7 | null}
    """
    return {
        "id": device.pk,
        "particle_device_id": device.particle_device_id,
        "name": device.name,
        "is_online": device.is_online,
        "status_at": device.status_at,
        "last_heard_at": device.last_heard_at,
        "functions": device.functions,
        "firmware_version": device.firmware_version,
    }


def _by_particle_ids(ids: Sequence[str]) -> list[Device]:
    return list(Device.objects.filter(particle_device_id__in=ids).order_by("pk")) if ids else []


def _gather(events: Sequence[InboxEvent]) -> dict[str, _Evidence]:
    evidence: dict[str, _Evidence] = {}
    for event in events:
        device_id = event.particle_device_id.lower()
        if event.published_at is None or not _DEVICE_ID.fullmatch(device_id):
            continue
        said = evidence.setdefault(device_id, _Evidence())
        moment = min(event.published_at, event.received_at + _MAX_LEAD)
        if event.name == STATUS:
            status = event.data.strip().lower()
            if status == "offline":
                said.add_status(moment, is_online=False)
            elif status in ("online", "auto-update"):
                said.add_heard(moment)
        elif event.name.startswith(_BY_DEVICE) or not event.name.startswith(_BY_CLOUD):
            said.add_heard(moment)
    return evidence


def _apply(device: Device, said: _Evidence, *, now: datetime) -> bool:
    """Bring a device up to date; False when the events say nothing new."""
    is_changed = False
    if said.heard_at is not None:
        heard_at = min(said.heard_at, now)
        if _is_later(heard_at, device.last_heard_at):
            device.last_heard_at = heard_at
            is_changed = True
    if said.status_at is None:
        return is_changed
    known = (device.status_at, device.is_online)
    if known[0] is None or (said.status_at, said.is_online) > known:
        device.status_at, device.is_online = said.status_at, said.is_online
        is_changed = True
    return is_changed


def _is_later(moment: datetime, than: datetime | None, *, by: timedelta = timedelta(0)) -> bool:
    return than is None or moment > than + by
