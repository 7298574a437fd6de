"""The app of the Particle cloud."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class ParticleIntegrationConfig(AppConfig):
    """Finds the event handlers of all apps and offers the dispatch loop."""

    name = "particle_integration"
    verbose_name = "Particle cloud"

    def ready(self) -> None:
        """Register; two handlers of one event name refuse to start here."""
        from particle_integration.dispatch import InboxDispatcher
        from portal.lib.runloop import register_loop

        autodiscover_modules("event_handlers")
        register_loop(InboxDispatcher.name, InboxDispatcher)
