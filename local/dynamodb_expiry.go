package local

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// ExpireDynamoDB deletes the items whose time to live is over at a time, in every table that
// has one, and returns how many. DynamoDB does it within days after the expiry; nothing else
// deletes expired items here.
func (e *Env) ExpireDynamoDB(ctx context.Context, at time.Time) (int, error) {
	body, err := e.post(ctx, "/_local/expire/"+Region, map[string]int64{"now": at.Unix()})
	if err != nil {
		return 0, fmt.Errorf("expire items of DynamoDB: %w", err)
	}
	var answer struct{ Deleted int }
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, fmt.Errorf("expire items of DynamoDB: %w", err)
	}
	return answer.Deleted, nil
}
