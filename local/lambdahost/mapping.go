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
	id        string
	source    string // ARN of the stream
	function  string
	batchSize int
	streamSettings
}

// streamSettings are the settings of mappings of DynamoDB streams.
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
	if source.Service != "dynamodb" {
		return mapping{}, fmt.Errorf("the Lambda host polls DynamoDB streams only, not %s", source)
	}
	m.streamSettings, err = newStreamSettings(c)
	return m, err
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
