package ui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/testing/fakeaccount"
)

// The page of an upload leads to the versions of its records; a feed without a key has none.
func TestVersionsOfARecord(t *testing.T) {
	c := fakeaccount.New(t)
	source := NewAccountSource(operator.Account{Config: c.Config, Stacks: c.Stacks}, nil, false)
	if _, err := source.Versions(t.Context(), "Orders/orders", []string{"1"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a feed without a key: %v", err)
	}
	c.Stacks.Stacks[0].Template = strings.Replace(c.Stacks.Stacks[0].Template, `"feed":"orders"`, `"feed":"orders","recordKey":{"fields":["id"]}`, 1)
	var last ids.Upload
	for i := range 25 {
		last = c.Upload("orders", fmt.Sprintf("%02d.json", i), fakeaccount.At(1+i/2, 30*(i%2)), map[string]any{"state": "loaded", "records": 1, "stored": 1})
		id := ids.RecordID(last.ID, 0, 0)
		c.Put(ids.PartitionKey("orders", last.ID, ids.Shard(0, 2)), id[ids.IDLength+1:], map[string]any{
			"record_key": "orders/id#it's 1", "record_time": ids.KeyTime(last.Time, last.ID) + id[ids.IDLength:],
			"data": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "it's 1"}}},
		})
	}
	u, err := source.Upload(t.Context(), "Orders/orders", last.ID)
	if err != nil || len(u.RecordList) != 1 || !slices.Equal(u.RecordList[0].Key, []string{"it's 1"}) {
		t.Fatalf("%+v, %v", u, err)
	}
	v, err := source.Versions(t.Context(), "Orders/orders", u.RecordList[0].Key)
	if err != nil || len(v.List) != shownRecords || !v.More || v.List[0].Upload != last.ID || !strings.HasSuffix(v.List[0].Source, "/24.json") ||
		v.List[0].Data != `{"id":"it's 1"}` || v.Commands[0] != `ingest records orders --key 'it'\''s 1' --limit 1` {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := source.Versions(t.Context(), "Orders/orders", []string{"2"}); err != nil || len(v.List) != 0 || v.More {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := source.Versions(t.Context(), "Orders/orders", nil); err == nil || !strings.Contains(err.Error(), "the key has 1 fields (id), and 0 values are given") {
		t.Errorf("without values: %v", err)
	}
	if _, err := source.Versions(t.Context(), "none", []string{"2"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("no feed: %v", err)
	}
}
