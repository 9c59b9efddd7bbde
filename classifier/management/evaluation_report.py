"""The figures of an evaluation as lines of text."""

from classifier.services.models.measurements import with_interval
from ml.artifacts.folder import Card
from ml.data.dataset import Dataset
from ml.evaluation.metrics import FEWEST_FOR_CALIBRATION, Assessment, Evaluation
from ml.evaluation.photographs import AnsweredFigures, PhotographEvaluation


def of_split(card: Card, split: str, dataset: Dataset, assessment: Assessment) -> list[str]:
    """Report the results on one split of a data set, and compare them with the card."""
    result, before = assessment.evaluation, assessment.before_scaling
    used = ", which chose the epoch" if split == "validation" else ""
    lines = [
        f"{card.name}: {split} split of {dataset.name}, {result.count:,} images{used}",
        _accuracy(result.accuracy, result.interval),
        f"top 2                {with_interval(result.top_2_accuracy, result.count)}",
        "",
        *_calibration(card, before, result),
        f"answered             {assessment.answered:.2%}, of these right "
        f"{_right(assessment.answered_accuracy, assessment.answered * result.count)}",
        "",
        f"{'class':<12}{'precision':>10}{'recall':>10}{'F1':>10}{'images':>8}",
    ]
    lines += [
        f"{name:<12}{figures.precision:>10.1%}{figures.recall:>10.1%}{figures.f1:>10.1%}{figures.support:>8}"
        for name, figures in result.per_class.items()
    ]
    lines += ["", "confusion matrix (rows: true class):", *_confusion(result), ""]
    if dataset.fingerprint != card.tested_on["fingerprint"]:
        lines.append("This data differs from the data that the card's figures were measured on.")
    return [*lines, f"The card states {card.metrics[split]['accuracy']:.2%}."]


def of_photographs(card: Card, result: PhotographEvaluation, used: str | None) -> list[str]:
    """Report the results on photos of the classes and of none of them; `used` lists their earlier uses."""
    lines = [
        f"{card.name}: {result.count:,} photographs of its classes, {result.unknown_count:,} of none of them",
        _accuracy(result.accuracy, result.interval),
        f"over classes         {result.macro_accuracy:.2%}",
        f"correct and answered {_with_interval(result.answered.correct, result.answered.correct_interval)}",
        f"wrong and answered   {_with_interval(result.answered.wrong, result.answered.wrong_interval)}",
        f"right when answered  {_share(result.answered_accuracy)}",
    ]
    if result.count >= FEWEST_FOR_CALIBRATION:
        mean = f"(mean confidence {result.mean_confidence:.2%})"
        lines.append(f"calibration error    {result.expected_calibration_error:.2%}  {mean}")
    lines += ["", *_answered_table("class", result.per_class)]
    if len(result.per_source) > 1:
        lines += ["", *_answered_table("source", result.per_source)]
    if len(result.per_source_unknown) > 1:
        lines += ["", f"{'source of none':<16}{'answered':>10}{'images':>8}"]
        lines += [
            f"{name or '-':<16}{of['answered']:>10.1%}{of['count']:>8}"
            for name, of in result.per_source_unknown.items()
        ]
    if used:
        lines += ["", f"These photos are not an independent test set: {used}."]
    if len(result.networks) > 1:
        lines += ["", f"{'answered by':<12}{'images':>10}"]
        lines += [f"{name:<12}{count:>10}" for name, count in result.networks.items()]
    lines += ["", f"{'score':<24}{'AUROC':>7}{'answered':>10}{'of none':>9}   (* by which it abstains)"]
    for name, figures in result.scores.items():
        auroc = "-" if figures.auroc is None else f"{figures.auroc:.3f}"
        mark = "*" if name == result.score else " "
        lines.append(f"{mark} {name:<22}{auroc:>7}{figures.answered_known:>10.1%}{_share(figures.answered_unknown):>9}")
    return lines


def _calibration(card: Card, before: Evaluation, after: Evaluation) -> list[str]:
    """The calibration error, omitted for a handful of images, where it is mostly chance."""
    if after.count < FEWEST_FOR_CALIBRATION:
        return [f"Of fewer than {FEWEST_FOR_CALIBRATION} images a calibration error would be chance.", ""]
    return [
        f"{'temperature':<20}{'loss, nats':>12}{'Brier score':>13}{'calibration error':>19}",
        _honesty("1 (as trained)", before),
        _honesty(f"{card.calibration['temperature']:.3f}" if card.calibration else "each network's", after),
        "",
    ]


def _right(share: float | None, count: float) -> str:
    return "-" if share is None else with_interval(share, count)


def _answered_table(heading: str, rows: dict[str, AnsweredFigures]) -> list[str]:
    """Accuracy, correct and answered, and wrong and answered, each with its 95% interval."""
    head = f"{heading:<16}" + "".join(f"{name:>22}" for name in ("accuracy", "correct, answered", "wrong, answered"))
    lines = [f"{head}{'images':>8}"]
    for name, of in rows.items():
        shares = (
            (of.accuracy, of.accuracy_interval),
            (of.correct, of.correct_interval),
            (of.wrong, of.wrong_interval),
        )
        cells = "".join(f"{f'{value:.1%} ({low:.1%}-{high:.1%})':>22}" for value, (low, high) in shares)
        lines.append(f"{name or '-':<16}{cells}{of.count:>8}")
    return lines


def _accuracy(accuracy: float, interval: tuple[float, float]) -> str:
    return f"accuracy             {_with_interval(accuracy, interval)}"


def _with_interval(share: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{share:.2%}  (95% interval {low:.2%} to {high:.2%})"


def _honesty(temperature: str, result: Evaluation) -> str:
    return f"{temperature:<20}{result.loss:>12.4f}{result.brier_score:>13.4f}{result.expected_calibration_error:>19.2%}"


def _confusion(result: Evaluation) -> list[str]:
    names = list(result.per_class)
    width = max(5, len(str(result.count)) + 1)
    head = " " * 12 + "".join(f"{name[: width - 1]:>{width}}" for name in names)
    return [
        head,
        *(f"{name:<12}" + "".join(f"{n:>{width}}" for n in row) for name, row in zip(names, result.confusion)),
    ]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"
