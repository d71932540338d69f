// Package ledger keeps, in the feed's own table, what happened to each upload
// and to each part: counts in, stored and quarantined, bytes, state and times.
//
// An upload's item and its parts' items share one partition key,
// <feed>#<upload>. The sort keys are "upload" and "part#<entry>-<part>". The
// upload's item alone carries the keys of the sparse index, by which the
// uploads of a feed are one Query, in order of their source object's time.
//
// Every change is either a no-op when it comes twice or is made together with
// the change of state that it belongs to, in one transaction. So counts stay
// right whatever is repeated.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"ingestion/internal/feed"
	"ingestion/internal/upload"
)

// State is how far an upload or a part has come.
type State string

// The states of an upload, in order, and those of a part.
const (
	// Unpacking: unpack has begun, and has not said that it has ended.
	Unpacking State = "unpacking"
	// Unpacked: every part is landed and handed to load, not all are loaded.
	Unpacked State = "unpacked"
	// Loaded: every record is in the table or in quarantine. Also of a part.
	Loaded State = "loaded"
	// Missing: the source object was deleted or overwritten before it was read.
	Missing State = "missing"
	// Landed: of a part that is in the landing bucket and not loaded yet.
	Landed State = "landed"
)

// Done reports whether nothing is left to do for an upload or part in that state.
func (s State) Done() bool { return s == Loaded || s == Missing }

const (
	uploadSortKey  = "upload"
	partSortPrefix = "part#"
	reasonPrefix   = "reason#"
)

// API is what the ledger needs of a DynamoDB client.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Ledger is the ledger of one table.
type Ledger struct {
	api   API
	table string
	now   func() time.Time
}

// New returns the ledger that is kept in table.
func New(api API, table string) *Ledger {
	return &Ledger{api: api, table: table, now: time.Now}
}

// Upload is the ledger's item of one upload.
type Upload struct {
	upload.Upload
	State State
	// Shards is how many partition keys the records are spread over.
	Shards int
	// PartBytes is the size at which this upload's parts are cut. It is kept so
	// that a retry after a change of the feed's props cuts the same parts.
	PartBytes int64
	Counts
	// Stored is how many records are in the table, RejectedByLoad how many
	// load put in quarantine, PartsLoaded how many parts are done.
	Stored, RejectedByLoad, PartsLoaded int64
	// Reasons counts the quarantined records by reason.
	Reasons map[string]int64
	// Message says in words what is worth knowing; empty when all is well.
	Message string
	// Checkpoint is how far unpack has come when it ran out of time.
	Checkpoint          Checkpoint
	StartedAt, LoadedAt time.Time
	UnpackedAt          time.Time
}

// Counts is what unpack knows at the end of an upload.
type Counts struct {
	Entries          int64 // files in the archive, 1 for a plain object
	Records          int64 // records in: landed and rejected
	RejectedByUnpack int64 // records that unpack put in quarantine
	Parts            int64
	BytesUnpacked    int64 // decompressed
	BytesLanded      int64 // of the parts, compressed
}

// Quarantined is how many of the upload's records are in quarantine.
func (u Upload) Quarantined() int64 { return u.RejectedByUnpack + u.RejectedByLoad }

// Balanced reports whether every record is accounted for: in = stored + quarantined.
func (u Upload) Balanced() bool { return u.Records == u.Stored+u.Quarantined() }

// Part is the ledger's item of one part.
type Part struct {
	Feed, Upload string
	// Name is <entry>-<part>, see upload.PartName.
	Name    string
	Entry   int
	Key     string // in the landing bucket
	State   State
	Records int64
	Bytes   int64 // compressed
	Shards  int
	Stored  int64
	// Rejected is how many of the records load put in quarantine.
	Rejected int64
	// Message says in words why the first of them was.
	Message string
	// Lines is how many of the part's lines Stored and Rejected account for, when
	// load ran out of time; QuarantineObjects how many objects it wrote for them.
	Lines             int64
	QuarantineObjects int
	// Reasons counts the rejected records by reason.
	Reasons map[string]int64
	// Time is that of the source object: quarantine is filed by it.
	Time               time.Time
	LandedAt, LoadedAt time.Time
}

type item = map[string]types.AttributeValue

