"""How the API answers: JSON as the live wire writes it, and one shape for every error."""

from __future__ import annotations

from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

from devices.errors import DanceNotQueued
from feed.errors import InvalidCursor, PictureNotPublished


class LiveJsonRenderer(JSONRenderer):
    """Writes moments as `portal.live.updates` does, so that a picture reads the same everywhere."""

    encoder_class = DjangoJSONEncoder


class Unavailable(exceptions.APIException):
    """It may work in a moment."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return `{"error": {"code": …, "message": …}}`, with `fields` where fields are to blame."""
    known = _known(error)
    response = exception_handler(known, context)
    if response is None:
        return None
    body: dict[str, Any] = {"code": "error", "message": str(known)}
    if isinstance(known, Http404):
        body = {"code": "not_found", "message": "Not found."}
    elif isinstance(known, exceptions.ValidationError):
        body = {
            "code": "invalid",
            "message": "The request has invalid fields.",
            "fields": known.detail,
        }
    elif isinstance(known, exceptions.APIException):
        codes = known.get_codes()
        body = {"code": codes if isinstance(codes, str) else "error", "message": str(known.detail)}
    response.data = {"error": body}
    return response


def _known(error: Exception) -> Exception:
    if isinstance(error, PictureNotPublished):
        return exceptions.NotFound(error.reason)
    if isinstance(error, InvalidCursor):
        return exceptions.ValidationError({"before": [error.reason]})
    if isinstance(error, DanceNotQueued):
        return Unavailable(str(error))
    return error
