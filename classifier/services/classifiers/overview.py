"""What a person sees of a classifier: its images by class, and what is wrong with them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Count, Prefetch, Q, QuerySet

from classifier.models import Classifier, Example, Features, LearntClass
from classifier.services.classifiers.queueing import most_useful_first
from ml.heads.splits import FEWEST_TO_HOLD_OUT

#: A class with fewer different images cannot be trained.
FEWEST = 5
#: A class with so many times the images of another one is named.
IMBALANCE = 10
#: Images of less variance of the Laplacian look blurred: all of 88 photographs had 95 or more, blurred by 2% of their
#: side (standard deviation) 30 or less for 95 in a hundred.
BLURRED = 60.0
#: Images of a shorter side in pixels show little.
TINY = 64


@dataclass(frozen=True)
class Column:
    """A class and its images; without a class for those that have none."""

    learnt_class: LearntClass | None
    examples: list[Example]

    @property
    def different(self) -> int:
        """How many images there are, counting copies once."""
        return len({example.group for example in self.examples})


@dataclass
class Warnings:
    """few: classes that cannot be trained yet. scarce: those measured by cross-validation. copies: how many images are
    a copy of another one. several: the groups of these. conflicts: copies of one image in two classes.
    """

    few: list[Column] = field(default_factory=list)
    scarce: list[Column] = field(default_factory=list)
    largest: Column | None = None
    smallest: Column | None = None
    copies: int = 0
    several: set[str] = field(default_factory=set)
    conflicts: list[list[Example]] = field(default_factory=list)
    blurred: set[UUID] = field(default_factory=set)
    tiny: set[UUID] = field(default_factory=set)


def with_counts(classifiers: QuerySet[Classifier]) -> QuerySet[Classifier]:
    return classifiers.annotate(
        class_count=Count("classes", distinct=True),
        image_count=Count("examples", distinct=True),
        labelled_count=Count("examples", filter=Q(examples__learnt_class__isnull=False), distinct=True),
    )


def columns_of(classifier: Classifier) -> list[Column]:
    """The classes in their order, then the images without a class, if there are any: the most useful to label first."""
    by_class: dict[int | None, list[Example]] = defaultdict(list)
    measured = Prefetch("upload__features", Features.objects.only("upload", "sharpness"))
    for example in classifier.examples.select_related("upload").prefetch_related(measured):
        by_class[example.learnt_class_id].append(example)
    columns = [Column(learnt_class, by_class[learnt_class.pk]) for learnt_class in classifier.classes.all()]
    unlabelled = most_useful_first(classifier=classifier, examples=by_class[None])
    return [*columns, Column(None, unlabelled)] if unlabelled else columns


def warnings_of(columns: Iterable[Column]) -> Warnings:
    classes = [column for column in columns if column.learnt_class is not None]
    examples = [example for column in classes for example in column.examples]
    found = Warnings(
        few=[column for column in classes if column.different < FEWEST],
        scarce=[column for column in classes if FEWEST <= column.different < FEWEST_TO_HOLD_OUT],
        blurred={example.pk for example in examples if is_blurred(example)},
        tiny={example.pk for example in examples if is_tiny(example)},
    )
    filled = sorted((column for column in classes if column.examples), key=lambda column: len(column.examples))
    if filled and len(filled[-1].examples) >= IMBALANCE * len(filled[0].examples):
        found.smallest, found.largest = filled[0], filled[-1]
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.group].append(example)
    several = [group for group in groups.values() if len(group) > 1]
    found.several = {group[0].group for group in several}
    found.copies = sum(len(group) - 1 for group in several)
    found.conflicts = [group for group in several if len(Counter(one.learnt_class_id for one in group)) > 1]
    return found


def is_blurred(example: Example) -> bool:
    return any(features.sharpness < BLURRED for features in example.upload.features.all())


def is_tiny(example: Example) -> bool:
    return min(example.upload.width, example.upload.height) < TINY
