"""What disturbed a suite: the machine has to be as quiet and as fast as usual before and during each measurement."""

import numpy

from results import Results

# What else may take of the processors, in percent.
BUSY_MAX = 10
STEAL_MAX = 2
# How much longer than usual a fixed amount of work may take. A disk differs more than a processor.
CALIBRATION_RATIO_MAX = 1.15
DISK_RATIO_MAX = 1.5


def noise(results: Results, suite: str) -> list[str]:
    """Says in sentences what disturbed the suite, and nothing if nothing did."""
    found = []
    for metric, limit, is_ratio, sentence in [
        ("noise_busy", BUSY_MAX, False, "the processors were more than {limit} % busy before {count} of {all} runs"),
        ("noise_steal", STEAL_MAX, False, "the host took more than {limit} % of the processors during {count} of {all} runs"),
        ("noise_calibration", CALIBRATION_RATIO_MAX, True,
         "before {count} of {all} runs a fixed amount of work took more than {limit} times as long as usual"),
        ("noise_disk", DISK_RATIO_MAX, True,
         "before {count} of {all} runs writing a fixed amount to the disk took more than {limit} times as long as usual"),
    ]:
        values = [
            value
            for figure, samples in results.figures.items()
            if figure.suite == suite and figure.metric == metric
            for sample in samples.values()
            for value in sample.values + sample.cold
        ]
        usual = numpy.median(values) if values and is_ratio else 1
        count = sum(value > limit * usual for value in values)
        if count:
            found.append(sentence.format(limit=limit, count=count, all=len(values)))
    return found
