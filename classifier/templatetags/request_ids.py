"""The request ID on error pages, which may have no other context."""

from django import template

from classifier.web.request_ids import current_request_id

register = template.Library()

register.simple_tag(current_request_id, name="request_id")
