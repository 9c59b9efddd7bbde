"""manage.py check_parity: what the site answers is what the evaluation measured."""

import io
import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.test.utils import override_settings
from PIL import Image

from classifier.management.page_client import PageClient, PageError
from classifier.services.models.serving import NoModel, ServedModel, active_model
from ml.artifacts import readers
from ml.data.dataset import DatasetError
from ml.evaluation import metrics as evaluation

TOLERANCE = 1e-5


class Command(BaseCommand):
    help = (
        "Send test images as PNG through the real upload page and through manage.py classify, and compare the "
        "probabilities with those of the offline evaluation. What was uploaded is deleted again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data-dir", type=Path, help="As for manage.py evaluate.")
        parser.add_argument("--count", type=int, default=100, help="How many test images (default 100).")
        parser.add_argument("--url", help="A running site on this database; by default one is started for the check.")

    def handle(self, *, data_dir: Path | None, count: int, url: str | None, **options) -> None:
        if count < 1:
            raise CommandError("--count must be at least 1.")
        try:
            served = active_model()
            images, offline = self._offline(served, data_dir, count)
            found = {"manage.py classify": self._by_command(served, images)}
            with _server() if url is None else nullcontext(url) as address:
                found["upload page"] = self._by_page(served, images, address)
        except (NoModel, DatasetError, PageError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{served.version}, {len(images)} test images; largest difference in any probability:")
        for way, probabilities in found.items():
            self.stdout.write(f"{way:<20}{np.abs(probabilities - offline).max():.1e}")
        if any(np.abs(probabilities - offline).max() > TOLERANCE for probabilities in found.values()):
            raise CommandError(f"The site does not answer as it was evaluated: more than {TOLERANCE:.0e} apart.")
        self.stdout.write(f"All within {TOLERANCE:.0e}.")

    def _offline(self, served: ServedModel, data_dir: Path | None, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Some test images, drawn by a seed, and their probabilities as `manage.py evaluate` computes them."""
        model = served.model
        dataset = readers.load_for(model.known_classes, model.card.input_shape[0], data_dir)
        order = np.random.default_rng(0).permutation(len(dataset.test.labels))[:count]
        images = dataset.test.images[order]
        answers = evaluation.run(model.answer, model.see_all(images))
        return images, answers.probabilities

    def _by_page(self, served: ServedModel, images: np.ndarray, url: str) -> np.ndarray:
        client = PageClient(url)
        rows = []
        try:
            for number, image in enumerate(images):
                prediction, probabilities = client.classify(_png(image), f"{number}.png")
                client.delete(prediction)
                rows.append(_in_order(served, probabilities))
        finally:
            _end_session(client)
        return np.array(rows)

    def _by_command(self, served: ServedModel, images: np.ndarray) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{number}.png" for number in range(len(images))]
            for path, image in zip(paths, images):
                path.write_bytes(_png(image))
            output = io.StringIO()
            call_command("classify", *map(str, paths), "--json", stdout=output)
        answers = map(json.loads, output.getvalue().splitlines())
        return np.array([_in_order(served, answer["probabilities"]) for answer in answers])


def _in_order(served: ServedModel, probabilities: dict[str, float]) -> list[float]:
    try:
        return [probabilities[name] for name in served.model.class_names]
    except KeyError as error:
        raise CommandError(f"Another model answered: there is no class {error} in its answer.") from error


def _end_session(client: PageClient) -> None:
    """Delete the visitor's session, which would otherwise stay for a year."""
    if key := client.cookie(settings.SESSION_COOKIE_NAME):
        import_module(settings.SESSION_ENGINE).SessionStore(key).delete()


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


@contextmanager
def _server() -> Iterator[str]:
    """Serve the site on a free port of this machine; yield its address."""

    class Handler(WSGIRequestHandler):
        def log_message(self, *args) -> None: ...

    # It speaks plain HTTP and has no name, whatever the site is reached by.
    plain = dict.fromkeys(("SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"), False)
    with override_settings(ALLOWED_HOSTS=["127.0.0.1"], **plain):
        server = ThreadedWSGIServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.set_app(get_wsgi_application())
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
