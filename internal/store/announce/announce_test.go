package announce_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/announce"
	"example.com/ingestion/internal/store/ledger"
)

// bus is a bus that refuses the first entries with error codes.
type bus struct {
	refuse []string
	err    error
	sent   []types.PutEventsRequestEntry
}

func (b *bus) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	if b.err != nil {
		return nil, b.err
	}
	if len(b.refuse) > 0 {
		code := b.refuse[0]
		b.refuse = b.refuse[1:]
		return &eventbridge.PutEventsOutput{FailedEntryCount: 1, Entries: []types.PutEventsResultEntry{{ErrorCode: &code, ErrorMessage: aws.String("no")}}}, nil
	}
	b.sent = append(b.sent, in.Entries...)
	return &eventbridge.PutEventsOutput{Entries: []types.PutEventsResultEntry{{EventId: aws.String("e")}}}, nil
}

func upload(stored, byUnpack, byLoad int64) ledger.Upload {
	return ledger.Upload{
		Upload: ids.Upload{
			ID: "u", Feed: "orders", Bucket: "b", Key: "in/a b.json", VersionID: "v", Size: 7,
			Time: time.Date(2026, 3, 4, 1, 0, 0, 0, time.FixedZone("", 3600)),
		},
		Counts: ledger.Counts{Entries: 1, Records: stored + byUnpack + byLoad, RejectedByUnpack: byUnpack}, Stored: stored, RejectedByLoad: byLoad,
	}
}

func TestEvent(t *testing.T) {
	partial := upload(3, 1, 1)
	partial.Reasons, partial.Replays = map[string]int64{"invalid_json": 2}, 4
	for _, test := range []struct {
		u        ledger.Upload
		kind, id string
	}{
		{upload(3, 0, 0), "Upload Loaded", "u/loaded/0"},
		{upload(0, 0, 0), "Upload Loaded", "u/loaded/0"},
		{partial, "Upload Partly Loaded", "u/partial/4"},
		{upload(0, 1, 1), "Upload Rejected", "u/rejected/0"},
	} {
		b := &bus{}
		if err := announce.To(b, "the-table")(t.Context(), test.u); err != nil {
			t.Fatal(err)
		}
		e := b.sent[0]
		var d struct{ ID string }
		if err := json.Unmarshal([]byte(*e.Detail), &d); err != nil {
			t.Fatal(err)
		}
		if len(b.sent) != 1 || *e.Source != "ingestion" || *e.DetailType != test.kind || d.ID != test.id || e.EventBusName != nil {
			t.Errorf("%d events: %s %s %s", len(b.sent), *e.Source, *e.DetailType, *e.Detail)
		}
	}
	b := &bus{}
	if err := announce.To(b, "the-table")(t.Context(), partial); err != nil {
		t.Fatal(err)
	}
	var got, want any
	const document = `{"id":"u/partial/4","feed":"orders","state":"partial","upload":"u","source":"s3://b/in/a b.json","bucket":"b","key":"in/a b.json","version":"v",
		"source_time":"2026-03-04T00:00:00Z","bytes":7,"entries":1,"records":5,"stored":3,"quarantined":2,"filtered":0,"reasons":{"invalid_json":2},"replays":4,"table":"the-table"}`
	for text, to := range map[string]*any{*b.sent[0].Detail: &got, document: &want} {
		if err := json.Unmarshal([]byte(text), to); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("detail %s", *b.sent[0].Detail)
	}
}

// A request may succeed and its entry fail.
func TestRefusedEvents(t *testing.T) {
	b := &bus{refuse: []string{"ThrottlingException", "InternalFailure"}}
	if err := announce.To(b, "t")(t.Context(), upload(1, 0, 0)); err != nil || len(b.sent) != 1 {
		t.Errorf("%d events, %v", len(b.sent), err)
	}
	b = &bus{refuse: strings.Split(strings.Repeat("InternalFailure ", 100), " ")}
	if err := announce.To(b, "t")(t.Context(), upload(1, 0, 0)); err == nil || !strings.Contains(err.Error(), "announce upload u of feed orders: EventBridge refused the event: InternalFailure: no") {
		t.Errorf("error %v", err)
	}
	denied := errors.New("AccessDeniedException")
	b = &bus{err: denied}
	if err := announce.To(b, "t")(t.Context(), upload(1, 0, 0)); !errors.Is(err, denied) {
		t.Errorf("error %v", err)
	}
}
