"""Addresses of people, under /people/."""

from __future__ import annotations

from django.urls import path

from portal.customers import views

app_name = "customers"

urlpatterns = [path("settings/", views.settings, name="settings")]
