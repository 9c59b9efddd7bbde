import json
import math

import pytest

from benchmarks.serving.contestants import EXPERT, EXPERT_DRAFT, NAMES, SITE, STORING, STUDENT
from benchmarks.serving.inprocess import Overhead
from benchmarks.serving.inputs import LARGE, SMALL
from benchmarks.serving.load import LoadResult
from benchmarks.serving.measuring import CONCURRENCIES, Load, Turn
from benchmarks.serving.processes import Memory
from benchmarks.serving.report import BEGIN, END, Results, put_between_markers

MEGABYTE = 1_000_000


def turn(contestant: str, throughput: float, *, first_answer: float = 1.0, megabytes: int = 100, **changes) -> Turn:
    """All loads alike, but for a tenth of the throughput with large pictures."""
    values = {"classifications": 9, "median_latency": 10.0, "latency_99": 20.0, "problems": {}, "generator_share": 0.1}
    loads = [
        Load(name, concurrency, throughput=share * throughput, **(values | changes))
        for name, share in ((SMALL, 1), (LARGE, 0.1))
        for concurrency in CONCURRENCIES
    ]
    memory = Memory(3, megabytes * MEGABYTE, megabytes * MEGABYTE, 2 * megabytes * MEGABYTE)
    return Turn(contestant, first_answer, memory, memory, loads)


def results(*turns: Turn) -> Results:
    overheads = [Overhead("`ml.serving.inference`", 1.1, 1.0), Overhead("`ml.images.preprocessing`", 1.3, 1.0)]
    return Results({"Machine": "two cores"}, {SMALL: "1 kB", LARGE: "3,600 kB"}, turns, overheads)


def target(found: Results, what: str) -> tuple[float, bool]:
    (one,) = [one for one in found.targets if one.what == what]
    return pytest.approx(one.measured), one.met


def test_a_load_is_told_by_its_throughput_its_median_and_the_latency_that_one_in_a_hundred_exceeds():
    result = LoadResult([number / 1000 for number in range(1, 201)], {"status 500": 3}, 4.0, 1.0)
    load = Load.of(SMALL, 8, result)
    assert (load.throughput, load.generator_share, load.problems) == (50, 0.25, {"status 500": 3})
    assert (load.median_latency, load.latency_99) == (pytest.approx(100.5), pytest.approx(198))


def test_a_load_without_an_answer_has_no_latency():
    load = Load.of(SMALL, 8, LoadResult([], {"status 500": 3}, 4.0, 1.0))
    assert load.throughput == 0
    assert math.isnan(load.median_latency)
    assert math.isnan(load.latency_99)


def test_throughput_is_compared_by_the_medians_of_the_rounds():
    rounds = [turn(SITE, value) for value in (90, 130, 120)] + [turn(STUDENT, value) for value in (8, 10, 50)]
    found = results(*rounds, turn(EXPERT, 150), turn(EXPERT_DRAFT, 100), turn(STORING, 150))
    assert target(found, f"{SMALL}, 8 at once: times {STUDENT}") == (12, True)
    assert target(found, f"{SMALL}, 8 at once: times {EXPERT}") == (0.8, True)
    assert target(found, f"{SMALL}, 8 at once: times {STORING}") == (0.8, False)
    assert target(found, f"{LARGE}, 8 at once: times {EXPERT_DRAFT}") == (1.2, True)
    assert "| site, student_cnn | 120 | 10.0, 20.0 ms | 120 |" in found.as_markdown()


def test_one_error_or_one_high_peak_of_memory_in_any_round_misses_its_target():
    found = results(turn(SITE, 1), turn(SITE, 1, problems={"status 503": 1}, megabytes=251), turn(SITE, 1))
    assert target(found, "errors at 32 at once") == (2, False)
    assert target(found, "peak memory of a web process, MB") == (251, False)


def test_start_and_memory_are_compared_with_the_students():
    found = results(turn(SITE, 1, first_answer=2, megabytes=150), turn(STUDENT, 1, first_answer=8, megabytes=400))
    assert target(found, f"start to first answer over that of {STUDENT}") == (0.25, True)
    assert target(found, f"memory of a web process over that of {STUDENT}") == (0.375, False)


def test_overheads_are_held_against_their_bound():
    found = results()
    assert target(found, "`ml.serving.inference` over the bare library") == (1.1, True)
    assert target(found, "`ml.images.preprocessing` over the bare library") == (1.3, False)


def test_what_was_not_measured_is_no_target_that_was_met():
    found = results(turn(EXPERT, 1))
    assert not any(one.met for one in found.targets if math.isnan(one.measured))
    assert "web process" not in found.as_markdown()


def test_a_server_that_answers_nothing_is_no_measure():
    found = results(turn(SITE, 1), turn(STUDENT, 0))
    assert math.isnan(results(turn(SITE, 1), turn(STUDENT, 0)).targets[0].measured)
    assert f"| {STUDENT} | 0 |" in found.as_markdown()


def test_json_has_every_round_and_no_value_that_json_lacks():
    found = json.loads(results(turn(SITE, 120), turn(SITE, 130)).as_json(), parse_constant=pytest.fail)
    assert [one["loads"][0]["throughput"] for one in found["turns"]] == [120, 130]
    assert {one["what"]: one["met"] for one in found["targets"]}["errors at 32 at once"] is True


def test_every_table_has_as_many_cells_in_each_row():
    tables = results(*(turn(name, 10) for name in NAMES)).as_markdown().split("\n\n")
    rows = [[line.count("|") for line in table.splitlines()] for table in tables if table.startswith("|")]
    assert len(rows) == 5
    assert all(len(set(counts)) == 1 for counts in rows)


def test_results_take_the_place_of_the_last_ones(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("What is measured.\n")
    put_between_markers(path, "first")
    put_between_markers(path, "second")
    assert path.read_text() == f"What is measured.\n\n{BEGIN}\n\nsecond\n{END}\n"
    path.write_text(path.read_text() + "The end.\n")
    put_between_markers(path, "third")
    assert path.read_text() == f"What is measured.\n\n{BEGIN}\n\nthird\n{END}\nThe end.\n"
