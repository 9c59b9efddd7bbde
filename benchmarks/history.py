"""Pages over a million predictions: the in-process time of each, its number of queries and its indexes.

    python -m benchmarks.history --predictions 1000000 --people 1000

Fills its own SQLite database (kept in --folder for the next run) and requests every page of the list below several
times in turn. Prints a table in Markdown and writes history.md beside the database.
"""

import argparse
import os
import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

ROUNDS = 15
_BATCH = 5_000
#: The target for a page's median time in milliseconds.
_LIMIT = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs") / "history-benchmark")
    parser.add_argument("--predictions", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=1_000)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    _set_up(options.folder)
    _fill(options.predictions, options.people)
    table = _table(options.predictions, options.people, _measure())
    (options.folder / "history.md").write_text(table + "\n")
    print(table)


def _set_up(folder: Path) -> None:
    os.environ["DATABASE_URL"] = f"sqlite:///{folder.resolve() / 'db.sqlite3'}"
    os.environ["MEDIA_ROOT"] = str(folder.resolve() / "media")
    os.environ["LOG_LEVEL"] = "ERROR"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cifarsite.settings")
    os.environ.setdefault("CIFARSITE_DEVELOPMENT", "1")
    import django
    from django.conf import settings
    from django.core.management import call_command

    django.setup()
    # With DEBUG, Django would record and time every query.
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0)


def _fill(predictions: int, people: int) -> None:
    """Give the people their predictions, a tenth of them corrected, spread over two years."""
    from django.contrib.auth.models import User
    from django.db import connection
    from django.utils import timezone

    from classifier.models import ModelVersion, Prediction, Upload

    kept = Prediction.objects.count()
    if User.objects.filter(username__startswith="person").count() not in (0, people):
        raise SystemExit("The database is of another number of people: give another --folder.")
    if not User.objects.exists():
        User.objects.create_superuser("admin", password=uuid.uuid4().hex)
        User.objects.bulk_create(User(username=f"person{number}") for number in range(people))
    if kept >= predictions:
        return
    owners = list(User.objects.filter(username__startswith="person").order_by("pk"))
    version, now, chance = ModelVersion.objects.get(active=True), timezone.now(), random.Random(kept)  # noqa: S311  # nosec B311
    for start in range(kept, predictions, _BATCH):
        uploads, rows = [], []
        for number in range(start, min(start + _BATCH, predictions)):
            moment = now - timedelta(seconds=chance.uniform(0, 2 * 365 * 86_400))
            upload, row = _one(number, owners[number % len(owners)], version, chance)
            upload.created_at = row.created_at = moment
            uploads.append(upload)
            rows.append(row)
        # `auto_now_add` would replace the drawn time by the current one.
        with _given_times(Upload, Prediction):
            Upload.objects.bulk_create(uploads)
            Prediction.objects.bulk_create(rows)
        print(f"\r{start + len(rows):,} of {predictions:,} predictions written", end="", flush=True)
    print()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


class _given_times:
    """Within it, the models' creation times are not replaced by the current time."""

    def __init__(self, *models) -> None:
        self.fields = [model._meta.get_field("created_at") for model in models]

    def __enter__(self) -> None:
        for field in self.fields:
            field.auto_now_add = False

    def __exit__(self, *exception) -> None:
        for field in self.fields:
            field.auto_now_add = True


def _one(number: int, owner, version, chance: random.Random):
    from classifier.models import Prediction, Upload

    name = f"{chance.choice(('IMG', 'DSC', 'holiday', 'Screenshot'))}_{chance.randrange(10**6):06}.jpg"
    upload = Upload(
        id=uuid.UUID(int=chance.getrandbits(128), version=4),
        owner=owner,
        file=f"uploads/{number}.jpg",
        thumbnail=f"thumbnails/{number}.jpg",
        original_name=name,
        folded_name=name.casefold(),
        sha256=f"{chance.getrandbits(256):064x}",
        format="JPEG",
        content_type="image/jpeg",
        width=640,
        height=480,
        size=chance.randrange(20_000, 4_000_000),
    )
    names = version.class_names
    best = chance.choice(version.known_classes)
    confidence = chance.betavariate(5, 1)
    shares = [confidence if one == best else (1 - confidence) / (len(names) - 1) for one in names]
    corrected = chance.random() < 0.1
    label = chance.choice(version.known_classes) if corrected and chance.random() < 0.2 else best
    row = Prediction(
        id=uuid.UUID(int=chance.getrandbits(128), version=4),
        upload=upload,
        owner=owner,
        model_version=version,
        probabilities=shares,
        predicted_class=best,
        confidence=confidence,
        abstained=chance.random() < 0.05,
        corrected_class=label if corrected else "",
        was_right=label == best if corrected else None,
        preprocessing_version="1",
        timings={"decode": 4.0, "resize": 1.0, "infer": 9.0, "thumbnail": 2.0},
    )
    return upload, row


