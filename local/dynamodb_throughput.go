package local

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// DynamoDBThroughput limits the requests of every DynamoDB table, in read and write
// units per second. A zero limit means none; the zero DynamoDBThroughput removes all
// limits, which is also the state after Start. Requests beyond a limit are throttled
// as DynamoDB does: see local/aws/dynamodb_throughput.py, which names the
// documentation.
type DynamoDBThroughput struct {
	// TableWrites and TableReads are the limits of a new on-demand table, and of each
	// of its indexes. They grow to twice the highest use in one second.
	TableWrites float64 `json:"table_writes"`
	TableReads  float64 `json:"table_reads"`
	// PartitionWrites and PartitionReads are the limits of one value of the partition
	// key of a table or index. They do not grow.
	PartitionWrites float64 `json:"partition_writes"`
	PartitionReads  float64 `json:"partition_reads"`
	// GrowAfter is the time after which a table serves twice its highest use.
	GrowAfter time.Duration `json:"-"`
}

// NewTableThroughput has the limits of a new on-demand table.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
func NewTableThroughput() DynamoDBThroughput {
	return DynamoDBThroughput{TableWrites: 4000, TableReads: 12000, PartitionWrites: 1000, PartitionReads: 3000, GrowAfter: 30 * time.Minute}
}

// Scaled is t with every limit multiplied by a factor, for tests that cannot reach
// the limits of AWS on one machine.
func (t DynamoDBThroughput) Scaled(factor float64) DynamoDBThroughput {
	t.TableWrites *= factor
	t.TableReads *= factor
	t.PartitionWrites *= factor
	t.PartitionReads *= factor
	return t
}

// DynamoDBThrottles is a number of requests, or of items of batches and
// transactions, that were throttled.
type DynamoDBThrottles struct {
	Reason   string // such as TableWriteKeyRangeThroughputExceeded
	Resource string // ARN of the table or index
	Count    int
}

// LimitDynamoDB sets the throughput of every table, with full buckets and without
// previous use, until it is called again.
func (e *Env) LimitDynamoDB(ctx context.Context, t DynamoDBThroughput) error {
	request := struct {
		DynamoDBThroughput
		GrowAfter float64 `json:"grow_after"` // seconds
	}{t, t.GrowAfter.Seconds()}
	if t == (DynamoDBThroughput{}) {
		request.GrowAfter = NewTableThroughput().GrowAfter.Seconds()
	}
	if _, err := e.post(ctx, "/_local/throughput", request); err != nil {
		return fmt.Errorf("limit the throughput of DynamoDB: %w", err)
	}
	return nil
}

// ThrottledDynamoDB returns what was throttled since the last LimitDynamoDB.
func (e *Env) ThrottledDynamoDB(ctx context.Context) ([]DynamoDBThrottles, error) {
	body, err := e.post(ctx, "/_local/throughput", nil)
	if err != nil {
		return nil, fmt.Errorf("throttled requests of DynamoDB: %w", err)
	}
	var throttled []DynamoDBThrottles
	if err := json.Unmarshal(body, &throttled); err != nil {
		return nil, fmt.Errorf("throttled requests of DynamoDB: %w", err)
	}
	return throttled, nil
}
