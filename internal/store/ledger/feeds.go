package ledger

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/ingestion/feed"
)

// FeedWithWork is a feed that has parts which wait for a loader. It is an item under the
// partition key "loading", see Work.
type FeedWithWork struct {
	Feed string
	// Metrics are the names of those that the feed emits, as in feed.EnvMetrics.
	Metrics string
}

const (
	feedPrefix       = "feed#"
	metricsAttribute = "metrics"
)

func feedKey(name string) item {
	return item{feed.PartitionKey: str(feed.LoadingKey), feed.SortKey: str(feedPrefix + name)}
}

type feedItem struct {
	Sort    string `dynamodbav:"sk"`
	Metrics string `dynamodbav:"metrics,omitempty"`
}

func decodeFeed(it item) (FeedWithWork, error) {
	var f feedItem
	if err := decode(it, &f); err != nil {
		return FeedWithWork{}, fmt.Errorf("ledger: item of a feed with work: %w", err)
	}
	return FeedWithWork{Feed: strings.TrimPrefix(f.Sort, feedPrefix), Metrics: f.Metrics}, nil
}

// EnterFeed enters a feed as one with work. It writes only where that changes something.
func (l *Ledger) EnterFeed(ctx context.Context, f FeedWithWork) error {
	k := feedKey(f.Feed)
	it, err := l.get(ctx, k, "feed with work")
	if err != nil {
		return err
	}
	if len(it) > 0 {
		if entered, err := decodeFeed(it); err != nil || entered == f {
			return err
		}
	}
	if f.Metrics != "" {
		k[metricsAttribute] = str(f.Metrics)
	}
	if _, err := l.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &l.table, Item: k}); err != nil {
		return fmt.Errorf("ledger: enter feed %s as one with work: %w", f.Feed, err)
	}
	return nil
}

// FeedsWithWork lists the feeds with work, by name.
func (l *Ledger) FeedsWithWork(ctx context.Context) ([]FeedWithWork, error) {
	condition := expression.Key(feed.PartitionKey).Equal(expression.Value(feed.LoadingKey)).
		And(expression.Key(feed.SortKey).BeginsWith(feedPrefix))
	var list []FeedWithWork
	err := query(ctx, l, &dynamodb.QueryInput{ConsistentRead: aws.Bool(true)}, condition, decodeFeed, func(f FeedWithWork) bool {
		list = append(list, f)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: list the feeds with work: %w", err)
	}
	return list, nil
}

// RemoveFeed removes a feed from those with work, unless a part has been entered
// meanwhile.
func (l *Ledger) RemoveFeed(ctx context.Context, f FeedWithWork) error {
	if _, err := l.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &l.table, Key: feedKey(f.Feed)}); err != nil {
		return fmt.Errorf("ledger: remove feed %s from those with work: %w", f.Feed, err)
	}
	work, err := l.work(ctx, f.Feed, waitPrefix, 1)
	if err != nil || len(work) == 0 {
		return err
	}
	return l.EnterFeed(ctx, f)
}
