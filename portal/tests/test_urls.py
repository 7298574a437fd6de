"""Whoever signs in comes through one door, which counts failed attempts; the admin has no other."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from portal.customers.models import User

pytestmark = pytest.mark.django_db
ADMIN_LOGIN = "/admin/login/"
LOGIN = "/account/login/"


def test_strangers_at_the_admin_are_led_to_the_door_of_everybody(client):
    answer = client.get("/admin/", follow=True)

    assert answer.request["PATH_INFO"] == LOGIN
    assert parse_qs(answer.request["QUERY_STRING"]) == {"next": ["/admin/"]}


def test_the_admin_takes_no_password_itself(client, staff):
    answer = client.post(ADMIN_LOGIN, {"username": staff.email, "password": "rainbow-staff"})

    assert answer.url.startswith(LOGIN)
    assert "_auth_user_id" not in client.session


def test_staff_sign_in_at_that_door_and_come_to_the_admin(client, staff):
    form = {"login": staff.email, "password": "rainbow-staff", "next": "/admin/"}

    answer = client.post(LOGIN, form)

    assert answer.url == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_staff_who_are_signed_in_try_no_passwords_of_others_there(client, staff):
    User.objects.create_superuser("chief@example.com", "rainbow-chief")
    client.force_login(staff)

    answer = client.post(ADMIN_LOGIN, {"username": "chief@example.com", "password": "guess"})

    assert answer.url == reverse("admin:index")


def test_customers_are_told_that_the_admin_is_not_for_them(client, ada):
    client.force_login(ada.user)

    assert client.get("/admin/", follow=True).status_code == 403


@pytest.mark.parametrize("foreign", ["https://evil.example/", "//evil.example/"])
def test_the_admins_login_leads_to_no_foreign_place(client, foreign):
    answer = client.get(ADMIN_LOGIN, {"next": foreign})

    after_login = parse_qs(urlsplit(answer.url).query)["next"][0]
    assert after_login.startswith("/admin/login/?")
