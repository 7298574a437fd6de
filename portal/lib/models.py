"""The processes of this portal that are, or lately were, alive."""

from __future__ import annotations

from django.db import models


class Process(models.Model):
    """One listener or worker process: who, where, and when it was last heard of."""

    kind = models.CharField(max_length=20)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(db_index=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    counters = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "processes"
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.kind} {self.pid}@{self.host}"
