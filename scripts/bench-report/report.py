"""The report in Markdown, the README's table, and the table in the terminal that a run ends with."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy

from charts import chart_of, in_order
from noise import noise
from results import AGAINST, Comparison, Figure, Results, Sample, compare_cold, is_floor, is_gatun
from words import LEGEND, LEGEND_CONTENDERS, README_ROWS, SUITES, metric_name

# A ratio that is written as 1.00 is no loss.
LOSS_MIN = 1.005

# From here on, a figure of a build that is significantly worse than that of another build is a regression.
REGRESSION_MIN = 1.05


def quantity(value: float, unit: str) -> str:
    """Writes three significant digits."""
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{min(max(decimals, 0), 4)}f} {unit}"


def p_text(p: float) -> str:
    return "p<0.001" if p < 0.0005 else f"p={p:.3f}"


def ratio_text(comparison: Comparison) -> str:
    mark = "" if comparison.is_significant else "~"
    return f"{mark}{comparison.ratio:.2f}, {p_text(comparison.p)}"


def value_text(sample: Sample) -> str:
    text = quantity(sample.median, sample.unit)
    return f"{text} ±{100 * sample.margin:.0f} %" if len(sample.values) > 1 else text


def title_of(figure: Figure) -> str:
    return f"{figure.suite}, {figure.subject} on {figure.filesystem}, {metric_name(figure.metric)}"


def is_headline(figure: Figure) -> bool:
    return figure.metric in SUITES[figure.suite].headlines


# --- losses


class Loss(NamedTuple):
    figure: Figure
    contender: str
    other: str
    ratio: float
    # None if it was measured too seldom for a test.
    p: float | None

    def __str__(self) -> str:
        how, test = (", cold", "not tested") if self.p is None else ("", p_text(self.p))
        return f"{title_of(self.figure)}{how}: {self.contender} takes {self.ratio:.2f} times as much as {self.other} ({test})"


def losses(results: Results) -> list[Loss]:
    """Returns the figures in which Gatun takes significantly more than its baseline, or than the fastest kind of containerd."""
    found = []
    for figure, samples in results.figures.items():
        if figure.is_noise:
            continue
        for contender in samples:
            if not is_gatun(contender) or contender.endswith(AGAINST):
                continue
            others = dict.fromkeys([results.baseline(figure, contender), "overlayfs-igzip"])
            for other in filter(None, others):
                comparison = results.compare(figure, contender, other)
                if comparison and comparison.is_significant and comparison.ratio >= LOSS_MIN:
                    found.append(Loss(figure, contender, other, comparison.ratio, comparison.p))
                ratio = compare_cold(samples[contender], samples.get(other))
                if ratio and ratio >= LOSS_MIN:
                    found.append(Loss(figure, contender, other, ratio, None))
    return found


def regressions(results: Results) -> list[Loss]:
    """Returns the headlines in which this build is significantly and considerably worse than the other one."""
    return [
        loss
        for loss in losses(results)
        if loss.other.endswith(AGAINST) and is_headline(loss.figure) and loss.p is not None and loss.ratio >= REGRESSION_MIN
    ]


def unpaired(results: Results) -> list[str]:
    """Returns the headlines that only one of two builds, or runs, was measured at."""
    found = []
    for figure, samples in results.figures.items():
        for contender in samples if is_headline(figure) else []:
            twin = contender.removesuffix(AGAINST) if contender.endswith(AGAINST) else contender + AGAINST
            if twin not in samples and not is_floor(contender):
                found.append(f"{title_of(figure)}: {contender}")
    return found


# --- Markdown


def markdown(results: Results, with_charts: bool = True) -> str:
    parts = [environment_text(results)]
    parts += [f"**The suite {suite} failed before its end.**\n" for suite in results.settings("failed.")]
    baseline = "the same contender of the other build (*@against*)" if results.compares_builds else "the first peer"
    parts += [LEGEND.format(baseline=baseline) + LEGEND_CONTENDERS]
    lost = [f"- {loss}\n" for loss in losses(results)]
    parts += ["**Where Gatun is significantly worse, or worse when cold:**\n", "".join(lost)] if lost else ["Gatun is worse nowhere.\n"]
    for suite in results.suites:
        parts.append(f"### {suite}: {SUITES[suite].title}\n")
        if SUITES[suite].note:
            parts.append(SUITES[suite].note + "\n")
        chart = chart_of(results, suite)
        if chart and with_charts:
            parts.append(f"![{chart.title}]({suite}.svg)\n")
        parts += tables(results, suite)
        parts += [f"Noise: {sentence}.\n" for sentence in noise(results, suite)]
        parts += [f"Missing: {name}: {reason}.\n" for name, reason in results.settings(f"missing.{suite}.").items()]
    return "\n".join(parts)


def environment_text(results: Results) -> str:
    of = lambda key: results.environment.get(key, "")
    text = (
        f"Measured {of('date')} at commit {of('commit')}, {of('rounds')} rounds; JDK {of('JDK')}; {of('kernel')}; {of('CPU')}; "
        f"{of('memory')}; containerd {of('containerd')}; {of('decompressors')}."
    )
    return text + (f" The other build is {of('against')}.\n" if of("against") else "\n")


def tables(results: Results, suite: str) -> list[str]:
    """Returns one table of the contenders, and one of the parts of the floor if there are any."""
    figures = results.of_suite(suite)
    contenders = in_order([contender for figure in figures for contender in results.figures[figure]])
    parts = [contender for contender in contenders if contender.startswith("floor-")]
    whole = [contender for contender in contenders if contender not in parts]
    return [table(results, figures, columns) for columns in (whole, parts) if columns]


def table(results: Results, figures: list[Figure], contenders: list[str]) -> str:
    lines = [["of", "what", *contenders], ["---"] * (len(contenders) + 2)]

    def row(figure: Figure, how: str, cell: Callable[[str, Sample], str]) -> None:
        samples = results.figures[figure]
        cells = [cell(contender, samples[contender]) if contender in samples else "" for contender in contenders]
        if any(cells):
            lines.append([f"{figure.subject}, {figure.filesystem}", metric_name(figure.metric) + how, *cells])

    def cell(figure: Figure, contender: str, sample: Sample) -> str:
        if not sample.values:
            return ""
        comparison = None if is_floor(contender) else results.compare(figure, contender)
        return value_text(sample) + (f" ({ratio_text(comparison)})" if comparison else "")

    def cold_cell(sample: Sample) -> str:
        return quantity(float(numpy.median(sample.cold)), sample.unit) if sample.cold else ""

    def floor_cell(figure: Figure, contender: str) -> str:
        comparison = results.compare(figure, contender, "floor")
        return f"{comparison.ratio:.2f}" if comparison else ""

    for figure in figures:
        row(figure, "", lambda contender, sample: cell(figure, contender, sample))
        row(figure, ", cold", lambda contender, sample: cold_cell(sample))
        row(figure, ", of the floor", lambda contender, sample: floor_cell(figure, contender))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def readme_text(results: Results, kept: str) -> str:
    """Returns the README's table, and links to the rest, which is in the directory of that name."""
    lines = [environment_text(results), "| | containerd | Gatun | ratio |\n|---|--:|--:|--:|\n"]
    for row in README_ROWS:
        figure = Figure(row.suite, row.filesystem, row.subject, row.metric)
        baseline = results.baseline(figure, row.contender) if figure in results.figures else None
        comparison = results.compare(figure, row.contender) if baseline else None
        if comparison:
            samples = results.figures[figure]
            lines[-1] += (
                f"| {row.text} | {value_text(samples[baseline])} | {value_text(samples[row.contender])} "
                f"| {ratio_text(comparison)} |\n"
            )
    if len(lines[-1].splitlines()) != 2 + len(README_ROWS):
        raise ValueError("the README's table needs the results of all suites")
    lines.append(
        "A ratio below 1 is in Gatun's favor, for rates too. p is that of the Mann-Whitney U test; a ratio with ~ is not significantly\n"
        f"different from 1. [The whole report]({kept}/report.md), [each value]({kept}/results.csv).\n"
    )
    return "\n".join(lines)


