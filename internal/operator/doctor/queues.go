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
)

// failures looks into the queue of events that the functions gave up on.
func failures(ctx context.Context, x *exam) {
	const name = "failed events"
	if x.Live.FailureQueueURL == "" {
		return
	}
	q, ok := x.queue(ctx, name, x.Live.FailureQueueURL)
	switch {
	case !ok:
	case q.waiting > 0:
		x.fail(name, "mend what failed them, then: ingest replay "+x.Live.Name, "%s%s", events(q.waiting), x.oldest(ctx, x.Live.FailureQueueURL))
	default:
		x.pass(name, "none")
	}
}

func events(n int) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}

// queues looks at the queues before unpack and load, and at what reads them.
func queues(ctx context.Context, x *exam) {
	for _, q := range []struct{ name, url, function string }{
		{"unpack", x.Live.UnpackQueueURL, x.Live.UnpackFunction},
		{"load", x.Live.LoadQueueURL, x.Live.LoadFunction},
	} {
		if q.url == "" {
			continue
		}
		found, ok := x.queue(ctx, q.name, q.url)
		if !ok {
			continue
		}
		switch {
		case found.deadLetters == "":
			x.fail(q.name, x.revert(), "the queue has no failure queue: what fails is tried until it is forgotten")
		case !strings.HasSuffix(found.deadLetters, ":"+queueName(x.Live.FailureQueueURL)):
			x.fail(q.name, x.revert(), "what fails goes to %s, not to the feed's failure queue", found.deadLetters)
		default:
			x.pass(q.name, "%s waiting, %d being worked on%s", events(found.waiting), found.working, x.oldest(ctx, q.url))
		}
		x.mapping(ctx, q.name+": read", q.function, found.arn)
	}
}

// queue is what SQS tells of a queue.
type queue struct {
	arn, deadLetters string
	waiting, working int
}

// queue asks for it; false if what is wrong is told already.
func (x *exam) queue(ctx context.Context, name, url string) (queue, bool) {
	out, err := x.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	switch {
	case missing(err):
		x.fail(name, x.revert(), "queue %s does not exist", queueName(url))
		return queue{}, false
	case err != nil:
		x.failed(name, err, "sqs:GetQueueAttributes")
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
			x.failed(name, fmt.Errorf("redrive policy %q: %w", text, err), "sqs:GetQueueAttributes")
			return queue{}, false
		}
	}
	return queue{
		arn: out.Attributes["QueueArn"], deadLetters: redrive.DeadLetterTargetArn,
		waiting: number("ApproximateNumberOfMessages") + number("ApproximateNumberOfMessagesDelayed"),
		working: number("ApproximateNumberOfMessagesNotVisible"),
	}, true
}

// oldest says how long the oldest message waits; empty if nobody knows. Only
// the metric has it, which trails by some minutes and rests while a queue does.
func (x *exam) oldest(ctx context.Context, url string) string {
	points, err := x.metric(ctx, "AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queueName(url), watchtypes.StatisticMaximum, 15*time.Minute)
	age := 0.0
	for _, p := range points {
		age = max(age, aws.ToFloat64(p.Maximum))
	}
	if err != nil || age == 0 {
		return ""
	}
	return ", the oldest for " + (time.Duration(age) * time.Second).String()
}

// mapping looks whether a function reads a source: a queue or a stream.
func (x *exam) mapping(ctx context.Context, name, function, sourceARN string) {
	var all []lambdatypes.EventSourceMappingConfiguration
	in := &lambda.ListEventSourceMappingsInput{EventSourceArn: &sourceARN}
	if function != "" {
		in.FunctionName = &function
	}
	for pages := lambda.NewListEventSourceMappingsPaginator(x.lambda, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			x.failed(name, err, "lambda:ListEventSourceMappings")
			return
		}
		all = append(all, page.EventSourceMappings...)
	}
	if len(all) == 0 {
		x.fail(name, x.revert(), "no function reads %s", sourceARN)
		return
	}
	reads := slices.IndexFunc(all, func(m lambdatypes.EventSourceMappingConfiguration) bool {
		return aws.ToString(m.State) == "Enabled"
	})
	if reads < 0 {
		m := all[0]
		x.fail(name, "aws lambda update-event-source-mapping --enabled --uuid "+aws.ToString(m.UUID), "the mapping to %s is %s", aws.ToString(m.FunctionArn), aws.ToString(m.State))
		return
	}
	m := all[reads]
	// It is "No records processed" before the first, then OK; of a queue it stays empty.
	if last := aws.ToString(m.LastProcessingResult); strings.HasPrefix(last, "PROBLEM") {
		x.fail(name, x.logs(lastPart(aws.ToString(m.FunctionArn))), "the last batch failed: %s", last)
		return
	}
	x.pass(name, "by %s", lastPart(aws.ToString(m.FunctionArn)))
}

func lastPart(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }
