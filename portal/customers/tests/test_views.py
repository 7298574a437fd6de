"""The page on which customers say how others see them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from portal.customers import accounts
from portal.customers.models import Customer

pytestmark = pytest.mark.django_db
URL = "/people/settings/"


def test_strangers_are_asked_to_sign_in(client):
    assert client.get(URL).url == f"{reverse('account_login')}?next={URL}"


def test_staff_without_a_customer_have_no_such_page(client, staff):
    client.force_login(staff)

    assert client.get(URL).status_code == 404


def test_name_and_handle_are_changed(client, ada):
    client.force_login(ada.user)

    response = client.post(URL, {"display_name": "Ada A.", "handle": "ada_a"})

    ada.refresh_from_db()
    assert response.url == URL
    assert (ada.display_name, ada.handle) == ("Ada A.", "ada_a")


@pytest.mark.parametrize("handle", ["ben", "settings", "Ada", "a b", "_ada", "a" * 31, ""])
def test_handles_that_are_taken_kept_or_odd_are_refused(client, ada, ben, handle):
    client.force_login(ada.user)

    response = client.post(URL, {"display_name": "Ada", "handle": handle})

    assert response.context["form"].errors["handle"]
    assert Customer.objects.get(pk=ada.pk).handle == "ada"


def test_a_handle_taken_meanwhile_is_refused_by_the_database(ada, ben):
    assert not accounts.rename_customer(customer=ada, display_name="Ada", handle="ben")