func key(feedName, id, sort string) item {
	return item{
		feed.PartitionKey: str(upload.LedgerKey(feedName, id)),
		feed.SortKey:      str(sort),
	}
}

// GetUpload returns the item of an upload, or false where the ledger has none.
func (l *Ledger) GetUpload(ctx context.Context, feedName, id string) (Upload, bool, error) {
	out, err := l.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &l.table, Key: key(feedName, id, uploadSortKey), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return Upload{}, false, fmt.Errorf("ledger: read upload %s: %w", id, err)
	}
	if len(out.Item) == 0 {
		return Upload{}, false, nil
	}
	return decodeUpload(out.Item), true, nil
}

// Begin enters u as Unpacking and returns what the ledger then holds: for an
// upload that was begun before, what was settled at that time.
func (l *Ledger) Begin(ctx context.Context, u Upload) (Upload, error) {
	sets := item{
		"item":                       str("upload"),
		"feed":                       str(u.Feed),
		"upload":                     str(u.ID),
		"bucket":                     str(u.Bucket),
		"key":                        str(u.Key),
		"source":                     str(u.Source()),
		"version":                    str(u.Version()),
		"version_id":                 str(u.VersionID),
		"etag":                       str(u.ETag),
		"bytes_in":                   num(u.Size),
		"source_time":                stamp(u.Time),
		"state":                      str(string(Unpacking)),
		"shards":                     num(int64(u.Shards)),
		"part_bytes":                 num(u.PartBytes),
		"started_at":                 stamp(l.now()),
		feed.LedgerIndexPartitionKey: str(u.Feed),
		feed.LedgerIndexSortKey:      str(u.Time.UTC().Format(timeLayout) + "#" + u.ID),
	}
	e := newExpression()
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		e.set(name, "if_not_exists("+e.name(name)+", "+e.value(name, sets[name])+")")
	}
	out, err := l.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: key(u.Feed, u.ID, uploadSortKey),
		UpdateExpression: e.update(), ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ReturnValues: types.ReturnValueAllNew,
	})
	if err != nil {
		return Upload{}, fmt.Errorf("ledger: begin upload %s: %w", u.ID, err)
	}
	return decodeUpload(out.Attributes), nil
}

