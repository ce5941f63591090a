import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import main as program
from charts import draw_charts
from noise import noise
from report import losses, markdown, p_text, quantity, readme_text, regressions, terminal_text, unpaired
from results import HEADER, Comparison, Figure, Results, Sample, compare, read
from words import README_ROWS, metric_name

ENVIRONMENT = "rounds=5\ncommit=abc\n"


def rows(figure: str, contender: str, metric: str, unit: str, *values: float, number: int = 1) -> list[str]:
    """Makes rows for one suite, filesystem and subject; the first value is that of round 1, or of the given one."""
    return [f"{figure},{contender},{number + i},{metric},{value},{unit}" for i, value in enumerate(values)]


class ReportTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def write(self, name: str, environment: str, *lines: str) -> Path:
        directory = self.scratch / name
        directory.mkdir()
        (directory / "results.csv").write_text("\n".join([",".join(HEADER), *lines]) + "\n")
        (directory / "environment").write_text(environment)
        return directory

    def read(self, *lines: str, environment: str = "") -> Results:
        return read(self.write(f"run{len(list(self.scratch.iterdir()))}", environment, *lines))

    def unpacked(self) -> Results:
        of = "unpack,ext4,large"
        return self.read(
            *rows(of, "overlayfs", "wall", "s", 14, number=0),
            *rows(of, "overlayfs", "wall", "s", 10, 9, 12, 10, 11),
            *rows(of, "gatun", "wall", "s", 5, 4, 8, 5, 6),
            *rows(of, "gatun-unsynced", "wall", "s", 10, 9.5, 10.5, 11.5, 30),
            *rows(of, "floor", "wall", "s", 2.5),
            environment="date=today\nmissing.unpack.stargz=is not here\n",
        )


class Statistics(ReportTest):
    def test_ratio_is_that_of_the_medians_and_below_one_where_gatun_is_better(self):
        self.assertEqual(compare(Sample("s", [4, 5, 90]), Sample("s", [10, 9, 11])).ratio, 0.5)
        self.assertEqual(compare(Sample("/s", [400]), Sample("/s", [100])).ratio, 0.25)

    def test_five_values_that_do_not_overlap_are_significantly_different(self):
        apart = compare(Sample("s", [1, 2, 3, 4, 5]), Sample("s", [6, 7, 8, 9, 10]))
        self.assertAlmostEqual(apart.p, 2 / 252)
        self.assertTrue(apart.is_significant)

    def test_values_that_overlap_equal_ones_and_single_ones_are_not(self):
        for mine, other in ([1, 8, 3, 9, 5], [6, 2, 7, 4, 10]), ([1, 1, 1], [1, 1, 1]), ([1], [9]), ([1, 2, 3], [7, 8, 9]):
            self.assertFalse(compare(Sample("s", mine), Sample("s", other)).is_significant)

    def test_five_percent_are_found_in_fifteen_rounds(self):
        base = [1, 1.01, 0.99, 1.02, 0.98, 1.03, 0.97, 1, 1.01, 0.99, 1.02, 0.98, 1.03, 0.97, 1]
        comparison = compare(Sample("s", [1.05 * value for value in base]), Sample("s", base))
        self.assertAlmostEqual(comparison.ratio, 1.05)
        self.assertTrue(comparison.is_significant)

    def test_interval_is_that_of_the_median_or_the_range_of_few_values(self):
        self.assertEqual(Sample("s", [9, 1, 5]).interval, (1, 9))
        self.assertEqual(Sample("s", list(range(1, 12))).interval, (2, 10))
        self.assertEqual(Sample("s", [10, 9, 12]).margin, 0.15)
        self.assertEqual(Sample("s", [0, 0]).margin, 0)

    def test_nothing_is_compared_with_nothing(self):
        for mine, other in (None, Sample("s", [1])), (Sample("s", []), Sample("s", [1])), (Sample("s", [1]), Sample("s", [0])):
            self.assertIsNone(compare(mine, other))

    def test_cold_values_are_left_out_and_a_baseline_has_no_ratio_to_itself(self):
        results, figure = self.unpacked(), Figure("unpack", "ext4", "large", "wall")
        self.assertEqual(results.compare(figure, "gatun").ratio, 0.5)
        self.assertEqual(results.compare(figure, "gatun", "floor").ratio, 2)
        self.assertIsNone(results.compare(figure, "overlayfs"))

    def test_rows_that_are_none_are_refused(self):
        for row in "unpack,ext4,large,gatun,1,wall,,s", "unpack,ext4,large,gatun,one,wall,1,s", "unpack,ext4,large,gatun,1,wall,1":
            with self.assertRaises(ValueError):
                self.read(row)


