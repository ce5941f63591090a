"""Makes a report of what scripts/bench has measured: a table in the terminal, Markdown with charts, and the README's table."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from charts import draw_charts
from report import markdown, readme_text, regressions, terminal_text, unpaired
from results import Results, read

# A README may be about so many rounds or more.
ROUNDS_MIN = 5

SECTION_BEGIN = "<!-- Made by scripts/bench --readme. -->"
SECTION_END = "<!-- End of what scripts/bench --readme made. -->"


def check_publishable(results: Results) -> None:
    """Fails if others cannot rely on the results."""
    rounds = results.environment.get("rounds", "")
    if not rounds.isdecimal() or int(rounds) < ROUNDS_MIN:
        raise ValueError(f'the README is about {ROUNDS_MIN} rounds or more, not "{rounds}"')
    if results.environment.get("commit", "").endswith("with changes"):
        raise ValueError("others do not have the sources that were measured: commit them first")
    failed = results.settings("failed.")
    if failed:
        raise ValueError(f"failed suites: {', '.join(failed)}")


def keep(directory: Path, kept: Path, report: str) -> None:
    """Keeps the values, and the report without charts, which are made of them again by scripts/bench --report."""
    kept.mkdir(parents=True, exist_ok=True)
    for name in ("results.csv", "environment"):
        if (directory / name).resolve() != (kept / name).resolve():
            shutil.copyfile(directory / name, kept / name)
    (kept / "report.md").write_text(report)


def replace_section(file: Path, text: str) -> None:
    before, begin, rest = file.read_text().partition(SECTION_BEGIN)
    _, end, after = rest.partition(SECTION_END)
    if not begin or not end:
        raise ValueError(f"{file} has no section between {SECTION_BEGIN} and {SECTION_END}")
    file.write_text(f"{before}{begin}\n\n{text}\n{end}{after}")


def compare_runs(results: Results, others: Results) -> int:
    joined = results.against(others)
    sys.stdout.write(terminal_text(joined))
    alone = unpaired(joined)
    sys.stdout.writelines(f"ONLY IN ONE: {title}\n" for title in alone)
    return 1 if regressions(joined) or alone or not joined.figures else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench-report", description=__doc__)
    parser.add_argument("directory", type=Path, help="the results")
    parser.add_argument("--compare", type=Path, metavar="DIRECTORY", help="the results of another run to compare these with")
    parser.add_argument("--readme", type=Path, metavar="FILE", help="has a section to be replaced")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="gets the results that the README refers to")
    arguments = parser.parse_args()
    results = read(arguments.directory)
    if arguments.compare:
        return compare_runs(results, read(arguments.compare))
    if arguments.readme:
        check_publishable(results)
        section = readme_text(results, str(arguments.keep.relative_to(arguments.readme.parent)))
        keep(arguments.directory, arguments.keep, markdown(results, with_charts=False))
        replace_section(arguments.readme, section)
    else:
        draw_charts(results, arguments.directory)
        (arguments.directory / "report.md").write_text(markdown(results))
    sys.stdout.write(terminal_text(results))
    return 1 if regressions(results) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench-report: {error}")
