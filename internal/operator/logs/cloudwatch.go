package logs

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// lateness is the time after which an event is assumed to be available: CloudWatch Logs
// does not make events available in their order.
const lateness = time.Minute

// CloudWatch reads from CloudWatch Logs. It needs logs:FilterLogEvents and
// lambda:GetFunctionConfiguration.
type CloudWatch struct {
	Logs interface {
		cloudwatchlogs.FilterLogEventsAPIClient
	}
	Lambda interface {
		GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error)
	}

	groups map[string]string          // log groups by function
	newest map[string]time.Time       // by function
	seen   map[string]map[string]bool // IDs of the events within lateness, by function
}

// Read implements Reader.
func (c *CloudWatch) Read(ctx context.Context, f Function, since time.Time, text string) ([]Line, error) {
	group, err := c.group(ctx, f.Name)
	if err != nil {
		return nil, err
	}
	if c.seen == nil {
		c.seen, c.newest = map[string]map[string]bool{}, map[string]time.Time{}
	}
	if from := c.newest[f.Name].Add(-lateness); from.After(since) {
		since = from
	}
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group, StartTime: aws.Int64(since.UnixMilli())}
	if text != "" {
		in.FilterPattern = aws.String(strconv.Quote(text))
	}
	var lines []Line
	recent := map[string]bool{}
	for pages := cloudwatchlogs.NewFilterLogEventsPaginator(c.Logs, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		var missing *types.ResourceNotFoundException
		if errors.As(err, &missing) {
			return nil, nil // the function was not invoked yet
		}
		if err != nil {
			return nil, err
		}
		for _, e := range page.Events {
			id, at := aws.ToString(e.EventId), time.UnixMilli(aws.ToInt64(e.Timestamp)).UTC()
			recent[id] = true
			if c.seen[f.Name][id] {
				continue
			}
			if at.After(c.newest[f.Name]) {
				c.newest[f.Name] = at
			}
			lines = append(lines, Line{Time: at, Function: f.Role, Message: strings.TrimRight(aws.ToString(e.Message), "\n")})
		}
	}
	c.seen[f.Name] = recent
	return lines, nil
}

// group returns the log group of a function.
func (c *CloudWatch) group(ctx context.Context, function string) (string, error) {
	if group, ok := c.groups[function]; ok {
		return group, nil
	}
	out, err := c.Lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &function})
	if err != nil {
		return "", err
	}
	group := "/aws/lambda/" + function
	if out.LoggingConfig != nil && out.LoggingConfig.LogGroup != nil {
		group = *out.LoggingConfig.LogGroup
	}
	if c.groups == nil {
		c.groups = map[string]string{}
	}
	c.groups[function] = group
	return group, nil
}
