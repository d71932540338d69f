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

// told is how many ordinals a finding names.
const told = 10

// table compares the items of the upload with what the ledger has stored.
func (c *check) table(parts []ledger.Part) error {
	items, err := c.items()
	if err != nil {
		return err
	}
	c.told.InTable = &items
	if items == c.u.Stored {
		return nil
	}
	// Only now are the parts read: their lines say which records there should be.
	refused, err := c.refused()
	if err != nil {
		return err
	}
	missing := int64(0)
	var lost []ledger.Part
	for _, p := range parts {
		if !p.State.Done() {
			continue
		}
		ordinals, err := c.missing(p, refused)
		var answer *awshttp.ResponseError
		if errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotFound {
			lost = append(lost, p)
			continue
		}
		if err != nil {
			return err
		}
		if len(ordinals) == 0 {
			continue
		}
		missing += int64(len(ordinals))
		c.find(Finding{
			Kind: Missing, Part: p.Name, Count: int64(len(ordinals)), Ordinals: ordinals[:min(told, len(ordinals))],
			Detail: fmt.Sprintf("the table has not %d of the part's records, which load has stored", len(ordinals)),
			Mend:   c.mend("replay", " --part "+p.Name),
		})
	}
	c.lost(lost, c.u.Stored-items-missing)
	if extra := items - c.u.Stored + missing; extra > 0 && c.u.State == ledger.Loaded && len(lost) == 0 {
		c.find(Finding{Kind: Extra, Count: extra, Detail: fmt.Sprintf(
			"the table has %d items under the upload's keys that the ledger does not count: were they added there by hand?", extra)})
	}
	return nil
}

// lost tells of parts whose objects are gone, so that what the table should have
// of them cannot be named: n records are missing in all of them together.
func (c *check) lost(parts []ledger.Part, n int64) {
	for _, p := range parts {
		c.gone = append(c.gone, p.Name)
		f := Finding{Kind: Unread, Part: p.Name, Detail: "the part is not in the landing bucket any more, so its records cannot be named"}
		if n > 0 {
			f.Kind, f.Count = Missing, min(n, p.Stored)
			f.Detail = fmt.Sprintf("the table has not %d of the upload's records; the part is not in the landing bucket any more, so that they cannot be named, nor loaded from there", n)
		}
		c.find(f)
	}
}

// items counts the items of the upload by their keys, shard by shard.
func (c *check) items() (int64, error) {
	var n int64
	for shard := range max(c.u.Shards, 1) {
		pages := dynamodb.NewQueryPaginator(c.DynamoDB, &dynamodb.QueryInput{
			TableName: &c.Table, ConsistentRead: aws.Bool(true), Select: types.SelectCount,
			KeyConditionExpression: aws.String("#k = :k"), ExpressionAttributeNames: map[string]string{"#k": feed.PartitionKey},
			ExpressionAttributeValues: map[string]types.AttributeValue{":k": c.partition(shard)},
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

func (c *check) partition(shard int) types.AttributeValue {
	return &types.AttributeValueMemberS{Value: ids.PartitionKey(c.Feed, c.u.ID, shard)}
}

// refused are the sort keys of the records in quarantine.
func (c *check) refused() (map[string]bool, error) {
	keys := map[string]bool{}
	groups, _, err := quarantine.Groups(c.ctx, c.S3, c.LandingBucket, c.Spec.QuarantinePrefix, c.u.Upload, c.now().Add(24*time.Hour))
	for _, g := range groups {
		if g.Part() == "" {
			continue // they are in no part
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

// missing are the ordinals of a part's records that are neither in the table nor
// in quarantine. It holds the keys of one part in memory.
func (c *check) missing(p ledger.Part, refused map[string]bool) ([]int64, error) {
	expected := map[string]int64{} // ordinal by sort key
	var first, last string
	err := c.lines(p, func(l landing.Line) {
		key := string(l.Sort)
		if refused[key] {
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
		pages := dynamodb.NewQueryPaginator(c.DynamoDB, &dynamodb.QueryInput{
			TableName: &c.Table, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("#s"),
			KeyConditionExpression:   aws.String("#k = :k AND #s BETWEEN :first AND :last"),
			ExpressionAttributeNames: map[string]string{"#k": feed.PartitionKey, "#s": feed.SortKey},
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":k": c.partition(shard), ":first": &types.AttributeValueMemberS{Value: first}, ":last": &types.AttributeValueMemberS{Value: last},
			},
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

// lines calls yield for each line of a part; it is valid during the call.
func (c *check) lines(p ledger.Part, yield func(landing.Line)) error {
	out, err := c.S3.GetObject(c.ctx, &s3.GetObjectInput{Bucket: &c.LandingBucket, Key: &p.Key})
	if err != nil {
		return fmt.Errorf("read part s3://%s/%s: %w", c.LandingBucket, p.Key, err)
	}
	defer func() { _ = out.Body.Close() }() // read to its end, or failed already
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
			yield(l)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("part s3://%s/%s: %w", c.LandingBucket, p.Key, err)
		}
	}
}
