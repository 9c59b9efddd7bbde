"""A version of a person's own classifier as its page shows it."""

from dataclasses import dataclass

from django.db.models import Avg
from django.utils.translation import gettext as _

from classifier.models import Comparison, Example, HeldOutAnswer, ModelVersion
from classifier.presentation.confusion import Confusion, confusion_of
from classifier.services.models.measurements import percent
from ml.evaluation.metrics import wilson_interval
from ml.heads.comparison import SIGNIFICANCE

#: With fewer images a mean confidence and a share of correct answers differ by chance.
FEWEST_TO_CALIBRATE = 50


@dataclass(frozen=True)
class ClassRow:
    """A class's held-out images and how many of them are right."""

    name: str
    right: int
    count: int
    low: str
    high: str


@dataclass(frozen=True)
class Doubt:
    """An example whose label the version finds improbable."""

    example: Example
    suggested: str
    probability: float


class VersionFigures:
    """What is known of a version from images that it has not learnt from."""

    def __init__(self, version: ModelVersion) -> None:
        self.version = version
        test = version.test
        self.count: int = test["count"]
        self.right = sum(row[place] for place, row in enumerate(test["confusion"]))
        low, high = test["interval"]
        self.low, self.high = percent(low, 0), percent(high, 0)
        self.cross_validated: bool = version.card["cross_validated"]

    @property
    def rows(self) -> list[ClassRow]:
        confusion = self.version.test["confusion"]
        found = []
        for place, name in enumerate(self.version.class_names):
            right, count = confusion[place][place], sum(confusion[place])
            low, high = wilson_interval(right, count)
            found.append(ClassRow(name, right, count, percent(low, 0), percent(high, 0)))
        return found

    @property
    def confusion(self) -> Confusion:
        return confusion_of(self.version.test["confusion"], self.version.class_names)

    @property
    def calibration(self) -> str:
        """Whether the confidence can be believed, in a sentence."""
        if self.count < FEWEST_TO_CALIBRATE:
            words = _("Too few images to say whether its confidence is right: %(count)s of at least %(least)s.")
            return words % {"count": self.count, "least": FEWEST_TO_CALIBRATE}
        mean = self.version.held_out_answers.aggregate(mean=Avg("confidence"))["mean"] or 0.0
        words = _("Its confidence was %(confidence)s on average, and %(right)s of its answers were correct.")
        return words % {"confidence": percent(mean, 0), "right": percent(self.right / self.count, 0)}

    @property
    def mistakes(self) -> list[HeldOutAnswer]:
        """The wrong answers, the most confident first."""
        answers = self.version.held_out_answers.select_related("example__upload", "example__learnt_class")
        return [answer for answer in answers.order_by("-confidence") if not answer.is_right]

    @property
    def doubts(self) -> list[Doubt]:
        """The labels to look at, but for those of the mistakes."""
        found = {str(pk): (name, probability) for pk, name, probability in self.version.card["doubts"]}
        shown = {answer.example_id for answer in self.mistakes}
        examples = Example.objects.filter(pk__in=found).exclude(pk__in=shown).select_related("upload", "learnt_class")
        doubts = [Doubt(example, *found[str(example.pk)]) for example in examples if example.learnt_class]
        return sorted(doubts, key=lambda doubt: doubt.probability)


def verdict(comparison: Comparison) -> str:
    """What the comparison proves, in a sentence."""
    figures = {"better": comparison.better, "worse": comparison.worse, "count": comparison.count}
    if comparison.p_value < SIGNIFICANCE:
        if comparison.better > comparison.worse:
            return _("Better: of %(count)s images, %(better)s are newly correct and %(worse)s newly wrong.") % figures
        return _("Worse: of %(count)s images, %(worse)s are newly wrong and %(better)s newly correct.") % figures
    return _("Cannot tell yet: of %(count)s images, %(better)s are newly correct and %(worse)s newly wrong.") % figures


def refusals(comparison: Comparison) -> list[str]:
    """Why the version was not activated by itself."""
    words = {
        "must_stay_right": _("An image that must stay correct is wrong."),
        "worse": _("The version is proven worse."),
        "class_collapsed": _("The class “%(name)s” is recognised much less often."),
    }
    return [words[code] % {"name": name} for code, name in comparison.reasons]
