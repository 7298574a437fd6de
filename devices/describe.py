"""The describe loop: asks the cloud for name, functions and firmware of new and returned devices.

`Device.describe_at` says when, and is the lease as well: whoever asks moves it ahead, so that a
worker that dies leaves a row that is due again, and two workers do not ask together.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.utils import timezone

from devices import presence
from devices.models import Device, Product
from particle_integration.client import CloudDevice, ParticleClient, client_from_settings
from particle_integration.errors import CloudError, NotSent
from portal.lib.runloop import Loop
from portal.live import updates

logger = logging.getLogger(__name__)

BATCH_SIZE = 5  # between two looks at the stop flag
RETRY_AFTER = timedelta(minutes=1)
RETRY_NOT_SENT_AFTER = timedelta(seconds=3)  # the cloud is away, or starts together with us
# Not our device, or refused for good: it may be added to the product later.
RETRY_REFUSED_AFTER = timedelta(hours=6)
MAX_FUNCTIONS = 100  # firmware exposes 15; what claims more is not kept whole


class DescribeLoop(Loop):
    """Keeps what the portal knows of a device in step with the cloud."""

    name = "describe"
    channels = (presence.CHANNEL,)
    idle_seconds = 2.0

    def __init__(self, client: ParticleClient | None = None) -> None:
        self._client = client or client_from_settings()

    def run_once(self) -> int:
        """Ask about a few devices that are due; return how many."""
        now = timezone.now()
        due = Device.objects.filter(describe_at__isnull=False, describe_at__lte=now)
        devices = list(due.order_by("describe_at")[:BATCH_SIZE])
        return sum(self._describe(device) for device in devices)

    def close(self) -> None:
        """Close the idle connection."""
        self._client.close()

    def _describe(self, device: Device) -> bool:
        asked_at = timezone.now()
        mine = Device.objects.filter(pk=device.pk, describe_at=device.describe_at)
        if not mine.update(describe_at=asked_at + RETRY_AFTER):
            return False  # another worker asks, or the device just came back: then it is due anew
        try:
            found = self._client.get_device(device.particle_device_id)
        except CloudError as error:
            wait = _wait_after(error)
            logger.warning("device %s could not be described: %s", device.pk, error)
            Device.objects.filter(pk=device.pk, describe_at=asked_at + RETRY_AFTER).update(
                describe_at=asked_at + wait
            )
            return True
        note_description(particle_device_id=device.particle_device_id, found=found)
        # Unless it came back online meanwhile, and is due anew.
        Device.objects.filter(pk=device.pk, describe_at=asked_at + RETRY_AFTER).update(
            describe_at=None
        )
        return True


def note_description(*, particle_device_id: str, found: CloudDevice) -> Device:
    """Keep what the cloud tells of a device; staff and owner hear when something is new."""
    presence.devices_for([particle_device_id])
    product = None if found.product_id is None else _product(found.product_id)
    with updates.transaction():
        devices = Device.objects.select_for_update(no_key=True, of=("self",))
        device = devices.get(particle_device_id=particle_device_id)
        before = presence.device_json(device)
        device.name = found.name[:100] or device.name
        if found.functions or found.is_online:  # the cloud forgets the functions of who is offline
            device.functions = [name[:64] for name in found.functions[:MAX_FUNCTIONS]]
        if found.firmware_version is not None:
            device.firmware_version = found.firmware_version
        device.product = product or device.product
        if device.status_at is None:  # no event has told yet
            device.is_online = found.is_online
        device.described_at = timezone.now()
        device.save(
            update_fields=[
                "name", "functions", "firmware_version", "product", "is_online", "described_at",
            ]
        )  # fmt: skip
        if presence.device_json(device) != before:
            presence.tell(device)
    return device


def describe_soon(devices: list[Device]) -> None:
    """Have the cloud asked about these devices again."""
    Device.objects.filter(pk__in=[device.pk for device in devices]).update(
        describe_at=timezone.now()
    )


def _wait_after(error: CloudError) -> timedelta:
    if isinstance(error, NotSent):
        return RETRY_NOT_SENT_AFTER
    wait = RETRY_REFUSED_AFTER if error.is_permanent else RETRY_AFTER
    return max(wait, timedelta(seconds=error.retry_after_seconds or 0.0))


def _product(particle_product_id: int) -> Product:
    product, _ = Product.objects.get_or_create(particle_product_id=particle_product_id)
    return product
