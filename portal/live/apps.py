"""The app of the live wire."""

from __future__ import annotations

from django.apps import AppConfig


class LiveConfig(AppConfig):
    """Puts the numbering of updates into every effect's transaction."""

    name = "portal.live"
    label = "live"
    verbose_name = "live updates"

    def ready(self) -> None:
        """Fill the seam of `portal.lib.transactions`."""
        from portal.lib import transactions
        from portal.live import updates

        transactions.use_transaction(updates.transaction)
