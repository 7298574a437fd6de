"""The feed for mobile apps and for our own scripts: read pictures, like them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from rest_framework.exceptions import NotAuthenticated, PermissionDenied, ValidationError
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feed.api.answers import LiveJsonRenderer, answer_error
from feed.errors import PictureNotPublished
from feed.likes import LikeOutcome, like_picture, unlike_picture
from feed.models import Like, Picture
from feed.serialisers import picture_json
from feed.timeline import timeline_page
from portal.customers.models import Customer, User

MAX_IDS = 100


class FeedApiView(APIView):
    """What the feed's answers have in common."""

    renderer_classes = [LiveJsonRenderer]

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        """Answer errors in our one shape."""
        return answer_error


class PublicFeedApiView(FeedApiView):
    """Reads that need no account; not counted against a limit, as the page itself is not."""

    permission_classes = [AllowAny]
    throttle_classes = []


class PictureList(PublicFeedApiView):
    """The feed, newest first, page by page."""

    def get(self, request: Request) -> Response:
        """Return `{"results": [picture, …], "next": URL or null}`; `?before=` is in `next`."""
        page = timeline_page(
            Picture.objects.published(), before=request.query_params.get("before", "")
        )
        next_url = None
        if page.next_cursor:
            query = urlencode({"before": page.next_cursor})
            next_url = request.build_absolute_uri(f"{reverse('feed_api:pictures')}?{query}")
        return Response(
            {"results": [picture_json(picture) for picture in page.pictures], "next": next_url}
        )


class PictureDetail(PublicFeedApiView):
    """One picture on the feed."""

    def get(self, request: Request, picture_id: int) -> Response:
        """Return the picture, or 404 when it is not on the feed."""
        picture = Picture.objects.published().with_people().filter(pk=picture_id).first()
        if picture is None:
            raise PictureNotPublished(f"There is no picture {picture_id} on the feed.")
        return Response(picture_json(picture))


class PictureLike(FeedApiView):
    """The signed-in customer's own like of a picture."""

    permission_classes = [IsAuthenticated]

    def put(self, request: Request, picture_id: int) -> Response:
        """Like; doing so again changes nothing."""
        return _answer(like_picture(picture_id=picture_id, customer=_customer(request)))

    def delete(self, request: Request, picture_id: int) -> Response:
        """Take the like back; doing so again changes nothing."""
        return _answer(unlike_picture(picture_id=picture_id, customer=_customer(request)))


class MyLikes(FeedApiView):
    """Which of some pictures the signed-in customer likes: what a picture's JSON leaves out."""

    permission_classes = [IsAuthenticated]
    throttle_classes = []

    def get(self, request: Request) -> Response:
        """Return `{"ids": […]}`, those of `?ids=1,2,3` that are liked."""
        liked = Like.objects.picture_ids_liked_by(_user_id(request), _ids(request))
        return Response({"ids": sorted(liked)})


def _ids(request: Request) -> list[int]:
    text = request.query_params.get("ids", "")
    try:
        ids = [int(part) for part in text.split(",") if part]
    except ValueError as error:
        raise ValidationError({"ids": ["Numbers, separated by commas."]}) from error
    if len(ids) > MAX_IDS or any(not 0 < one < 2**63 for one in ids):
        raise ValidationError({"ids": [f"At most {MAX_IDS} ids of pictures."]})
    return ids


def _user_id(request: Request) -> int:
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user.pk


def _customer(request: Request) -> Customer:
    customer = Customer.objects.select_related("user").filter(user_id=_user_id(request)).first()
    if customer is None:
        raise PermissionDenied("Only customers like pictures; this account is for staff.")
    return customer


def _answer(outcome: LikeOutcome) -> Response:
    return Response(
        {"id": outcome.picture_id, "likes": outcome.like_count, "liked": outcome.is_liked}
    )
