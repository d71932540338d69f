// Package records reads the records of a feed from its table, for programs:
// what `ingest records` does in the shell.
//
//	feed, err := records.Open(ctx, cfg, "orders")
//	if err != nil {
//		return err
//	}
//	large, err := records.ParseTerm("data.amount>=100")
//	if err != nil {
//		return err
//	}
//	for r, err := range feed.Read(ctx, records.Query{Where: []records.Term{large}}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(r.ID, string(r.Data))
//	}
//
// It reads by the table's keys alone, never by a scan: the feed's uploads from
// the ledger's index, then each upload's shards side by side. Records come in
// the order of their file, and memory stays flat however many there are.
package records

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/store/ledger"
)

// Record is one record of a feed, as the table holds it.
type Record struct {
	// ID is upload, entry and ordinal, separated by slashes.
	ID   string `json:"id"`
	Feed string `json:"feed"`
	// Source is the URI of the file, Version the version of it, or its ETag.
	Source  string `json:"source"`
	Version string `json:"version"`
	// Entry is the file inside an archive, empty for a plain file.
	Entry string `json:"entry"`
	// Ordinal is the record's number in its entry, from 0.
	Ordinal int64 `json:"ordinal"`
	// Data is the payload, with numbers as they were written, to 38 digits.
	Data json.RawMessage `json:"data"`
}

// Upload is the ID of the upload that the record came with.
func (r Record) Upload() string { return r.ID[:min(len(r.ID), ids.IDLength)] }

// API is what the package needs of a DynamoDB client. Reading takes
// dynamodb:Query and dynamodb:GetItem on the table and its index.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Feed reads the records of one feed. It may be used from several goroutines.
type Feed struct {
	// Name is the feed's.
	Name  string
	api   API
	table string
	book  *ledger.Ledger
}

// Open finds a deployed feed by its name, its stack's or both ("Stack/feed"), as
// the command does. It asks CloudFormation for the stack's outputs.
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
	return New(dynamodb.NewFromConfig(cfg), table, f.Name), nil
}

// New returns the feed of a name in a table that is known already.
func New(api API, table, feedName string) *Feed {
	return &Feed{Name: feedName, api: api, table: table, book: ledger.New(readOnly{API: api}, table)}
}

// Upload is one version of one file, as the ledger tells of it.
type Upload struct {
	ID, Key, Source, Version string
	// Time is when the file was last modified.
	Time time.Time
	// Done says that every record of it is in the table or in quarantine.
	Done bool
	// Records is how many are in the file, Stored how many are in the table.
	Records, Stored int64
}

// Uploads lists the feed's uploads, newest file first.
func (f *Feed) Uploads(ctx context.Context) iter.Seq2[Upload, error] {
	return func(yield func(Upload, error) bool) {
		err := f.book.Uploads(ctx, f.Name, func(u ledger.Upload) bool {
			return yield(Upload{
				ID: u.ID, Key: u.Key, Source: u.Source(), Version: u.Version(), Time: u.Time,
				Done: u.State.Done(), Records: u.Records, Stored: u.Stored,
			}, nil)
		})
		if err != nil {
			yield(Upload{}, err)
		}
	}
}

// Query says which records to read. The zero Query is all of them.
type Query struct {
	// Upload is the ID of the upload to read; empty for all, newest file first.
	Upload string
	// Where are terms that a record must all meet. They are tried here, not in
	// the table: what they leave out is read, and paid for, all the same.
	Where []Term
	// Limit is how many records to return at most; 0 for all.
	Limit int64
}

// Read reads the records that q asks for. After an error there is nothing more.
func (f *Feed) Read(ctx context.Context, q Query) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		left := q.Limit
		one := func(u ledger.Upload) bool {
			for r, err := range f.upload(ctx, u, q.pageItems(left)) {
				if err == nil && !meets(r, q.Where) {
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
		if q.Upload == "" {
			if err := f.book.Uploads(ctx, f.Name, one); err != nil {
				yield(Record{}, err)
			}
			return
		}
		u, ok, err := f.book.GetUpload(ctx, f.Name, q.Upload)
		if err == nil && !ok {
			err = fmt.Errorf("feed %q has no upload %q", f.Name, q.Upload)
		}
		if err != nil {
			yield(Record{}, err)
			return
		}
		one(u)
	}
}
