package deploy

import (
	"context"
	"encoding/json"
	"fmt"

	"example.com/ingestion/snowflake"
)

// Subscriber returns the ARN of the IAM user that Snowflake subscribes to topics
// as. It need not be the one that assumes roles.
func Subscriber(ctx context.Context, db DB, topic string) (string, error) {
	text, err := scalar(ctx, db, "SELECT SYSTEM$GET_AWS_SNS_IAM_POLICY("+snowflake.Literal(topic)+")")
	if err != nil {
		return "", fmt.Errorf("who subscribes to topic %s: %w", topic, err)
	}
	var policy struct {
		Statement []struct {
			Principal struct {
				AWS string `json:"AWS"`
			} `json:"Principal"`
		} `json:"Statement"`
	}
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		return "", fmt.Errorf("who subscribes to topic %s: answer %q: %w", topic, text, err)
	}
	for _, s := range policy.Statement {
		if s.Principal.AWS != "" {
			return s.Principal.AWS, nil
		}
	}
	return "", fmt.Errorf("who subscribes to topic %s: no principal in %q; is it a standard topic of a region that Snowflake reaches?", topic, text)
}
