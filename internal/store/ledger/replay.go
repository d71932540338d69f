package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"

	"example.com/ingestion/feed"
)

// Replay is one step of processing an upload's quarantined records again. It is
// committed in one transaction with the counts that it changes. What remains to
// be done then can be done by any invocation, more than once.
type Replay struct {
	Feed   string `dynamodbav:"feed"`
	Upload string `dynamodbav:"upload"`
	// Number counts an upload's replays from 1.
	Number int64 `dynamodbav:"number"`
	// Parts were landed; they remain to be entered and dispatched to load.
	Parts []Part `dynamodbav:"-"`
	// Objects are the quarantine objects whose records were replayed; they remain
	// to be deleted. Refused are those that this replay wrote; an object written
	// by a replay that was never committed is not counted.
	Objects []string `dynamodbav:"-"`
	Refused []string `dynamodbav:"-"`
	// Group is the part whose records load rejected; empty if unpack did.
	Group string `dynamodbav:"-"`
	// Taken is how many records were taken out of quarantine, and Kept how many
	// of them were put back.
	Taken int64 `dynamodbav:"taken"`
	Kept  int64 `dynamodbav:"kept"`
	// Filtered is how many of them the shape has left out.
	Filtered int64 `dynamodbav:"filtered,omitempty"`
	// Records and Entries are how many more of them the upload has, where what
	// counted as one record was found to be several.
	Records int64 `dynamodbav:"-"`
	Entries int64 `dynamodbav:"-"`
	// Reasons are the changes of the counts by reason. Message describes why the
	// first of the records that were put back was rejected.
	Reasons map[string]int64 `dynamodbav:"-"`
	Message string           `dynamodbav:"-"`
	Done    bool             `dynamodbav:"-"`
	At      time.Time        `dynamodbav:"at"`
}

// MaxReplayParts is how many parts a Replay may have, because its item may have 400 KB.
const MaxReplayParts = 1000

// ErrReplayed means that another replay of the upload was committed meanwhile,
// or that the upload is being unpacked.
var ErrReplayed = errors.New("the upload is being unpacked or replayed by another invocation")

func replayKey(feedName, id string, number int64) item {
	return key(feedName, id, fmt.Sprintf("%s%09d", replaySortPrefix, number))
}

// replayItem is the item of a Replay. Its lists are one JSON text, which is half
// the size of DynamoDB's lists and maps.
type replayItem struct {
	Item string `dynamodbav:"item"`
	Replay
	State State  `dynamodbav:"state"`
	Body  string `dynamodbav:"replay"`
}

type replayBody struct {
	Parts   []replayPart `json:"parts"`
	Shards  int          `json:"shards"`
	Time    time.Time    `json:"time"`
	Objects []string     `json:"objects"`
	Refused []string     `json:"refused,omitempty"`
	// Key is the RecordKey of the parts, Days their ExpireAfterDays.
	Key  *feed.RecordKey `json:"key,omitempty"`
	Days int             `json:"days,omitempty"`
}

// replayPart has the fields in which the parts of a replay differ.
type replayPart struct {
	Name    string `json:"name"`
	Entry   int    `json:"entry"`
	Key     string `json:"key"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"`
}

// CommitReplay enters r and changes the counts of its upload and of the part
// r.Group, all or nothing. u is the upload as it was read before. The error
// wraps ErrReplayed where it was changed since.
func (l *Ledger) CommitReplay(ctx context.Context, u Upload, r Replay) error {
	if len(r.Parts) > MaxReplayParts {
		return fmt.Errorf("ledger: a replay of upload %s lands %d parts, the limit is %d: replay one reason at a time", r.Upload, len(r.Parts), MaxReplayParts)
	}
	it, err := l.encodeReplay(u, r)
	if err != nil {
		return fmt.Errorf("ledger: replay %d of upload %s: %w", r.Number, r.Upload, err)
	}
	entered := change{key: replayKey(r.Feed, r.Upload, r.Number), condition: isNew()}
	for name, value := range it {
		entered.set(name, value)
	}
	changes := []change{entered, replayedUpload(u, r)}
	if r.Group != "" {
		part := change{key: key(r.Feed, r.Upload, partSortPrefix+r.Group), condition: equal("state", Loaded)}
		part.add("replayed", r.Taken-r.Kept)
		changes = append(changes, part)
	}
	err = l.applyAll(ctx, changes...)
	switch {
	case conditionFailed(err):
		return fmt.Errorf("ledger: replay %d of upload %s: %w", r.Number, r.Upload, ErrReplayed)
	case err != nil:
		return fmt.Errorf("ledger: enter replay %d of upload %s: %w", r.Number, r.Upload, err)
	}
	return nil
}

