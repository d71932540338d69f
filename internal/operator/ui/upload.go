package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/recordkey"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/records"
)

// Limits of the page of one upload.
const (
	shownRecords = 20
	shownEntries = 50
	shownBytes   = 2000 // of one record
)

// Upload implements Source.
func (a *AccountSource) Upload(ctx context.Context, feedName, id string) (UploadView, error) {
	d, name, err := a.open(ctx, feedName)
	if err != nil {
		return UploadView{}, err
	}
	u, ok, err := d.Ledger.GetUpload(ctx, d.Name, id)
	if err != nil {
		return UploadView{}, err
	}
	if !ok {
		return UploadView{}, fmt.Errorf("upload %q of feed %s: %w", id, feedName, ErrNotFound)
	}
	spec := d.Spec.WithDefaults()
	where := overview.Locations{LandingBucket: d.LandingBucket, LandingPrefix: spec.LandingPrefix, QuarantinePrefix: spec.QuarantinePrefix}
	v := UploadView{
		Feed: d.Name, Stack: d.Stack, EntryList: []Entry{}, Quarantine: []QuarantinedRecord{}, RecordList: []Record{},
		Commands: []string{"ingest status " + name + " " + id, "ingest logs " + name + " " + id + " --since 7d", "ingest records " + name + " --upload " + id},
	}
	if u.Quarantined() > 0 {
		v.Commands = append(v.Commands, "ingest quarantine "+name+" --upload "+id, "ingest replay "+name+" --upload "+id)
	}
	// What can be read is shown, even if something else cannot.
	var errs []error
	v.Detail, err = overview.ReadUpload(ctx, d.Ledger, u, where)
	errs = append(errs, err, v.readEntries(ctx, d, u), v.readQuarantine(ctx, d, u, where), v.readRecords(ctx, d, u))
	if err := errors.Join(errs...); err != nil {
		v.Error = operator.Explain(err)
	}
	return v, nil
}

// open returns a feed by its unambiguous name, and its name in commands.
func (a *AccountSource) open(ctx context.Context, feedName string) (*operator.Deployment, string, error) {
	found, err := operator.Feeds(ctx, a.account.Stacks)
	if err != nil {
		return nil, "", err
	}
	i := slices.IndexFunc(found, func(f operator.Feed) bool { return f.String() == feedName })
	if i < 0 {
		return nil, "", fmt.Errorf("feed %q: %w", feedName, ErrNotFound)
	}
	d, err := operator.OpenFeed(ctx, a.account, found[i])
	return d, commandName(found, i), err
}

// readEntries lists entries by their records of ordinal 0. All of them are in one shard.
func (v *UploadView) readEntries(ctx context.Context, d *operator.Deployment, u ledger.Upload) error {
	partition := ids.PartitionKey(u.Feed, u.ID, ids.Shard(0, u.Shards))
	after := ""
	for len(v.EntryList) < shownEntries {
		key := expression.Key(feed.PartitionKey).Equal(expression.Value(partition))
		if after != "" {
			key = key.And(expression.Key(feed.SortKey).GreaterThan(expression.Value(after)))
		}
		e, err := expression.NewBuilder().WithKeyCondition(key).Build()
		if err != nil {
			return err
		}
		out, err := d.DynamoDB.Query(ctx, &dynamodb.QueryInput{
			TableName: &d.Table, KeyConditionExpression: e.KeyCondition(), Limit: aws.Int32(1),
			ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
		})
		if err != nil {
			return fmt.Errorf("list the entries: %w", err)
		}
		if len(out.Items) == 0 {
			return nil
		}
		var record struct {
			Entry *string `dynamodbav:"entry"`
			SK    string  `dynamodbav:"sk"`
		}
		if err := attributevalue.UnmarshalMap(out.Items[0], &record); err != nil {
			return fmt.Errorf("list the entries: %w", err)
		}
		_, number, _, err := ids.ParseRecordID(u.ID + "/" + record.SK)
		if err != nil {
			return err
		}
		name := ids.EntryName(u.Key)
		if record.Entry != nil {
			name = *record.Entry
		}
		v.EntryList = append(v.EntryList, Entry{Number: number, Name: name})
		// The next entry sorts after every ordinal of this one: '0' follows '/'.
		after = record.SK[:strings.LastIndex(record.SK, "/")] + "0"
	}
	return nil
}

func (v *UploadView) readQuarantine(ctx context.Context, d *operator.Deployment, u ledger.Upload, where overview.Locations) error {
	q, err := overview.Quarantine(ctx, d.Ledger, d.S3, d.Name, where, overview.QuarantineFilter{Upload: &u, Limit: shownRecords})
	v.MoreQuarantine = q.More
	for _, r := range q.Records {
		v.Quarantine = append(v.Quarantine, QuarantinedRecord{
			Entry: r.Entry, Ordinal: r.Ordinal, Offset: r.Offset, Reason: r.Reason, Detail: r.Detail, Raw: shorten(r.Raw),
		})
	}
	return err
}

func (v *UploadView) readRecords(ctx context.Context, d *operator.Deployment, u ledger.Upload) error {
	var find *recordkey.Finder
	if key := d.Spec.RecordKey; key != nil {
		var err error
		if find, err = recordkey.New(d.Name, *key); err != nil {
			return err
		}
	}
	for r, err := range records.New(d.DynamoDB, d.Table, d.Name).Read(ctx, records.Query{Upload: u.ID, Limit: shownRecords}) {
		if err != nil {
			return err
		}
		shown := Record{ID: r.ID, Entry: r.Entry, Ordinal: r.Ordinal, Data: shorten(string(r.Data))}
		if find != nil {
			shown.Key, _ = find.Values(r.Data) // a record without a key has no versions
		}
		v.RecordList = append(v.RecordList, shown)
	}
	return nil
}

// shorten is s cut to shownBytes, with an ellipsis if it was longer.
func shorten(s string) string {
	if len(s) <= shownBytes {
		return s
	}
	end := shownBytes
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
