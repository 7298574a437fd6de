"""The app of pictures and likes."""

from __future__ import annotations

from django.apps import AppConfig


class FeedConfig(AppConfig):
    """Pictures people see."""

    name = "feed"

    def ready(self) -> None:
        """Register the render loop, and learn what became of the dances that likes asked for."""
        from devices import function_calls
        from feed.dances import tell_dances
        from feed.render_loop import RenderLoop
        from portal.lib.runloop import register_loop

        register_loop("render", RenderLoop)
        function_calls.on_settled("feed", tell_dances)
