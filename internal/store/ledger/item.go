package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
)

type item = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func key(feedName, id, sort string) item {
	return item{feed.PartitionKey: str(ids.LedgerKey(feedName, id)), feed.SortKey: str(sort)}
}

// timeLayout sorts as text: its fraction keeps its zeros.
const timeLayout = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(timeLayout) }

func encode(v any) (item, error) {
	return attributevalue.MarshalMapWithOptions(v, func(o *attributevalue.EncoderOptions) {
		o.OmitEmptyTime = true
		o.EncodeTime = func(t time.Time) (types.AttributeValue, error) { return str(stamp(t)), nil }
	})
}

func decode(it item, v any) error {
	return attributevalue.UnmarshalMapWithOptions(it, v, func(o *attributevalue.DecoderOptions) {
		o.DecodeTime.S = func(s string) (time.Time, error) { return time.Parse(timeLayout, s) }
	})
}

// decodeReasons returns the counts of quarantined records by reason, without
// those that are 0 again after a replay.
func decodeReasons(it item) (map[string]int64, error) {
	var reasons map[string]int64
	for name, value := range it {
		reason, ok := strings.CutPrefix(name, reasonPrefix)
		if !ok {
			continue
		}
		var n int64
		if err := attributevalue.Unmarshal(value, &n); err != nil {
			return nil, fmt.Errorf("attribute %q: %w", name, err)
		}
		if n == 0 {
			continue
		}
		if reasons == nil {
			reasons = map[string]int64{}
		}
		reasons[reason] = n
	}
	return reasons, nil
}

// get reads an item, which what describes, consistently. It returns nil where the table has none.
func (l *Ledger) get(ctx context.Context, key item, what string) (item, error) {
	out, err := l.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &l.table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("ledger: read %s: %w", what, err)
	}
	return out.Item, nil
}
