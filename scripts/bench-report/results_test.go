package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write creates a directory with results and an environment.
func write(t *testing.T, environment string, rows ...string) string {
	t.Helper()
	directory := t.TempDir()
	content := strings.Join(append([]string{strings.Join(header, ",")}, rows...), "\n") + "\n"
	for name, content := range map[string]string{"results.csv": content, "environment": environment} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

func read(t *testing.T, directory string) *results {
	t.Helper()
	all, err := readResults(directory)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func unpacked(t *testing.T) *results {
	return read(t, write(t, "date=today\nmissing.unpack.stargz=is not here\n",
		"unpack,ext4,large,overlayfs,0,wall,14,s",
		"unpack,ext4,large,overlayfs,1,wall,10,s",
		"unpack,ext4,large,overlayfs,2,wall,9,s",
		"unpack,ext4,large,overlayfs,3,wall,12,s",
		"unpack,ext4,large,gatun,1,wall,5,s",
		"unpack,ext4,large,gatun,2,wall,4,s",
		"unpack,ext4,large,gatun,3,wall,20,s",
		"unpack,ext4,large,floor,1,wall,2.5,s"))
}

func TestMedianIsTheMiddleOneOrBetweenTheTwo(t *testing.T) {
	for want, values := range map[float64][]float64{0: nil, 7: {7}, 2: {3, 1, 2}, 2.5: {4, 1, 3, 2}} {
		if got := median(values); got != want {
			t.Errorf("median of %v is %v, not %v", values, got, want)
		}
	}
}

func TestRatioIsTheMedianOfThoseWithinARound(t *testing.T) {
	all := read(t, write(t, "",
		"rpc,ext4,one,peer,1,time,10,s", "rpc,ext4,one,peer,2,time,20,s", "rpc,ext4,one,peer,3,time,40,s",
		"rpc,ext4,one,gatun,1,time,20,s", "rpc,ext4,one,gatun,2,time,10,s", "rpc,ext4,one,gatun,3,time,12,s"))
	if ratio, ok := all.ratio(question{"rpc", "ext4", "one", "time"}, "gatun"); !ok || ratio != 0.5 {
		t.Errorf("the ratio is %v, %v", ratio, ok)
	}
}

func TestRatioLeavesOutWhatWasCold(t *testing.T) {
	all := unpacked(t)
	asked := question{"unpack", "ext4", "large", "wall"}
	if ratio, ok := all.ratio(asked, "gatun"); !ok || ratio != 0.5 {
		t.Errorf("the ratio is %v, %v", ratio, ok)
	}
	if ratio, ok := all.ratioTo(asked, "gatun", "floor"); !ok || ratio != 2 {
		t.Errorf("the ratio to the floor is %v, %v", ratio, ok)
	}
	if _, ok := all.ratio(asked, "overlayfs"); ok {
		t.Error("the baseline has a ratio to itself")
	}
}

func TestRatioOfARateIsBelowOneIfTheRateIsHigher(t *testing.T) {
	all := read(t, write(t, "", "rpc,ext4,one,peer,1,lives,100,/s", "rpc,ext4,one,gatun,1,lives,400,/s"))
	if ratio, ok := all.ratio(question{"rpc", "ext4", "one", "lives"}, "gatun"); !ok || ratio != 0.25 {
		t.Errorf("the ratio is %v, %v", ratio, ok)
	}
}

func TestReportShowsMediansRatiosTheFloorAndWhatIsMissing(t *testing.T) {
	report := markdown(unpacked(t), everything, "charts/")
	for _, want := range []string{
		"| of | what | overlayfs | gatun | floor |",
		"| large, ext4 | time | 10.0 s ±15 % | 5.00 s ±160 % (0.50) | 2.50 s, once |",
		"| large, ext4 | time, cold | 14.0 s |  |  |",
		"| large, ext4 | time, of the floor | 4.00 | 2.00 |  |",
		"Noise: 2 values lie", "Missing: stargz: is not here.", "(charts/unpack.svg)", "Gatun loses nowhere",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("%q is not in\n%s", want, report)
		}
	}
}

func TestReportBeginsWithWhereGatunLoses(t *testing.T) {
	all := read(t, write(t, "", "start,ext4,overlay,peer,1,answered_s,0.02,s", "start,ext4,overlay,gatun,1,answered_s,0.5,s"))
	want := "- start, overlay on ext4, exec to first answer: gatun takes 25.00 times what peer takes"
	if report := markdown(all, headlines, ""); !strings.Contains(report, want) {
		t.Errorf("%q is not in\n%s", want, report)
	}
}

func TestLossesAreAllThatGatunTakesLongerFor(t *testing.T) {
	all := read(t, write(t, "",
		"rpc,ext4,one,peer,1,stat_p99,100,us", "rpc,ext4,one,gatun,1,stat_p99,150,us",
		"rpc,ext4,one,peer,0,lives,400,/s", "rpc,ext4,one,gatun,0,lives,200,/s",
		"rpc,ext4,one,peer,1,lives,400,/s", "rpc,ext4,one,gatun,1,lives,500,/s",
		"unpack,ext4,large,overlayfs,1,wall,10,s", "unpack,ext4,large,overlayfs-igzip,1,wall,4,s",
		"unpack,ext4,large,gatun,1,wall,5,s", "unpack,ext4,large,gatun,1,noise_busy,9,%",
		"unpack,ext4,large,overlayfs,1,noise_busy,1,%"))
	var text strings.Builder
	printLosses(&text, all, everything)
	want := `
**Where Gatun loses:**

- rpc, one on ext4, stat p99: gatun takes 1.50 times what peer takes
- rpc, one on ext4, lives, cold: gatun takes 2.00 times what peer takes
- unpack, large on ext4, time: gatun takes 1.25 times what overlayfs-igzip takes
`
	if text.String() != want {
		t.Errorf("%q", &text)
	}
	if report := markdown(all, headlines, ""); strings.Contains(report, "stat p99: gatun") || !strings.Contains(report, "- and in 1 other figures") {
		t.Error(report)
	}
}

func TestReportNamesSuitesThatFailed(t *testing.T) {
	all := read(t, write(t, "failed.pull=status 1\n"))
	if report := markdown(all, headlines, ""); !strings.Contains(report, "**The suite pull failed before its end.**") {
		t.Error(report)
	}
}

func TestReadmeIsAboutWholeRunsOfWhatIsCommitted(t *testing.T) {
	for environment, isFine := range map[string]bool{
		"rounds=5\ncommit=abc\n":                      true,
		"rounds=1\ncommit=abc\n":                      false,
		"commit=abc\n":                                false,
		"rounds=5\ncommit=abc with changes\n":         false,
		"rounds=5\ncommit=abc\nfailed.rpc=status 1\n": false,
	} {
		if err := publishable(read(t, write(t, environment))); (err == nil) != isFine {
			t.Errorf("%q: %v", environment, err)
		}
	}
}

func TestNoiseIsNamed(t *testing.T) {
	all := read(t, write(t, "",
		"rpc,ext4,one,peer,1,noise_busy,80,%", "rpc,ext4,one,gatun,1,noise_busy,3,%",
		"rpc,ext4,one,peer,1,noise_steal,9,%",
		"rpc,ext4,one,peer,1,noise_calibration,40,ms", "rpc,ext4,one,gatun,1,noise_calibration,41,ms",
		"rpc,ext4,one,peer,2,noise_calibration,60,ms",
		"rpc,ext4,one,peer,1,noise_disk,20,ms", "rpc,ext4,one,gatun,1,noise_disk,29,ms",
		"rpc,ext4,one,peer,2,noise_disk,31,ms", "rpc,ext4,one,gatun,2,noise_disk,18,ms", "rpc,ext4,one,peer,3,noise_disk,19,ms"))
	noise := strings.Join(all.noise("rpc"), "\n")
	for _, want := range []string{"busy before 1 of 2 runs", "during 1 of 1 runs", "before 1 of 3 runs a fixed amount",
		"before 1 of 5 runs writing a fixed amount to the disk"} {
		if !strings.Contains(noise, want) {
			t.Errorf("%q is not in\n%s", want, noise)
		}
	}
	if noise := all.noise("unpack"); len(noise) != 0 {
		t.Errorf("a suite without noise has %v", noise)
	}
}

func TestComparisonFailsIfRatiosAreFarApart(t *testing.T) {
	rows := []string{"copy,xfs,lib,containerd,1,prepare,10,s", "copy,xfs,lib,gatun,1,prepare,5,s"}
	one := read(t, write(t, "", rows...))
	near := read(t, write(t, "", rows[0], "copy,xfs,lib,gatun,1,prepare,5.5,s"))
	far := read(t, write(t, "", rows[0], "copy,xfs,lib,gatun,1,prepare,6,s"))
	var output strings.Builder
	if err := printComparison(&output, one, near); err != nil {
		t.Error(err)
	}
	if err := printComparison(&output, one, far); err == nil {
		t.Errorf("20 %% apart counts as equal:\n%s", &output)
	}
	for _, other := range []*results{read(t, write(t, "")), read(t, write(t, "", append(rows, "copy,xfs,lib,gatun-native,1,prepare,5,s")...))} {
		if err := printComparison(&output, one, other); err == nil {
			t.Errorf("a ratio in only one run counts as equal:\n%s", &output)
		}
	}
	none := read(t, write(t, ""))
	if err := printComparison(&output, none, none); err == nil {
		t.Error("two empty runs count as equal")
	}
}

func TestSectionIsReplacedAndTheRestIsNot(t *testing.T) {
	name := filepath.Join(t.TempDir(), "README.md")
	for content, want := range map[string]string{
		"a\n" + sectionBegin + "\nold\n" + sectionEnd + "\nb\n": "a\n" + sectionBegin + "\n\nnew\n" + sectionEnd + "\nb\n",
		"without a section": "",
	} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		err := replaceSection(name, "new")
		got, _ := os.ReadFile(name)
		if want == "" {
			if err == nil || string(got) != content {
				t.Errorf("%v, %q", err, got)
			}
		} else if err != nil || string(got) != want {
			t.Errorf("%v, %q", err, got)
		}
	}
}

func TestRowsThatAreNoneAreRefused(t *testing.T) {
	for _, row := range []string{
		"unpack,ext4,large,gatun,1,wall,,s", "unpack,ext4,large,gatun,one,wall,1,s", "unpack,ext4,large,gatun,1,wall,1",
	} {
		if _, err := readResults(write(t, "", row)); err == nil {
			t.Errorf("%s was read", row)
		}
	}
}

func TestQuantitiesHaveThreeDigits(t *testing.T) {
	for want, value := range map[string]float64{"0 s": 0, "0.0123 s": 0.0123, "1.23 s": 1.2345, "12.3 s": 12.345, "1234 s": 1234.5} {
		if got := quantity(value, "s"); got != want {
			t.Errorf("%v is %q, not %q", value, got, want)
		}
	}
}

func TestChartsAreDrawn(t *testing.T) {
	all, directory := unpacked(t), t.TempDir()
	if err := drawCharts(all, directory); err != nil {
		t.Fatal(err)
	}
	drawn, err := os.ReadFile(filepath.Join(directory, "unpack.svg"))
	if err != nil || !strings.Contains(string(drawn), "gatun") || !strings.Contains(string(drawn), "large") {
		t.Errorf("%v, %d bytes", err, len(drawn))
	}
}
