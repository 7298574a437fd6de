"""All routes that Django serves; websockets and media are routed before it, in `portal.asgi`."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from portal import health

# The admin's own form counts no failed attempts; there is one door for everybody, and it does.
admin_login = secure_admin_login(RedirectView.as_view(pattern_name="admin:index"))

urlpatterns = [
    path("", include("feed.urls")),
    path("api/v1/", include("feed.api.urls")),
    path("people/", include("portal.customers.urls")),
    path("account/", include("allauth.account.urls")),
    path("admin/login/", admin_login),  # before the admin's own
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
