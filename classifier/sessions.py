"""Django's sessions in the database, found by a prepared statement: every request looks for its own."""

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from classifier.prepared import Prepared

_session: Prepared[Session] = Prepared(lambda: Session.objects.filter(pk=""))


class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Session | None:
        session = _session.first(self.session_key)
        if session is not None and session.expire_date > timezone.now():
            return session
        # As Django's own does: a key that is not known is not taken for a new session's.
        self._session_key = None
        return None
