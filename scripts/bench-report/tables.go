package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// extent is the level of detail of a report.
type extent int

const (
	headlines extent = iota
	everything
)

// titles has the title of each suite, its main metrics, and notes.
var titles = map[string]struct {
	title     string
	headlines []string
	note      string
}{
	"rpc": {"Lives of empty snapshots, strictly durable on both sides", []string{"lives", "life_cpu"},
		"One filesystem serves all loads of a daemon. Gatun has run 16,000 such lives before, the peer 800; *cold* is " +
			"without those. Gatun deletes directories meanwhile; the peer leaves them to a Cleanup that this suite does not " +
			"request. The suite runs twice as many rounds, less one, because launches of a JVM differ by a tenth."},
	"unpack": {"Unpacking images whose blobs are in the content store", []string{"wall", "cpu"}, ""},
	"pull": {"From the registry to the first line of a container", []string{"pull", "pull_cpu", "first_line"},
		"One image with gzip layers. The processor time includes containerd, its child processes, the snapshotter and the " +
			"client, but not the registry."},
	"copy": {"Prepare with the native driver", []string{"prepare", "cpu"}, ""},
	"remove": {"Removal of an image", []string{"acknowledged", "space", "cpu"},
		"The processor time is that of the daemons."},
	"start": {"From exec to the first answer, and memory", []string{"answered_s", "first_prepare_ms", "idle_mib", "burst_mib"},
		"Each daemon has just been started and has done no work before."},
	"scale": {"Many snapshots and long chains",
		[]string{"lives", "list", "restart", "prepare_on_128_us", "mounts_of_128_us"},
		"The filesystem is in memory, so that the figures are about the snapshotters. Each contender creates the 100,000 " +
			"snapshots once (*fill*); they exist in every round."},
	"trap": {"Unpacking right after a large delete", []string{"fresh", "after_delete"}, ""},
	"indexed": {"Indexed layers",
		[]string{"wall", "cpu", "cold_first_line", "warm_first_line", "cold_read", "warm_read", "cached", "limited_read", "limited_cached", "other_base", "other_base_pulled", "other_base_stored", "content_check", "content_hash", "acknowledged", "space", "pull", "pull_cpu", "first_line", "pod_pull", "pod_pull_cpu"},
		"All layers of the image on another base are stored already; its time includes the start of the client."},
}

// metrics has the display names of metrics.
var metrics = map[string]string{
	"lives":             "lives",
	"life_cpu":          "processor time of a life",
	"wall":              "time",
	"cpu":               "processor time",
	"sync":              "sync after it",
	"pull":              "pull",
	"pull_cpu":          "pull, processor time",
	"first_line":        "pull and run to the first line",
	"pod_pull":          "pull for Kubernetes",
	"pod_pull_cpu":      "pull for Kubernetes, processor time",
	"prepare":           "prepare",
	"acknowledged":      "until acknowledged",
	"space":             "until the space is back",
	"answered_s":        "exec to first answer",
	"first_prepare_ms":  "first prepare",
	"idle_mib":          "resident, idle",
	"burst_mib":         "resident after a burst",
	"list":              "list all",
	"restart":           "restart",
	"fill":              "fill",
	"cold_first_line":   "run to the first line, cold",
	"warm_first_line":   "run to the first line",
	"cold_read":         "read all, cold",
	"warm_read":         "read all",
	"content_check":     "fsck --content",
	"content_hash":      "sha256sum of the tars",
	"cached":            "in memory after it",
	"limited_read":      "read all in 256 MiB, cold",
	"limited_cached":    "in memory after that",
	"other_base":        "its layers on another base",
	"other_base_pulled": "the same in a pull",
	"other_base_stored": "storage of both",
}

func metricName(metric string) string {
	if name, ok := metrics[metric]; ok {
		return name
	}
	name := strings.ReplaceAll(metric, "_", " ")
	for _, unit := range []string{" us", " ms", " s", " mib"} {
		name = strings.TrimSuffix(name, unit)
	}
	return name
}

