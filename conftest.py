"""What tests of all apps share: people with names, and a clean live wire."""

from __future__ import annotations

import os
import shutil

import pytest

# Playwright's synchronous driver runs an event loop in the test's own thread; Django would then
# refuse every query there, though nothing of ours runs on that loop.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def _customer(handle: str, display_name: str):
    from portal.customers.models import Customer, User

    user = User.objects.create_user(f"{handle}@example.com", "rainbow-customer")
    return Customer.objects.create(user=user, handle=handle, display_name=display_name)


@pytest.fixture
def ada(db):
    """A customer who owns devices in most tests."""
    return _customer("ada", "Ada Aurora")


@pytest.fixture
def ben(db):
    """A customer who likes Ada's pictures."""
    return _customer("ben", "Ben Berry")


@pytest.fixture
def staff(db):
    """A member of staff who may do everything in the admin."""
    from portal.customers.models import User

    return User.objects.create_superuser("staff@example.com", "rainbow-staff")


def pytest_collection_modifyitems(config, items):
    """Skip what this machine cannot run, saying how to get it; in CI nothing is skipped."""
    missing = {
        "chromium": None if shutil.which("chromium") else "no Chromium: apt-get install chromium",
        "postgres": None if _uses_postgres() else "runs on PostgreSQL only: set DATABASE_URL",
        "redis": None if os.environ.get("REDIS_URL") else "needs Redis: set REDIS_URL",
    }
    for item in items:
        for name, reason in missing.items():
            if reason and item.get_closest_marker(name):
                if os.environ.get("NOTHING_MAY_BE_SKIPPED"):
                    raise pytest.UsageError(f"{item.nodeid} would be skipped: {reason}")
                item.add_marker(pytest.mark.skip(reason=reason))


def _uses_postgres() -> bool:
    return os.environ.get("DATABASE_URL", "").startswith("postgres")
