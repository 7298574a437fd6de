"""What settings.py makes of its environment."""

from __future__ import annotations

import runpy

import pytest
from allauth.account.adapter import get_adapter
from django.conf import settings as current
from django.test import RequestFactory


@pytest.mark.parametrize(("count", "address"), [("0", "127.0.0.1"), ("1", "203.0.113.9")])
def test_limits_count_the_address_that_the_trusted_proxies_saw(
    monkeypatch, settings, count, address
):
    monkeypatch.setenv("TRUSTED_PROXY_COUNT", count)
    made = runpy.run_path(str(current.BASE_DIR / "portal" / "settings.py"))
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = made.get("ALLAUTH_TRUSTED_PROXY_COUNT", 0)
    request = RequestFactory().get("/", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})

    assert get_adapter(request).get_client_ip(request) == address


@pytest.mark.django_db
def test_the_admin_names_its_icon_so_that_browsers_guess_none(client, staff):
    client.force_login(staff)

    assert b'href="/static/portal/icon.svg"' in client.get("/admin/").content