const explanation = `Values are medians. The figure in parentheses is the median ratio to the first peer in the same round: below 1 is better, for
rates too. ± is half the spread of the values, relative to their median. Unless the suite says otherwise, each run has a fresh
filesystem and its input in the page cache, and each daemon has done a smaller piece of the same work before; *cold* marks runs
without that.

*overlayfs* and *native* are Debian's containerd with its own snapshotters, differ and pigz; *overlayfs-igzip* is the same with
igzip, which newer releases use; *soci* and *nydus* are snapshotters for lazy pulling, which unpack ordinary images like
overlayfs. *peer* and *containerd* are containerd's snapshotters behind a gRPC service, driven like Gatun. *gatun* syncs layers;
*gatun-unsynced* does not, as the peers do not; *gatun-walking* is Gatun with containerd's differ; *gatun-untrained* is Gatun
before *gatun train*; *gatun-indexed* stores indexed layers, and *gatun-background* syncs those after its answer. The *floor* is
the work that no implementation can avoid: the longest of decompressing, hashing, and creating files with content and times (for
indexed layers, writing one file), each alone; or their CPU time shared by all processors.
`

// markdown returns the report; charts is the prefix of the links to charts.
func markdown(all *results, much extent, charts string) string {
	var text strings.Builder
	printEnvironment(&text, all)
	for _, failed := range all.settings("failed.") {
		fmt.Fprintf(&text, "\n**The suite %s failed before its end.**\n", failed.key)
	}
	fmt.Fprintf(&text, "\n%s", explanation)
	printLosses(&text, all, much)
	for _, suite := range all.suites() {
		fmt.Fprintf(&text, "\n### %s: %s\n\n", suite, titles[suite].title)
		if note := titles[suite].note; note != "" {
			fmt.Fprintf(&text, "%s\n\n", note)
		}
		if chart := chartOf(all, suite); chart != nil {
			fmt.Fprintf(&text, "![%s](%s%s.svg)\n\n", chart.title, charts, suite)
		}
		for _, contenders := range contenderSets(all, suite, much) {
			printTable(&text, all, suite, contenders, much)
		}
		for _, sentence := range all.noise(suite) {
			fmt.Fprintf(&text, "\nNoise: %s.\n", sentence)
		}
		for _, missing := range all.settings("missing." + suite + ".") {
			fmt.Fprintf(&text, "\nMissing: %s: %s.\n", missing.key, missing.value)
		}
	}
	if much == headlines {
		fmt.Fprintf(&text, "\n[The whole report](%sreport.md), [each value](%sresults.csv).\n", charts, charts)
	}
	return text.String()
}

func printEnvironment(text *strings.Builder, all *results) {
	fmt.Fprintf(text, "Measured %s at commit %s, %s rounds; JDK %s; %s; %s; %s; containerd %s; %s.\n",
		all.setting("date"), all.setting("commit"), all.setting("rounds"), all.setting("JDK"), all.setting("kernel"),
		all.setting("CPU"), all.setting("memory"), all.setting("containerd"), all.setting("decompressors"))
}

// printLosses lists the questions in which Gatun needs more than the peer; a short report only counts those outside the
// headlines.
func printLosses(text *strings.Builder, all *results, much extent) {
	var losses []string
	others := 0
	for _, asked := range all.questions {
		if isNoise(asked.metric) {
			continue
		}
		for _, contender := range all.contenders[asked] {
			if !isGatun(contender) {
				continue
			}
			for _, loss := range all.losses(asked, contender) {
				if much == headlines && !slices.Contains(titles[asked.suite].headlines, asked.metric) {
					others++
					continue
				}
				losses = append(losses, fmt.Sprintf("- %s, %s on %s, %s: %s takes %.2f times what %s takes",
					asked.suite, asked.subject, asked.filesystem, metricName(asked.metric)+loss.how, contender, loss.ratio, loss.peer))
			}
		}
	}
	if others > 0 {
		losses = append(losses, fmt.Sprintf("- and in %d other figures, such as the percentiles of single operations, with which the whole report begins", others))
	}
	if len(losses) == 0 {
		text.WriteString("\nGatun loses nowhere in this run.\n")
		return
	}
	fmt.Fprintf(text, "\n**Where Gatun loses:**\n\n%s\n", strings.Join(losses, "\n"))
}

