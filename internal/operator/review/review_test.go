package review_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/gkampitakis/go-snaps/snaps"

	"example.com/ingestion/internal/operator/review"
)

// testdata/diff.txt is the output of the pinned cdk for a feed in which a queue was
// removed, a bucket and a function were renamed, and a permission was added.
func diff(t *testing.T) []review.Stack {
	t.Helper()
	f, err := os.Open("testdata/diff.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	stacks, err := review.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return stacks
}

func TestRead(t *testing.T) {
	stacks := diff(t)
	if len(stacks) != 2 || stacks[0].Name != "Airports" || stacks[0].Same || !stacks[1].Same {
		t.Fatalf("%+v", stacks)
	}
	s := stacks[0]
	if s.Added != 0 || s.Changed != 6 || s.Removed != 1 || !strings.Contains(s.Security, "s3:ListBucket") || strings.Contains(s.Security, "MemorySize") {
		t.Errorf("%+v", s)
	}
	data := map[string]bool{}
	for _, d := range s.Dangers {
		data[d.Type+" "+d.Path+" "+d.Impact] = d.HoldsData()
	}
	for danger, holdsData := range map[string]bool{
		"AWS::S3::Bucket Airports/SourceBucket replace": true,
		"AWS::SQS::Queue Gone destroy":                  true,
		"AWS::Lambda::Function Airports/Load replace":   false,
	} {
		if got, ok := data[danger]; !ok || got != holdsData {
			t.Errorf("%s: %v, %v; have %v", danger, got, ok, data)
		}
	}
}

func TestReadFailedDiff(t *testing.T) {
	if _, err := review.Read(strings.NewReader("Unable to resolve AWS account\n")); !errors.Is(err, review.ErrNoStack) {
		t.Error(err)
	}
}

func TestMarkdown(t *testing.T) {
	snaps.WithConfig(snaps.Filename("comment"), snaps.Ext(".md"), snaps.Update(os.Getenv("UPDATE_SNAPS") == "true")).
		MatchStandaloneSnapshot(t, review.Markdown(diff(t), "the run"))
	same := []review.Stack{{Name: "Orders", Same: true}}
	if got := review.Markdown(same, "the run"); !strings.Contains(got, "0 of 1 stacks change") || strings.Contains(got, "<details>") {
		t.Error(got)
	}
}

func TestMarkdownFitsInAComment(t *testing.T) {
	long := review.Stack{Name: "Long", Changed: 1, Text: strings.Repeat("[~] ```\n", 20_000), Security: strings.Repeat("x\n", 40_000)}
	got := review.Markdown([]review.Stack{long, {Name: "Short", Added: 1, Text: "short"}}, "https://example.com/run")
	if len(got) > 65_536 || !strings.Contains(got, "Long: too long for a comment (20001 lines), see https://example.com/run.") || !strings.Contains(got, "short\n```") {
		t.Errorf("%d bytes:\n%.2000s", len(got), got)
	}
}
