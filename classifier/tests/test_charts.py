"""Charts have round, exact labels in the reader's language, and room up to 100%."""

import re
from datetime import date

import pytest
from django.utils import translation

from classifier.presentation.charts import bars, reliability, training_curves
from ml.confidence.calibration import ReliabilityBin

EPOCH = {"accuracy": 0.0977, "validation_accuracy": 0.1, "loss": 2.3026, "validation_loss": 2.4, "learning_rate": 3e-4}
DAY = date(2026, 11, 1)


def lines_of(chart: str) -> dict[str, float]:
    """The labels of the horizontal lines, and where these are."""
    found = re.findall(r'text-anchor="end">([^<]+)</text><path d="M48 ([\d.]+)H', chart)
    return {label: float(height) for label, height in found}


def charts(chart: str) -> list[str]:
    """The charts of accuracy, loss and learning rate."""
    return re.findall(r"<svg.*?</svg>", chart, re.DOTALL)


def test_accuracy_is_drawn_from_0_to_100_percent_at_its_true_height():
    accuracy, _loss, _rate = charts(training_curves([EPOCH, EPOCH]))
    lines = lines_of(accuracy)
    assert [*lines] == ["0%", "20%", "40%", "60%", "80%", "100%"]
    drawn = float(re.search(r'class="series-1"[^>]*points="[\d.]+,([\d.]+)', accuracy)[1])
    share = (lines["0%"] - drawn) / (lines["0%"] - lines["100%"])
    assert share == pytest.approx(0.0977, abs=0.001)


@pytest.mark.parametrize(
    ("highest", "labels"),
    [
        (2.4, ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]),
        (0.37, ["0.0", "0.1", "0.2", "0.3", "0.4"]),
        (0.004, ["0.000", "0.001", "0.002", "0.003", "0.004"]),
        (11.2, ["0", "5", "10", "15"]),
        (float("nan"), ["0.0"]),
    ],
)
def test_loss_has_round_labels_that_reach_it(highest, labels):
    _accuracy, loss, _rate = charts(training_curves([EPOCH | {"loss": highest, "validation_loss": highest}] * 2))
    assert [*lines_of(loss)][: len(labels)] == labels


def test_learning_rate_has_round_labels_and_its_value_on_hover():
    _accuracy, _loss, rate = charts(training_curves([EPOCH, EPOCH | {"learning_rate": 1e-4}]))
    assert [*lines_of(rate)] == ["0.0000", "0.0001", "0.0002", "0.0003"]
    assert "<title>Epoch 2: 0.000100</title>" in rate


def test_bars_of_shares_end_at_100_percent_and_those_of_numbers_at_whole_ones():
    shares = bars("x", [(DAY, 0.598)])
    lines = lines_of(shares)
    assert [*lines][-1] == "100%"
    top = float(re.search(r'<rect [^>]* y="([\d.]+)"', shares)[1])
    assert (lines["0%"] - top) / (lines["0%"] - lines["100%"]) == pytest.approx(0.598, abs=0.001)
    assert [*lines_of(bars("x", [(DAY, 2), (DAY, 3)], whole=True))] == ["0", "1", "2", "3"]
    assert [*lines_of(bars("x", [(DAY, None)], whole=True))] == ["0", "1"]
    assert [*lines_of(bars("x", [(DAY, 1234)], whole=True))] == ["0", "500", "1,000", "1,500"]


def test_one_epoch_alone_is_drawn():
    accuracy, _loss, _rate = charts(training_curves([EPOCH]))
    (points,) = set(re.findall(r'class="series-1"[^>]*points="([^"]+)"', accuracy))
    assert len(points.split()) == 2


def test_reliability_tells_each_bar_in_words():
    after = [ReliabilityBin(0.6, 2 / 3, 1203, 0.64, 0.871)]
    chart = reliability(after, [ReliabilityBin(0.8, 0.9, 10, 0.85, 0.5)])
    assert "Confidence 60% to 67%: 87.1% of 1,203 images correct" in chart
    assert chart.count("<circle") == 1


def test_charts_are_translated_into_ukrainian():
    with translation.override("uk"):
        curves = training_curves([EPOCH, EPOCH])
        days = bars("x", [(DAY, 0.598)])
        diagram = reliability([ReliabilityBin(0.6, 0.7, 12, 0.64, 0.871)], [])
    assert ">2,5<" in curves
    assert ": 59,8%<" in days
    assert "правильно 87,1% із 12 зображень" in diagram
    assert not re.search(r">[^<]*[A-Za-z]{2}[^<]*<", curves + diagram)
