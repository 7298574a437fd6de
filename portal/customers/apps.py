"""The app of people."""

from __future__ import annotations

from django.apps import AppConfig


class CustomersConfig(AppConfig):
    """Users who sign in, customers who own devices."""

    name = "portal.customers"
    label = "customers"
    verbose_name = "people"
