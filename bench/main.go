// Command bench measures the functions unpack and load, as they are deployed, and
// compares them with the SDK, Bento, Python and the physical limit. It must run in
// the root of the repository, as with `make bench`; docs/performance.md explains
// its output.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"time"
)

type options struct {
	records, python int
	repeat          int
	huge            float64
	only            string
	files           []string
}

func main() {
	if args := os.Args[1:]; len(args) == 4 && args[0] == limitArgument {
		if err := runLimit(args[1], args[2], args[3]); err != nil {
			log.Fatal(err)
		}
		return
	}
	var o options
	flag.IntVar(&o.records, "records", 375_463, "records of the generated input; as many as by default are 200 MB")
	flag.IntVar(&o.python, "python", 40_000, "the first records of it that Python loads; all of them take minutes")
	flag.IntVar(&o.repeat, "repeat", 3, "runs of the functions and of the limit, of which the median counts")
	flag.Float64Var(&o.huge, "huge", 0, "also unpack an array, a zip and NDJSON of so many GB, and load the last")
	flag.StringVar(&o.only, "only", "", "run one step alone: unpack, load, others, files or huge")
	flag.Parse()
	o.files = flag.Args()
	if !slices.Contains([]string{"", "unpack", "load", "others", "files", "huge"}, o.only) {
		log.Fatalf("-only %q: must be unpack, load, others, files or huge", o.only)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := measure(ctx, o)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func measure(ctx context.Context, o options) (err error) {
	b, err := newBench(ctx, os.Stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.build(ctx); err != nil {
		return err
	}
	wanted := func(step string) bool { return o.only == "" || o.only == step }
	var in inputs
	if wanted("unpack") || wanted("load") || wanted("others") {
		if in, err = b.prepare(o); err != nil {
			return err
		}
	}
	r := newResults(o, in)
	if wanted("unpack") {
		if err := b.unpacking(ctx, o, in, r); err != nil {
			return err
		}
	}
	if wanted("load") {
		if err := b.ours(ctx, oursName, "load", o, in, r); err != nil {
			return err
		}
		if err := b.buildFasthttp(ctx); err != nil {
			r.skip(b, "%s: %v", fasthttpName, err)
		} else if err := b.ours(ctx, fasthttpName, "load-fasthttp", o, in, r); err != nil {
			return err
		}
	}
	if wanted("others") {
		if err := b.others(ctx, in, r); err != nil {
			return err
		}
	}
	if wanted("files") {
		for _, file := range o.files {
			if err := b.realFile(ctx, file, r); err != nil {
				return err
			}
		}
	}
	if o.huge > 0 && wanted("huge") {
		if err := b.hugeFiles(ctx, int64(o.huge*1e9), r); err != nil {
			return err
		}
	}
	if err := r.finish(b, o.only == ""); err != nil {
		return err
	}
	return r.print(os.Stdout)
}

// inputs describes the input in the source bucket, and the output that must result.
type inputs struct {
	records, pythonRecords     int
	bytes, pythonBytes         int // as NDJSON, uncompressed
	want, wantPython, wantPipe digest
	pipeBytes, compressedBytes int
}

// Keys of the source objects: "d." and their form.
const pythonKey = "few." + formNDJSON

func key(form string) string { return "d." + form }

func (b *bench) prepare(o options) (inputs, error) {
	b.logf("generating %d records", o.records)
	p := generate(o.records)
	in := inputs{records: o.records, pythonRecords: min(o.python, o.records), bytes: len(p.ndjson), pipeBytes: len(p.pipe)}
	few := p.ndjson[:endOfLine(p.ndjson, in.pythonRecords)]
	in.pythonBytes = len(few)
	for name, content := range map[string][]byte{
		key(formNDJSON): p.ndjson, key(formArray): array(p.ndjson), key(formPipe): p.pipe, pythonKey: few,
	} {
		z, err := gzipped(content)
		if err != nil {
			return in, err
		}
		b.s3.Set(sourceBucket, name, z)
		if name == key(formNDJSON) {
			in.compressedBytes = len(z)
		}
	}
	z, err := zipped("records.ndjson", p.ndjson, 1)
	if err != nil {
		return in, err
	}
	b.s3.Set(sourceBucket, key(formZip), z.bytes())

	if in.want, err = digestLines(p.ndjson, whole); err != nil {
		return in, err
	}
	if in.wantPython, err = digestLines(few, whole); err != nil {
		return in, err
	}
	in.wantPipe, err = digestRows(p.pipe)
	return in, err
}

func endOfLine(b []byte, lines int) int {
	for i, c := range b {
		if c == '\n' {
			if lines--; lines == 0 {
				return i + 1
			}
		}
	}
	return len(b)
}

// unpacking measures unpack with every form of input, each time followed by the physical limit.
func (b *bench) unpacking(ctx context.Context, o options, in inputs, r *results) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, form := range forms {
		var ours, limits []outcome
		input := filepath.Join(b.dir, key(form))
		lines := filepath.Join(b.dir, "lines")
		for i := range o.repeat {
			b.table.reset()
			o, err := b.unpack(ctx, key(form))
			if err != nil {
				return err
			}
			if i == 0 {
				if err := b.checkParts(form, in, input, lines); err != nil {
					return err
				}
			}
			o.Equal = true
			ours = append(ours, o)
			l, err := b.run(ctx, self, limitArgument, form, input, lines)
			if err != nil {
				return err
			}
			limits = append(limits, l)
		}
		u := r.addUnpack(form, in, median(ours), median(limits), peak(ours))
		b.logf("unpack %-9s %6.2f CPU s, limit %5.2f: %.2f", form, u.Ours.CPUSeconds, u.Limit.CPUSeconds, u.OfLimit)
		r.addInits("unpack", ours)
	}
	return nil
}

// checkParts compares what unpack has landed with the input, and writes both to files for the limit.
func (b *bench) checkParts(form string, in inputs, input, lines string) error {
	landed, err := b.landedLines()
	if err != nil {
		return err
	}
	got, err := digestLines(landed, member)
	if err != nil {
		return err
	}
	want := in.want
	if form == formPipe {
		want = in.wantPipe
	}
	if got != want {
		return fmt.Errorf("unpack of %s: %w: %d records in, %d out", form, errUnequal, want.Records, got.Records)
	}
	content, _ := b.s3.Get(sourceBucket, key(form))
	return errors.Join(os.WriteFile(input, content, 0o600), os.WriteFile(lines, landed, 0o600))
}

// delays are the latencies with which loading is measured.
var delays = []time.Duration{0, 10 * time.Millisecond}

// ours measures the load function of a binary on the parts of the input.
func (b *bench) ours(ctx context.Context, name, binary string, o options, in inputs, r *results) error {
	for _, delay := range delays {
		var all []outcome
		for range o.repeat {
			b.table.reset()
			if _, err := b.unpack(ctx, key(formNDJSON)); err != nil {
				return err
			}
			l, err := b.measureLoad(delay, in.want, member, func() (outcome, error) { return b.load(ctx, binary) })
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			all = append(all, l)
		}
		b.logLoad(r.addLoad(name, delay, in.records, in.bytes, median(all), peak(all)))
		if binary == "load" {
			r.addInits(binary, all)
		}
	}
	return nil
}

// others measures the other implementations that are installed.
func (b *bench) others(ctx context.Context, in inputs, r *results) error {
	type implementation struct {
		name    string
		payload func(any) (any, error)
		records int
		bytes   int
		want    digest
		ready   error
		run     func() (outcome, error)
	}
	python, pythonErr := exec.LookPath("python3")
	if pythonErr == nil {
		pythonErr = exec.CommandContext(ctx, python, "-c", "import boto3").Run()
	}
	for _, c := range []implementation{
		{
			sdkName, member, in.records, in.bytes, in.want, b.goBuild(ctx, ".", b.program("sdk"), "./bench/sdk"),
			func() (outcome, error) { return b.run(ctx, b.program("sdk"), sourceBucket, key(formNDJSON), tableName) },
		},
		{
			bentoName, withoutKeys, in.records, in.bytes, in.want, b.buildBento(ctx),
			func() (outcome, error) { return b.bento(ctx, key(formNDJSON)) },
		},
		{
			pythonName, member, in.pythonRecords, in.pythonBytes, in.wantPython, pythonErr,
			func() (outcome, error) {
				return b.run(ctx, python, filepath.Join(b.repo, "bench", "py", "load.py"), sourceBucket, pythonKey, tableName)
			},
		},
	} {
		if c.ready != nil {
			r.skip(b, "%s: %v", c.name, c.ready)
			continue
		}
		for _, delay := range delays {
			b.table.reset()
			o, err := b.measureLoad(delay, c.want, c.payload, c.run)
			if errors.Is(err, errUnequal) {
				r.skip(b, "%s: %v", c.name, err) // the table shows it too
			} else if err != nil {
				r.skip(b, "%s: %v", c.name, err)
				break
			}
			b.logLoad(r.addLoad(c.name, delay, c.records, c.bytes, o, o.PeakMB))
		}
	}
	return nil
}

func (b *bench) logLoad(l loadResult) {
	b.logf("load %-14s %2d ms: %7.2f CPU s (%.2f in the kernel), %6.2f MB per CPU s, %3.0f MB peak, equal: %v",
		l.Implementation, l.LatencyMilliseconds, l.CPUSeconds, l.SystemSeconds, l.MBPerCPUSecond, l.PeakMB, l.Equal)
}
