"""Dates and times as pages show them, in the site's time zone and for programs too."""

from datetime import datetime, timedelta

from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.forms.utils import flatatt
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

#: More recent moments are shown as relative times.
_RECENT = timedelta(days=1)


@register.simple_tag
def moment(value: datetime, css_class: str = "", *, is_ago: bool = False) -> SafeString:
    """A `<time>` with date and time of day; with `is_ago`, "2 minutes ago" for what is newer than a day."""
    local = timezone.localtime(value)
    text = formats.date_format(local, "DATETIME_FORMAT")
    if is_ago and timedelta() <= timezone.now() - value < _RECENT:
        return _time(local, naturaltime(value), css_class, title=text)
    return _time(local, text, css_class)


@register.simple_tag
def day(value: datetime) -> SafeString:
    """A `<time>` with the date alone."""
    local = timezone.localtime(value)
    return _time(local, formats.date_format(local, "DATE_FORMAT"))


def _time(local: datetime, text: str, css_class: str = "", title: str = "") -> SafeString:
    attributes = {"class": css_class, "datetime": local.isoformat(), "title": title}
    return format_html("<time{}>{}</time>", flatatt({name: value for name, value in attributes.items() if value}), text)
