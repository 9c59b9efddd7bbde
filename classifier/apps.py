"""The configuration of the classifier app."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ClassifierConfig(AppConfig):
    name = "classifier"
    verbose_name = _("Classifier")

    def ready(self) -> None:
        from classifier import signals

        post_migrate.connect(signals.register_shipped_models, sender=self)
        connection_created.connect(signals.make_database_private)
