"""Responses that are tables to download."""

from django.http import HttpResponse


def csv_response(text: str, name: str) -> HttpResponse:
    """Return CSV as a file of this name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)
