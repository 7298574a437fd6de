"""Signing up and in, over the pages that people use."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.urls import reverse

from portal.customers import accounts, lifecycle
from portal.customers.accounts import make_customer, register
from portal.customers.errors import EmailTaken
from portal.customers.models import Customer, User

pytestmark = pytest.mark.django_db
PASSWORD = "seven-lanterns-9"
_WITH_MAIL = {
    "ACCOUNT_EMAIL_VERIFICATION": "mandatory",
    "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
}


def sign_up(client, email="dora@example.com", name="Dora Day", **fields) -> Any:
    data = {"email": email, "display_name": name, "password1": PASSWORD, **fields}
    return client.post(reverse("account_signup"), data)


@pytest.fixture
def hooks(monkeypatch):
    monkeypatch.setattr(lifecycle, "_registered", {})
    monkeypatch.setattr(lifecycle, "_closing", {})
    monkeypatch.setattr(lifecycle, "_exporting", {})


def test_signing_up_makes_a_customer_and_signs_in(client):
    response = sign_up(client)

    customer = Customer.objects.get(user__email="dora@example.com")
    assert (customer.handle, customer.display_name) == ("dora_day", "Dora Day")
    assert EmailAddress.objects.get().email == "dora@example.com"
    assert response.url == "/"
    assert client.session["_auth_user_id"] == str(customer.user_id)


def test_a_failing_hook_leaves_neither_user_nor_customer(client, hooks):
    def fail(customer):
        raise RuntimeError(customer.handle)

    lifecycle.on_registered("fails", fail)

    with pytest.raises(RuntimeError):
        sign_up(client)
    assert not User.objects.exists()
    assert not Customer.objects.exists()
    assert not EmailAddress.objects.exists()


def test_two_people_of_one_name_get_two_handles(client, ada):
    customer = make_customer(user=User.objects.create_user("a2@example.com"), display_name="Ada")

    assert customer.display_name == "Ada"
    assert customer.handle != ada.handle
    assert customer.handle.startswith("ada")


def test_a_handle_taken_at_the_last_moment_is_replaced(ada, monkeypatch):
    monkeypatch.setattr(accounts, "handle_candidates", lambda name: iter(["ada", "ada77"]))
    monkeypatch.setattr(
        Customer.objects, "filter", lambda **_: Customer.objects.none(), raising=True
    )

    customer = make_customer(user=User.objects.create_user("a2@example.com"), display_name="Ada")

    assert customer.handle == "ada77"


def test_a_name_that_cannot_be_seen_is_refused(client):
    response = sign_up(client, name="\u200b \u202e")

    assert response.status_code == 200
    assert not User.objects.exists()


def test_a_name_loses_the_marks_that_turn_text_around(client):
    sign_up(client, name="Dora\u202e  Day")

    assert Customer.objects.get().display_name == "Dora Day"


def test_signing_in_by_email_in_any_case(client, ada):
    response = client.post(
        reverse("account_login"), {"login": "ADA@example.com", "password": "rainbow-customer"}
    )

    assert response.url == "/"
    assert client.session["_auth_user_id"] == str(ada.user_id)


def test_unknown_address_and_wrong_password_read_alike(client, ada):
    answers = [
        client.post(reverse("account_login"), {"login": email, "password": "wrong-word"})
        for email in ("ada@example.com", "nobody@example.com")
    ]

    first, second = (one.context["form"].errors for one in answers)
    assert first == second


def test_a_taken_address_tells_nothing_once_mail_can_be_sent(client, ada, settings):
    for name, value in _WITH_MAIL.items():
        setattr(settings, name, value)

    taken = sign_up(client, "Ada@example.com")
    client.logout()
    free = sign_up(client, "eve@example.com")

    assert (taken.status_code, taken.url) == (free.status_code, free.url)
    assert User.objects.filter(email__iexact="ada@example.com").count() == 1
    assert sorted(one.to[0] for one in mail.outbox) == ["ada@example.com", "eve@example.com"]


def test_a_taken_address_makes_no_second_user(client, ada):
    response = sign_up(client, "ADA@example.com")

    assert response.status_code == 200
    assert User.objects.count() == 1


def test_the_slower_of_two_sign_ups_fails_whole(ada):
    with pytest.raises(EmailTaken, match=r"ada@example\.com"):
        register(user=User(email="ada@example.com"), display_name="Ada")

    assert Customer.objects.count() == 1


def test_the_slower_of_two_sign_ups_is_led_back_to_the_form(client, ada, monkeypatch):
    monkeypatch.setattr(
        "allauth.account.internal.flows.manage_email.email_already_exists",
        lambda email, **_: (email, False),  # the other one commits only now
    )

    response = sign_up(client, "ada@example.com")

    assert response.url == reverse("account_signup")
    assert User.objects.count() == 1


def test_closing_an_account_tells_the_hooks_first(ada, hooks):
    seen = []
    lifecycle.on_closing("sees", lambda customer: seen.append(customer.handle))

    lifecycle.close_account(customer=ada)

    assert seen == ["ada"]
    assert not User.objects.exists()


def test_an_export_has_a_part_for_every_hook(ada, hooks):
    lifecycle.on_exporting("shoes", lambda customer: {"pairs": 2})

    export = lifecycle.export_account(customer=ada)

    assert export["shoes"] == {"pairs": 2}
    assert export["account"]["email"] == "ada@example.com"


def test_a_second_hook_of_one_name_is_refused(hooks):
    lifecycle.on_registered("twice", lambda customer: None)

    with pytest.raises(ValueError, match="'twice' for registered"):
        lifecycle.on_registered("twice", lambda customer: None)
    assert lifecycle.hook_names()["registered"] == ["twice"]


@pytest.mark.parametrize(
    "page",
    ["account_login", "account_signup", "account_reset_password", "account_reset_password_done"],
)
def test_pages_of_the_entrance_wear_our_dress(client, page):
    response = client.get(reverse(page))

    assert response.status_code == 200
    assert 'class="sheet"' in response.content.decode()


@pytest.mark.parametrize(
    "page", ["account_logout", "account_email", "account_change_password", "customers:settings"]
)
def test_pages_of_settings_wear_our_dress(client, ada, page):
    client.force_login(ada.user)

    response = client.get(reverse(page))

    assert 'class="tabs"' in response.content.decode()


def test_signing_out_takes_one_press(client, ada):
    client.force_login(ada.user)

    client.post(reverse("account_logout"))

    assert "_auth_user_id" not in client.session
