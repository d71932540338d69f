package reconcile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/landing"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// maxOrdinals is the number of ordinals in a finding.
const maxOrdinals = 10

// table compares the number of items of the upload with that in the ledger.
func (c *check) table(parts []ledger.Part) error {
	items, err := c.items()
	if err != nil {
		return err
	}
	c.result.InTable = &items
	if items == c.u.Stored {
		return nil
	}
	// The parts have the keys of the items that should exist.
	quarantined, err := c.quarantined()
	if err != nil {
		return err
	}
	missing, expired := int64(0), int64(0)
	var deleted []ledger.Part
	for _, p := range parts {
		if !p.State.Done() {
			continue
		}
		if expiry := p.Expiry(); !expiry.IsZero() && expiry.Before(c.now()) {
			expired += p.Stored // DynamoDB has deleted them, or will
			continue
		}
		ordinals, err := c.missing(p, quarantined)
		var answer *awshttp.ResponseError
		if errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotFound {
			deleted = append(deleted, p)
			continue
		}
		if err != nil {
			return err
		}
		if len(ordinals) == 0 {
			continue
		}
		missing += int64(len(ordinals))
		c.add(Finding{
			Kind: Missing, Part: p.Name, Count: int64(len(ordinals)), Ordinals: ordinals[:min(maxOrdinals, len(ordinals))],
			Detail: fmt.Sprintf("the table lacks %d records of the part that load has stored", len(ordinals)),
			Remedy: c.remedy("replay", " --part "+p.Name),
		})
	}
	c.result.Expired = expired
	c.gone = min(max(c.u.Stored-items-missing, 0), expired)
	c.deletedParts(deleted, c.u.Stored-items-missing-expired)
	if extra := items - c.u.Stored + missing; extra > 0 && c.u.State == ledger.Loaded && len(deleted) == 0 {
		c.add(Finding{Kind: Extra, Count: extra, Detail: fmt.Sprintf(
			"%d more items have keys of the upload than the ledger counts: were they inserted by hand?", extra)})
	}
	return nil
}

// deletedParts reports parts that are not in the landing bucket, so that their records
// cannot be listed. The table lacks n records of all of them together.
func (c *check) deletedParts(parts []ledger.Part, n int64) {
	for _, p := range parts {
		c.deleted = append(c.deleted, p.Name)
		f := Finding{Kind: Unread, Part: p.Name, Detail: "the part was deleted from the landing bucket, so its records cannot be compared"}
		if n > 0 {
			f.Kind, f.Count = Missing, min(n, p.Stored)
			f.Detail = fmt.Sprintf("the table lacks %d records of the upload; the part was deleted from the landing bucket, so they can be neither listed nor loaded again", n)
		}
		c.add(f)
	}
}

// items counts the items of the upload in all shards.
func (c *check) items() (int64, error) {
	var n int64
	for shard := range max(c.u.Shards, 1) {
		e, err := expression.NewBuilder().WithKeyCondition(c.partition(shard)).Build()
		if err != nil {
			return n, fmt.Errorf("count the items of shard %d: %w", shard, err)
		}
		pages := dynamodb.NewQueryPaginator(c.DynamoDB, &dynamodb.QueryInput{
			TableName: &c.Table, ConsistentRead: aws.Bool(true), Select: types.SelectCount, KeyConditionExpression: e.KeyCondition(),
			ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(c.ctx)
			if err != nil {
				return n, fmt.Errorf("count the items of shard %d: %w", shard, err)
			}
			n += int64(page.Count)
		}
	}
	return n, nil
}

// partition is the key condition of the items in a shard.
func (c *check) partition(shard int) expression.KeyConditionBuilder {
	return expression.Key(feed.PartitionKey).Equal(expression.Value(ids.PartitionKey(c.Feed, c.u.ID, shard)))
}

// quarantined returns the sort keys of the records in quarantine.
func (c *check) quarantined() (map[string]bool, error) {
	keys := map[string]bool{}
	groups, _, err := quarantine.Groups(c.ctx, c.S3, c.LandingBucket, c.Spec.QuarantinePrefix, c.u.Upload, c.now().Add(24*time.Hour))
	for _, g := range groups {
		if g.Part() == "" {
			continue // records without a part
		}
		for _, key := range g.Keys {
			err = errors.Join(err, quarantine.ReadObject(c.ctx, c.S3, c.LandingBucket, key, func(q quarantine.Record) error {
				keys[q.ID[min(len(q.ID), ids.IDLength+1):]] = true
				return nil
			}))
		}
	}
	return keys, err
}

// missing returns the ordinals of the records of a part that are neither in the table
// nor in quarantine. It holds the keys of one part in memory.
func (c *check) missing(p ledger.Part, quarantined map[string]bool) ([]int64, error) {
	expected := map[string]int64{} // ordinal by sort key
	var first, last string
	err := c.lines(p, func(l landing.Line) {
		key := string(l.Sort)
		if quarantined[key] {
			return
		}
		expected[key] = l.Ordinal
		if first == "" || key < first {
			first = key
		}
		last = max(last, key)
	})
	if err != nil || len(expected) == 0 {
		return nil, err
	}
	for shard := range max(c.u.Shards, 1) {
		between := expression.Key(feed.SortKey).Between(expression.Value(first), expression.Value(last))
		e, err := expression.NewBuilder().WithKeyCondition(c.partition(shard).And(between)).
			WithProjection(expression.NamesList(expression.Name(feed.SortKey))).Build()
		if err != nil {
			return nil, fmt.Errorf("items of part %s in shard %d: %w", p.Name, shard, err)
		}
		pages := dynamodb.NewQueryPaginator(c.DynamoDB, &dynamodb.QueryInput{
			TableName: &c.Table, ConsistentRead: aws.Bool(true), ProjectionExpression: e.Projection(),
			KeyConditionExpression: e.KeyCondition(), ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(c.ctx)
			if err != nil {
				return nil, fmt.Errorf("items of part %s in shard %d: %w", p.Name, shard, err)
			}
			for _, it := range page.Items {
				if sort, ok := it[feed.SortKey].(*types.AttributeValueMemberS); ok {
					delete(expected, sort.Value)
				}
			}
		}
	}
	var ordinals []int64
	for _, ordinal := range expected {
		ordinals = append(ordinals, ordinal)
	}
	slices.Sort(ordinals)
	return ordinals, nil
}

// lines calls yield for each line of a part that belongs to its upload. The line is valid during the call only.
func (c *check) lines(p ledger.Part, yield func(landing.Line)) error {
	out, err := c.S3.GetObject(c.ctx, &s3.GetObjectInput{Bucket: &c.LandingBucket, Key: &p.Key})
	if err != nil {
		return fmt.Errorf("read part s3://%s/%s: %w", c.LandingBucket, p.Key, err)
	}
	defer func() { _ = out.Body.Close() }() // read to its end, or an error is returned
	gz, err := gzip.NewReader(out.Body)
	if err != nil {
		return fmt.Errorf("part s3://%s/%s: %w", c.LandingBucket, p.Key, err)
	}
	lines := bufio.NewReaderSize(gz, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			l, parseErr := landing.ParseLine(bytes.TrimSuffix(line, []byte{'\n'}))
			if parseErr != nil {
				return fmt.Errorf("part s3://%s/%s: %w", c.LandingBucket, p.Key, parseErr)
			}
			if !p.OwnLines || string(l.ID[:ids.IDLength]) == p.Upload {
				yield(l)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("part s3://%s/%s: %w", c.LandingBucket, p.Key, err)
		}
	}
}
