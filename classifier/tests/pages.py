"""Reading what a page says."""

from html.parser import HTMLParser

from django.http import HttpResponse


def elements(page: HttpResponse | str, attribute: str) -> list[dict[str, str]]:
    """The attributes of every element of a page that has this one."""
    found: list[dict[str, str]] = []

    class Finder(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            if attribute in dict(attributes):
                found.append(dict(attributes))

    Finder().feed(page if isinstance(page, str) else page.text)
    return found


def probabilities_of(page: HttpResponse | str) -> dict[str, float]:
    """The probability of every class in the one result on a page, in the order they are shown."""
    return {row["data-name"]: float(row["data-probability"]) for row in elements(page, "data-probability")}


def result_of(page: HttpResponse | str) -> dict[str, str]:
    """The one result on a page."""
    (result,) = elements(page, "data-prediction")
    return result
