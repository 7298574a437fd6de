"""All routes that Django serves; websockets and media are routed before it, in `portal.asgi`."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from portal import health

urlpatterns = [
    path("", include("feed.urls")),
    path("api/v1/", include("feed.api.urls")),
    path("people/", include("portal.customers.urls")),
    path("account/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