func isGatun(contender string) bool { return strings.HasPrefix(contender, "gatun") }

// contenderSets returns the columns of each table of a suite: contenders with the same questions share a table.
func contenderSets(all *results, suite string, much extent) [][]string {
	var contenders, parts []string
	for _, asked := range all.questions {
		if asked.suite != suite || isNoise(asked.metric) {
			continue
		}
		for _, contender := range all.contenders[asked] {
			set := &contenders
			if strings.HasPrefix(contender, "floor-") {
				set = &parts
			}
			if !slices.Contains(*set, contender) {
				*set = append(*set, contender)
			}
		}
	}
	slices.SortStableFunc(contenders, func(a, b string) int { return rank(a) - rank(b) })
	if len(parts) == 0 || much == headlines && suite != "unpack" && suite != "indexed" {
		return [][]string{contenders}
	}
	return [][]string{contenders, parts}
}

// rank orders peers first, then Gatun, then the floor.
func rank(contender string) int {
	if index := slices.Index(baselines, contender); index >= 0 {
		return index
	}
	switch {
	case contender == "floor":
		return 30
	case isGatun(contender):
		return 20
	default:
		return 10
	}
}

func printTable(text *strings.Builder, all *results, suite string, contenders []string, much extent) {
	fmt.Fprintf(text, "| %s |\n|%s\n", strings.Join(append([]string{"of", "what"}, contenders...), " | "),
		strings.Repeat("---|", len(contenders)+2))
	for _, asked := range all.questions {
		if asked.suite != suite || isNoise(asked.metric) {
			continue
		}
		if much == headlines && !slices.Contains(titles[suite].headlines, asked.metric) {
			continue
		}
		name, of := metricName(asked.metric), asked.subject+", "+asked.filesystem
		printRow(text, of, name, contenders, func(contender string) string { return cell(all, asked, contender) })
		printRow(text, of, name+", cold", contenders, func(contender string) string {
			if answer := all.answers[asked][contender]; answer != nil && len(answer.cold) > 0 {
				return quantity(median(answer.cold), answer.unit)
			}
			return ""
		})
		printRow(text, of, name+", of the floor", contenders, func(contender string) string {
			if ratio, ok := all.ratioTo(asked, contender, "floor"); ok {
				return fmt.Sprintf("%.2f", ratio)
			}
			return ""
		})
	}
	text.WriteString("\n")
}

// printRow omits an empty row.
func printRow(text *strings.Builder, of, name string, contenders []string, cellOf func(contender string) string) {
	cells := make([]string, len(contenders))
	for i, contender := range contenders {
		cells[i] = cellOf(contender)
	}
	if strings.Join(cells, "") != "" {
		fmt.Fprintf(text, "| %s | %s | %s |\n", of, name, strings.Join(cells, " | "))
	}
}

func cell(all *results, asked question, contender string) string {
	answer := all.answers[asked][contender]
	if answer == nil || len(answer.values) == 0 {
		return ""
	}
	text := quantity(median(answer.values), answer.unit)
	if len(answer.values) > 1 {
		text += fmt.Sprintf(" ±%.0f %%", 100*answer.spread()/2)
	} else if all.setting("rounds") != "1" {
		text += ", once"
	}
	if ratio, ok := all.ratio(asked, contender); ok && !strings.HasPrefix(contender, "floor") {
		text += fmt.Sprintf(" (%.2f)", ratio)
	}
	return text
}

// quantity formats a number with three significant digits.
func quantity(value float64, unit string) string {
	decimals := 0
	if value != 0 {
		decimals = max(0, 2-int(math.Floor(math.Log10(math.Abs(value)))))
	}
	return fmt.Sprintf("%.*f %s", min(decimals, 4), value, unit)
}

