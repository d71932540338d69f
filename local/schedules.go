package local

import (
	"context"
	"fmt"
	"net/url"
)

// FireSchedules has every schedule of a stack fire now: rules with a
// ScheduleExpression, and schedules of EventBridge Scheduler. Functions are
// invoked asynchronously, so Idle of the Host waits for them. Schedules fire by
// the clock all the same. It is an error if the stack has none that is enabled,
// or if a target could not be reached.
func (e *Env) FireSchedules(ctx context.Context, stack string) error {
	if err := e.post(ctx, "/_local/schedules/"+url.PathEscape(stack), nil); err != nil {
		return fmt.Errorf("fire the schedules of stack %s: %w", stack, err)
	}
	return nil
}
