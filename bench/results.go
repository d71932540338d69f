package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// results is the content of bench/out/results.json. MB are 10^6 bytes.
type results struct {
	Date    string             `json:"date"`
	Machine string             `json:"machine"`
	Input   inputResult        `json:"input"`
	Ratios  map[string]float64 `json:"ratios"`
	Load    []loadResult       `json:"load"`
	Unpack  []unpackResult     `json:"unpack"`
	Huge    []hugeResult       `json:"huge,omitempty"`
	Files   []fileResult       `json:"files,omitempty"`
	// Functions are the binaries that are deployed.
	Functions []functionResult `json:"functions"`
	Skipped   []string         `json:"skipped,omitempty"`

	inits map[string][]float64
}

type inputResult struct {
	Records      int     `json:"records"`
	MB           float64 `json:"mb"`
	CompressedMB float64 `json:"compressed_mb"`
	Repeat       int     `json:"repeat"`
}

type loadResult struct {
	Implementation      string `json:"implementation"`
	LatencyMilliseconds int64  `json:"latency_ms"`
	Records             int    `json:"records"`
	outcome
	MBPerCPUSecond float64 `json:"mb_per_cpu_second"`
}

type unpackResult struct {
	Form    string  `json:"form"`
	MB      float64 `json:"mb"` // uncompressed
	Ours    outcome `json:"ours"`
	Limit   usage   `json:"limit"`
	OfLimit float64 `json:"of_limit"` // CPU seconds of the limit divided by ours
}

type hugeResult struct {
	Function string  `json:"function"`
	Form     string  `json:"form"`
	MB       float64 `json:"mb"`
	Records  int64   `json:"records"`
	usage
	Complete bool `json:"complete"`
}

type fileResult struct {
	Name string `json:"name"`
	// MB is the size of the payloads.
	MB      float64 `json:"mb"`
	Records int64   `json:"records"`
	Unpack  usage   `json:"unpack"`
	Load    outcome `json:"load"`
}

type functionResult struct {
	Name             string  `json:"name"`
	MB               float64 `json:"mb"`
	InitMilliseconds float64 `json:"init_ms"`
}

func newResults(o options, in inputs) *results {
	return &results{
		Date: time.Now().UTC().Format(time.DateOnly), Machine: machine(),
		Input:  inputResult{in.records, float64(in.bytes) / 1e6, float64(in.compressedBytes) / 1e6, o.repeat},
		Ratios: map[string]float64{}, inits: map[string][]float64{},
	}
}

