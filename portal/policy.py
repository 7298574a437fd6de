"""The Content-Security-Policy: strict everywhere but in the admin, where unfold needs more."""

from __future__ import annotations

from collections.abc import Callable

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponseBase

# unfold's Alpine evaluates expressions and writes inline style (design.md, "Policy").
_ADMIN = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}


class ContentSecurityPolicyMiddleware(CSPMiddleware):  # type: ignore[misc]  # django-csp has no types
    """django-csp's middleware, with one exception by path."""

    get_response: Callable[[HttpRequest], HttpResponseBase]

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add the header; on admin pages let unfold's scripts and styles work."""
        if request.path.startswith("/admin/"):
            response._csp_replace = {None: _ADMIN}  # type: ignore[attr-defined]
        result: HttpResponseBase = super().process_response(request, response)
        return result
