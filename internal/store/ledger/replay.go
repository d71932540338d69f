package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
)

// Replay is one step of trying an upload's quarantined records again. It is
// entered in one transaction with the counts that it changes; what it says is
// then done, by whoever comes to it, however often.
type Replay struct {
	Feed, Upload string
	// Number counts an upload's replays from 1.
	Number int64
	// Parts were landed, and are to be entered and handed to load.
	Parts []Part
	// Objects of quarantine are dealt with, and are to be deleted. Refused are those
	// that this replay wrote: one that is in no entered replay counts for nothing.
	Objects, Refused []string
	// Group is the part whose load refused the records; empty: unpack did.
	Group string
	// The changes of the upload's counts. Taken is how many records left
	// quarantine, as it was, and Kept how many of them are back in it.
	Taken, Kept int64
	// Records and Entries are how many more the upload has, where what counted as
	// one record turned out to be more of them.
	Records, Entries int64
	// Reasons are the changes of the quarantined records by reason, Message says
	// in words why the first of those that are back was refused.
	Reasons map[string]int64
	Message string
	Done    bool
	At      time.Time
}

// MaxReplayParts is how many parts a Replay may have: its item has 400 KB.
const MaxReplayParts = 1000

// ErrReplayed means that another replay of the upload was entered meanwhile, or
// that the upload is being unpacked.
var ErrReplayed = errors.New("the upload is being unpacked or replayed elsewhere")

const replaySortPrefix = "replay#"

func replayKey(number int64) string { return fmt.Sprintf("%s%09d", replaySortPrefix, number) }

// replayBody is what is kept of a Replay as JSON.
type replayBody struct {
	Parts   []replayPart `json:"parts"`
	Shards  int          `json:"shards"`
	Time    time.Time    `json:"time"`
	Objects []string     `json:"objects"`
	Refused []string     `json:"refused,omitempty"`
}

// replayPart is what no two parts of a replay have in common.
type replayPart struct {
	Name    string `json:"name"`
	Entry   int    `json:"entry"`
	Key     string `json:"key"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"`
}

// CommitReplay enters r and changes the counts of its upload and of the part
// r.Group, all or nothing. u is the upload as it was read before.
func (l *Ledger) CommitReplay(ctx context.Context, u Upload, r Replay) error {
	if len(r.Parts) > MaxReplayParts {
		return fmt.Errorf("ledger: a replay of upload %s lands %d parts, the limit is %d: replay one reason at a time", r.Upload, len(r.Parts), MaxReplayParts)
	}
	kept := replayBody{Shards: u.Shards, Time: u.Time, Objects: r.Objects, Refused: r.Refused}
	for _, p := range r.Parts {
		kept.Parts = append(kept.Parts, replayPart{p.Name, p.Entry, p.Key, p.Records, p.Bytes})
	}
	body, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("ledger: replay %d of upload %s: %w", r.Number, r.Upload, err)
	}
	it := newExpression()
	for name, value := range map[string]types.AttributeValue{
		"item": str("replay"), "feed": str(r.Feed), "upload": str(r.Upload), "number": num(r.Number), "state": str(string(Landed)),
		"replay": str(string(body)), "taken": num(r.Taken), "kept": num(r.Kept), "at": stamp(l.now()),
	} {
		it.put(name, value)
	}
	items := []types.TransactWriteItem{
		{Update: l.updateItem(r, replayKey(r.Number), it, "attribute_not_exists("+feed.PartitionKey+")")},
		{Update: l.replayedUpload(u, r)},
	}
	if r.Group != "" {
		part := newExpression()
		part.add("replayed", r.Taken-r.Kept)
		items = append(items, types.TransactWriteItem{Update: l.updateItem(r, partSortPrefix+r.Group, part,
			part.name("state")+" = "+part.value("from", str(string(Loaded))))})
	}
	_, err = l.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items})
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) {
		for _, reason := range canceled.CancellationReasons {
			if aws.ToString(reason.Code) == "ConditionalCheckFailed" {
				return fmt.Errorf("ledger: replay %d of upload %s: %w", r.Number, r.Upload, ErrReplayed)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("ledger: enter replay %d of upload %s: %w", r.Number, r.Upload, err)
	}
	return nil
}

func (l *Ledger) replayedUpload(u Upload, r Replay) *types.Update {
	e := newExpression()
	e.put("replays", num(r.Number))
	if len(r.Parts) > 0 {
		e.put("state", str(string(Unpacked)))
	}
	switch {
	case u.Quarantined()-r.Taken+r.Kept == 0:
		e.remove("message") // it told of what is mended now
	case len(r.Reasons) > 0 && r.Message != "":
		e.put("message", str(r.Message))
	}
	var bytes int64
	for _, p := range r.Parts {
		bytes += p.Bytes
	}
	rejected := "rejected_by_unpack"
	if r.Group != "" {
		rejected = "rejected_by_load"
	}
	for _, c := range []struct {
		name string
		n    int64
	}{
		{rejected, r.Kept - r.Taken},
		{"records", r.Records},
		{"entries", r.Entries},
		{"parts", int64(len(r.Parts))},
		{"bytes_landed", bytes},
	} {
		if c.n != 0 {
			e.add(c.name, c.n)
		}
	}
	e.addReasons(r.Reasons)
	return l.updateItem(r, uploadSortKey, e, e.name("state")+" <> "+e.value("from", str(string(Unpacking))))
}

func (l *Ledger) updateItem(r Replay, sort string, e *expression, condition string) *types.Update {
	u := &types.Update{
		TableName: &l.table, Key: key(r.Feed, r.Upload, sort), ConditionExpression: &condition, UpdateExpression: e.update(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	}
	return u
}

// GetReplay returns a replay of an upload, or false where the ledger has none of
// that number.
func (l *Ledger) GetReplay(ctx context.Context, feedName, id string, number int64) (Replay, bool, error) {
	out, err := l.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &l.table, Key: key(feedName, id, replayKey(number)), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return Replay{}, false, fmt.Errorf("ledger: read replay %d of upload %s: %w", number, id, err)
	}
	if len(out.Item) == 0 {
		return Replay{}, false, nil
	}
	it := out.Item
	r := Replay{
		Feed: feedName, Upload: id, Number: number, Done: State(getStr(it, "state")) == Loaded,
		Taken: getNum(it, "taken"), Kept: getNum(it, "kept"), At: getTime(it, "at"),
	}
	var body replayBody
	if err := json.Unmarshal([]byte(getStr(it, "replay")), &body); err != nil {
		return Replay{}, false, fmt.Errorf("ledger: replay %d of upload %s: %w", number, id, err)
	}
	r.Objects, r.Refused = body.Objects, body.Refused
	for _, p := range body.Parts {
		r.Parts = append(r.Parts, Part{
			Feed: feedName, Upload: id, Name: p.Name, Entry: p.Entry, Key: p.Key, Records: p.Records, Bytes: p.Bytes,
			Shards: body.Shards, Time: body.Time,
		})
	}
	return r, true, nil
}

// ReplayDone notes that nothing of r is left to do.
func (l *Ledger) ReplayDone(ctx context.Context, r Replay) error {
	e := newExpression()
	e.put("state", str(string(Loaded)))
	_, err := l.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: key(r.Feed, r.Upload, replayKey(r.Number)),
		UpdateExpression: e.update(), ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	if err != nil {
		return fmt.Errorf("ledger: end replay %d of upload %s: %w", r.Number, r.Upload, err)
	}
	return nil
}
