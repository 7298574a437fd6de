"""Addresses of the feed."""

from __future__ import annotations

from django.urls import path

from feed import views

app_name = "feed"

urlpatterns = [
    path("", views.timeline, name="timeline"),
    path("pictures/<int:picture_id>/", views.picture_page, name="picture"),
    path("likes/", views.change_like, name="likes"),
]
