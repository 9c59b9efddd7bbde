"""Write the results as Markdown and JSON."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.contestants import EXPERT, STUDENT
from benchmarks.serving.inprocess import Overhead
from benchmarks.serving.measuring import CONCURRENCIES, Turn
from benchmarks.serving.targets import MEGABYTE, Target, loads_of, median, ratio, targets, throughput, turns_of

BEGIN, END = "<!-- results of make bench -->", "<!-- end of results -->"
_COMPARED_AT = 8


@dataclass(frozen=True)
class Results:
    """A whole run. conditions: machine and method, in words. inputs: bytes and number of the files of each."""

    conditions: dict[str, str]
    inputs: dict[str, str]
    turns: Sequence[Turn]
    overheads: Sequence[Overhead]

    @property
    def targets(self) -> list[Target]:
        return targets(self.turns, self.overheads)

    @property
    def contestants(self) -> list[str]:
        """The contestants in the order of their turns."""
        return [*dict.fromkeys(turn.contestant for turn in self.turns)]

    def as_json(self) -> str:
        """Every load of every round, and whether the targets were met."""
        values = {
            "conditions": self.conditions,
            "inputs": self.inputs,
            "targets": [asdict(target) | {"met": target.met} for target in self.targets],
            "overheads": [asdict(overhead) | {"ratio": overhead.ratio} for overhead in self.overheads],
            "turns": [asdict(turn) for turn in self.turns],
        }
        return json.dumps(_without_nan(values), indent=1) + "\n"

    def as_markdown(self) -> str:
        parts = ["## Results", "\n".join(f"- {name}: {value}" for name, value in self.conditions.items())]
        for name, description in self.inputs.items():
            parts += [f"### {name[0].upper()}{name[1:]} ({description})", self._load_table(name)]
        parts += ["### Start and memory", self._server_table()]
        parts += ["### In one process", self._overhead_table(), "### Targets", self._target_table()]
        return "\n\n".join(parts) + "\n"

    def _load_table(self, name: str) -> str:
        heads = [f"{count} at once: a second | median, 99th percentile" for count in CONCURRENCIES]
        heads += [f"{_COMPARED_AT} at once: times {other}" for other in (STUDENT, EXPERT)]
        return _table(["", *heads, "errors"], [self._load_row(name, contestant) for contestant in self.contestants])

    def _load_row(self, name: str, contestant: str) -> list[str]:
        cells, errors = [contestant], 0
        for concurrency in CONCURRENCIES:
            loads = loads_of(self.turns, contestant, name, concurrency)
            middle, late = (
                median(getattr(load, field) for load in loads) for field in ("median_latency", "latency_99")
            )
            cells += [_number(throughput(self.turns, contestant, name, concurrency))]
            cells += [f"{_number(middle)}, {_number(late)} ms"]
            errors += sum(sum(load.problems.values()) for load in loads)
        own = throughput(self.turns, contestant, name, _COMPARED_AT)
        for other in (STUDENT, EXPERT):
            cells.append(_number(ratio(own, throughput(self.turns, other, name, _COMPARED_AT))))
        return [*cells, str(errors)]

    def _server_table(self) -> str:
        heads = ["", "start to first answer", "processes", "largest process", "all together", "peak of a process"]
        rows = []
        for contestant in self.contestants:
            turns = turns_of(self.turns, contestant)
            memories = [turn.memory for turn in turns]
            rows.append(
                [
                    contestant,
                    f"{_number(median(turn.first_answer for turn in turns))} s",
                    str(max(memory.processes for memory in memories)),
                    _megabytes(median(memory.largest for memory in memories)),
                    _megabytes(median(memory.together for memory in memories)),
                    _megabytes(max(turn.loaded_memory.peak for turn in turns)),
                ]
            )
        return _table(heads, rows)

    def _overhead_table(self) -> str:
        rows = [
            [one.what, f"{_number(one.ours)} ms", f"{_number(one.bare)} ms", f"{one.ratio:.2f}"]
            for one in self.overheads
        ]
        return _table(["", "here", "bare library", "ratio"], rows)

    def _target_table(self) -> str:
        rows = [
            [
                target.what,
                f"{'at most' if target.at_most else 'at least'} {target.bound:g}",
                _number(target.measured),
                "met" if target.met else "**missed**",
            ]
            for target in self.targets
            if not math.isnan(target.measured)
        ]
        return _table(["", "wanted", "measured", ""], rows)


def put_between_markers(path: Path, text: str) -> None:
    """Put results into a document: replace the previous ones, or append them."""
    before, _begin, rest = path.read_text().partition(BEGIN)
    _last, _end, after = rest.partition(END)
    path.write_text(f"{before.rstrip()}\n\n{BEGIN}\n\n{text}\n{END}\n{after.lstrip()}")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    header = f"| {' | '.join(heads)} |"
    lines = [header, "|" + " --- |" * (header.count("|") - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _number(value: float) -> str:
    """Three significant digits, or a dash if not measured."""
    if math.isnan(value):
        return "-"
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{digits}f}"


def _megabytes(value: float) -> str:
    return f"{value / MEGABYTE:,.0f} MB"


def _without_nan(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
