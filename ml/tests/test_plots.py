import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.confidence.calibration import softmax
from ml.confidence.decision import Predictions
from ml.evaluation.metrics import assess
from ml.plots import charts as plots
from ml.plots import text as plot_text

AWKWARD = ("$", "$$", "$x_$", r"\frac{", "a^b_c", "x" * 100, "Їжак лісовий", "猫", "고양이", "<svg> & co")


def draw(class_names: tuple[str, ...], folder: Path) -> None:
    """All plots that show names, of answers that are often wrong."""
    rng = np.random.default_rng(0)
    labels = np.arange(6 * len(class_names)) % len(class_names)
    probabilities = softmax(rng.normal(0, 3, (len(labels), len(class_names))).astype(np.float32))
    predictions = Predictions(probabilities, probabilities, *np.zeros((2, len(labels))), np.zeros(len(labels), bool))
    plots.save_assessment(assess(predictions, labels, class_names), class_names, "test", folder)


def test_class_names_are_drawn_as_they_are_and_never_parsed(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a glyph that is missing, and of a layout that leaves no place
        draw(AWKWARD, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= {"confusion.svg", "confusion.png"}


def test_a_dollar_is_a_letter_of_its_own(tmp_path):
    """Were `$a$` a formula, it would be drawn as a single slanted letter."""
    widths = {}
    for name in ("$a$", "xax"):
        figure = plots.new_figure(4, 1)
        text = figure.text(0, 0.5, name, fontsize=20)
        plots.save_figure(figure, tmp_path / "plot", svg=False)
        widths[name] = text.get_window_extent().width
    assert widths["$a$"] == pytest.approx(widths["xax"], rel=0.1)


@pytest.mark.parametrize("name", ["cat", "Їжак", "ґава", "$x_$", "größe"])
def test_names_that_the_fonts_have_stay_as_they_are(name):
    assert plot_text.label(name, 4) == name


def test_names_that_no_font_has_are_a_number_and_latin_letters(monkeypatch):
    monkeypatch.setattr(plot_text, "FALLBACK_FONTS", ())
    plot_text._fonts.cache_clear()
    plot_text._glyphs.cache_clear()
    try:
        assert plot_text.labels(("dog", "猫", "ねこ 2", "\U000f0000")) == ["dog", "2: Mao", "3: neko 2", "class 4"]
    finally:
        plot_text._fonts.cache_clear()
        plot_text._glyphs.cache_clear()


def test_long_names_are_shortened():
    assert plot_text.label("x" * 100, 0) == "x" * 31 + "…"


def test_many_classes_are_drawn_as_their_worst_confusions_in_bounded_memory(tmp_path):
    program = (
        "import sys; from pathlib import Path; from ml.tests import test_plots as t\n"
        "t.draw(tuple(f'class {n}' for n in range(200)), Path(sys.argv[1])); print(t.peak_megabytes())"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 300
    with Image.open(tmp_path / "confusion.png") as image:
        assert max(image.size) < 2000


def peak_megabytes() -> float:
    # Not getrusage: its figure counts what the parent had when it started this process.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.M)[1]) / 1024
