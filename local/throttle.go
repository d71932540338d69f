package local

import (
	"context"
	"encoding/json"
	"fmt"
)

// Throttle has DynamoDB refuse every request of some of its operations, such as
// "BatchWriteItem", for lack of throughput, until it is called with others, or
// with none. Operations that are not named go on.
func (e *Env) Throttle(ctx context.Context, operations ...string) error {
	asked, err := json.Marshal(append([]string{}, operations...))
	if err == nil {
		err = e.post(ctx, "/_local/throttle", asked)
	}
	if err != nil {
		return fmt.Errorf("throttle %q: %w", operations, err)
	}
	return nil
}
