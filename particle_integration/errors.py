"""Every error of this app.

    ParticleError
    ├── InvalidEvent            bytes that claim to be an event and are not one
    └── CloudError              a request to the cloud that brought no usable answer
        ├── NotSent             failed before the request was out: DNS, connect, TLS
        ├── AnswerLost          sent, then the connection broke: it may have been carried out
        │   └── AnswerTimedOut  sent, then nothing for as long as we wait
        ├── DeviceTimedOut      the cloud had no answer from the device; `seconds` tells why
        ├── FunctionNotFound    the device does not expose that function or variable
        ├── NotOurs             the cloud knows no such thing, or not as ours
        ├── TokenRefused        the token is missing, wrong, expired, or lacks a scope
        ├── RateLimited         429, or 529 for streams
        ├── RequestRefused      any other 4xx
        └── CloudBroken         5xx, or an answer that is not what the API promises

`is_permanent` says that the same request will fail again; `retry_after_seconds` is what the cloud
asked us to wait, if it did.
"""

from __future__ import annotations


class ParticleError(Exception):
    """Anything that goes wrong between us and the Particle cloud."""

    is_permanent = False


class InvalidEvent(ParticleError):
    """The event cannot be used; `reason` is a short sentence for staff, without the payload."""

    is_permanent = True

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CloudError(ParticleError):
    """A request that failed; `status` is the HTTP status, None when there was none."""

    def __init__(
        self, message: str, *, status: int | None = None, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class NotSent(CloudError):
    """The cloud could not be reached; it has not seen the request."""


class AnswerLost(CloudError):
    """The connection broke after sending; whether the request was carried out is unknown."""


class AnswerTimedOut(AnswerLost):
    """No byte of an answer for as long as we wait; whether it was carried out is unknown."""


class DeviceTimedOut(CloudError):
    """The cloud says "timed out" after `seconds`: at once when offline, late when silent.

    A silent device may have carried the call out.
    """

    def __init__(self, message: str, *, seconds: float, status: int | None = None) -> None:
        super().__init__(message, status=status)
        self.seconds = seconds


class FunctionNotFound(CloudError):
    """The device's firmware does not expose what was asked for."""

    is_permanent = True


class NotOurs(CloudError):
    """No such product or device, or our token may not touch it."""

    is_permanent = True


class TokenRefused(CloudError):
    """The cloud does not take our token, or gives us none."""


class RateLimited(CloudError):
    """Too many requests from this address; wait `retry_after_seconds`, or back off."""


class RequestRefused(CloudError):
    """The cloud refuses the request as it stands."""

    is_permanent = True


class CloudBroken(CloudError):
    """The cloud failed, or answered something that is not its API."""
