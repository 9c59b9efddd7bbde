"""Every address of the site, found in its URLs: a new one is in the tests of all of them by itself.

One that takes a number or a name has to be said to be one person's or everybody's, or the tests fail.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

from django.urls import URLResolver, get_resolver, reverse

#: Addresses with something of one person's in them: the facts that each of their arguments is.
ONE_PERSONS = {
    "prediction": {"prediction_id": "prediction"},
    "correct": {"prediction_id": "prediction"},
    "explanation": {"prediction_id": "prediction"},
    "seen": {"prediction_id": "prediction"},
    "occlusion_map": {"prediction_id": "prediction"},
    "example_from_history": {"prediction_id": "prediction"},
    "delete_prediction": {"prediction_id": "prediction"},
    "classify_again": {"prediction_id": "prediction"},
    "classifier": {"classifier_id": "classifier"},
    "classifier_delete": {"classifier_id": "classifier"},
    "classifier_archive": {"classifier_id": "classifier"},
    "classifier_examples": {"classifier_id": "classifier"},
    "classifier_training": {"classifier_id": "classifier"},
    "classifier_version": {"classifier_id": "classifier", "number": "number"},
    "classifier_zip": {"classifier_id": "classifier"},
    "classifier_use": {"classifier_id": "classifier"},
    "job": {"job_id": "job"},
    "job_progress": {"job_id": "job"},
    "job_csv": {"job_id": "job"},
    "job_errors": {"job_id": "job"},
    "job_zip": {"job_id": "job"},
    "job_export": {"job_id": "job"},
    "image": {"upload_id": "upload"},
    "thumbnail": {"upload_id": "upload"},
    "group": {"group_id": "group"},
    "group_cards_csv": {"group_id": "group"},
    "group_work": {"group_id": "group"},
    "group_export": {"group_id": "group"},
    "delete_group": {"group_id": "group"},
    "group_pupil": {"group_id": "group", "pupil_id": "pupil"},
    "delete_pupil": {"group_id": "group", "pupil_id": "pupil"},
    "pupil_export": {"group_id": "group", "pupil_id": "pupil"},
    "pupil_classifier_zip": {"group_id": "group", "pupil_id": "pupil", "classifier_id": "pupils_classifier"},
    "revoke_token": {"number": "token"},
    "api_classifier": {"classifier_id": "classifier"},
    "api_classes": {"classifier_id": "classifier"},
    "api_class": {"classifier_id": "classifier", "class_id": "class"},
    "api_examples": {"classifier_id": "classifier"},
    "api_example": {"classifier_id": "classifier", "example_id": "example"},
    "api_runs": {"classifier_id": "classifier"},
    "api_versions": {"classifier_id": "classifier"},
    "api_version": {"classifier_id": "classifier", "number": "number"},
    "api_activate_version": {"classifier_id": "classifier", "number": "number"},
    "api_comparisons": {"classifier_id": "classifier"},
    "api_prediction": {"prediction_id": "prediction"},
    "api_job": {"job_id": "job"},
    "api_job_resume": {"job_id": "job"},
    "api_job_retry": {"job_id": "job"},
    "api_job_results": {"job_id": "job"},
    "api_job_errors": {"job_id": "job"},
    "api_job_images": {"job_id": "job"},
    "api_job_file": {"job_id": "job"},
    "api_correction": {"prediction_id": "prediction"},
    "api_image": {"prediction_id": "prediction"},
    "api_thumbnail": {"prediction_id": "prediction"},
}
#: Addresses with an argument that anybody may ask for: models and their training are public, and a link is a secret.
EVERYBODYS = {
    "sign_up_invited": {"invitation": "nothing"},
    "join_group": {"code": "nothing"},
    "pupil_link": {"token": "nothing"},
    "password_reset_confirm": {"uidb64": "nothing", "token": "nothing"},
    "model": {"name": "model"},
    "model_file": {"name": "model", "number": "number", "path": "nothing"},
    "model_plot": {"name": "model", "number": "number", "path": "plot"},
    "training_run": {"run_id": "run"},
    "training_csv": {"run_id": "run"},
    "training_progress": {"run_id": "run"},
    "api_model": {"model": "model"},
}
_OF_ADMIN = {
    "object_id": "object",
    "id": "object",
    "app_label": "app",
    "content_type_id": "content_type",
    "url": "nothing",
}


@dataclass(frozen=True)
class Route:
    """name: with its namespace; empty where it has none. text: as the URLs spell it, from the beginning."""

    name: str
    text: str
    arguments: tuple[str, ...]
    view: Callable

    def __str__(self) -> str:
        return self.name or self.text

    @property
    def is_of_admin(self) -> bool:
        return self.text.startswith("admin/")

    @property
    def is_of_api(self) -> bool:
        return self.text.startswith("api/")

    @property
    def declared(self) -> dict[str, str] | None:
        """Which facts the arguments are; None where nobody has said."""
        if self.is_of_admin:
            return {name: _OF_ADMIN[name] for name in self.arguments}
        return {**ONE_PERSONS, **EVERYBODYS}.get(self.name) if self.arguments else {}

    def address(self, facts: dict[str, object]) -> str:
        values = {name: facts[fact] for name, fact in self.declared.items()}
        if self.name and not self.name.endswith(":"):
            return reverse(self.name, kwargs=values)
        # That of an address without a name: its arguments as they are, and a word for anything at all.
        filled = re.sub(
            r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), re.sub(r"\(\?P.*", "nothing", self.text)
        )
        return "/" + filled.replace("^.*$", "nothing")


def routes() -> list[Route]:
    return [*_routes(get_resolver())]


def undeclared() -> list[str]:
    """The addresses that take something of which nobody has said whose it is."""
    return [str(route) for route in routes() if route.declared is None or set(route.declared) != set(route.arguments)]


def that_never_was(facts: dict[str, object]) -> dict[str, object]:
    """The same facts, but for the numbers of one person's things: there is nothing under these."""
    names = (
        "prediction",
        "upload",
        "token",
        "object",
        "job",
        "classifier",
        "example",
        "group",
        "pupil",
        "pupils_classifier",
    )
    return facts | {name: uuid4() for name in names}


def _routes(resolver: URLResolver, namespace: str = "", text: str = "", outer: tuple[str, ...] = ()) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        own = text + str(pattern.pattern)
        arguments = (*outer, *pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            inner = namespace + (f"{pattern.namespace}:" if pattern.namespace else "")
            yield from _routes(pattern, inner, own, arguments)
        else:
            yield Route(namespace + (pattern.name or ""), own, arguments, pattern.callback)