# --- the terminal


def terminal_text(results: Results) -> str:
    """Returns the headlines that are compared with a baseline, and what limits their worth."""
    rows = [["suite", "of", "filesystem", "what", "contender", "median", "baseline", "median", "ratio", "", "of the floor"]]
    for figure, samples in results.figures.items():
        for contender in samples if is_headline(figure) else []:
            comparison = results.compare(figure, contender)
            if not comparison or is_floor(contender):
                continue
            baseline = results.baseline(figure, contender)
            floor = results.compare(figure, contender, "floor")
            rows.append([
                figure.suite, figure.subject, figure.filesystem, metric_name(figure.metric),
                contender, value_text(samples[contender]), baseline, value_text(samples[baseline]),
                f"{comparison.ratio:.2f}", p_text(comparison.p) + ("" if comparison.is_significant else " ~"),
                f"{floor.ratio:.2f}" if floor else "",
            ])
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    lines += [f"NOISE in {suite}: {sentence}" for suite in results.suites for sentence in noise(results, suite)]
    lines += [f"FAILED: {suite}" for suite in results.settings("failed.")]
    lines += [f"MISSING in {name.replace('.', ': ', 1)}: {reason}" for name, reason in results.settings("missing.").items()]
    lines += [f"WORSE: {loss}" for loss in regressions(results)]
    return "\n".join(lines) + "\n"
