"""What no request of ours carries, refused at the door."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase


class NoNulMiddleware:
    """Answer 400 to NUL in a query: PostgreSQL refuses it in text, which would end in a 500."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass on what has none; forms look at their own fields."""
        if "%00" in request.META.get("QUERY_STRING", "") or "\0" in request.path_info:
            return HttpResponse("No NUL characters, please.", status=400, content_type="text/plain")
        return self.get_response(request)