func machine() string {
	model := runtime.GOARCH
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer func() { _ = f.Close() }() // only read
		for s := bufio.NewScanner(f); s.Scan(); {
			if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d × %s, %s", runtime.NumCPU(), model, runtime.Version())
}

// median returns the run whose CPU time is the median.
func median(all []outcome) outcome {
	return slices.SortedFunc(slices.Values(all), func(a, b outcome) int { return cmp.Compare(a.CPUSeconds, b.CPUSeconds) })[len(all)/2]
}

// peak returns the highest peak memory of the runs.
func peak(all []outcome) float64 {
	var most float64
	for _, o := range all {
		most = max(most, o.PeakMB)
	}
	return most
}

func (r *results) addInits(name string, all []outcome) {
	for _, o := range all {
		r.inits[name] = append(r.inits[name], o.InitMilliseconds)
	}
}

func (r *results) skip(b *bench, format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	b.logf("skipped: %s", s)
	r.Skipped = append(r.Skipped, s)
}

func (r *results) addLoad(name string, latency time.Duration, records, size int, o outcome, peakMB float64) loadResult {
	o.PeakMB = peakMB
	l := loadResult{name, latency.Milliseconds(), records, o, float64(size) / 1e6 / o.CPUSeconds}
	r.Load = append(r.Load, l)
	return l
}

func (r *results) addUnpack(form string, in inputs, ours, limit outcome, peakMB float64) unpackResult {
	size := in.bytes
	if form == formPipe {
		size = in.pipeBytes
	}
	ours.PeakMB = peakMB
	u := unpackResult{form, float64(size) / 1e6, ours, limit.usage, limit.CPUSeconds / ours.CPUSeconds}
	r.Unpack = append(r.Unpack, u)
	return u
}

// Files in bench/out. Only a complete run replaces the results of the last complete run.
const (
	resultsFile = "results.json"
	partialFile = "partial.json"
)

func (r *results) finish(b *bench, complete bool) error {
	for _, name := range []string{"unpack", "load"} {
		info, err := os.Stat(b.program(name))
		if err != nil {
			return err
		}
		if inits := r.inits[name]; len(inits) > 0 {
			slices.Sort(inits)
			r.Functions = append(r.Functions, functionResult{name, float64(info.Size()) / 1e6, inits[len(inits)/2]})
		}
	}
	r.ratios()
	out, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	name := partialFile
	if complete {
		name = resultsFile
	}
	b.logf("writing bench/out/%s", name)
	return os.WriteFile(filepath.Join(b.out, name), append(out, '\n'), 0o644)
}

// ratios adds the ratios of which both sides were measured.
func (r *results) ratios() {
	var ours, oursAt10ms float64
	atLeast := func(name string, v float64) { r.Ratios[name] = max(r.Ratios[name], v) }
	for _, l := range r.Load {
		switch {
		case l.Implementation == oursName && l.LatencyMilliseconds == 0:
			ours = l.MBPerCPUSecond
			r.Ratios["load_mb_per_cpu_second"] = ours
		case l.Implementation == oursName:
			oursAt10ms = l.MBPerCPUSecond
			r.Ratios["load_calls_per_second_at_10ms"] = l.CallsPerSecond
		case l.Implementation == fasthttpName && l.LatencyMilliseconds > 0:
			r.Ratios["load_vs_fasthttp"] = oursAt10ms / l.MBPerCPUSecond // with waiting, as in AWS
		case l.Implementation == fasthttpName:
		case l.LatencyMilliseconds == 0:
			r.Ratios[map[string]string{
				sdkName: "load_vs_sdk", bentoName: "load_vs_bento", pythonName: "load_vs_python",
			}[l.Implementation]] = ours / l.MBPerCPUSecond
		}
		if l.Implementation == oursName {
			atLeast("load_peak_mb", l.PeakMB)
		}
	}
	for _, u := range r.Unpack {
		atLeast("unpack_peak_mb", u.Ours.PeakMB)
		if worst, ok := r.Ratios["unpack_vs_limit"]; !ok || u.OfLimit < worst {
			r.Ratios["unpack_vs_limit"] = u.OfLimit
		}
	}
	for _, h := range r.Huge {
		atLeast(h.Function+"_peak_mb", h.PeakMB)
	}
	for _, f := range r.Files {
		atLeast("unpack_peak_mb", f.Unpack.PeakMB)
		atLeast("load_peak_mb", f.Load.PeakMB)
	}
}

// print writes the tables of docs/performance.md.
func (r *results) print(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n%s, %s. %d records, %.0f MB of NDJSON, %.1f MB gzipped.\n",
		r.Date, r.Machine, r.Input.Records, r.Input.MB, r.Input.CompressedMB)
	fmt.Fprint(&b, "\n| load | latency | records | CPU s | MB per CPU s | wall s | calls/s | peak MB | equal |\n|---|--:|--:|--:|--:|--:|--:|--:|---|\n")
	for _, l := range r.Load {
		fmt.Fprintf(&b, "| %s | %d ms | %d | %.2f | %.2f | %.1f | %.0f | %.1f | %s |\n", l.Implementation, l.LatencyMilliseconds, l.Records,
			l.CPUSeconds, l.MBPerCPUSecond, l.WallSeconds, l.CallsPerSecond, l.PeakMB, yes(l.Equal))
	}
	fmt.Fprint(&b, "\n| unpack | MB | CPU s | MB per CPU s | limit, CPU s | of the limit | wall s | peak MB | equal |\n|---|--:|--:|--:|--:|--:|--:|--:|---|\n")
	for _, u := range r.Unpack {
		fmt.Fprintf(&b, "| %s | %.0f | %.2f | %.1f | %.2f | %.0f%% | %.1f | %.1f | %s |\n", u.Form, u.MB, u.Ours.CPUSeconds,
			u.MB/u.Ours.CPUSeconds, u.Limit.CPUSeconds, 100*u.OfLimit, u.Ours.WallSeconds, u.Ours.PeakMB, yes(u.Ours.Equal))
	}
	if len(r.Files) > 0 {
		fmt.Fprint(&b, "\n| file | records | MB | unpack, CPU s | load, CPU s | load, MB per CPU s | equal |\n|---|--:|--:|--:|--:|--:|---|\n")
		for _, f := range r.Files {
			fmt.Fprintf(&b, "| %s | %d | %.1f | %.2f | %.2f | %.1f | %s |\n",
				f.Name, f.Records, f.MB, f.Unpack.CPUSeconds, f.Load.CPUSeconds, f.MB/f.Load.CPUSeconds, yes(f.Load.Equal))
		}
	}
	if len(r.Huge) > 0 {
		fmt.Fprint(&b, "\n| huge | form | MB | records | CPU s | wall s | peak MB | complete |\n|---|---|--:|--:|--:|--:|--:|---|\n")
		for _, h := range r.Huge {
			fmt.Fprintf(&b, "| %s | %s | %.0f | %d | %.1f | %.1f | %.1f | %s |\n",
				h.Function, h.Form, h.MB, h.Records, h.CPUSeconds, h.WallSeconds, h.PeakMB, yes(h.Complete))
		}
	}
	fmt.Fprint(&b, "\n| function | MB | init ms |\n|---|--:|--:|\n")
	for _, f := range r.Functions {
		fmt.Fprintf(&b, "| %s | %.2f | %.1f |\n", f.Name, f.MB, f.InitMilliseconds)
	}
	fmt.Fprint(&b, "\n| ratio | |\n|---|--:|\n")
	for _, name := range []string{
		"load_vs_bento", "load_vs_sdk", "load_vs_python", "load_vs_fasthttp", "unpack_vs_limit", "load_mb_per_cpu_second", "load_peak_mb",
		"unpack_peak_mb", "load_calls_per_second_at_10ms",
	} {
		if v, ok := r.Ratios[name]; ok {
			fmt.Fprintf(&b, "| %s | %.2f |\n", name, v)
		}
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "\nskipped: %s\n", s)
	}
	_, err := b.WriteTo(w)
	return err
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "NO"
}
