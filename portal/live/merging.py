"""Hold back like counts, so that a storm of likes sends at most four counts a second per picture.

Counts are absolute, so the newest replaces the one that waits. What waits may go out after updates
with higher numbers; that is why a resume sends the counts of the last seconds again.
"""

from __future__ import annotations

import math

from portal.live.messages import EncodedUpdate

INTERVAL_SECONDS = 0.25


class Merger:
    """Decides which updates go out now, and which wait for their interval to pass. No clock."""

    def __init__(self, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._interval_seconds = interval_seconds
        self._due_at: dict[str, float] = {}  # when this key may go out again
        self._waiting: dict[str, EncodedUpdate] = {}
        self._look_at = math.inf  # nothing is due before

    def admit(self, update: EncodedUpdate, now: float) -> bool:
        """Return whether `update` goes out now; otherwise it waits in the place of an older one."""
        key = update.merge_key
        if key is None:
            return True
        if key in self._waiting or self._due_at.get(key, now) > now:
            self._waiting[key] = update
            return False
        self._due_at[key] = now + self._interval_seconds
        self._look_at = min(self._look_at, self._due_at[key])
        return True

    def take_due(self, now: float) -> list[EncodedUpdate]:
        """Return what has waited long enough, lowest number first."""
        if now < self._look_at:
            return []
        due = [key for key, due_at in self._due_at.items() if due_at <= now]
        taken = []
        for key in due:
            update = self._waiting.pop(key, None)
            if update is None:
                del self._due_at[key]  # silent for a whole interval
            else:
                self._due_at[key] = now + self._interval_seconds
                taken.append(update)
        self._look_at = min(self._due_at.values(), default=math.inf)
        return sorted(taken, key=lambda update: update.number)

    def seconds_until_due(self, now: float) -> float | None:
        """Return how long until something that waits is due; None when nothing waits."""
        if not self._waiting:
            return None
        return max(0.0, min(self._due_at[key] for key in self._waiting) - now)
