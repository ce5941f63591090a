package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// chart is one chart of a suite: a cluster of bars for each question, with one bar for each contender.
type chart struct {
	title, unit string
	contenders  []string
	asked       []question
}

// chartMetrics is the metric that the chart of a suite shows.
var chartMetrics = map[string]string{
	"rpc": "lives", "unpack": "wall", "pull": "first_line", "copy": "prepare", "remove": "space", "start": "answered_s",
	"scale": "lives", "trap": "after_delete", "indexed": "wall",
}

func chartOf(all *results, suite string) *chart {
	metric := chartMetrics[suite]
	picture := &chart{}
	for _, asked := range all.questions {
		if asked.suite != suite || asked.metric != metric {
			continue
		}
		picture.asked = append(picture.asked, asked)
		for _, contender := range all.contenders[asked] {
			if !strings.HasPrefix(contender, "floor-") && !slices.Contains(picture.contenders, contender) {
				picture.contenders = append(picture.contenders, contender)
				picture.unit = all.answers[asked][contender].unit
			}
		}
	}
	if len(picture.asked) == 0 {
		return nil
	}
	slices.SortStableFunc(picture.contenders, func(a, b string) int { return rank(a) - rank(b) })
	better := "less is better"
	if strings.HasSuffix(picture.unit, "/s") {
		better = "more is better"
	}
	picture.title = fmt.Sprintf("%s: %s, %s", suite, metricName(metric), better)
	return picture
}

func drawCharts(all *results, directory string) error {
	for _, suite := range all.suites() {
		picture := chartOf(all, suite)
		if picture == nil {
			continue
		}
		command := exec.Command("gnuplot")
		command.Stdin = strings.NewReader(picture.script(all, filepath.Join(directory, suite+".svg")))
		var said bytes.Buffer
		command.Stderr = &said
		if err := command.Run(); err != nil {
			return fmt.Errorf("gnuplot: %w: %s", err, said.String())
		}
	}
	return nil
}

// script returns gnuplot's commands, which draw medians with lines from the minimum to the maximum.
func (picture *chart) script(all *results, file string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "$values << END\n")
	for _, asked := range picture.asked {
		fmt.Fprintf(&text, "%s", quoted(asked.subject+", "+asked.filesystem))
		for _, contender := range picture.contenders {
			if answer := all.answers[asked][contender]; answer != nil && len(answer.values) > 0 {
				fmt.Fprintf(&text, " %g %g %g", median(answer.values), slices.Min(answer.values), slices.Max(answer.values))
			} else {
				fmt.Fprintf(&text, " NaN NaN NaN")
			}
		}
		fmt.Fprintf(&text, "\n")
	}
	fmt.Fprintf(&text, `END
set terminal svg size %d,460 noenhanced font "sans-serif,12" background "white"
set output %s
set title %s
set ylabel %s
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
`, max(640, 240+24*len(picture.asked)*(len(picture.contenders)+1)), quoted(file), quoted(picture.title), quoted(picture.unit))
	plots := make([]string, len(picture.contenders))
	for i, contender := range picture.contenders {
		plots[i] = fmt.Sprintf("$values using %d:%d:%d:xticlabels(1) title %s", 3*i+2, 3*i+3, 3*i+4, quoted(contender))
	}
	fmt.Fprintf(&text, "plot %s\n", strings.Join(plots, ", "))
	return text.String()
}

func quoted(text string) string { return `"` + strings.ReplaceAll(text, `"`, `'`) + `"` }
