"""Addresses of the feed's API, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from feed.api import views

app_name = "feed_api"

urlpatterns = [
    path("pictures/", views.PictureList.as_view(), name="pictures"),
    path("pictures/<int:picture_id>/", views.PictureDetail.as_view(), name="picture"),
    path("pictures/<int:picture_id>/like/", views.PictureLike.as_view(), name="like"),
    path("me/likes/", views.MyLikes.as_view(), name="my_likes"),
]
