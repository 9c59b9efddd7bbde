"""A claim on an Idempotency-Key while its batch is being stored."""

from django.db import models


class BatchClaim(models.Model):
    """Of two different batches under one key that arrive at once, the one whose claim this is; gone when it is stored.

    Its id stands for the person and the key, `content` for what was sent and how it is to be handled.
    """

    id = models.UUIDField(primary_key=True)
    content = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.id)
