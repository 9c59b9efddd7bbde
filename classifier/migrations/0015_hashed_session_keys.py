"""Store sessions under hashes of their keys; existing sessions stay valid."""

import hashlib

from django.db import migrations

#: Of a key that Django has made; a hash is longer.
_KEY_LENGTH = 32


def hash_keys(apps, schema_editor):
    sessions = apps.get_model("sessions", "Session").objects.using(schema_editor.connection.alias)
    for key in list(sessions.values_list("session_key", flat=True)):
        if len(key) == _KEY_LENGTH:
            sessions.filter(session_key=key).update(session_key=hashlib.sha256(key.encode()).hexdigest()[:40])


def forget(apps, schema_editor):
    """No key can be made of its hash: everybody signs in again."""
    apps.get_model("sessions", "Session").objects.using(schema_editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("classifier", "0014_anonymous_uploads"),
        ("sessions", "0001_initial"),
    ]

    operations = [migrations.RunPython(hash_keys, forget)]
