// Command bench-report presents the results of scripts/bench: a table of ratios in the terminal, a report in Markdown with
// charts, and the tables of the performance page.
//
// gnuplot draws the charts. Otherwise the command uses Go's standard library only.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "bench-report: %v\n", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	flags := flag.NewFlagSet("bench-report", flag.ExitOnError)
	readme := flags.String("readme", "", "`file` whose section is replaced")
	charts := flags.String("charts", "", "`directory` for the files that the section refers to")
	compare := flags.String("compare", "", "`directory` of another run to compare ratios with")
	flags.Parse(arguments)
	if flags.NArg() != 1 {
		return errors.New("expected the directory of the results")
	}

	directory := flags.Arg(0)
	results, err := readResults(directory)
	if err != nil {
		return err
	}
	if *compare != "" {
		others, err := readResults(*compare)
		if err != nil {
			return err
		}
		return printComparison(os.Stdout, results, others)
	}
	if err := drawCharts(results, directory); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(directory, "report.md"), []byte(markdown(results, everything, "")), 0o644); err != nil {
		return err
	}
	printRatios(os.Stdout, results)
	if *readme == "" {
		return nil
	}
	if err := publishable(results); err != nil {
		return err
	}
	if err := keep(directory, *charts); err != nil {
		return err
	}
	relative, err := filepath.Rel(filepath.Dir(*readme), *charts)
	if err != nil {
		return err
	}
	return replaceSection(*readme, markdown(results, headlines, relative+"/"))
}

// roundsMin is the minimum number of rounds of published results.
const roundsMin = 5

// publishable fails if the results are not reliable.
func publishable(all *results) error {
	if rounds, err := strconv.Atoi(all.setting("rounds")); err != nil || rounds < roundsMin {
		return fmt.Errorf("published results need %d rounds or more, not %q", roundsMin, all.setting("rounds"))
	}
	if strings.HasSuffix(all.setting("commit"), "with changes") {
		return errors.New("the measured sources are not committed: commit them first")
	}
	if failed := all.settings("failed."); len(failed) > 0 {
		return fmt.Errorf("the suite %s failed", failed[0].key)
	}
	return nil
}

// keep copies the files that the performance page refers to, so that the next run does not replace them.
func keep(directory, kept string) error {
	if err := os.RemoveAll(kept); err != nil {
		return err
	}
	if err := os.MkdirAll(kept, 0o755); err != nil {
		return err
	}
	for _, pattern := range []string{"*.csv", "environment", "report.md", "*.svg"} {
		files, err := filepath.Glob(filepath.Join(directory, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(kept, filepath.Base(file)), content, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
