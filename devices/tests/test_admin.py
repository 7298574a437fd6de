"""Staff in the admin: who may look, who may call, what is kept of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.function_calls import ask_for_call
from devices.models import Device, FunctionCall
from portal.customers.models import User
from portal.live.models import Update


def signed_in(email: str, *permissions: str, is_superuser: bool = False) -> Client:
    user = User.objects.create_user(email, is_staff=True, is_superuser=is_superuser)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def caller(db) -> Client:
    return signed_in(
        "caller@example.com", "view_device", "change_device", "call_device", "view_functioncall"
    )


@pytest.fixture
def looker(db) -> Client:
    return signed_in("looker@example.com", "view_device", "view_functioncall")


def page_of(device: Device) -> str:
    return reverse("admin:devices_device_change", args=[device.pk])


def call_address(device: Device) -> str:
    return reverse("admin:devices_device_call", args=[device.pk])


def test_page_offers_the_functions_that_the_device_reports(caller, device):
    html = caller.get(page_of(device)).content.decode()

    assert '<option value="dance">' in html
    assert '<option value="glow">' in html
    assert f'action="{call_address(device)}"' in html
    assert "devices/call.js" in html
    assert "online" in html


def test_call_without_script_leads_back_to_the_page_that_shows_it(caller, device):
    answer = caller.post(call_address(device), {"function": "glow", "argument": "7"})

    assert answer.status_code == 302
    assert answer["Location"] == f"{page_of(device)}#calls"
    call = FunctionCall.objects.get()
    assert (call.function, call.argument, call.cause, call.state) == (
        "glow",
        "7",
        "staff",
        "queued",
    )
    html = caller.get(page_of(device)).content.decode()
    assert f'data-call="{call.pk}"' in html
    assert "glow(7)" in html
    assert "caller@example.com" in html


def test_call_by_script_answers_with_the_call(caller, device):
    answer = caller.post(
        call_address(device),
        {"function": "dance", "argument": "2"},
        headers={"accept": "application/json"},
    )

    assert answer.status_code == 201
    call = answer.json()["call"]
    assert (call["function"], call["state"]) == ("dance", "queued")
    assert call["asked_by"] == "caller@example.com"


def test_who_called_what_is_recorded(caller, device):
    caller.post(call_address(device), {"function": "glow", "argument": "7"})

    call = FunctionCall.objects.get()
    entry = LogEntry.objects.get()
    assert call.asked_by == entry.user == User.objects.get(email="caller@example.com")
    assert entry.object_id == str(device.pk)
    assert entry.change_message == f"Called glow with '7': call {call.pk}."


def test_staff_without_the_permission_may_look_but_not_call(looker, device):
    html = looker.get(page_of(device)).content.decode()
    answer = looker.post(call_address(device), {"function": "glow", "argument": "7"})

    assert "You may look, but not call" in html
    assert "data-call-form" not in html
    assert answer.status_code == 403
    assert not FunctionCall.objects.exists()


def test_permission_to_call_alone_opens_no_device(device, db):
    client = signed_in("odd@example.com", "call_device")

    assert client.post(call_address(device), {"function": "glow"}).status_code == 403


def test_customer_is_sent_to_the_login(client, device, ada):
    client.force_login(ada.user, backend="allauth.account.auth_backends.AuthenticationBackend")

    assert client.post(call_address(device), {"function": "glow"}).status_code == 302
    assert not FunctionCall.objects.exists()


def test_call_needs_the_forms_token(device):
    client = Client(enforce_csrf_checks=True)
    root = User.objects.create_superuser("root@example.com")
    client.force_login(root, backend="allauth.account.auth_backends.AuthenticationBackend")

    assert client.post(call_address(device), {"function": "glow"}).status_code == 403


def test_call_is_asked_for_by_post_only(caller, device):
    assert caller.get(call_address(device)).status_code == 405


def test_unknown_device_is_not_found(db):
    root = signed_in("root@example.com", is_superuser=True)
    address = reverse("admin:devices_device_call", args=[404])

    assert root.post(address, {"function": "glow"}).status_code == 404


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"function": "fly"}, "does not report a function fly"),
        ({"function": "glow", "argument": "ü" * 513}, "1026 bytes, more than 1024"),
        ({}, "required"),
    ],
)
def test_what_no_device_takes_is_refused_with_a_reason(caller, device, fields, words):
    answer = caller.post(call_address(device), fields, headers={"accept": "application/json"})
    page = caller.post(call_address(device), fields, follow=True).content.decode()

    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert words in page
    assert not FunctionCall.objects.exists()


def test_page_resumes_the_socket_from_before_its_own_query(caller, device):
    ask_for_call(device=device, function="glow", argument="", asked_by=None, cause="staff")
    newest = Update.objects.order_by("-number")[0].number

    html = caller.get(page_of(device)).content.decode()

    assert f'data-after="{newest}"' in html


def test_staff_give_a_device_an_owner(caller, device, ben):
    answer = caller.post(page_of(device), {"owner": ben.pk, "product": ""})

    assert answer.status_code == 302, answer.context["errors"]
    device.refresh_from_db()
    assert device.owner == ben
    assert Update.objects.filter(type="device.changed").exists()


def test_saving_a_device_leaves_presence_alone(caller, device, ben, monkeypatch):
    stale = Device.objects.get(pk=device.pk)
    Device.objects.update(is_online=False)
    monkeypatch.setattr("devices.admin.DeviceAdmin.get_object", lambda *args, **kwargs: stale)

    caller.post(page_of(device), {"owner": ben.pk, "product": ""})

    device.refresh_from_db()
    assert device.owner == ben
    assert not device.is_online


@pytest.mark.parametrize(
    "query", ["", "?q=shelf", "?q=ada@example.com", "?is_online__exact=1", "?owner__isempty=0"]
)
def test_devices_can_be_found(caller, device, query):
    html = caller.get(reverse("admin:devices_device_changelist") + query).content.decode()

    assert device.particle_device_id in html


def test_list_of_devices_says_when_each_was_heard(caller, make_device):
    make_device(last_heard_at=timezone.now() - timedelta(hours=2, minutes=1))
    make_device("e00fce680000000000000002", last_heard_at=None)

    html = caller.get(reverse("admin:devices_device_changelist")).content.decode()

    assert "2\xa0hours ago" in html
    assert "never" in html


@pytest.mark.parametrize(
    "query", ["", "?q=e00fce68", "?state__exact=queued", "?cause__exact=staff"]
)
def test_history_of_calls_can_be_searched_and_filtered(looker, device, query):
    ask_for_call(device=device, function="glow", argument="7", asked_by=None, cause="staff")

    html = looker.get(reverse("admin:devices_functioncall_changelist") + query).content.decode()

    assert "glow(7)" in html


def test_history_of_calls_is_not_edited(db, device):
    root = signed_in("root@example.com", is_superuser=True)
    call = ask_for_call(device=device, function="glow", argument="7", asked_by=None, cause="staff")
    address = reverse("admin:devices_functioncall_change", args=[call.pk])

    assert root.get(address).status_code == 200
    assert root.post(address, {"function": "dance"}).status_code == 403
    assert root.get(reverse("admin:devices_functioncall_add")).status_code == 403
    delete = reverse("admin:devices_functioncall_delete", args=[call.pk])
    assert root.post(delete, {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("count", [1, 15])
def test_device_page_takes_as_many_queries_for_many_calls(
    caller, device, count, django_assert_max_num_queries
):
    asker = User.objects.get(email="caller@example.com")
    for _ in range(count):
        ask_for_call(device=device, function="glow", argument="", asked_by=asker, cause="staff")

    with django_assert_max_num_queries(16):
        caller.get(page_of(device))
