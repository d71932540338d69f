// Package drain keeps queues until they are empty: it is the function behind
// the custom resource Custom::QueueDrain, apart from its wiring. CloudFormation
// deletes that resource before the queues and what reads them.
//
// It does not stop there if the resource cannot be deleted. At the end of an
// update it tries three times, forgets the resource and goes on with the rest
// (aws-cloudformation/cloudformation-coverage-roadmap, issue 744); when a stack
// is deleted it goes on too, and leaves the stack in DELETE_FAILED (issues 852
// and 1508). So what the functions do not take in time goes to the failure queue,
// and an error is the last resort.
package drain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// Every is the time from one look at the queues to the next.
	Every = 15 * time.Second
	// looks is how many looks in a row have to find nothing. The numbers are
	// approximate, and right a minute after the last message was sent at the
	// earliest ("GetQueueAttributes"): this is a minute and a half.
	looks = 7
	// patience is how long the queues may take. What is left then is moved to the
	// failure queue until the end, because CloudFormation waits for an hour.
	patience = 45 * time.Minute
	end      = 55 * time.Minute
	// answerTime bounds the call that answers CloudFormation.
	answerTime = 10 * time.Second
)

// API is what the package needs of an SQS client.
type API interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
}

// Handler answers CloudFormation's requests for Custom::QueueDrain.
type Handler struct {
	SQS API
	// Again hands the waiting to the function's next invocation.
	Again func(context.Context, Request) error
	// Answer is Send, but for tests.
	Answer func(context.Context, *cfn.Response, string) error
	// Every is the package's, but where the numbers of a queue are exact.
	Every time.Duration
	// Wait waits for so long, and Now is time.Now, but for tests.
	Wait func(context.Context, time.Duration) error
	Now  func() time.Time
	// TimeUp is function.TimeUp, but for tests.
	TimeUp func(context.Context) func() bool
	Log    *slog.Logger
}

// Request is CloudFormation's, with what an earlier invocation knows.
type Request struct {
	cfn.Event
	// Since is when the waiting began.
	Since time.Time `json:"DrainSince,omitzero"`
}

// Handle is the function. CloudFormation gets its answer at the end of the
// waiting only, from the invocation that sees it. An error means that it could
// not be told.
func (h *Handler) Handle(ctx context.Context, r Request) error {
	p, err := read(r.ResourceProperties)
	urls := p.QueueUrls
	// What was created in vain is deleted all the same.
	response := cfn.NewResponse(&r.Event)
	response.PhysicalResourceID = r.PhysicalResourceID
	if response.PhysicalResourceID == "" || r.RequestType == cfn.RequestUpdate {
		response.PhysicalResourceID = id(urls)
	}
	if err == nil && r.RequestType == cfn.RequestDelete {
		var over bool
		if over, err = h.wait(ctx, &r, p); err == nil && !over {
			if err = h.Again(ctx, r); err == nil {
				h.Log.Info("handed on", "queues", urls)
				return nil
			}
			err = fmt.Errorf("hand the waiting on: %w", err)
		}
	}
	response.Status = cfn.StatusSuccess
	if err != nil {
		h.Log.Error("failed", "queues", urls, "error", err.Error())
		response.Status, response.Reason = cfn.StatusFailed, fmt.Sprintf("%.1000s", err.Error())
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	if err := h.Answer(ctx, response, r.ResponseURL); err != nil {
		return fmt.Errorf("answer CloudFormation: %w", err)
	}
	h.Log.Info("done", "request", r.RequestType, "queues", urls)
	return nil
}

// properties are those of the resource.
type properties struct {
	QueueUrls []string
	// FailureQueueUrl is that of the queue for what is not taken in time.
	FailureQueueUrl string //nolint:revive // as the property is called
}

func read(given map[string]any) (p properties, err error) {
	text, err := json.Marshal(given)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err == nil && (len(p.QueueUrls) == 0 || p.FailureQueueUrl == "") {
		err = errors.New("QueueUrls or FailureQueueUrl is empty")
	}
	if err != nil {
		err = fmt.Errorf("properties of the resource: %w", err)
	}
	return p, err
}

// id is another for other queues, so that CloudFormation deletes, and drains,
// those before.
func id(urls []string) string {
	sum := sha256.Sum256([]byte(strings.Join(urls, "\n")))
	return "drain-" + hex.EncodeToString(sum[:8])
}

// wait looks at the queues until all have been empty for long enough, or until
// the invocation's time is up: then it is not over.
func (h *Handler) wait(ctx context.Context, r *Request, p properties) (over bool, err error) {
	if r.Since.IsZero() {
		r.Since = h.Now()
	}
	timeUp := h.TimeUp(ctx)
	for empty := 0; ; {
		left, err := h.look(ctx, p.QueueUrls)
		if err != nil {
			return false, err
		}
		if empty++; left != "" {
			empty = 0
		}
		if empty == looks {
			return true, nil
		}
		switch waited := h.Now().Sub(r.Since); {
		case waited >= end:
			return false, fmt.Errorf("after %d minutes there are still messages: %s. CloudFormation tries this again, and after the third time deletes the queues all the same. "+
				"The files are in their bucket: bin/ingest reconcile tells which of them have not come through", int(waited.Minutes()), left)
		case waited >= patience:
			if err := h.move(ctx, p, r.Since.Add(end), timeUp); err != nil {
				return false, err
			}
		}
		if timeUp() {
			return false, nil
		}
		if err := h.Wait(ctx, h.Every); err != nil {
			return false, err
		}
	}
}

// look says how many messages there are, and "" for none.
func (h *Handler) look(ctx context.Context, urls []string) (string, error) {
	numbers := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	var left []string
	for _, url := range urls {
		out, err := h.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: numbers})
		var gone *types.QueueDoesNotExist
		if errors.As(err, &gone) {
			continue // somebody has deleted it, and what was in it
		}
		if err != nil {
			return "", fmt.Errorf("look at queue %s: %w", url, err)
		}
		total := 0
		for _, name := range numbers {
			n, err := strconv.Atoi(out.Attributes[string(name)])
			if err != nil {
				return "", fmt.Errorf("look at queue %s: %s: %w", url, name, err)
			}
			total += n
		}
		if total > 0 {
			left = append(left, fmt.Sprintf("%d in %s, %s of them under way", total, url, out.Attributes[string(numbers[1])]))
		}
	}
	return strings.Join(left, "; "), nil
}
