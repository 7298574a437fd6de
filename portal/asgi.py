"""The ASGI application: websockets, media and everything else.

Served by daphne (or uvicorn). Media goes round Django: a file needs neither session nor middleware.
"""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from django.conf import settings
from django.core.asgi import get_asgi_application

# Only the web process pools: its threads come and go with requests. Loops own their connections.
if settings.DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    settings.DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": settings.DATABASE_POOL_SIZE,
        "timeout": 5,  # seconds; a database that is away must not make a page hang
    }

django_application = get_asgi_application()  # loads the apps that the imports below need

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler  # noqa: E402

from feed.media import media_application  # noqa: E402
from portal.live.asgi_types import Receive, Scope, Send  # noqa: E402
from portal.live.routing import live_application  # noqa: E402
from portal.topics import topics_for_user  # noqa: E402

if settings.DEBUG:  # without `collectstatic`, straight from the apps' folders
    django_application = ASGIStaticFilesHandler(django_application)


async def http_application(scope: Scope, receive: Receive, send: Send) -> None:
    """Route what never needs Django, then Django."""
    if scope["path"].startswith(settings.MEDIA_URL):
        await media_application(scope, receive, send)
    else:
        await django_application(scope, receive, send)  # type: ignore[arg-type]  # a dict is sent


application = ProtocolTypeRouter(
    {"http": http_application, "websocket": live_application(topics_for_user)}
)
