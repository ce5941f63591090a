package main

import (
	"fmt"
	"slices"
	"strings"
)

// Beyond these limits, other load on the machine may have influenced the results.
const (
	busyPercentMax  = 10
	stealPercentMax = 2
	// The duration of a fixed amount of work, relative to the usual one.
	calibrationRatioMax = 1.15
	// Disks vary more than processors.
	diskRatioMax = 1.5
	spreadMax    = 0.15
)

func isNoise(metric string) bool { return strings.HasPrefix(metric, "noise_") }

// noise returns a sentence for each disturbance of a suite.
func (all *results) noise(suite string) []string {
	var busy, steal, calibration, disk []float64
	spreads := 0
	for _, asked := range all.questions {
		if asked.suite != suite {
			continue
		}
		for _, answer := range all.answers[asked] {
			switch values := slices.Concat(answer.values, answer.cold); asked.metric {
			case "noise_busy":
				busy = append(busy, values...)
			case "noise_steal":
				steal = append(steal, values...)
			case "noise_calibration":
				calibration = append(calibration, values...)
			case "noise_disk":
				disk = append(disk, values...)
			default:
				if answer.spread() > spreadMax {
					spreads++
				}
			}
		}
	}
	var found []string
	if count := countAbove(busy, busyPercentMax); count > 0 {
		found = append(found, fmt.Sprintf("the processors were more than %d %% busy before %d of %d runs", busyPercentMax, count, len(busy)))
	}
	if count := countAbove(steal, stealPercentMax); count > 0 {
		found = append(found, fmt.Sprintf("the host took more than %d %% of the processors during %d of %d runs", stealPercentMax, count, len(steal)))
	}
	if count := countAbove(calibration, calibrationRatioMax*median(calibration)); count > 0 {
		found = append(found, fmt.Sprintf("before %d of %d runs a fixed amount of work took more than %.2f times as long as usual", count, len(calibration), calibrationRatioMax))
	}
	if count := countAbove(disk, diskRatioMax*median(disk)); count > 0 {
		found = append(found, fmt.Sprintf("before %d of %d runs writing a fixed amount to the disk took more than %.1f times as long as usual", count, len(disk), diskRatioMax))
	}
	if spreads > 0 {
		found = append(found, fmt.Sprintf("%d values lie more than %.0f %% of their median apart", spreads, 100*spreadMax))
	}
	return found
}

func countAbove(values []float64, limit float64) int {
	count := 0
	for _, value := range values {
		if value > limit {
			count++
		}
	}
	return count
}
