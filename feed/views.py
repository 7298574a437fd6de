"""Pages of the feed; they work without JavaScript."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.cache import caches
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from devices.errors import DanceNotQueued
from devices.models import Device
from feed.cards import CACHE, cards_html
from feed.errors import InvalidCursor, PictureNotPublished
from feed.likes import toggle_like
from feed.models import Like, Picture
from feed.serialisers import picture_json
from feed.timeline import timeline_page
from portal.customers.models import Customer, User
from portal.live import updates

LIVE_PATH = "/ws/feed/"
_COUNT_SECONDS = 60  # how old the number of devices on the page may be


@require_safe
def timeline(request: HttpRequest) -> HttpResponse:
    """Show a page of the feed, the newest first."""
    live = _live()  # before the pictures are read, see updates.snapshot
    try:
        page = timeline_page(Picture.objects.published(), before=request.GET.get("before", ""))
    except InvalidCursor as error:
        raise Http404(error.reason) from error
    liked_ids = _liked_ids(request, page.pictures)
    next_cursor_url = None
    if page.next_cursor:
        query = urlencode({"before": page.next_cursor})
        next_cursor_url = f"{reverse('feed:timeline')}?{query}"
    context = {
        "cards": cards_html(page.pictures, liked_ids),
        "live": live,
        "liked_ids": sorted(liked_ids),
        "next_cursor_url": next_cursor_url,
        "is_first_page": "before" not in request.GET,
        "device_count": _device_count(),
    }
    return _page(request, "feed/timeline.html", context)


@require_safe
def picture_page(request: HttpRequest, picture_id: int) -> HttpResponse:
    """Show one picture at its own address."""
    live = _live()
    picture = Picture.objects.published().with_people().filter(pk=picture_id).first()
    if picture is None:
        raise Http404(f"picture {picture_id} is not on the feed")
    liked_ids = _liked_ids(request, [picture])
    context = {
        "card": cards_html([picture], liked_ids)[0],
        "picture": picture_json(picture),
        "live": live,
        "liked_ids": sorted(liked_ids),
    }
    return _page(request, "feed/picture.html", context)


@require_POST
def change_like(request: HttpRequest) -> HttpResponse:
    """Like or unlike the picture whose button was pressed, and return to its page."""
    back = _way_back(request)
    if not request.user.is_authenticated:
        return redirect_to_login(back)
    customer = Customer.objects.select_related("user").filter(user=request.user).first()
    if customer is None:
        messages.error(request, _("Only customers like pictures; this account is for staff."))
        return HttpResponseRedirect(back)
    try:
        toggle_like(picture_id=int(request.POST.get("like", "")), customer=customer)
    except (ValueError, PictureNotPublished):
        messages.error(request, _("That picture is no longer on the feed."))
    except DanceNotQueued as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(back)


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    response = render(request, template, context)
    patch_vary_headers(response, ["Cookie"])  # it shows who looks, and what they like
    response["Cache-Control"] = "private, no-cache"
    return response


def _live() -> dict[str, Any]:
    return {**updates.snapshot(), "path": LIVE_PATH}


def _liked_ids(request: HttpRequest, pictures: list[Picture]) -> set[int]:
    if not isinstance(request.user, User) or not pictures:
        return set()
    return Like.objects.picture_ids_liked_by(request.user.pk, [one.pk for one in pictures])


def _device_count() -> int:
    count = caches[CACHE].get_or_set("device-count", Device.objects.count, _COUNT_SECONDS)
    return count or 0


def _way_back(request: HttpRequest) -> str:
    """Return the page that the form was on, if it is one of ours."""
    for url in (request.POST.get("next"), request.headers.get("Referer")):
        if url and url_has_allowed_host_and_scheme(
            url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        ):
            return url
    return reverse("feed:timeline")
