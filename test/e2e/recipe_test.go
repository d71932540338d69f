package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// recipe is a section of docs/operations.md whose commands a test executes from the
// text of the document. The outputs there may leave out lines and parts of lines, as
// "…".
type recipe struct {
	w       *fixture
	heading string
	blocks  [][]step
	ids     map[string]string // IDs of uploads in the document, and here
}

// step is a command with its output.
type step struct{ command, output string }

// recipe reads the section with a heading of the runbook.
func (w *fixture) recipe(t *testing.T, heading string) *recipe {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.repo, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	r := &recipe{w: w, heading: heading, ids: map[string]string{}}
	var inSection, inBlock bool
	var block []step
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case !inBlock && strings.HasPrefix(line, "#"):
			inSection = strings.TrimLeft(line, "# ") == heading
		case !inSection:
		case strings.HasPrefix(line, "```"):
			if inBlock = !inBlock; !inBlock && len(block) > 0 {
				r.blocks = append(r.blocks, block)
			}
			block = nil
		case inBlock && isCommand:
			block = append(block, step{command: command})
		case len(block) > 0:
			block[len(block)-1].output += line + "\n"
		}
	}
	if len(r.blocks) == 0 {
		t.Fatalf("docs/operations.md has no commands under %q", heading)
	}
	return r
}

// run executes the next block of commands and compares each output.
func (r *recipe) run(t *testing.T) {
	t.Helper()
	if len(r.blocks) == 0 {
		t.Fatalf("%q has no further commands", r.heading)
	}
	for _, s := range r.blocks[0] {
		command := uploadID.ReplaceAllStringFunc(s.command, func(id string) string {
			if r.ids[id] == "" {
				t.Fatalf("%s: no output before has shown the upload %s", s.command, id)
			}
			return r.ids[id]
		})
		got := r.w.run(t, command)
		text := strings.Join(strings.Fields(got.out+progress.ReplaceAllString(got.err, "")), " ")
		match := outputPattern(s.output).FindStringSubmatch(text)
		if match == nil {
			t.Errorf("docs/operations.md, %q: $ %s\n%s\nis now\n%s%s", r.heading, s.command, s.output, got.out, got.err)
			continue
		}
		for i, id := range uploadID.FindAllString(s.output, -1) {
			if known, ok := r.ids[id]; ok && known != match[i+1] {
				t.Errorf("docs/operations.md, %q: $ %s: upload %s is %s, and %s before", r.heading, s.command, id, match[i+1], known)
			}
			r.ids[id] = match[i+1]
		}
		r.w.idle(t)
	}
	r.blocks = r.blocks[1:]
}

// done checks that all blocks were run.
func (r *recipe) done(t *testing.T) {
	t.Helper()
	for _, b := range r.blocks {
		t.Errorf("docs/operations.md, %q: not executed: %s", r.heading, b[0].command)
	}
}

var (
	// progress matches a line about the progress, which the document leaves out.
	progress = regexp.MustCompile(`(?m)^[a-z]+: [0-9,]+ (uploads?|objects?).*\n`)
	uploadID = regexp.MustCompile(`\b[0-9a-v]{26}\b`)
	// varying is what differs between two runs: times, durations, the random part of
	// names, and what the document leaves out.
	varying = regexp.MustCompile(`\b[0-9a-v]{26}\b|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\b\d+(\.\d+)?m?s\b|…`)
)

// outputPattern matches an output as the document prints it, in one line.
func outputPattern(output string) *regexp.Regexp {
	text := strings.Join(strings.Fields(output), " ")
	var pattern strings.Builder
	pattern.WriteString(`(?s)^`)
	end := 0
	for _, found := range varying.FindAllStringIndex(text, -1) {
		pattern.WriteString(regexp.QuoteMeta(text[end:found[0]]))
		end = found[1]
		switch s := text[found[0]:end]; {
		case s == "…":
			pattern.WriteString(`.*?`)
		case uploadID.MatchString(s):
			pattern.WriteString(`([0-9a-v]{26})`)
		case len(s) == len("2006-01-02 15:04:05"):
			pattern.WriteString(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)
		default:
			pattern.WriteString(`\d+(?:\.\d+)?m?s`)
		}
	}
	pattern.WriteString(regexp.QuoteMeta(text[end:]) + `$`)
	return regexp.MustCompile(pattern.String())
}

// The outputs of the document are compared strictly, except for what varies.
func TestOutputPattern(t *testing.T) {
	const document = "UPLOAD  TOOK  FILE\nide7jgevrcein6u3sb9njm6tg8  2.5s  s3://orders…/a.json  2026-11-23 08:35:50\n…\n1 difference\n"
	for output, want := range map[string]bool{
		"UPLOAD TOOK FILE e7ufa8uov01ttufkgqad4q0rmo 310ms s3://orders-bucket-x/a.json 2027-01-01 00:00:00 more lines 1 difference":  true,
		"UPLOAD TOOK FILE e7ufa8uov01ttufkgqad4q0rmo 310ms s3://orders-bucket-x/b.json 2027-01-01 00:00:00 more lines 1 difference":  false,
		"UPLOAD TOOK FILE e7ufa8uov01ttufkgqad4q0rmo 310ms s3://orders-bucket-x/a.json 2027-01-01 00:00:00 more lines 2 differences": false,
		"UPLOAD TOOK FILE - - s3://orders-bucket-x/a.json - more lines 1 difference":                                                 false,
	} {
		if got := outputPattern(document).MatchString(output); got != want {
			t.Errorf("%q: %t", output, got)
		}
	}
}
