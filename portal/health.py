"""What a supervisor asks a web process: does it live, and can it do its own duties."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse


def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200: the process lives."""
    return JsonResponse({"alive": True})


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when database and migrations are there, else 503 with what is wrong.

    Only the web's own duties: a listener that is deaf never takes the site down.
    """
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        reason = f"the database does not answer: {type(error).__name__}"
        return JsonResponse({"ready": False, "reason": reason}, status=503)
    if pending:
        reason = f"{len(pending)} migrations are pending: run manage.py migrate"
        return JsonResponse({"ready": False, "reason": reason}, status=503)
    return JsonResponse({"ready": True})
