"""The dispatch loop: claims a batch of events, gives each handler its own, settles with the effect.

Handler and settling share one transaction. If a batch raises, each of its events runs again alone,
so that a bad one isolates itself; it is tried again later, and dead after the last attempt.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import transaction

from particle_integration.handlers import Handler, HandlerRegistry, registry
from particle_integration.inbox import (
    CHANNEL,
    claim_due,
    settle_handled,
    settle_ignored,
    settle_refused,
)
from particle_integration.models import InboxEvent
from portal.lib.leases import LeaseLost
from portal.lib.runloop import Loop
from portal.lib.transactions import effect_transaction

logger = logging.getLogger(__name__)

BATCH_SIZE = 200  # one transaction per handler: short enough that a like never waits for it


class InboxDispatcher(Loop):
    """Works off the inbox, batch by batch."""

    name = "dispatch"
    channels = (CHANNEL,)

    def __init__(
        self, handlers: HandlerRegistry = registry, *, batch_size: int = BATCH_SIZE
    ) -> None:
        self._handlers = handlers
        self._batch_size = batch_size

    def run_once(self) -> int:
        """Claim and work off one batch; return its size."""
        events = claim_due(limit=self._batch_size)
        groups: dict[Handler | None, list[InboxEvent]] = {}
        for event in events:
            groups.setdefault(self._handlers.find(event.name), []).append(event)
        for handler, group in groups.items():
            if handler is None:
                self._ignore(group)
            else:
                self._run(handler, group)
        return len(events)

    def _ignore(self, events: Sequence[InboxEvent]) -> None:
        try:
            with transaction.atomic():
                settle_ignored(events)
        except LeaseLost as error:
            logger.warning("dispatch: %s", error)

    def _run(self, handler: Handler, events: Sequence[InboxEvent]) -> None:
        """Run a handler on its events; alone, one by one, when they fail together."""
        try:
            self._handle(handler, events)
        except LeaseLost as error:
            logger.warning("dispatch: %s; their new holder handles them", error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged and marks its row
            if len(events) == 1:
                self._note_failure(handler, events[0], error)
                return
            logger.info("%s: a batch of %d failed (%r); each alone", handler, len(events), error)
            for event in events:
                self._run(handler, [event])

    def _handle(self, handler: Handler, events: Sequence[InboxEvent]) -> None:
        with effect_transaction():
            refusals = handler.handle(events)
            by_pk = {event.pk: event for event in events}
            if not refusals.keys() <= by_pk.keys():
                raise ValueError(f"{handler} refused events that it was not given")
            settle_handled([event for pk, event in by_pk.items() if pk not in refusals])
            for pk, refusal in refusals.items():
                settle_refused(by_pk[pk], reason=refusal.reason, is_permanent=refusal.is_permanent)

    def _note_failure(self, handler: Handler, event: InboxEvent, error: Exception) -> None:
        logger.error("%s failed on event %s", handler, event.pk, exc_info=error)
        is_permanent = bool(getattr(error, "is_permanent", False))
        try:
            with transaction.atomic():
                settle_refused(
                    event, reason=f"{type(error).__name__}: {error}", is_permanent=is_permanent
                )
        except LeaseLost as lost:
            logger.warning("dispatch: %s", lost)
