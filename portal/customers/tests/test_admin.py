"""People in the admin: what staff may not do there, however much they may do."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from portal.customers.models import Customer

pytestmark = pytest.mark.django_db


def test_a_customer_is_not_deleted_beside_the_user(client, staff, ada):
    client.force_login(staff)
    url = reverse("admin:customers_user_change", args=[ada.user_id])
    form = client.get(url).context["adminform"].form
    values = {name: form.initial.get(name) or "" for name in form.fields if name != "password"}
    inline = {
        "customer-TOTAL_FORMS": 1,
        "customer-INITIAL_FORMS": 1,
        "customer-0-id": ada.pk,
        "customer-0-user": ada.user_id,
        "customer-0-display_name": ada.display_name,
        "customer-0-handle": ada.handle,
        "customer-0-DELETE": "on",
    }
    chosen = {name: value for name, value in values.items() if value}

    answer = client.post(url, {**chosen, **inline})

    assert answer.status_code == 302
    assert Customer.objects.filter(pk=ada.pk).exists()


def test_who_may_edit_users_does_not_thereby_become_a_superuser(client, ada, ben):
    ben.user.is_staff = True
    ben.user.save()
    may = ["view_user", "change_user"]
    ben.user.user_permissions.set(Permission.objects.filter(codename__in=may))
    client.force_login(ben.user)

    page = client.get(reverse("admin:customers_user_change", args=[ben.user_id]))

    powers = {"is_staff", "is_superuser", "groups", "user_permissions"}
    assert page.status_code == 200
    assert not powers & set(page.context["adminform"].form.fields)
