"""Who hears what: a customer its own topic, staff who may look at devices the staff's."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, Permission

from portal.live import updates
from portal.topics import topics_for_user

pytestmark = pytest.mark.django_db


def test_a_customer_hears_its_own_topic(ada):
    assert topics_for_user(ada.user) == [updates.customer_topic(ada.pk)]


def test_strangers_hear_nothing_private():
    assert topics_for_user(AnonymousUser()) == []


def test_staff_hear_of_every_device_only_if_they_may_look_at_them(ben):
    ben.user.is_staff = True
    ben.user.save()
    assert updates.STAFF not in topics_for_user(ben.user)

    looking = Permission.objects.filter(codename__in=["view_device", "view_functioncall"])
    ben.user.user_permissions.set(looking)

    assert updates.STAFF in topics_for_user(type(ben.user).objects.get(pk=ben.user.pk))


def test_who_may_no_longer_sign_in_hears_nothing(ada):
    ada.user.is_active = False

    assert topics_for_user(ada.user) == []