class Report(ReportTest):
    def test_it_shows_medians_ratios_significance_the_floor_and_what_is_missing(self):
        report = markdown(self.unpacked())
        for line in (
            "| of | what | overlayfs | gatun | gatun-unsynced | floor |",
            "| large, ext4 | time | 10.0 s ±15 % | 5.00 s ±40 % (0.50, p=0.012) | 10.5 s ±98 % (~1.05, p=0.672) | 2.50 s |",
            "| large, ext4 | time, cold | 14.0 s |  |  |  |",
            "| large, ext4 | time, of the floor | 4.00 | 2.00 | 4.20 |  |",
            "Missing: stargz: is not here.",
            "(unpack.svg)",
            "Gatun is worse nowhere",
        ):
            self.assertIn(line, report)
        self.assertNotIn("svg", markdown(self.unpacked(), with_charts=False))

    def test_losses_are_significant_or_cold(self):
        of = "rpc,ext4,one"
        results = self.read(
            *rows(of, "peer", "stat_p99", "us", 100, 101, 102, 103, 104),
            *rows(of, "gatun", "stat_p99", "us", 153, 154, 155, 156, 157),
            *rows(of, "peer", "lives", "/s", 400, number=0),
            *rows(of, "gatun", "lives", "/s", 200, number=0),
            *rows(of, "peer", "lives", "/s", 400, 410, 390, 405, 395),
            *rows(of, "gatun", "lives", "/s", 390, 420, 380, 400, 385),
            *rows("unpack,ext4,large", "overlayfs", "wall", "s", 10, 11, 12, 13, 14),
            *rows("unpack,ext4,large", "overlayfs-igzip", "wall", "s", 3, 3.5, 4, 4.5, 4.9),
            *rows("unpack,ext4,large", "gatun", "wall", "s", 5, 5.1, 5.2, 5.3, 5.4),
            *rows("unpack,ext4,large", "overlayfs", "noise_busy", "%", 1, 1, 1, 1, 1),
            *rows("unpack,ext4,large", "gatun", "noise_busy", "%", 9, 9, 9, 9, 9),
        )
        self.assertEqual(
            [str(loss) for loss in losses(results)],
            [
                "rpc, one on ext4, stat p99: gatun takes 1.52 times as much as peer (p=0.008)",
                "rpc, one on ext4, lives, cold: gatun takes 2.00 times as much as peer (not tested)",
                "unpack, large on ext4, time: gatun takes 1.30 times as much as overlayfs-igzip (p=0.008)",
            ],
        )
        self.assertEqual(regressions(results), [])

    def test_it_names_suites_that_failed(self):
        self.assertIn("**The suite pull failed before its end.**", markdown(self.read(environment="failed.pull=status 1\n")))

    def test_noise_is_named(self):
        of = "rpc,ext4,one"
        results = self.read(
            *rows(of, "peer", "noise_busy", "%", 80), *rows(of, "gatun", "noise_busy", "%", 3),
            *rows(of, "peer", "noise_steal", "%", 9),
            *rows(of, "peer", "noise_calibration", "ms", 40, 60), *rows(of, "gatun", "noise_calibration", "ms", 41),
            *rows(of, "peer", "noise_disk", "ms", 20, 31, 19), *rows(of, "gatun", "noise_disk", "ms", 29, 18),
        )
        found = "\n".join(noise(results, "rpc"))
        for sentence in ("busy before 1 of 2 runs", "during 1 of 1 runs", "before 1 of 3 runs a fixed amount",
                         "before 1 of 5 runs writing a fixed amount to the disk"):
            self.assertIn(sentence, found)
        self.assertEqual(noise(results, "unpack"), [])

    def test_quantities_have_three_digits(self):
        for text, value in {"0 s": 0, "0.0123 s": 0.0123, "1.23 s": 1.2345, "12.3 s": 12.345, "1234 s": 1234.5}.items():
            self.assertEqual(quantity(value, "s"), text)

    def test_p_is_never_written_as_zero(self):
        for text, p in {"p<0.001": 0.00001, "p=0.001": 0.0012, "p=0.050": 0.05, "p=1.000": 1}.items():
            self.assertEqual(p_text(p), text)

    def test_metrics_have_names(self):
        for metric, name in {"stat_p99": "stat p99", "mounts_of_128_us": "mounts of 128", "wall": "time", "list": "list all"}.items():
            self.assertEqual(metric_name(metric), name)

    def test_charts_are_drawn(self):
        draw_charts(self.unpacked(), self.scratch)
        drawn = (self.scratch / "unpack.svg").read_text()
        self.assertIn("gatun", drawn)
        self.assertIn("large", drawn)


