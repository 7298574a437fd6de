"""What the table still knows: pages of updates for a browser that resumes. Blocking; no socket."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from portal.live import updates
from portal.live.messages import MERGED_TYPES, EncodedUpdate, encode_update
from portal.live.models import Epoch, Update

MAX_BEHIND = 10_000  # a page loads faster than as many updates apply
PAGE_LENGTH = 500
MERGED_AGAIN_SECONDS = 5  # the hub holds counts back for a fraction of a second; the rest is margin
_COLUMNS = ("number", "type", "topics", "payload")


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a browser that resumes stands."""

    newest: int
    epoch: str
    reset_reason: str | None


def look_up_resume(after: int) -> Resume:
    """Say whether everything after number `after` is still there, and not too much of it."""
    position = updates.snapshot()
    newest, epoch = position["number"], position["epoch"]
    # Read after the position: what is pruned meanwhile counts as pruned.
    pruned_up_to = Epoch.objects.values_list("pruned_up_to", flat=True).get(pk=Epoch.ONLY_ID)
    reason = None
    if after > newest:
        reason = "future"
    elif after < pruned_up_to:
        reason = "pruned"
    elif newest - after > MAX_BEHIND:
        reason = "behind"
    return Resume(newest, epoch, reason)


def page_after(number: int, length: int = PAGE_LENGTH) -> list[EncodedUpdate]:
    """Return the next updates after `number`, of all topics, in order."""
    rows = Update.objects.filter(number__gt=number).order_by("number").values_list(*_COLUMNS)
    return [encode_update(*row) for row in rows[:length]]


def recent_counts(after: int) -> list[EncodedUpdate]:
    """Return the last count per picture of the seconds before `after`, in order.

    The hub may have held one of them back while it sent `after` itself.
    """
    seen = Update.objects.filter(number__lte=after)
    last = seen.order_by("-number").values_list("appended_at", flat=True).first()
    if last is None:
        return []
    since = last - timedelta(seconds=MERGED_AGAIN_SECONDS)
    rows = seen.filter(type__in=MERGED_TYPES, appended_at__gte=since)
    # Not ordered by number there: SQLite would walk the whole history for that.
    found = rows.order_by("appended_at").values_list(*_COLUMNS)
    return merge(encode_update(*row) for row in sorted(found))


def merge(encoded: Iterable[EncodedUpdate]) -> list[EncodedUpdate]:
    """Keep only the last of those that replace one another; the order stays."""
    kept: dict[str | int, EncodedUpdate] = {}
    for update in encoded:
        key = update.merge_key or update.number
        kept.pop(key, None)  # the newer one takes its own place in the order
        kept[key] = update
    return list(kept.values())
