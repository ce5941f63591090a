package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// header names the columns of results.csv.
var header = []string{"suite", "filesystem", "subject", "contender", "round", "metric", "value", "unit"}

// question is a measurement that several contenders took part in.
type question struct{ suite, filesystem, subject, metric string }

// measured has the values of one contender for one question, from all rounds.
type measured struct {
	values []float64
	// The round of each value.
	rounds []int
	// The values of a daemon that was just started, if measured.
	cold []float64
	unit string
}

// results has all measurements of one run.
type results struct {
	environment []setting
	questions   []question
	answers     map[question]map[string]*measured
	// For each question, in the order of their first values.
	contenders map[question][]string
}

type setting struct{ key, value string }

func readResults(directory string) (*results, error) {
	all := &results{answers: map[question]map[string]*measured{}, contenders: map[question][]string{}}
	if err := all.readEnvironment(filepath.Join(directory, "environment")); err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(directory, "results.csv"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows := csv.NewReader(file)
	rows.FieldsPerRecord = len(header)
	first, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	if !slices.Equal(first, header) {
		return nil, fmt.Errorf("%s: the columns are %v, not %v", file.Name(), first, header)
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err == nil {
			err = all.add(row)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name(), err)
		}
	}
}

func (all *results) add(row []string) error {
	round, err := strconv.Atoi(row[4])
	if err != nil {
		return fmt.Errorf("round: %w", err)
	}
	value, err := strconv.ParseFloat(row[6], 64)
	if err != nil {
		return fmt.Errorf("%s: %w", row[5], err)
	}
	asked := question{row[0], row[1], row[2], row[5]}
	contender := row[3]
	if all.answers[asked] == nil {
		all.answers[asked] = map[string]*measured{}
		all.questions = append(all.questions, asked)
	}
	answer := all.answers[asked][contender]
	if answer == nil {
		answer = &measured{unit: row[7]}
		all.answers[asked][contender] = answer
		all.contenders[asked] = append(all.contenders[asked], contender)
	}
	if round == 0 {
		answer.cold = append(answer.cold, value)
	} else {
		answer.values = append(answer.values, value)
		answer.rounds = append(answer.rounds, round)
	}
	return nil
}

func (all *results) readEnvironment(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		all.environment = append(all.environment, setting{key, value})
	}
	return nil
}

// setting returns the value of a key in the environment, or "".
func (all *results) setting(key string) string {
	for _, each := range all.environment {
		if each.key == key {
			return each.value
		}
	}
	return ""
}

// settings returns the settings whose keys have the prefix, which it removes.
func (all *results) settings(prefix string) []setting {
	var found []setting
	for _, each := range all.environment {
		if key, ok := strings.CutPrefix(each.key, prefix); ok {
			found = append(found, setting{key, each.value})
		}
	}
	return found
}

// suites returns the measured suites, in order.
func (all *results) suites() []string {
	var names []string
	for _, asked := range all.questions {
		if !slices.Contains(names, asked.suite) {
			names = append(names, asked.suite)
		}
	}
	return names
}

// baselines are the peers to compare with; the first one that was measured counts.
var baselines = []string{"overlayfs", "native", "containerd", "peer"}

// baseline returns the baseline of a question, or "".
func (all *results) baseline(asked question) string {
	for _, name := range baselines {
		if answer := all.answers[asked][name]; answer != nil && len(answer.values) > 0 {
			return name
		}
	}
	return ""
}

// ratio returns the contender's share of the baseline's time or amount, as the median over the rounds: below 1 is better. For
// rates it returns the inverse, so that this holds for them too.
//
// Other load on a machine lasts for minutes, and so affects a whole round. It does not affect ratios within a round, but would
// affect the ratio of two medians from different rounds.
func (all *results) ratio(asked question, contender string) (float64, bool) {
	return all.ratioTo(asked, contender, all.baseline(asked))
}

func (all *results) ratioTo(asked question, contender, other string) (float64, bool) {
	mine, theirs := all.answers[asked][contender], all.answers[asked][other]
	if mine == nil || theirs == nil || contender == other {
		return 0, false
	}
	var ratios []float64
	for _, round := range slices.Compact(slices.Sorted(slices.Values(mine.rounds))) {
		a, b := median(mine.of(round)), median(theirs.of(round))
		if mine.isRate() {
			a, b = b, a
		}
		if b != 0 && slices.Contains(theirs.rounds, round) {
			ratios = append(ratios, a/b)
		}
	}
	return median(ratios), len(ratios) > 0
}

// loss is a peer that needs less than Gatun.
type loss struct {
	peer  string
	ratio float64
	// An addition to the question.
	how string
}

// Smaller ratios do not count as losses.
const lossMin = 1.005

// losses returns a contender's losses to the baseline and to further peers.
func (all *results) losses(asked question, contender string) []loss {
	var found []loss
	add := func(peer string, ratio float64, how string) {
		if ratio >= lossMin {
			found = append(found, loss{peer, ratio, how})
		}
	}
	for _, peer := range []string{all.baseline(asked), "overlayfs-igzip"} {
		if ratio, ok := all.ratioTo(asked, contender, peer); ok {
			add(peer, ratio, "")
		}
		mine, theirs := all.answers[asked][contender], all.answers[asked][peer]
		if theirs == nil || len(mine.cold) == 0 || len(theirs.cold) == 0 {
			continue
		}
		cold := median(mine.cold) / median(theirs.cold)
		if mine.isRate() {
			cold = 1 / cold
		}
		add(peer, cold, ", cold")
	}
	return found
}

// of returns the values of a round.
func (m *measured) of(round int) []float64 {
	var values []float64
	for i, value := range m.values {
		if m.rounds[i] == round {
			values = append(values, value)
		}
	}
	return values
}

func (m *measured) isRate() bool { return strings.HasSuffix(m.unit, "/s") }

// spread returns the range of the values, relative to their median.
func (m *measured) spread() float64 {
	if middle := median(m.values); len(m.values) > 0 && middle != 0 {
		return (slices.Max(m.values) - slices.Min(m.values)) / middle
	}
	return 0
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
