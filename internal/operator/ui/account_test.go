package ui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
	"example.com/ingestion/internal/testing/fakeaccount"
)

// When AWS cannot be reached, the last figures are kept with their time.
func TestReadKeepsTheLastFigures(t *testing.T) {
	stacks := &fake.CloudFormation{Stacks: []fake.Stack{
		{Name: "Orders", Outputs: map[string]string{"OFeed": "orders", "OLandingPrefix": "landing/orders/"}},
	}}
	source := NewAccountSource(operator.Account{Config: aws.Config{Region: "eu-central-1"}, Stacks: stacks}, nil, false)
	stacks.Err = errors.New("connection refused")
	if s := source.Read(t.Context()); len(s.Feeds) != 0 || s.Feeds == nil || !s.Figures.IsZero() || s.Error != "list the stacks: connection refused" {
		t.Errorf("never reached: %+v", s)
	}
	stacks.Err = nil
	first := source.Read(t.Context())
	if len(first.Feeds) != 1 || first.Feeds[0].State != overview.Unknown || first.Figures != first.At {
		t.Errorf("%+v", first)
	}
	time.Sleep(time.Millisecond)
	stacks.Err = errors.New("connection refused")
	if s := source.Read(t.Context()); len(s.Feeds) != 1 || s.Figures != first.At || !s.At.After(first.At) || s.Error != "list the stacks: connection refused" {
		t.Errorf("not reached any more: %+v", s)
	}
}

func TestPriority(t *testing.T) {
	if priority(overview.Failing) >= priority(overview.Rejecting) || priority(overview.Rejecting) >= priority(overview.Working) || priority(overview.Working) != priority(overview.Idle) {
		t.Error("feeds that need attention are not first")
	}
}