// PutPart enters a part as Landed, unless the ledger has it already; it returns
// the state that the ledger then holds.
func (l *Ledger) PutPart(ctx context.Context, p Part) (State, error) {
	it := key(p.Feed, p.Upload, partSortPrefix+p.Name)
	maps.Copy(it, item{
		"item":        str("part"),
		"feed":        str(p.Feed),
		"upload":      str(p.Upload),
		"part":        str(p.Name),
		"entry":       num(int64(p.Entry)),
		"landing_key": str(p.Key),
		"state":       str(string(Landed)),
		"records":     num(p.Records),
		"bytes":       num(p.Bytes),
		"shards":      num(int64(p.Shards)),
		"lines_done":  num(0),
		"source_time": stamp(p.Time),
		"landed_at":   stamp(l.now()),
	})
	_, err := l.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &l.table, Item: it,
		ConditionExpression:                 aws.String("attribute_not_exists(" + feed.PartitionKey + ")"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if err == nil {
		return Landed, nil
	}
	var exists *types.ConditionalCheckFailedException
	if !errors.As(err, &exists) {
		return "", fmt.Errorf("ledger: enter part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	was, ok, err := l.GetPart(ctx, p.Feed, p.Upload, p.Name)
	if err != nil {
		return "", err
	}
	if ok && was.Records != p.Records {
		return "", fmt.Errorf("ledger: part %s of upload %s has %d records now and had %d when it was first landed: the source object changed under one version",
			p.Name, p.Upload, p.Records, was.Records)
	}
	return was.State, nil
}

// GetPart returns the item of a part, or false where the ledger has none.
func (l *Ledger) GetPart(ctx context.Context, feedName, id, name string) (Part, bool, error) {
	out, err := l.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &l.table, Key: key(feedName, id, partSortPrefix+name), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return Part{}, false, fmt.Errorf("ledger: read part %s of upload %s: %w", name, id, err)
	}
	if len(out.Item) == 0 {
		return Part{}, false, nil
	}
	return decodePart(out.Item), true, nil
}

// Unpacked ends the unpacking of an upload with its counts. An upload that is
// past that state already is left as it is.
func (l *Ledger) Unpacked(ctx context.Context, u Upload, c Counts, reasons map[string]int64, message string) error {
	e := newExpression()
	e.put("state", str(string(Unpacked)))
	e.put("unpacked_at", stamp(l.now()))
	e.put("entries", num(c.Entries))
	e.put("records", num(c.Records))
	e.put("rejected_by_unpack", num(c.RejectedByUnpack))
	e.put("parts", num(c.Parts))
	e.put("bytes_unpacked", num(c.BytesUnpacked))
	e.put("bytes_landed", num(c.BytesLanded))
	if message != "" {
		e.put("message", str(message))
	}
	e.addReasons(reasons)
	return l.whileUnpacking(ctx, u, e)
}

// Checkpoint is how far unpack has come with an upload.
type Checkpoint struct {
	// Entry, Ordinal and Part are where to go on: everything before the record
	// is in closed parts or in quarantine.
	Entry   int   `json:"entry"`
	Ordinal int64 `json:"ordinal"`
	Part    int   `json:"part"`
	// Entries, Records and BytesUnpacked count the entries before Entry, whole.
	Entries       int64 `json:"entries"`
	Records       int64 `json:"records"`
	BytesUnpacked int64 `json:"bytes_unpacked"`
	// The others count everything up to here.
	Parts             int64            `json:"parts"`
	BytesLanded       int64            `json:"bytes_landed"`
	Rejected          int64            `json:"rejected"`
	Reasons           map[string]int64 `json:"reasons,omitempty"`
	QuarantineObjects int              `json:"quarantine_objects"`
	KeepSource        bool             `json:"keep_source"`
	Message           string           `json:"message"`
	// Hops is how many invocations have handed on; 0 means there is no checkpoint.
	Hops int `json:"hops"`
}

// SetCheckpoint stores how far unpack has come. It has no effect on an upload
// that another invocation has unpacked meanwhile.
func (l *Ledger) SetCheckpoint(ctx context.Context, u Upload, c Checkpoint) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("ledger: checkpoint of upload %s: %w", u.ID, err)
	}
	e := newExpression()
	e.put("checkpoint", str(string(text)))
	return l.whileUnpacking(ctx, u, e)
}

// Missing ends an upload whose source object is no longer there.
func (l *Ledger) Missing(ctx context.Context, u Upload, message string) error {
	e := newExpression()
	e.put("state", str(string(Missing)))
	e.put("message", str(message))
	return l.whileUnpacking(ctx, u, e)
}

// whileUnpacking makes an update that only an upload in state Unpacking takes.
func (l *Ledger) whileUnpacking(ctx context.Context, u Upload, e *expression) error {
	_, err := l.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: key(u.Feed, u.ID, uploadSortKey),
		ConditionExpression: aws.String(e.name("state") + " = " + e.value("from", str(string(Unpacking)))),
		UpdateExpression:    e.update(), ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	var moved *types.ConditionalCheckFailedException
	if errors.As(err, &moved) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ledger: end unpacking of upload %s: %w", u.ID, err)
	}
	return nil
}

