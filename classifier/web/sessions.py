"""Django's sessions in the database, under the hashes of their keys.

The key is in the browser's cookie alone: nobody can use what is read from the database or a backup as a cookie.
"""

import hashlib
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone


def stored_key(session_key: str) -> str:
    """Hash a session key for the database; 160 bits fit the column. A random key needs no salt."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:40]


class SessionStore(db.SessionStore):
    def exists(self, session_key: str) -> bool:
        return super().exists(stored_key(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        session = super().create_model_instance(data)
        session.session_key = stored_key(session.session_key)
        return session

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            super().delete(stored_key(key))

    def load(self) -> dict[str, Any]:
        try:
            session = self.model.objects.get(pk=stored_key(self.session_key or ""), expire_date__gt=timezone.now())
        except self.model.DoesNotExist:
            # As in all of Django's backends, an unknown key is not used for a new session.
            self._session_key = None
            return {}
        return self.decode(session.session_data)

    # The asynchronous variants, which the site does not use.
    aexists = sync_to_async(exists)  # type: ignore[arg-type]
    acreate_model_instance = sync_to_async(create_model_instance)  # type: ignore[arg-type]
    adelete = sync_to_async(delete)  # type: ignore[arg-type]
    aload = sync_to_async(load)  # type: ignore[arg-type]