// readUntil reads until a condition holds: failed events and sources are read by other
// goroutines.
func readUntil(t *testing.T, source *AccountSource, done func(State) bool) State {
	t.Helper()
	for range 200 {
		if s := source.Read(t.Context()); done(s) {
			return s
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the state was not read")
	return State{}
}

func TestReadDescribesWhatIsWrong(t *testing.T) {
	c, broken := fakeaccount.WithUploads(t)
	now := time.Now().UTC()
	bad := c.Upload("returns", "in/bad.csv", now.Add(-time.Minute), map[string]any{
		"state": "loaded", "entries": 1, "records": 3, "rejected_by_unpack": 3, "reason#header_mismatch": 3, "loaded_at": now,
	})
	stuck := c.Upload("orders", "2026/stuck.json", fakeaccount.At(12, 30), map[string]any{"state": "unpacked", "records": 2, "parts": 1})
	const failure = `{"requestContext":{"functionArn":"arn:aws:lambda:eu-central-1:1:function:orders-%s"},"requestPayload":%s,"responsePayload":{"errorMessage":"%s"}}`
	c.Messages = []string{
		fmt.Sprintf(failure, "unpack", `{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"orders-source"},"object":{"key":"2026/new+file.json","eTag":"e","versionId":"v"}}}]}`, "access denied by KMS"),
		fmt.Sprintf(failure, "load", `{"feed":"orders","upload":"`+stuck.ID+`","part":"0000000-000000"}`, "the table does not exist"),
	}
	c.Depth["orders-failures"] = 3
	source := NewAccountSource(operator.Account{Config: c.Config, Stacks: c.Stacks}, nil, false)
	s := readUntil(t, source, func(s State) bool {
		return len(s.Feeds) == 2 && len(s.Feeds[0].Problems) == 2 && len(s.Feeds[0].Sources) == 1 && len(s.Feeds[1].Sources) == 1
	})
	if s.Error != "" || s.Figures != s.At {
		t.Errorf("%+v", s)
	}
	orders, returns := s.Feeds[0], s.Feeds[1]
	if orders.State != overview.Failing || orders.MoreProblems != 1 || !slices.Equal(orders.Commands, []string{"ingest doctor orders", "ingest replay orders"}) {
		t.Errorf("%+v", orders)
	}
	want := []Problem{
		{Time: fakeaccount.At(13, 0), File: "s3://orders-source/2026/new file.json", Function: "unpack", Error: "access denied by KMS", Command: "ingest logs orders --since 7d"},
		{Time: fakeaccount.At(13, 0), File: "s3://orders-source/2026/stuck.json, part 0000000-000000", Upload: stuck.ID, Function: "load", Error: "the table does not exist", Command: "ingest status orders " + stuck.ID},
	}
	if !slices.Equal(orders.Problems, want) {
		t.Errorf("%+v, want\n%+v", orders.Problems, want)
	}
	if len(orders.Recent) != 5 || orders.Recent[0].Key != "2026/stuck.json" || !slices.Equal(orders.Reasons, []overview.Reason{{Reason: "invalid_json", Records: 3, Uploads: 1}, {Reason: "item_too_large", Records: 1, Uploads: 1}}) {
		t.Errorf("%+v", orders)
	}
	rejected := []Problem{{
		Time: returns.Problems[0].Time, File: "s3://returns-source/in/bad.csv", Upload: bad.ID, Error: "header_mismatch (3)", Command: "ingest quarantine returns --upload " + bad.ID,
	}}
	if returns.State != overview.Rejecting || !slices.Equal(returns.Problems, rejected) || returns.MoreProblems != 0 || returns.Sources[0] != "s3://returns-source/in/" {
		t.Errorf("%+v", returns)
	}
	if last := returns.Hours[shownHours-1]; last.Quarantined != 3 || last.Stored != 0 || last.Bytes != 123456 {
		t.Errorf("this hour: %+v", last)
	}

	// A feed that cannot be read keeps its figures.
	table := c.Stacks.Stacks[0].Outputs["OrdersTable"]
	delete(c.Stacks.Stacks[0].Outputs, "OrdersTable")
	for range 2 {
		next := source.Read(t.Context()).Feeds[0]
		if next.State != overview.Unknown || next.Uploads != 5 || len(next.Recent) != 5 || next.FiguresOf == nil || !next.FiguresOf.Equal(s.Figures) || !strings.Contains(next.Error, "no output OrdersTable") {
			t.Errorf("%+v, figures of %v", next.Feed, next.FiguresOf)
		}
	}
	c.Stacks.Stacks[0].Outputs["OrdersTable"] = table
	if next := source.Read(t.Context()).Feeds[0]; next.State != overview.Failing || next.FiguresOf != nil {
		t.Errorf("%+v", next.Feed)
	}

	for range 3 {
		c.Record(broken, 0, &types.AttributeValueMemberS{Value: strings.Repeat("ä", 1500)})
	}
	v, err := source.Upload(t.Context(), "Orders/orders", broken.ID)
	if err != nil || v.Error != "" || len(v.PartList) != 3 || len(v.Quarantine) != 4 || v.MoreQuarantine || len(v.RecordList) != 1 || len(v.EntryList) != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
	if data := v.RecordList[0].Data; len(data) > shownBytes+3 || !utf8.ValidString(data) || !strings.HasSuffix(data, "…") {
		t.Errorf("%d bytes of a record", len(data))
	}
	if q := v.Quarantine[slices.IndexFunc(v.Quarantine, func(q QuarantinedRecord) bool { return q.Ordinal == 17 })]; q.Reason != "invalid_json" || q.Raw != `{"a":` || q.Ordinal != 17 {
		t.Errorf("%+v", q)
	}
	for _, name := range [][]string{{"Orders/orders", "none"}, {"none", broken.ID}} {
		if _, err := source.Upload(t.Context(), name[0], name[1]); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", name, err)
		}
	}
	// What cannot be read does not hide the rest.
	c.DB.Before = func(operation string, _ []byte) (int, string) {
		if operation == "Query" {
			return 400, "AccessDeniedException"
		}
		return 0, ""
	}
	if v, err := source.Upload(t.Context(), "Orders/orders", broken.ID); err != nil || !strings.Contains(v.Error, "list the entries: DynamoDB Query: AccessDeniedException") || len(v.Quarantine) != 4 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestCommandName(t *testing.T) {
	stacks := &fake.CloudFormation{Stacks: []fake.Stack{
		{Name: "A", Outputs: map[string]string{"OFeed": "orders", "OLandingPrefix": "landing/orders/"}},
		{Name: "B", Outputs: map[string]string{"OFeed": "orders", "OLandingPrefix": "landing/orders/"}},
		{Name: "C", Outputs: map[string]string{"OFeed": "returns", "OLandingPrefix": "landing/returns/"}},
	}}
	found, err := operator.Feeds(t.Context(), stacks)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"A/orders", "B/orders", "returns"} {
		if got := commandName(found, i); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The states and the problems of a feed with one file of each fault.
func TestReadFaults(t *testing.T) {
	c := fakeaccount.WithFaults(t)
	source := NewAccountSource(operator.Account{Config: c.Config, Stacks: c.Stacks}, nil, false)
	source.InApp = func(found []operator.Feed) []*bool {
		contained := make([]*bool, len(found))
		contained[1] = new(bool) // returns
		return contained
	}
	s := readUntil(t, source, func(s State) bool { return len(s.Feeds[0].Problems) == 2 })
	f := s.Feeds[0]
	if f.InApp == nil || *f.InApp || s.Feeds[1].InApp != nil {
		t.Errorf("in the app: %v, %v", f.InApp, s.Feeds[1].InApp)
	}
	if f.Feed.Feed != "returns" || f.State != overview.Failing || f.Failed != 2 || f.Waiting != 3 || f.Quarantined != 2 || f.Uploads != 11 {
		t.Errorf("%+v", f.Feed)
	}
	for name, want := range map[string]overview.UploadState{
		"good": overview.Loaded, "empty": overview.Loaded, "partial": overview.Partial, "rejected": overview.Rejected, "gone": overview.Missing,
		"stuck": overview.Unpacking, "not-loaded": overview.Unpacked,
	} {
		u, err := overview.FindUpload(t.Context(), ledger.New(source.dynamo, "table"), "returns", "in/"+name+".csv")
		if err != nil {
			t.Fatal(err)
		}
		v, err := source.Upload(t.Context(), "Returns/returns", u.ID)
		if err != nil || v.Error != "" || v.State != want || int64(len(v.RecordList)) != v.Stored || int64(len(v.Quarantine)) != v.Quarantined || int64(len(v.PartList)) != v.Parts {
			t.Errorf("%s: %s, want %s: %+v, %v", name, v.State, want, v, err)
		}
	}
	if problems := []string{f.Problems[0].Error, f.Problems[1].Error}; !slices.Equal(problems, []string{"throttled by the table", "access denied by KMS"}) {
		t.Errorf("%q", problems)
	}
}
