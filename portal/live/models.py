"""The numbered, append-only table of updates, and the epoch of its history."""

from __future__ import annotations

import uuid

from django.db import models


class Update(models.Model):
    """One fact for the browsers. No foreign keys: it must never wait for another row's lock."""

    MAX_TOPICS_LENGTH = 200

    number = models.BigAutoField(primary_key=True)
    type = models.CharField(max_length=40)
    topics = models.CharField(max_length=MAX_TOPICS_LENGTH, help_text="separated by blanks")
    payload = models.TextField(help_text="a JSON object, encoded once")
    appended_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.number} {self.type}"


class Epoch(models.Model):
    """One row: the name of this history of numbers; another one means that numbers start anew."""

    ONLY_ID = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY_ID)
    token = models.UUIDField(default=uuid.uuid4)
    # Numbers have gaps, so the oldest row does not tell whether something before it was removed.
    pruned_up_to = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_epoch"),
        ]

    def __str__(self) -> str:
        return str(self.token)
