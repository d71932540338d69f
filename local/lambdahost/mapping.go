package lambdahost

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// mapping is an enabled event source mapping. It is the key of its poller, so that
// a change of any setting starts a new one.
type mapping struct {
	id             string
	source         string // ARN of the queue or stream
	stream         bool   // a DynamoDB stream; else an SQS queue
	function       string
	batchSize      int
	concurrency    int // of a queue: maximum number of concurrent batches; zero if not set
	partialBatches bool
	streamSettings
}

// streamSettings are the settings that only mappings of DynamoDB streams have.
// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
type streamSettings struct {
	position        lambdatypes.EventSourcePosition
	window          time.Duration
	parallelization int           // ParallelizationFactor
	retries         int           // negative: until the records expire
	maxAge          time.Duration // zero: no limit
	bisect          bool
	onFailure       string // ARN; empty for none
	filters         string // patterns, a JSON array of texts; empty for none
}

// mappings returns the enabled event source mappings.
func (c *sdkClient) mappings(ctx context.Context) ([]mapping, error) {
	var all []mapping
	pages := lambda.NewListEventSourceMappingsPaginator(c.lambda, &lambda.ListEventSourceMappingsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list event source mappings: %w", err)
		}
		for _, configured := range page.EventSourceMappings {
			if aws.ToString(configured.State) != "Enabled" {
				continue
			}
			m, err := newMapping(configured)
			if err != nil {
				return nil, fmt.Errorf("event source mapping %s: %w", aws.ToString(configured.UUID), err)
			}
			all = append(all, m)
		}
	}
	return all, nil
}

func newMapping(c lambdatypes.EventSourceMappingConfiguration) (mapping, error) {
	source, err := arn.Parse(aws.ToString(c.EventSourceArn))
	if err != nil {
		return mapping{}, err
	}
	m := mapping{
		id:        aws.ToString(c.UUID),
		source:    source.String(),
		function:  functionName(aws.ToString(c.FunctionArn)),
		batchSize: int(aws.ToInt32(c.BatchSize)),
	}
	for _, kind := range c.FunctionResponseTypes {
		m.partialBatches = m.partialBatches || kind == lambdatypes.FunctionResponseTypeReportBatchItemFailures
	}
	switch source.Service {
	case "sqs":
		if c.ScalingConfig != nil {
			m.concurrency = int(aws.ToInt32(c.ScalingConfig.MaximumConcurrency))
		}
		return m, nil
	case "dynamodb":
		m.stream = true
		m.streamSettings, err = newStreamSettings(c)
		return m, err
	default:
		return mapping{}, fmt.Errorf("the Lambda host polls SQS queues and DynamoDB streams only, not %s", source)
	}
}

func newStreamSettings(c lambdatypes.EventSourceMappingConfiguration) (streamSettings, error) {
	s := streamSettings{
		position:        c.StartingPosition,
		window:          time.Duration(aws.ToInt32(c.MaximumBatchingWindowInSeconds)) * time.Second,
		parallelization: max(1, int(aws.ToInt32(c.ParallelizationFactor))),
		retries:         -1,
		bisect:          aws.ToBool(c.BisectBatchOnFunctionError),
	}
	if c.MaximumRetryAttempts != nil {
		s.retries = int(*c.MaximumRetryAttempts)
	}
	if age := aws.ToInt32(c.MaximumRecordAgeInSeconds); age > 0 {
		s.maxAge = time.Duration(age) * time.Second
	}
	if d := c.DestinationConfig; d != nil && d.OnFailure != nil {
		s.onFailure = aws.ToString(d.OnFailure.Destination)
	}
	if c.FilterCriteria != nil {
		var patterns []string
		for _, f := range c.FilterCriteria.Filters {
			patterns = append(patterns, aws.ToString(f.Pattern))
		}
		b, err := json.Marshal(patterns)
		if err != nil {
			return s, err
		}
		s.filters = string(b)
		if _, err := newFilter(s.filters); err != nil {
			return s, err
		}
	}
	return s, nil
}
