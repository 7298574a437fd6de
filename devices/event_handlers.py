"""What the cloud and the devices publish about themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devices import presence
from particle_integration.handlers import Refusal, handles
from particle_integration.models import InboxEvent


@handles("spark/", prefix=True)
def handle_cloud_events(events: Sequence[InboxEvent]) -> Mapping[int, Refusal]:
    """Keep presence: `spark/status`, and what devices tell about themselves."""
    presence.note_heard(events)
    return {}