def _pages() -> dict[str, Callable[[], object]]:
    """Name -> function that requests a page. Names in parentheses are the admin's."""
    from django.contrib.auth.models import User
    from django.test import Client

    from classifier.models import Prediction
    from classifier.services.history.pagination import NEWEST_FIRST
    from classifier.services.people.ownership import Owner, predictions_of

    person, admin = User.objects.filter(username__startswith="person").last(), User.objects.get(username="admin")
    mine, staff = Client(), Client()
    mine.force_login(person)
    staff.force_login(admin)
    rows = predictions_of(Owner(user=person))
    middle = NEWEST_FIRST.cursor(rows[rows.count() * 9 // 10])
    somebody = Prediction.objects.select_related("upload").order_by("id").first()
    listed = "/admin/classifier/prediction/"

    def history(**asked) -> Callable[[], object]:
        return lambda: mine.get("/history/", asked)

    def admins(**asked) -> Callable[[], object]:
        return lambda: staff.get(listed, asked)

    return {
        "history": history(),
        "history, nine tenths deep": history(after=middle),
        "history, a class": history(answer="cat"),
        "history, wrong": history(state="wrong"),
        "history, least sure": history(order="least_sure"),
        "history, 50 to 60% sure": history(lowest=50, highest=60),
        "history, one month": history(since="2026-01-01", until="2026-01-31"),
        "history, a file name": history(name=somebody.upload.original_name[:8]),
        "history, a name that nothing has": history(name="unicorn"),
        "CSV, first bytes": lambda: next(iter(mine.get("/history/predictions.csv").streaming_content)),
        "one prediction": lambda: mine.get(f"/predictions/{rows[0].pk}/"),
        "(list)": admins(),
        "(list, page 40)": admins(p=40),
        "(list, a class)": admins(**{"class": "cat"}),
        "(list, wrong)": admins(was_right__exact=0),
        "(list, least sure)": admins(o="2"),
        "(list, abstained)": admins(abstained__exact=1),
        "(list, a model)": admins(model_version__id__exact=somebody.model_version_id),
        "(list, under 50% sure)": admins(confidence_band="0-50"),
        "(search, file name)": admins(q=somebody.upload.original_name),
        "(search, beginning of many)": admins(q="IMG_"),
        "(search, person)": admins(q=person.username),
        "(search, SHA-256)": admins(q=somebody.upload.sha256[:16]),
        "(overview, 7 days)": lambda: staff.get("/admin/overview/", {"days": 7}),
    }


def _measure() -> dict[str, tuple[list[float], int]]:
    """Milliseconds of every round, and the number of queries, of each page."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    pages = _pages()
    queries = {}
    for name, ask in pages.items():
        with CaptureQueriesContext(connection) as captured:
            response = ask()
        queries[name] = len(captured)
        assert getattr(response, "status_code", 200) == 200, (name, response)  # noqa: S101  # nosec B101
    times: dict[str, list[float]] = {name: [] for name in pages}
    for _round in range(ROUNDS):
        for name, ask in pages.items():
            started = time.perf_counter()
            ask()
            times[name].append(1000 * (time.perf_counter() - started))
    return {name: (times[name], queries[name]) for name in pages}


def _table(predictions: int, people: int, found: dict[str, tuple[list[float], int]]) -> str:
    def lines() -> Iterator[str]:
        yield f"{predictions:,} predictions of {people:,} people in SQLite; {ROUNDS} rounds, the pages in turn."
        yield f"Names in parentheses are the admin's. {_LIMIT} ms is the limit for the median."
        yield ""
        yield "| page | median | slowest | queries | |"
        yield "| --- | ---: | ---: | ---: | --- |"
        for name, (times, queries) in found.items():
            median = statistics.median(times)
            mark = "" if median <= _LIMIT else "over the limit"
            yield f"| {name} | {median:.1f} ms | {max(times):.1f} ms | {queries} | {mark} |"

    return "\n".join(lines())


if __name__ == "__main__":
    main()