class Builds(ReportTest):
    OF = "unpack,ext4,large"

    def both(self, factor: float, *more: str, metric: str = "wall") -> Results:
        values = [5, 5.1, 5.2, 5.3, 5.4]
        return self.read(
            *rows(self.OF, "gatun", metric, "s", *[factor * value for value in values]),
            *rows(self.OF, "gatun@against", metric, "s", *values),
            *more,
            environment="against=/other\n",
        )

    def test_a_build_is_compared_with_the_other_one(self):
        results = self.both(1.2)
        self.assertIn("6.24 s ±4 % (1.20, p=0.008)", markdown(results))
        self.assertIn("The other build is /other.", markdown(results))
        self.assertIn("WORSE: unpack, large on ext4, time: gatun takes 1.20 times as much as gatun@against", terminal_text(results))

    def test_only_what_is_significantly_and_considerably_worse_is_a_regression(self):
        self.assertEqual(len(regressions(self.both(1.2))), 1)
        # Significant, but small; faster; and no headline.
        self.assertEqual(regressions(self.both(1.045)), [])
        self.assertEqual(regressions(self.both(0.5)), [])
        self.assertEqual(regressions(self.both(1.2, metric="sync")), [])
        noisy = self.read(
            *rows(self.OF, "gatun", "wall", "s", 1, 9, 8), *rows(self.OF, "gatun@against", "wall", "s", 2, 3, 9)
        )
        self.assertEqual(regressions(noisy), [])

    def test_two_runs_are_compared_and_the_first_one_is_judged(self):
        fast = self.read(*rows(self.OF, "gatun", "wall", "s", 5, 5.1, 5.2, 5.3, 5.4))
        slow = self.read(*rows(self.OF, "gatun", "wall", "s", 6, 6.1, 6.2, 6.3, 6.4))
        empty = self.read()
        for one, other, status in (slow, fast, 1), (fast, slow, 0), (fast, fast, 0), (fast, empty, 1), (empty, fast, 1), (empty, empty, 1):
            with contextlib.redirect_stdout(io.StringIO()):
                self.assertEqual(program.compare_runs(one, other), status)

    def test_what_one_of_two_builds_was_measured_at_is_named(self):
        results = self.both(1, *rows(self.OF, "gatun-unsynced", "wall", "s", 5))
        self.assertEqual(unpaired(results), ["unpack, large on ext4, time: gatun-unsynced"])


class Readme(ReportTest):
    def whole(self) -> list[str]:
        lines = []
        for row in README_ROWS:
            of = f"{row.suite},{row.filesystem},{row.subject}"
            lines += rows(of, "peer", row.metric, "s", 10, 11, 12, 13, 14) + rows(of, "gatun", row.metric, "s", 5, 6, 7, 8, 9)
        return lines

    def test_it_has_ten_rows_and_links(self):
        text = readme_text(self.read(*self.whole()), "kept")
        self.assertEqual(sum("0.58, p=0.008" in line for line in text.splitlines()), 10)
        self.assertIn("(kept/report.md)", text)
        with self.assertRaises(ValueError):
            readme_text(self.unpacked(), "kept")

    def test_it_is_about_whole_runs_of_committed_sources(self):
        program.check_publishable(self.read(environment=ENVIRONMENT))
        for environment in "rounds=1\ncommit=abc\n", "commit=abc\n", "rounds=5\ncommit=abc with changes\n", ENVIRONMENT + "failed.rpc=1\n":
            with self.assertRaises(ValueError):
                program.check_publishable(self.read(environment=environment))

    def test_the_values_and_the_report_are_kept_and_no_charts(self):
        directory, kept = self.write("run", ENVIRONMENT, *self.whole()), self.scratch / "kept"
        draw_charts(read(directory), directory)
        for source in directory, kept:
            program.keep(source, kept, "text")
            self.assertEqual(sorted(file.name for file in kept.iterdir()), ["environment", "report.md", "results.csv"])
            self.assertEqual((kept / "results.csv").read_text(), (directory / "results.csv").read_text())

    def test_the_section_is_replaced_and_the_rest_is_not(self):
        file = self.scratch / "README.md"
        file.write_text(f"a\n{program.SECTION_BEGIN}\nold\n{program.SECTION_END}\nb\n")
        program.replace_section(file, "new")
        self.assertEqual(file.read_text(), f"a\n{program.SECTION_BEGIN}\n\nnew\n{program.SECTION_END}\nb\n")
        file.write_text("without a section")
        with self.assertRaises(ValueError):
            program.replace_section(file, "new")


if __name__ == "__main__":
    unittest.main()