func (l *Ledger) encodeReplay(u Upload, r Replay) (item, error) {
	stored := replayBody{Shards: u.Shards, Time: u.Time, Objects: r.Objects, Refused: r.Refused}
	for _, p := range r.Parts {
		stored.Parts = append(stored.Parts, replayPart{p.Name, p.Entry, p.Key, p.Records, p.Bytes})
		stored.Key, stored.Days = p.RecordKey, p.ExpireAfterDays
	}
	body, err := json.Marshal(stored)
	if err != nil {
		return nil, err
	}
	r.At = l.now()
	return encode(replayItem{Item: "replay", Replay: r, State: Landed, Body: string(body)})
}

// replayedUpload is the change of the counts of a replay's upload.
func replayedUpload(u Upload, r Replay) change {
	c := change{
		key:       key(r.Feed, r.Upload, uploadSortKey),
		condition: expression.Name("state").NotEqual(expression.Value(Unpacking)),
	}
	c.set("replays", r.Number)
	c.unsettle()
	if len(r.Parts) > 0 {
		c.set("state", Unpacked)
	}
	switch {
	case u.Quarantined()-r.Taken+r.Kept == 0:
		c.remove("message") // it described a problem that is fixed now
	case len(r.Reasons) > 0 && r.Message != "":
		c.set("message", r.Message)
	}
	var bytes int64
	for _, p := range r.Parts {
		bytes += p.Bytes
	}
	rejected := "rejected_by_unpack"
	if r.Group != "" {
		rejected = "rejected_by_load"
	}
	c.add(rejected, r.Kept-r.Taken)
	c.add("records", r.Records)
	if r.Filtered > 0 {
		c.add("filtered", r.Filtered)
	}
	c.add("entries", r.Entries)
	c.add("parts", int64(len(r.Parts)))
	c.add("bytes_landed", bytes)
	c.addReasons(r.Reasons)
	return c
}

// GetReplay returns a replay of an upload, or false where the ledger has none of
// that number.
func (l *Ledger) GetReplay(ctx context.Context, feedName, id string, number int64) (Replay, bool, error) {
	it, err := l.get(ctx, replayKey(feedName, id, number), fmt.Sprintf("replay %d of upload %s", number, id))
	if err != nil || len(it) == 0 {
		return Replay{}, false, err
	}
	var stored replayItem
	if err := decode(it, &stored); err != nil {
		return Replay{}, false, fmt.Errorf("ledger: replay %d of upload %s: %w", number, id, err)
	}
	var body replayBody
	if err := json.Unmarshal([]byte(stored.Body), &body); err != nil {
		return Replay{}, false, fmt.Errorf("ledger: replay %d of upload %s: %w", number, id, err)
	}
	r := stored.Replay
	r.Done, r.Objects, r.Refused = stored.State == Loaded, body.Objects, body.Refused
	for _, p := range body.Parts {
		r.Parts = append(r.Parts, Part{
			Feed: feedName, Upload: id, Name: p.Name, Entry: p.Entry, Key: p.Key, Records: p.Records, Bytes: p.Bytes,
			Shards: body.Shards, Time: body.Time, RecordKey: body.Key, ExpireAfterDays: body.Days,
		})
	}
	return r, true, nil
}

// ReplayDone marks a replay of which nothing remains to be done, and settles its upload if
// that has no other parts to be loaded.
func (l *Ledger) ReplayDone(ctx context.Context, r Replay) error {
	if _, err := l.Settle(ctx, r.Feed, r.Upload); err != nil {
		return err
	}
	c := change{key: replayKey(r.Feed, r.Upload, r.Number)}
	c.set("state", Loaded)
	if _, err := l.apply(ctx, c); err != nil {
		return fmt.Errorf("ledger: complete replay %d of upload %s: %w", r.Number, r.Upload, err)
	}
	return nil
}
