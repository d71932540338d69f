package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	watchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"example.com/ingestion/internal/operator/replay"
)

// failures checks the failure queue.
func failures(ctx context.Context, d *doctor) {
	const name = "failed events"
	if d.Feed.FailureQueueURL == "" {
		return
	}
	q, ok := d.queue(ctx, name, d.Feed.FailureQueueURL)
	switch {
	case !ok:
	case q.visible > 0:
		d.fail(name, "fix the cause, then retry them: ingest replay "+d.Feed.Name+" (with --dry-run it lists them)",
			"%s%s%s", events(q.visible), d.oldest(ctx, d.Feed.FailureQueueURL), d.failedEvent(ctx))
	default:
		d.pass(name, "none")
	}
}

// failedEvent describes an event of the failure queue, empty if it cannot be read.
func (d *doctor) failedEvent(ctx context.Context) string {
	r := replay.Replay{Feed: d.Feed.Name, Queue: d.sqs, FailureQueueURL: d.Feed.FailureQueueURL, UnpackFunction: d.Feed.UnpackFunction, LoadFunction: d.Feed.LoadFunction}
	read, _ := r.Peek(ctx) // the number of events is reported anyway
	for _, e := range read {
		if e.Error == "" {
			continue
		}
		concerns := strings.Join(e.Objects, " ")
		if concerns == "" {
			concerns = strings.TrimSpace(e.Upload + " " + e.Part)
		}
		return fmt.Sprintf("; %s failed on %s: %s", e.Target, concerns, e.Error)
	}
	return ""
}

func events(n int) string { return count(n, "event") }

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// queue holds attributes of a queue.
type queue struct {
	arn, deadLetters  string
	visible, inFlight int
}

// queue reads the attributes of a queue. If that fails, it adds a finding and returns
// false.
func (d *doctor) queue(ctx context.Context, name, url string) (queue, bool) {
	out, err := d.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	switch {
	case missing(err):
		d.fail(name, d.revert(), "queue %s does not exist", queueName(url))
		return queue{}, false
	case err != nil:
		d.unknown(name, err, "sqs:GetQueueAttributes")
		return queue{}, false
	}
	number := func(key string) int {
		n, err := strconv.Atoi(out.Attributes[key])
		if err != nil {
			return 0
		}
		return n
	}
	var redrive struct {
		DeadLetterTargetArn string `json:"deadLetterTargetArn"`
	}
	if text := out.Attributes["RedrivePolicy"]; text != "" {
		if err := json.Unmarshal([]byte(text), &redrive); err != nil {
			d.unknown(name, fmt.Errorf("redrive policy %q: %w", text, err), "sqs:GetQueueAttributes")
			return queue{}, false
		}
	}
	return queue{
		arn: out.Attributes["QueueArn"], deadLetters: redrive.DeadLetterTargetArn,
		visible:  number("ApproximateNumberOfMessages") + number("ApproximateNumberOfMessagesDelayed"),
		inFlight: number("ApproximateNumberOfMessagesNotVisible"),
	}, true
}

// oldest describes the age of the oldest message; empty if it is unknown. The age is
// available only as a metric, which has a delay of some minutes and no values while a
// queue is inactive.
func (d *doctor) oldest(ctx context.Context, url string) string {
	points, err := d.metric(ctx, "AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queueName(url), watchtypes.StatisticMaximum, 15*time.Minute)
	age := 0.0
	for _, p := range points {
		age = max(age, aws.ToFloat64(p.Maximum))
	}
	if err != nil || age == 0 {
		return ""
	}
	return ", the oldest for " + (time.Duration(age) * time.Second).String()
}

// mapping checks whether an event source mapping reads a queue or a stream.
func (d *doctor) mapping(ctx context.Context, name, function, sourceARN string) {
	var all []lambdatypes.EventSourceMappingConfiguration
	in := &lambda.ListEventSourceMappingsInput{EventSourceArn: &sourceARN}
	if function != "" {
		in.FunctionName = &function
	}
	for pages := lambda.NewListEventSourceMappingsPaginator(d.lambda, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			d.unknown(name, err, "lambda:ListEventSourceMappings")
			return
		}
		all = append(all, page.EventSourceMappings...)
	}
	if len(all) == 0 {
		d.fail(name, d.revert(), "no function reads %s", sourceARN)
		return
	}
	enabled := slices.IndexFunc(all, func(m lambdatypes.EventSourceMappingConfiguration) bool {
		return aws.ToString(m.State) == "Enabled"
	})
	if enabled < 0 {
		m := all[0]
		d.fail(name, "aws lambda update-event-source-mapping --enabled --uuid "+aws.ToString(m.UUID), "the mapping to %s is %s", aws.ToString(m.FunctionArn), aws.ToString(m.State))
		return
	}
	m := all[enabled]
	// It is "No records processed" before the first batch, then OK; it is always empty
	// for a queue.
	if last := aws.ToString(m.LastProcessingResult); strings.HasPrefix(last, "PROBLEM") {
		d.fail(name, d.logs(lastPart(aws.ToString(m.FunctionArn))), "the last batch failed: %s", last)
		return
	}
	d.pass(name, "by %s", lastPart(aws.ToString(m.FunctionArn)))
}

func lastPart(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }
