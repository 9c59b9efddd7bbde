"""The number of a request on a page that tells of a failure: it needs nothing else of the request to be known."""

from django import template

from classifier.web.request_ids import current_request_id

register = template.Library()

register.simple_tag(current_request_id, name="request_id")
