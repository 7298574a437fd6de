"""The files of pictures: renditions anybody may fetch, and originals that no route serves.

A name holds the picture's random key and the hash of the content, so whoever writes a file again,
after a kill or beside another worker, writes the same bytes to the same name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, default_storage, storages

from feed.decoding import Rendition

ORIGINALS = "originals"  # the storage's alias, and the folder in it
RENDITION_NAME = re.compile(r"[0-9a-f]{24}-[0-9a-f]{16}-[0-9]{1,4}\.webp", re.ASCII)


def rendition_files(key: str, rendition: Rendition) -> dict[str, bytes]:
    """Return the contents of a rendition's files by their names, from small to large."""
    return {f"{key}-{_digest(file.data)}-{file.width}.webp": file.data for file in rendition.files}


def images_by_width(names: Iterable[str]) -> dict[str, str]:
    """Return the names by their widths in pixels, as `Picture.images` keeps them."""
    return {name.removesuffix(".webp").rpartition("-")[2]: name for name in names}


def write_renditions(files: Mapping[str, bytes]) -> None:
    """Write public files, each whole or not at all. Raises OSError."""
    for name, data in files.items():
        _write(default_storage, name, data)


def remove_renditions(names: Iterable[str]) -> None:
    """Remove public files; those that are gone are no matter."""
    for name in names:
        default_storage.delete(name)


def write_original(key: str, data: bytes) -> str:
    """Keep what a device sent, and return the name. Raises OSError."""
    name = f"{ORIGINALS}/{key}-{_digest(data)}"
    _write(storages[ORIGINALS], name, data)
    return name


def read_original(name: str) -> bytes:
    """Return what a device sent. Raises OSError."""
    with storages[ORIGINALS].open(name) as file:
        data: bytes = file.read()
    return data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _write(storage: Storage, name: str, data: bytes) -> None:
    try:
        path = Path(storage.path(name))
    except NotImplementedError:  # an object store: there, a file appears whole by itself
        _put(storage, name, data)
    else:
        _replace(path, data)


def _put(storage: Storage, name: str, data: bytes) -> None:
    if storage.exists(name):
        return
    saved = storage.save(name, ContentFile(data))
    if saved != name:  # another worker was quicker, with the same bytes
        storage.delete(saved)


def _replace(path: Path, data: bytes) -> None:
    """Write beside, then rename: a full disk, a kill or a power cut leaves no half file."""
    path.parent.mkdir(
        mode=settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS or 0o777, parents=True, exist_ok=True
    )
    beside = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fdatasync(file.fileno())  # 0.7 ms (measured); the row that names it is durable too
        if settings.FILE_UPLOAD_PERMISSIONS is not None:
            beside.chmod(settings.FILE_UPLOAD_PERMISSIONS)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
