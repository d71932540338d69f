package main

import (
	"os"
	"strings"
	"testing"
)

// The image in README is that of the current runbook.
func TestImageIsUpToDate(t *testing.T) {
	document, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := draw(string(document), "A feed has stopped")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/images/terminal.svg")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/images/terminal.svg is not that of docs/operations.md: run `make screenshots`")
	}
}

func TestDraw(t *testing.T) {
	const document = "# A\n\n```\n$ x\n```\n## B\n```\n$ ingest list <feed>\nfailing  idle\n```\ntext\n```\nno command\n```\n"
	image, err := draw(document, "B")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<tspan x="16.0" class="command">$ ingest list &lt;feed&gt;</tspan>`, `<tspan x="16.0" class="bad">failing</tspan> <tspan x="86.2" class="good">idle</tspan>`} {
		if !strings.Contains(image, want) {
			t.Errorf("%s\nlacks %s", image, want)
		}
	}
	if strings.Contains(image, "no command") {
		t.Error("a block without commands is drawn")
	}
	if _, err := draw(document, "C"); err == nil {
		t.Error("no error for a section that does not exist")
	}
}