// PartProgress stores how far load has come with a part: p's counts account
// for p.Lines lines. Nothing changes where another invocation has moved the
// part on from where this one found it, at from lines.
func (l *Ledger) PartProgress(ctx context.Context, p Part, from int64) error {
	e := newExpression()
	e.putPartCounts(p)
	e.put("quarantine_objects", num(int64(p.QuarantineObjects)))
	_, err := l.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: key(p.Feed, p.Upload, partSortPrefix+p.Name),
		ConditionExpression: aws.String(e.name("lines_done") + " = " + e.value("from", num(from))),
		UpdateExpression:    e.update(), ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	var other *types.ConditionalCheckFailedException
	if err != nil && !errors.As(err, &other) {
		return fmt.Errorf("ledger: store progress of part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	return nil
}

func (e *expression) putPartCounts(p Part) {
	e.put("lines_done", num(p.Lines))
	e.put("stored", num(p.Stored))
	e.put("rejected", num(p.Rejected))
	if p.Message != "" {
		e.put("message", str(p.Message))
	}
	for _, reason := range slices.Sorted(maps.Keys(p.Reasons)) {
		e.put(reasonPrefix+reason, num(p.Reasons[reason]))
	}
}

// PartLoaded marks a part as loaded and adds its counts to its upload's, both
// or neither. A part that is loaded already changes nothing.
func (l *Ledger) PartLoaded(ctx context.Context, p Part) error {
	part := newExpression()
	part.put("state", str(string(Loaded)))
	part.put("loaded_at", stamp(l.now()))
	// All lines are done: an invocation that is behind cannot store its progress any more.
	p.Lines = p.Records
	part.putPartCounts(p)
	condition := part.name("state") + " = " + part.value("from", str(string(Landed)))

	sum := newExpression()
	sum.add("stored", p.Stored)
	sum.add("rejected_by_load", p.Rejected)
	sum.add("parts_loaded", 1)
	if p.Message != "" {
		// The upload tells the problem that was found first.
		sum.set("message", "if_not_exists("+sum.name("message")+", "+sum.value("message", str(p.Message))+")")
	}
	sum.addReasons(p.Reasons)

	_, err := l.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Update: &types.Update{
			TableName: &l.table, Key: key(p.Feed, p.Upload, partSortPrefix+p.Name),
			ConditionExpression: &condition, UpdateExpression: part.update(),
			ExpressionAttributeNames: part.names, ExpressionAttributeValues: part.values,
		}},
		{Update: &types.Update{
			TableName: &l.table, Key: key(p.Feed, p.Upload, uploadSortKey),
			UpdateExpression:         sum.update(),
			ExpressionAttributeNames: sum.names, ExpressionAttributeValues: sum.values,
		}},
	}})
	if err == nil {
		return nil
	}
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) && len(canceled.CancellationReasons) > 0 &&
		aws.ToString(canceled.CancellationReasons[0].Code) == "ConditionalCheckFailed" {
		return nil
	}
	return fmt.Errorf("ledger: enter part %s of upload %s as loaded: %w", p.Name, p.Upload, err)
}

// Settle moves an upload from Unpacked to Loaded once all its parts are, and
// returns what the ledger then holds. Whoever may have been last calls it.
func (l *Ledger) Settle(ctx context.Context, feedName, id string) (Upload, error) {
	u, ok, err := l.GetUpload(ctx, feedName, id)
	if err != nil {
		return u, err
	}
	if !ok {
		return u, fmt.Errorf("ledger: upload %s of feed %q is not entered", id, feedName)
	}
	if u.State != Unpacked || u.PartsLoaded < u.Parts {
		return u, nil
	}
	e := newExpression()
	e.put("state", str(string(Loaded)))
	e.put("loaded_at", stamp(l.now()))
	out, err := l.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: key(feedName, id, uploadSortKey),
		ConditionExpression: aws.String(e.name("state") + " = " + e.value("from", str(string(Unpacked)))),
		UpdateExpression:    e.update(), ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ReturnValues: types.ReturnValueAllNew,
	})
	var moved *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &moved):
		u.State = Loaded
		return u, nil
	case err != nil:
		return u, fmt.Errorf("ledger: settle upload %s: %w", id, err)
	}
	return decodeUpload(out.Attributes), nil
}

// Uploads lists the uploads of a feed, newest source object first, calling
// yield for each until it returns false. It reads the index, which trails the
// table by a moment.
func (l *Ledger) Uploads(ctx context.Context, feedName string, yield func(Upload) bool) error {
	pages := dynamodb.NewQueryPaginator(l.api, &dynamodb.QueryInput{
		TableName: &l.table, IndexName: aws.String(feed.LedgerIndex),
		KeyConditionExpression:    aws.String("#k = :k"),
		ExpressionAttributeNames:  map[string]string{"#k": feed.LedgerIndexPartitionKey},
		ExpressionAttributeValues: item{":k": str(feedName)},
		ScanIndexForward:          aws.Bool(false),
	})
	return eachItem(ctx, pages, "uploads of feed "+feedName, func(it item) bool { return yield(decodeUpload(it)) })
}

