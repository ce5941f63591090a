"""Charts, drawn by gnuplot: a cluster of bars for each subject, a bar for each contender."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from results import BASELINES, Figure, Results, is_gatun
from words import SUITES, metric_name


def rank(contender: str) -> int:
    """Puts peers first, Gatun next, and the floor last."""
    if contender in BASELINES:
        return BASELINES.index(contender)
    return 30 if contender == "floor" else 20 if is_gatun(contender) else 10


def in_order(contenders: list[str]) -> list[str]:
    return sorted(dict.fromkeys(contenders), key=rank)


@dataclass
class Chart:
    title: str
    unit: str
    contenders: list[str]
    figures: list[Figure]


def chart_of(results: Results, suite: str) -> Chart | None:
    metric = SUITES[suite].chart
    figures = [figure for figure in results.of_suite(suite) if figure.metric == metric]
    shown = [
        (contender, sample.unit)
        for figure in figures
        for contender, sample in results.figures[figure].items()
        if not contender.startswith("floor-")
    ]
    if not shown:
        return None
    unit = shown[0][1]
    better = "more" if unit.endswith("/s") else "less"
    return Chart(f"{suite}: {metric_name(metric)}, {better} is better", unit, in_order([name for name, _ in shown]), figures)


def draw_charts(results: Results, directory: Path) -> None:
    for suite in results.suites:
        chart = chart_of(results, suite)
        if chart:
            script = script_of(chart, results, directory / f"{suite}.svg")
            subprocess.run(["gnuplot"], input=script, text=True, check=True)


def script_of(chart: Chart, results: Results, file: Path) -> str:
    """Has gnuplot draw medians, with lines for their intervals."""
    lines = ["$values << END"]
    for figure in chart.figures:
        line = [quoted(f"{figure.subject}, {figure.filesystem}")]
        for contender in chart.contenders:
            sample = results.figures[figure].get(contender)
            values = (sample.median, *sample.interval) if sample and sample.values else (float("nan"),) * 3
            line += [f"{value:g}" for value in values]
        lines.append(" ".join(line))
    width = max(640, 240 + 24 * len(chart.figures) * (len(chart.contenders) + 1))
    plots = [
        f"$values using {3 * i + 2}:{3 * i + 3}:{3 * i + 4}:xticlabels(1) title {quoted(contender)}"
        for i, contender in enumerate(chart.contenders)
    ]
    return "\n".join(lines) + f"""
END
set terminal svg size {width},460 noenhanced font "sans-serif,12" background "white"
set output {quoted(str(file))}
set title {quoted(chart.title)}
set ylabel {quoted(chart.unit)}
set yrange [0:*]
set key outside right top
set grid ytics linecolor "#dddddd"
set border 3
set tics nomirror
set xtics rotate by -25
set style data histograms
set style histogram errorbars gap 1 linewidth 1
set style fill solid 0.9 noborder
set boxwidth 0.9
plot {", ".join(plots)}
"""


def quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'
