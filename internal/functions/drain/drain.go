package drain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

const (
	// Interval is the time between two checks of the queues.
	Interval = 15 * time.Second
	// emptyChecks is how many checks in a row must find no message. The message
	// counts are approximate, and consistent at the earliest a minute after the last
	// message was sent ("GetQueueAttributes"): this is a minute and a half.
	emptyChecks = 7
	// moveAfter is how long the functions have to process the messages. What is left
	// then is moved to the failure queue, until giveUpAfter: CloudFormation waits for
	// a custom resource for an hour.
	moveAfter   = 45 * time.Minute
	giveUpAfter = 55 * time.Minute
	// respondTime bounds the request that responds to CloudFormation.
	respondTime = 10 * time.Second
)

// API is what the package needs of an SQS client.
type API interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
}

// Handler handles CloudFormation's requests for Custom::QueueDrain.
type Handler struct {
	SQS API
	// Continue dispatches the continuation.
	Continue func(context.Context, Request) error
	// Respond is the package's function, except in tests.
	Respond func(context.Context, *cfn.Response, string) error
	// Interval is the package's constant, except where message counts are exact.
	Interval time.Duration
	// Wait is retry.Wait, Now is time.Now and NearDeadline is handler.NearDeadline,
	// except in tests.
	Wait         func(context.Context, time.Duration) error
	Now          func() time.Time
	NearDeadline func(context.Context) func() bool
	Log          *slog.Logger
}

// Request is CloudFormation's request, with the state of earlier invocations.
type Request struct {
	cfn.Event
	// Started is when draining started; zero in the first invocation.
	Started time.Time `json:"DrainStarted,omitzero"`
}

// Handle is the function's handler. It responds to CloudFormation at the end of
// draining only, in the invocation that reaches it. An error means that it could
// not respond.
func (h *Handler) Handle(ctx context.Context, r Request) error {
	p, err := readProperties(r.ResourceProperties)
	urls := p.QueueUrls
	response := cfn.NewResponse(&r.Event)
	// A failed create is deleted by the ID of its response, too.
	response.PhysicalResourceID = r.PhysicalResourceID
	if response.PhysicalResourceID == "" || r.RequestType == cfn.RequestUpdate {
		response.PhysicalResourceID = resourceID(urls)
	}
	if err == nil && r.RequestType == cfn.RequestDelete {
		var done bool
		if done, err = h.drain(ctx, &r, p); err == nil && !done {
			if err = h.Continue(ctx, r); err == nil {
				h.Log.Info("continued", "queues", urls)
				return nil
			}
			err = fmt.Errorf("dispatch the continuation: %w", err)
		}
	}
	response.Status = cfn.StatusSuccess
	if err != nil {
		h.Log.Error("failed", "queues", urls, "error", err.Error())
		response.Status, response.Reason = cfn.StatusFailed, fmt.Sprintf("%.1000s", err.Error())
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), respondTime)
	defer cancel()
	if err := h.Respond(ctx, response, r.ResponseURL); err != nil {
		return fmt.Errorf("respond to CloudFormation: %w", err)
	}
	h.Log.Info("done", "request", r.RequestType, "queues", urls)
	return nil
}

// properties are those of the custom resource.
type properties struct {
	QueueUrls []string
	// FailureQueueUrl is the queue for messages that are not processed in time.
	FailureQueueUrl string //nolint:revive // the property's name
}

func readProperties(given map[string]any) (p properties, err error) {
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

// resourceID differs for other queues, so that CloudFormation replaces the
// resource and deletes, which drains, the previous one.
func resourceID(urls []string) string {
	sum := sha256.Sum256([]byte(strings.Join(urls, "\n")))
	return "drain-" + hex.EncodeToString(sum[:8])
}

// drain checks the queues until all have been empty for long enough. It returns
// false near the invocation's deadline.
func (h *Handler) drain(ctx context.Context, r *Request, p properties) (done bool, err error) {
	if r.Started.IsZero() {
		r.Started = h.Now()
	}
	nearDeadline := h.NearDeadline(ctx)
	for empty := 0; ; {
		left, err := h.count(ctx, p.QueueUrls)
		if err != nil {
			return false, err
		}
		if empty++; left != "" {
			empty = 0
		}
		if empty == emptyChecks {
			return true, nil
		}
		switch waited := h.Now().Sub(r.Started); {
		case waited >= giveUpAfter:
			return false, fmt.Errorf("after %d minutes there are still messages: %s. CloudFormation retries the deletion, and deletes the queues after the third attempt. "+
				"The files are still in their bucket: bin/ingest reconcile lists those that were not loaded", int(waited.Minutes()), left)
		case waited >= moveAfter:
			if err := h.move(ctx, p, r.Started.Add(giveUpAfter), nearDeadline); err != nil {
				return false, err
			}
		}
		if nearDeadline() {
			return false, nil
		}
		if err := h.Wait(ctx, h.Interval); err != nil {
			return false, err
		}
	}
}