// Parts lists the parts of an upload in order, calling yield for each until it
// returns false.
func (l *Ledger) Parts(ctx context.Context, feedName, id string, yield func(Part) bool) error {
	pages := dynamodb.NewQueryPaginator(l.api, &dynamodb.QueryInput{
		TableName: &l.table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:   aws.String("#k = :k AND begins_with(#s, :s)"),
		ExpressionAttributeNames: map[string]string{"#k": feed.PartitionKey, "#s": feed.SortKey},
		ExpressionAttributeValues: item{
			":k": str(upload.LedgerKey(feedName, id)), ":s": str(partSortPrefix),
		},
	})
	return eachItem(ctx, pages, "parts of upload "+id, func(it item) bool { return yield(decodePart(it)) })
}

func eachItem(ctx context.Context, pages *dynamodb.QueryPaginator, what string, yield func(item) bool) error {
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("ledger: list %s: %w", what, err)
		}
		for _, it := range page.Items {
			if !yield(it) {
				return nil
			}
		}
	}
	return nil
}

func decodeUpload(it item) Upload {
	u := Upload{
		Upload: upload.Upload{
			ID: getStr(it, "upload"), Feed: getStr(it, "feed"), Bucket: getStr(it, "bucket"), Key: getStr(it, "key"),
			VersionID: getStr(it, "version_id"), ETag: getStr(it, "etag"), Size: getNum(it, "bytes_in"), Time: getTime(it, "source_time"),
		},
		State: State(getStr(it, "state")), Shards: int(getNum(it, "shards")), PartBytes: getNum(it, "part_bytes"),
		Counts: Counts{
			Entries: getNum(it, "entries"), Records: getNum(it, "records"), RejectedByUnpack: getNum(it, "rejected_by_unpack"),
			Parts: getNum(it, "parts"), BytesUnpacked: getNum(it, "bytes_unpacked"), BytesLanded: getNum(it, "bytes_landed"),
		},
		Stored: getNum(it, "stored"), RejectedByLoad: getNum(it, "rejected_by_load"), PartsLoaded: getNum(it, "parts_loaded"),
		Message:   getStr(it, "message"),
		StartedAt: getTime(it, "started_at"), UnpackedAt: getTime(it, "unpacked_at"), LoadedAt: getTime(it, "loaded_at"),
	}
	// Only SetCheckpoint writes it; without one, unpack begins at the beginning.
	if err := json.Unmarshal([]byte(getStr(it, "checkpoint")), &u.Checkpoint); err != nil {
		u.Checkpoint = Checkpoint{}
	}
	u.Reasons = getReasons(it)
	return u
}

func getReasons(it item) map[string]int64 {
	var reasons map[string]int64
	for name := range it {
		if reason, ok := strings.CutPrefix(name, reasonPrefix); ok {
			if reasons == nil {
				reasons = map[string]int64{}
			}
			reasons[reason] = getNum(it, name)
		}
	}
	return reasons
}

func decodePart(it item) Part {
	return Part{
		Feed: getStr(it, "feed"), Upload: getStr(it, "upload"), Name: getStr(it, "part"), Entry: int(getNum(it, "entry")),
		Key: getStr(it, "landing_key"), State: State(getStr(it, "state")), Records: getNum(it, "records"), Bytes: getNum(it, "bytes"),
		Shards: int(getNum(it, "shards")), Stored: getNum(it, "stored"), Rejected: getNum(it, "rejected"), Message: getStr(it, "message"),
		Lines: getNum(it, "lines_done"), QuarantineObjects: int(getNum(it, "quarantine_objects")), Reasons: getReasons(it),
		Time: getTime(it, "source_time"), LandedAt: getTime(it, "landed_at"), LoadedAt: getTime(it, "loaded_at"),
	}
}

// timeLayout sorts as text: its fraction keeps its zeros.
const timeLayout = "2006-01-02T15:04:05.000Z"

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func num(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
func stamp(t time.Time) types.AttributeValue { return str(t.UTC().Format(timeLayout)) }

func getStr(it item, name string) string {
	if v, ok := it[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func getNum(it item, name string) int64 {
	if v, ok := it[name].(*types.AttributeValueMemberN); ok {
		n, err := strconv.ParseInt(v.Value, 10, 64)
		if err == nil {
			return n
		}
	}
	return 0
}

func getTime(it item, name string) time.Time {
	t, err := time.Parse(timeLayout, getStr(it, name))
	if err != nil {
		return time.Time{}
	}
	return t
}
