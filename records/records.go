package records

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/store/ledger"
)

// Record is one record of a feed as it is stored in the table.
type Record struct {
	// ID consists of upload, entry and ordinal, separated by slashes. It is the same
	// whenever the same version of the same file is loaded.
	ID   string `json:"id"`
	Feed string `json:"feed"`
	// Source is the URI of the source object, Version its version ID, or its ETag
	// in a bucket without versions.
	Source  string `json:"source"`
	Version string `json:"version"`
	// Entry is the name of the file; for a file in an archive, its path there.
	Entry string `json:"entry"`
	// Ordinal is the number of the record in its entry, from 0.
	Ordinal int64 `json:"ordinal"`
	// Data is the payload as JSON. Numbers have all their digits, up to 38.
	Data json.RawMessage `json:"data"`
}

// Upload returns the ID of the upload that the record belongs to.
func (r Record) Upload() string { return r.ID[:min(len(r.ID), ids.IDLength)] }

// API is the part of the DynamoDB client that the package uses. It needs the
// permissions dynamodb:Query, dynamodb:GetItem and dynamodb:BatchGetItem on the table, and
// dynamodb:Query on its indexes.
type API interface {
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Feed reads the records of one feed. It is safe for concurrent use.
type Feed struct {
	// Name is the name of the feed.
	Name string
	// RecordKey is the key of the feed's records, which Versions needs; nil for a feed
	// without one. Open finds it; after New, the caller sets it.
	RecordKey *feed.RecordKey
	api       API
	table     string
	ledger    *ledger.Ledger
}

// Open finds a deployed feed by its name, by that of its stack, or by both
// ("Stack/feed"). It reads the outputs of the account's stacks, which needs the
// permission cloudformation:DescribeStacks.
func Open(ctx context.Context, cfg aws.Config, name string) (*Feed, error) {
	account := operator.NewAccount(cfg)
	f, err := operator.Find(ctx, account.Stacks, name)
	if err != nil {
		return nil, err
	}
	table, err := f.Required("Table")
	if err != nil {
		return nil, err
	}
	opened := New(dynamodb.NewFromConfig(cfg), table, f.Name)
	opened.RecordKey, err = f.RecordKey()
	return opened, err
}

// New returns the feed of that name in a table whose name is known, for example
// from the construct's Table.
func New(api API, table, feedName string) *Feed {
	return &Feed{Name: feedName, api: api, table: table, ledger: ledger.New(readOnly{API: api}, table)}
}

// Upload is one version of one source object.
type Upload struct {
	ID, Key, Source, Version string
	// Time is when the source object was last modified.
	Time time.Time
	// Done is true once every record is either in the table or in quarantine.
	Done bool
	// Records is the number of records in the file, Stored of those in the table.
	Records, Stored int64
}

// Uploads lists the uploads of the feed, newest source object first. An error is
// the last value.
func (f *Feed) Uploads(ctx context.Context) iter.Seq2[Upload, error] {
	return func(yield func(Upload, error) bool) {
		err := f.ledger.Uploads(ctx, f.Name, func(u ledger.Upload) bool {
			return yield(newUpload(u), nil)
		})
		if err != nil {
			yield(Upload{}, err)
		}
	}
}

// File lists the uploads of a source object's key, the newest first: one for each version of
// the object. It takes one Query, and reads the item of each upload. Files that versions
// before 0.2 loaded are not found: list Uploads for those. An error is the last value.
func (f *Feed) File(ctx context.Context, key string) iter.Seq2[Upload, error] {
	return func(yield func(Upload, error) bool) {
		if err := f.ledger.UploadsOfFile(ctx, f.Name, key, func(u ledger.Upload) bool { return yield(newUpload(u), nil) }); err != nil {
			yield(Upload{}, err)
		}
	}
}

// readFile reads the newest upload of a source object's key.
func (f *Feed) readFile(ctx context.Context, q Query, read func(ledger.Upload) bool) error {
	if q.Upload != "" {
		return fmt.Errorf("feed %q: a query has the file %q and the upload %q: give one of the two", f.Name, q.File, q.Upload)
	}
	found := false
	err := f.ledger.UploadsOfFile(ctx, f.Name, q.File, func(u ledger.Upload) bool {
		found = true
		read(u)
		return false
	})
	if err == nil && !found {
		err = fmt.Errorf("feed %q has no upload of the file %q", f.Name, q.File)
	}
	return err
}

func newUpload(u ledger.Upload) Upload {
	return Upload{
		ID: u.ID, Key: u.Key, Source: u.Source(), Version: u.Version(), Time: u.Time,
		Done: u.State.Done(), Records: u.Records, Stored: u.Stored,
	}
}

// Query selects records. The zero value selects all records of the feed.
type Query struct {
	// Upload is the ID of the upload to read; empty for all, newest source object
	// first.
	Upload string
	// File is the key of a source object, as in its bucket: the records of its newest
	// version are read. It excludes Upload.
	File string
	// Filters must all match a record for it to be returned. They are evaluated by
	// the client: records that do not match are read from the table, and charged
	// for, nevertheless.
	Filters []*Filter
	// Limit is the maximum number of records to return; 0 for no limit.
	Limit int64
}

// Read returns the selected records. An error is the last value.
func (f *Feed) Read(ctx context.Context, q Query) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		left := q.Limit
		readUpload := func(u ledger.Upload) bool {
			for r, err := range f.upload(ctx, u, q.pageItems(left)) {
				matches := true
				if err == nil {
					matches, err = matchAll(ctx, r, q.Filters)
				}
				if err == nil && !matches {
					continue
				}
				if !yield(r, err) || err != nil {
					return false
				}
				if left--; left == 0 {
					return false
				}
			}
			return true
		}
		if q.File != "" {
			if err := f.readFile(ctx, q, readUpload); err != nil {
				yield(Record{}, err)
			}
			return
		}
		if q.Upload == "" {
			if err := f.ledger.Uploads(ctx, f.Name, readUpload); err != nil {
				yield(Record{}, err)
			}
			return
		}
		u, ok, err := f.ledger.GetUpload(ctx, f.Name, q.Upload)
		if err == nil && !ok {
			err = fmt.Errorf("feed %q has no upload %q", f.Name, q.Upload)
		}
		if err != nil {
			yield(Record{}, err)
			return
		}
		readUpload(u)
	}
}
