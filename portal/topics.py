"""Which topics a signed-in user hears: the one place where people and live updates meet."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from portal.customers.models import Customer, User
from portal.live import updates

# What the topic `staff` tells: every device and every call.
_LOOK = ("devices.view_device", "devices.view_functioncall")


def topics_for_user(user: AbstractBaseUser | AnonymousUser) -> Iterable[str]:
    """Return the private topics of `user`: its customer's own, and `staff` for staff who may look.

    Reads the database; call it from a thread.
    """
    if not isinstance(user, User) or not user.is_active:
        return []
    customer_ids = Customer.objects.filter(user=user).values_list("pk", flat=True)
    topics = [updates.customer_topic(customer_id) for customer_id in customer_ids]
    if user.is_staff and user.has_perms(_LOOK):
        topics.append(updates.STAFF)
    return topics
