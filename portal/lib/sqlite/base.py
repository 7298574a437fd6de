"""Django's SQLite backend, which takes the writer lock before every write.

It covers a transaction from its BEGIN to its end, and a single write in autocommit for the length
of its statement. Reads never take it; reads should never open `atomic()` either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

from portal.lib.sqlite.writerlock import WriterLock, WriterLockTimeout

_WRITES = re.compile(
    r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|REINDEX|VACUUM|ANALYZE|WITH)\b", re.I
)


class Cursor(base.SQLiteCursorWrapper):
    """A cursor that takes the writer lock for a single write in autocommit."""

    wrapper: DatabaseWrapper

    def execute(self, query: str, params: Any = None) -> Any:
        """Run one statement; see `sqlite3.Cursor.execute`."""
        with self.wrapper.lock_for(query):
            return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        """Run one statement per parameter set; see `sqlite3.Cursor.executemany`."""
        with self.wrapper.lock_for(query):
            return super().executemany(query, param_list)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection with its own end of the writer lock."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._writer_lock: WriterLock | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Open the database, and this connection's end of the lock beside it."""
        name = str(conn_params["database"])
        is_file = ":memory:" not in name and "mode=memory" not in name
        timeout = float(conn_params.get("timeout", 5.0))
        self._writer_lock = WriterLock(name.removeprefix("file:"), timeout) if is_file else None
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> Cursor:
        """Return a cursor that knows this wrapper."""
        cursor: Cursor = self.connection.cursor(factory=Cursor)
        cursor.wrapper = self
        return cursor

    @contextmanager
    def lock_for(self, query: str) -> Iterator[None]:
        """Hold the lock while a write runs in autocommit; a transaction holds it already."""
        lock = self._writer_lock
        if lock is None or lock.is_held or not self.autocommit or not _WRITES.match(query):
            yield
            return
        self._acquire(lock)
        try:
            yield
        finally:
            lock.release()

    def _start_transaction_under_autocommit(self) -> None:
        lock = self._writer_lock
        if lock is not None and not lock.is_held:
            self._acquire(lock)
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # not in the stubs
        except BaseException:
            self._release()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]  # not in the stubs
        self._release()  # after a failed commit the transaction is open, and keeps the lock

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]  # not in the stubs
        finally:
            self._release()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]  # not in the stubs
        finally:
            if self._writer_lock is not None:
                self._writer_lock.close()

    def _acquire(self, lock: WriterLock) -> None:
        try:
            lock.acquire()
        except WriterLockTimeout as error:
            raise OperationalError(f"database is locked: {error}") from error

    def _release(self) -> None:
        if self._writer_lock is not None:
            self._writer_lock.release()
