// Command bench measures unpack and load, as they are deployed, beside what
// else there is: the SDK's path, Python's, Bento's, and the physical limit. It
// is run by `make bench`, in the root of the repository; docs/performance.md
// says how to read what it prints.
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
	flag.IntVar(&o.python, "python", 40_000, "of which Python gets the first so many: all take it minutes")
	flag.IntVar(&o.repeat, "repeat", 3, "how often to run what is quick; the median counts")
	flag.Float64Var(&o.huge, "huge", 0, "also take an array, a zip and NDJSON of so many GB through unpack, and one through load")
	flag.StringVar(&o.only, "only", "", "do one step alone: unpack, load, others, files or huge")
	flag.Parse()
	o.files = flag.Args()
	if !slices.Contains([]string{"", "unpack", "load", "others", "files", "huge"}, o.only) {
		log.Fatalf("-only %q: it is unpack, load, others, files or huge", o.only)
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
		if err := b.ours(ctx, o, in, r); err != nil {
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

// inputs is what is in the bucket, and what must come out.
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
	b.say("generating %d records", o.records)
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
		b.s3.putBytes(sourceBucket+"/"+name, z)
		if name == key(formNDJSON) {
			in.compressedBytes = len(z)
		}
	}
	z, err := zipped("records.ndjson", p.ndjson, 1)
	if err != nil {
		return in, err
	}
	b.s3.putBytes(sourceBucket+"/"+key(formZip), z.bytes())

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

// unpacking measures unpack in every form, and the physical limit right after it.
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
			b.dynamo.start()
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
		b.say("unpack %-9s %6.2f CPU s, limit %5.2f: %.2f", form, u.Ours.CPUSeconds, u.Limit.CPUSeconds, u.OfLimit)
		r.init("unpack", ours)
	}
	return nil
}

// checkParts compares what unpack has landed with the input, and leaves files of both for the limit.
func (b *bench) checkParts(form string, in inputs, input, lines string) error {
	landed, err := b.s3.lines(landingBucket + "/")
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
	source, _ := b.s3.get(sourceBucket + "/" + key(form))
	content, err := readAll(source)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(input, content, 0o600), os.WriteFile(lines, landed, 0o600))
}

const (
	near = 0
	far  = 10 * time.Millisecond
)

// ours measures load on the parts of the 200 MB.
func (b *bench) ours(ctx context.Context, o options, in inputs, r *results) error {
	for _, latency := range []time.Duration{near, far} {
		var all []outcome
		for range o.repeat {
			b.dynamo.start()
			u, err := b.unpack(ctx, key(formNDJSON))
			if err != nil {
				return err
			}
			sortParts(u.parts)
			l, err := b.loading(latency, in.want, member, func() (outcome, error) { return b.load(ctx, u.parts) })
			if err != nil {
				return fmt.Errorf("ours: %w", err)
			}
			all = append(all, l)
		}
		b.tell(r.addLoad(oursName, latency, in.records, in.bytes, median(all), peak(all)))
		r.init("load", all)
	}
	return nil
}

// others measures whoever else is here.
func (b *bench) others(ctx context.Context, in inputs, r *results) error {
	type contender struct {
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
	for _, c := range []contender{
		{
			sdkName, member, in.records, in.bytes, in.want, b.foreign(ctx, "sdk"),
			func() (outcome, error) { return b.run(ctx, b.program("sdk"), sourceBucket, key(formNDJSON), tableName) },
		},
		{
			bentoName, withoutKeys, in.records, in.bytes, in.want, b.foreign(ctx, "bento"),
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
		for _, latency := range []time.Duration{near, far} {
			b.dynamo.start()
			o, err := b.loading(latency, c.want, c.payload, c.run)
			if errors.Is(err, errUnequal) {
				r.skip(b, "%s: %v", c.name, err) // told in the table too
			} else if err != nil {
				r.skip(b, "%s: %v", c.name, err)
				break
			}
			b.tell(r.addLoad(c.name, latency, c.records, c.bytes, o, o.PeakMB))
		}
	}
	return nil
}

func (b *bench) tell(l loadResult) {
	b.say("load %-13s %2d ms: %7.2f CPU s (%.2f in the kernel), %6.2f MB per CPU s, %3.0f MB peak, equal: %v",
		l.Contender, l.LatencyMilliseconds, l.CPUSeconds, l.SystemSeconds, l.MBPerCPUSecond, l.PeakMB, l.Equal)
}
