package deploy

import (
	"context"
	"encoding/json"
	"fmt"

	"example.com/ingestion/snowflake"
)

// Subscriber returns the ARN of the IAM user with which Snowflake subscribes to the
// topic. It may differ from the one that assumes roles.
// https://docs.snowflake.com/en/sql-reference/functions/system_get_aws_sns_iam_policy
func Subscriber(ctx context.Context, db DB, topic string) (string, error) {
	text, err := scalar(ctx, db, "SELECT SYSTEM$GET_AWS_SNS_IAM_POLICY("+snowflake.Literal(topic)+")")
	if err != nil {
		return "", fmt.Errorf("subscriber of topic %s: %w", topic, err)
	}
	var policy struct {
		Statement []struct {
			Principal struct {
				AWS string `json:"AWS"`
			} `json:"Principal"`
		} `json:"Statement"`
	}
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		return "", fmt.Errorf("subscriber of topic %s: result %q: %w", topic, text, err)
	}
	for _, s := range policy.Statement {
		if s.Principal.AWS != "" {
			return s.Principal.AWS, nil
		}
	}
	return "", fmt.Errorf("subscriber of topic %s: no principal in %q; check that it is a standard topic in a region that Snowflake supports", topic, text)
}
