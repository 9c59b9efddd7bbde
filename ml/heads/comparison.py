"""Compare two versions on the same held-out images: McNemar's exact test, and the gate before a promotion."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ml.evaluation.metrics import wilson_interval

#: The probability of such a difference by chance below which it is proven.
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Comparison:
    """better, worse: the images that only the candidate, or only the baseline, has right.

    reasons: why the gate refuses the candidate, (code, class name or ""); empty if it may be promoted.
    """

    count: int
    better: int
    worse: int
    p_value: float
    reasons: list[tuple[str, str]] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """`better`, `worse` or `unknown`: too few images changed to tell."""
        if self.p_value >= SIGNIFICANCE:
            return "unknown"
        return "better" if self.better > self.worse else "worse"


def mcnemar(better: int, worse: int) -> float:
    """The two-sided exact p-value that as uneven a split of these flips is chance (McNemar 1947)."""
    count, fewer = better + worse, min(better, worse)
    tail = sum(math.comb(count, number) for number in range(fewer + 1)) / 2**count
    return min(1.0, 2 * tail)


def compare(
    candidate: np.ndarray,
    baseline: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    must_stay_right: np.ndarray | None = None,
) -> Comparison:
    """Compare two versions' classes, (N,), on the same images with these labels.

    must_stay_right: bool (N,), the images that no candidate may get wrong.
    """
    right, was_right = candidate == labels, baseline == labels
    better, worse = int((right & ~was_right).sum()), int((was_right & ~right).sum())
    p_value = mcnemar(better, worse)
    reasons: list[tuple[str, str]] = []
    if must_stay_right is not None and (must_stay_right & was_right & ~right).any():
        reasons.append(("must_stay_right", ""))
    if p_value < SIGNIFICANCE and worse > better:
        reasons.append(("worse", ""))
    for label, name in enumerate(class_names):
        rows = labels == label
        if rows.any() and right[rows].mean() < wilson_interval(int(was_right[rows].sum()), int(rows.sum()))[0]:
            reasons.append(("class_collapsed", name))
    return Comparison(len(labels), better, worse, p_value, reasons)
