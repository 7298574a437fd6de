"""What holds for pages of every app: policy, health, errors."""

from __future__ import annotations

import pytest
from django.db import connection
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/", "/account/login/", "/account/signup/", "/nowhere/"])
def test_pages_allow_no_inline_script_or_style(client, path):
    policy = client.get(path).headers["Content-Security-Policy"]

    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_the_admin_alone_may_evaluate_since_its_alpine_does(client, staff):
    client.force_login(staff)

    policy = client.get(reverse("admin:index")).headers["Content-Security-Policy"]

    assert "script-src 'self' 'unsafe-eval'" in policy


def test_every_list_of_the_admin_opens(client, staff):
    from django.contrib import admin

    client.force_login(staff)
    for model in admin.site._registry:
        options = model._meta
        answer = client.get(reverse(f"admin:{options.app_label}_{options.model_name}_changelist"))

        assert answer.status_code == 200, options.label


def test_a_live_process_says_so(client):
    assert client.get("/healthz").json() == {"alive": True}


def test_a_process_with_its_migrations_is_ready(client):
    assert client.get("/readyz").json() == {"ready": True}


def test_a_missing_migration_makes_it_unready(client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'feed'")

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert "manage.py migrate" in answer.json()["reason"]


def test_a_page_that_is_not_there_says_so(client):
    answer = client.get("/nowhere/")

    assert answer.status_code == 404
    assert b"<h1" in answer.content


@pytest.mark.parametrize("query", ["/?before=%00", "/admin/feed/picture/?state__exact=%00"])
def test_nul_in_a_query_is_refused_before_a_database_refuses_it(client, staff, query):
    client.force_login(staff)

    assert client.get(query).status_code == 400
