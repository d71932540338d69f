package drain

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// count describes how many messages each queue has, and is "" when all are empty.
func (h *Handler) count(ctx context.Context, urls []string) (string, error) {
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	var left []string
	for _, url := range urls {
		out, err := h.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
		var deleted *types.QueueDoesNotExist
		if errors.As(err, &deleted) {
			continue // with its messages
		}
		if err != nil {
			return "", fmt.Errorf("count messages of queue %s: %w", url, err)
		}
		total := 0
		for _, name := range names {
			n, err := strconv.Atoi(out.Attributes[string(name)])
			if err != nil {
				return "", fmt.Errorf("count messages of queue %s: %s: %w", url, name, err)
			}
			total += n
		}
		if total > 0 {
			left = append(left, fmt.Sprintf("%d in %s, %s of them in flight", total, url, out.Attributes[string(names[1])]))
		}
	}
	return strings.Join(left, "; "), nil
}
