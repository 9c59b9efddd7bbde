"""The site itself, on every page: those of errors have no other context."""

from django import template
from django.conf import settings
from django.utils.functional import Promise

from classifier.web.request_ids import current_request_id

register = template.Library()

register.simple_tag(current_request_id, name="request_id")


@register.simple_tag
def site_name() -> str | Promise:
    """The name of the site, in the language of the page unless the setting has one."""
    return settings.SITE_NAME
