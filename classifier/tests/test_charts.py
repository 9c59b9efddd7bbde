"""The numbers of charts are those of the text beside them, in the reader's language."""

from datetime import date

from django.utils import translation

from classifier.charts import bars, training_curves

EPOCH = {"accuracy": 0.0977, "validation_accuracy": 0.1, "loss": 2.3026, "validation_loss": 2.4}


def test_axes_do_not_round_away_what_they_show_and_speak_ukrainian():
    with translation.override("uk"):
        curves = training_curves([EPOCH, EPOCH])
        days = bars("x", [(date(2026, 11, 1), 0.598)])
    assert ">9,8%<" in curves
    assert ">10,0%<" in curves
    assert ">2,303<" in curves
    assert ">59,8%<" in days
