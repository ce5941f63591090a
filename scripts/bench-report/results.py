"""The results of one run of scripts/bench, and their statistics, which are SciPy's."""

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy
from scipy import stats

HEADER = ["suite", "filesystem", "subject", "contender", "round", "metric", "value", "unit"]

# A difference is significant if chance alone would make one as large in fewer cases than this.
SIGNIFICANCE = 0.05

# The contenders that the others are compared with; of those that took part, the first one.
BASELINES = ["overlayfs", "native", "containerd", "peer"]

# Follows the name of a contender if it is another build of Gatun.
AGAINST = "@against"


class Figure(NamedTuple):
    """A quantity that several contenders were measured at."""

    suite: str
    filesystem: str
    subject: str
    metric: str

    @property
    def is_noise(self) -> bool:
        """Whether this is about the machine, not about a contender."""
        return self.metric.startswith("noise_")


@dataclass
class Sample:
    """The values of a contender, one or more for each round."""

    unit: str
    values: list[float] = field(default_factory=list)
    # Values of a daemon that was just started.
    cold: list[float] = field(default_factory=list)

    @property
    def is_rate(self) -> bool:
        """Whether more is better."""
        return self.unit.endswith("/s")

    @property
    def median(self) -> float:
        return float(numpy.median(self.values))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the median, or the range of fewer values than that takes, which is six."""
        interval = stats.quantile_test(self.values, p=0.5).confidence_interval(0.95)
        if math.isnan(interval.low) or math.isnan(interval.high):
            return min(self.values), max(self.values)
        return float(interval.low), float(interval.high)

    @property
    def margin(self) -> float:
        """Half of the interval, as a part of the median."""
        low, high = self.interval
        return (high - low) / 2 / self.median if self.median else 0.0


class Comparison(NamedTuple):
    """A contender beside another one."""

    # The ratio of the medians. Below 1 is better, for rates too.
    ratio: float
    # The Mann-Whitney U test assumes no distribution, and one slow round counts no more than its rank.
    p: float

    @property
    def is_significant(self) -> bool:
        return self.p < SIGNIFICANCE


def compare(mine: Sample | None, other: Sample | None) -> Comparison | None:
    """Returns nothing if one of the two was not measured, or has no ratio."""
    if mine is None or other is None or not mine.values or not other.values:
        return None
    ratio = ratio_of(mine.median, other.median, mine.is_rate)
    if ratio is None:
        return None
    return Comparison(ratio, float(stats.mannwhitneyu(mine.values, other.values).pvalue))


def compare_cold(mine: Sample, other: Sample | None) -> float | None:
    """Returns the ratio of what is measured too seldom for a test."""
    if other is None or not mine.cold or not other.cold:
        return None
    return ratio_of(float(numpy.median(mine.cold)), float(numpy.median(other.cold)), mine.is_rate)


def ratio_of(mine: float, other: float, is_rate: bool) -> float | None:
    if is_rate:
        mine, other = other, mine
    return mine / other if other else None


def is_gatun(contender: str) -> bool:
    return contender.startswith("gatun")


def is_floor(contender: str) -> bool:
    return contender.startswith("floor")


@dataclass
class Results:
    environment: dict[str, str] = field(default_factory=dict)
    # Both in the order in which they were first measured.
    figures: dict[Figure, dict[str, Sample]] = field(default_factory=dict)

    def add(self, row: list[str]) -> None:
        if len(row) != len(HEADER):
            raise ValueError(f"{len(row)} columns, not {len(HEADER)}")
        suite, filesystem, subject, contender, number, metric, value, unit = row
        samples = self.figures.setdefault(Figure(suite, filesystem, subject, metric), {})
        sample = samples.setdefault(contender, Sample(unit))
        (sample.values if int(number) else sample.cold).append(float(value))

    def settings(self, prefix: str) -> dict[str, str]:
        """Returns those parts of the environment whose keys begin so, without that."""
        return {key.removeprefix(prefix): value for key, value in self.environment.items() if key.startswith(prefix)}

    @property
    def suites(self) -> list[str]:
        return list(dict.fromkeys(figure.suite for figure in self.figures))

    @property
    def compares_builds(self) -> bool:
        return any(contender.endswith(AGAINST) for samples in self.figures.values() for contender in samples)

    def of_suite(self, suite: str) -> list[Figure]:
        return [figure for figure in self.figures if figure.suite == suite and not figure.is_noise]

    def baseline(self, figure: Figure, contender: str) -> str | None:
        """Returns the other build of the same contender, if that was measured, and else the first peer."""
        samples = self.figures[figure]
        for name in [contender + AGAINST] if self.compares_builds else BASELINES:
            if name in samples and samples[name].values:
                return name
        return None

    def compare(self, figure: Figure, contender: str, other: str | None = None) -> Comparison | None:
        """Compares a contender with another one, by default with its baseline."""
        other = other or self.baseline(figure, contender)
        if other is None or other == contender:
            return None
        samples = self.figures[figure]
        return compare(samples.get(contender), samples.get(other))

    def against(self, others: "Results") -> "Results":
        """Returns the contenders of this run beside those of another run."""
        joined = Results(dict(self.environment))
        for figure, samples in self.figures.items():
            joined.figures[figure] = dict(samples)
        for figure, samples in others.figures.items():
            for contender, sample in samples.items():
                joined.figures.setdefault(figure, {})[contender + AGAINST] = sample
        return joined


def read(directory: Path) -> Results:
    results = Results()
    for line in (directory / "environment").read_text().splitlines():
        key, _, value = line.partition("=")
        results.environment[key] = value
    file = directory / "results.csv"
    with file.open(newline="") as text:
        rows = csv.reader(text)
        columns = next(rows, [])
        if columns != HEADER:
            raise ValueError(f"{file}: the columns are {columns}, not {HEADER}")
        for row in rows:
            try:
                results.add(row)
            except ValueError as error:
                raise ValueError(f"{file}, line {rows.line_num}: {error}") from error
    return results
