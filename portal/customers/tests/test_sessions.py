"""Keys of sessions: ours are looked up, inventions are not."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.conf import settings

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("key", ["\0" + "a" * 31, "a" * 31 + "\0", "ä" * 32, "a b" * 10, ""])
def test_a_key_that_we_cannot_have_given_is_none(client, key):
    store = import_module(settings.SESSION_ENGINE).SessionStore(key)
    client.cookies[settings.SESSION_COOKIE_NAME] = key

    assert store.session_key is None
    assert client.get("/people/settings/").status_code == 302


def test_a_key_that_we_gave_is_looked_up(client, ada):
    client.force_login(ada.user)

    assert client.get("/people/settings/").status_code == 200
