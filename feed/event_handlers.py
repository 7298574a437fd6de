"""Picture events become rows: nothing is decoded, fetched or drawn here.

What will never be a picture is kept all the same, refused, with a reason that staff read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devices import presence
from devices.models import Device
from feed.errors import InvalidPicture
from feed.models import Picture, PictureState
from feed.pictures import receive_pictures
from feed.sources import DrawnPicture, PictureSource, PictureUrl, read_source
from particle_integration.handlers import Refusal, handles
from particle_integration.models import InboxEvent


@handles("picture")
def handle_pictures(events: Sequence[InboxEvent]) -> Mapping[int, Refusal]:
    """Record one picture per event and press; a replayed event makes no second one."""
    devices = presence.note_heard(events)
    refusals: dict[int, Refusal] = {}
    pictures = []
    for event in events:
        device = devices.get(event.particle_device_id)
        if device is None:
            reason = f"published by {event.particle_device_id!r}, which is no device"
            refusals[event.pk] = Refusal(reason, is_permanent=True)
        else:
            pictures.append(picture_of(event, device))
    receive_pictures(pictures=pictures)
    return refusals


def picture_of(event: InboxEvent, device: Device) -> Picture:
    """Return the row for an event, not saved: to be rendered, or refused with its reason."""
    picture = Picture(
        device=device,
        poster_id=device.owner_id,
        event=event,
        # Only an unreadable event has no moment, and that is quarantined and never handled.
        pressed_at=event.published_at or event.received_at,
    )
    try:
        source = read_source(event.data)
    except InvalidPicture as error:
        picture.state, picture.reason = PictureState.REFUSED, error.reason
        return picture
    picture.caption, picture.press_token = source.caption, source.press
    if reason := _why_not_yet(source):
        picture.state, picture.reason = PictureState.REFUSED, reason
    return picture


def _why_not_yet(source: PictureSource) -> str:
    if isinstance(source.image, PictureUrl):
        return "The picture is at a URL; this portal does not fetch pictures yet."
    if isinstance(source.image, DrawnPicture):
        return "The event brings no picture; this portal does not draw pictures yet."
    return ""