// printRatios prints the table at the end of a run.
func printRatios(output io.Writer, all *results) {
	table := tabwriter.NewWriter(output, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "suite\tof\tfilesystem\twhat\tcontender\tmedian\tspread\tpeer\tratio\tof the floor")
	for _, asked := range all.questions {
		if !slices.Contains(titles[asked.suite].headlines, asked.metric) {
			continue
		}
		for _, contender := range all.contenders[asked] {
			ratio, ok := all.ratio(asked, contender)
			if !ok || strings.HasPrefix(contender, "floor") {
				continue
			}
			answer := all.answers[asked][contender]
			ofFloor := ""
			if distance, ok := all.ratioTo(asked, contender, "floor"); ok {
				ofFloor = fmt.Sprintf("%.2f", distance)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%.0f %%\t%s\t%.2f\t%s\n", asked.suite, asked.subject, asked.filesystem,
				metricName(asked.metric), contender, quantity(median(answer.values), answer.unit), 100*answer.spread(),
				all.baseline(asked), ratio, ofFloor)
		}
	}
	table.Flush()
	for _, suite := range all.suites() {
		for _, sentence := range all.noise(suite) {
			fmt.Fprintf(output, "NOISE in %s: %s\n", suite, sentence)
		}
	}
	for _, failed := range all.settings("failed.") {
		fmt.Fprintf(output, "FAILED: %s\n", failed.key)
	}
	for _, missing := range all.settings("missing.") {
		fmt.Fprintf(output, "MISSING in %s: %s\n", strings.Replace(missing.key, ".", ": ", 1), missing.value)
	}
}

// The maximum difference between two runs on the same machine.
const agreement = 0.15

// printComparison prints how far the ratios of two runs are apart, and fails if any is too far apart, or is in one run only.
func printComparison(output io.Writer, all, others *results) error {
	table := tabwriter.NewWriter(output, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "suite\tof\tfilesystem\twhat\tcontender\tratio\tother\tapart")
	compared, apart, alone := 0, 0, 0
	for _, each := range all.compared() {
		row := fmt.Sprintf("%s\t%s\t%s\t%s\t%s", each.suite, each.subject, each.filesystem, metricName(each.metric), each.contender)
		ratio, _ := all.ratio(each.question, each.contender)
		other, ok := others.ratio(each.question, each.contender)
		if !ok {
			alone++
			fmt.Fprintf(table, "%s\t%.2f\t\tnot there !\n", row, ratio)
			continue
		}
		compared++
		distance := math.Abs(ratio-other) / min(ratio, other)
		mark := ""
		if distance > agreement {
			apart++
			mark = " !"
		}
		fmt.Fprintf(table, "%s\t%.2f\t%.2f\t%.0f %%%s\n", row, ratio, other, 100*distance, mark)
	}
	for _, each := range others.compared() {
		if _, ok := all.ratio(each.question, each.contender); !ok {
			alone++
		}
	}
	table.Flush()
	switch {
	case apart > 0:
		return fmt.Errorf("%d of %d ratios are more than %.0f %% apart", apart, compared, 100*agreement)
	case alone > 0:
		return fmt.Errorf("%d ratios are in one run only", alone)
	case compared == 0:
		return errors.New("nothing to compare")
	}
	fmt.Fprintf(output, "%d ratios, none more than %.0f %% apart\n", compared, 100*agreement)
	return nil
}

// answered is a question with one of its contenders.
type answered struct {
	question
	contender string
}

// compared returns the ratios by which two runs are compared: those of the headlines.
func (all *results) compared() []answered {
	var found []answered
	for _, asked := range all.questions {
		if !slices.Contains(titles[asked.suite].headlines, asked.metric) {
			continue
		}
		for _, contender := range all.contenders[asked] {
			if _, ok := all.ratio(asked, contender); ok && !strings.HasPrefix(contender, "floor") {
				found = append(found, answered{asked, contender})
			}
		}
	}
	return found
}

const (
	sectionBegin = "<!-- Made by scripts/bench --readme. -->"
	sectionEnd   = "<!-- End of what scripts/bench --readme made. -->"
)

// replaceSection replaces the text between the two marks of a file.
func replaceSection(name, text string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(content), sectionBegin)
	_, after, ended := strings.Cut(rest, sectionEnd)
	if !found || !ended {
		return fmt.Errorf("%s has no section between %q and %q", name, sectionBegin, sectionEnd)
	}
	return os.WriteFile(name, []byte(before+sectionBegin+"\n\n"+text+"\n"+sectionEnd+after), 0o644)
}
