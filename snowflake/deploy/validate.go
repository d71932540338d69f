package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// validation is the result of SYSTEM$VALIDATE_STORAGE_INTEGRATION.
// https://docs.snowflake.com/en/sql-reference/functions/system_validate_storage_integration
type validation struct {
	Status  string `json:"status"`
	Message string `json:"message"`
	Actions map[string]struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	} `json:"actions"`
}

// reason returns the messages of all actions.
func (v validation) reason() string {
	var reasons []string
	for _, name := range slices.Sorted(maps.Keys(v.Actions)) {
		if a := v.Actions[name]; a.Message != "" {
			reasons = append(reasons, name+": "+a.Message)
		}
	}
	if v.Message != "" || len(reasons) == 0 {
		reasons = append(reasons, v.Message)
	}
	return strings.Join(reasons, "; ")
}

// waitForAccess waits until Snowflake can list the stage's URL, because a new role
// or policy needs time to propagate. Creating a stage does not check access:
// without this, a wrong role would only show as a feed that never loads.
func waitForAccess(ctx context.Context, db DB, spec snowflake.Spec, names snowflake.Names, url string) error {
	integration := snowflake.StorageIntegration{Integration: spec.Integration}
	reason, limit := "", accessWait
	if spec.ExistingIntegration {
		limit = existingWait
	}
	err := poll(ctx, limit, func(ctx context.Context) (bool, error) {
		text, err := scalar(ctx, db, integration.Validate(url))
		if permanent(err) || ctx.Err() != nil {
			return false, err
		}
		if err != nil {
			reason = err.Error()
			return false, nil
		}
		var v validation
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return false, fmt.Errorf("result %q: %w", text, err)
		}
		reason = v.reason()
		return strings.EqualFold(v.Status, "success"), nil
	})
	if err == nil {
		return nil
	}
	if reason == "" || permanent(err) {
		return fmt.Errorf("storage integration %s: check of %s: %w", integration.Name(), url, err)
	}
	role, externalID := "role "+names.RoleARN, fmt.Sprintf("external ID %q", spec.ExternalID)
	if spec.ExistingIntegration {
		role, externalID = "the integration's STORAGE_AWS_ROLE_ARN", "its STORAGE_AWS_EXTERNAL_ID"
	}
	return fmt.Errorf("storage integration %s cannot list %s: %w; Snowflake reports: %s; check that %s exists, that its trust policy allows sts:AssumeRole to the integration's STORAGE_AWS_IAM_USER_ARN with %s (all in %s), "+
		"and that its policy allows s3:ListBucket with that prefix and s3:GetBucketLocation on bucket %s", integration.Name(), url, err, reason, role, externalID, integration.Describe(), names.Bucket)
}

// permanent reports whether an error is not transient, so that a retry cannot help.
func permanent(err error) bool {
	return errors.Is(err, client.ErrNotFound) || errors.Is(err, client.ErrPrivilege) || errors.Is(err, client.ErrSyntax)
}

// scalar returns the only value of the only row.
func scalar(ctx context.Context, db DB, statement string) (string, error) {
	rows, err := db.Query(ctx, statement)
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return "", fmt.Errorf("%s: %d rows instead of one value", client.Shorten(statement), len(rows))
	}
	for column := range rows[0] {
		return rows[0].Text(column), nil
	}
	return "", nil
}
