package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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
	if lower := strings.ToLower(reason); spec.ExistingIntegration && (strings.Contains(lower, "not allowed by integration") || strings.Contains(lower, "storage_allowed_locations")) {
		// The documentation requires a URL of STORAGE_ALLOWED_LOCATIONS, and leaves open
		// whether one below it will do. Integration has checked that the URL is below one;
		// the first refresh shows whether the role works.
		slog.WarnContext(ctx, "access not checked", "integration", integration.Name(), "url", url, "reason", reason)
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

// deniedTexts are parts of the messages with which S3 and KMS deny a read. Snowflake does
// not document the messages of its function.
var deniedTexts = []string{"accessdenied", "access denied", "not authorized", "kms"}

// checkRead reads one existing file of the stage, if there is one. A pipe never loads a
// file again that it was not allowed to read, and a right to list the files does not show
// that they can be read, such as without kms:Decrypt. A read that fails for another
// reason, such as for an archived object, is no error.
// https://docs.snowflake.com/en/user-guide/data-load-snowpipe-ts
func checkRead(ctx context.Context, db DB, spec snowflake.Spec, names snowflake.Names, stage snowflake.Stage) error {
	listing, cancel := context.WithTimeout(ctx, listWait)
	defer cancel()
	file, err := db.First(listing, stage.List())
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil || file == nil {
		if err != nil {
			slog.WarnContext(ctx, "no file was read to check the access", "stage", stage.Name(), "error", err.Error())
		}
		return nil
	}
	name, ok := strings.CutPrefix(file.Text("name"), stage.URL)
	if !ok || name == "" || strings.HasSuffix(name, "/") {
		return nil
	}
	integration, reason := snowflake.StorageIntegration{Integration: spec.Integration}, ""
	err = poll(ctx, accessWait, func(ctx context.Context) (bool, error) {
		text, err := scalar(ctx, db, integration.ValidateRead(stage.URL, name))
		if permanent(err) || ctx.Err() != nil {
			return false, err
		}
		if err != nil {
			reason = err.Error()
		} else {
			var v validation
			if err := json.Unmarshal([]byte(text), &v); err != nil {
				return false, fmt.Errorf("result %q: %w", text, err)
			}
			if strings.EqualFold(v.Status, "success") {
				return true, nil
			}
			reason = v.reason()
		}
		lower := strings.ToLower(reason)
		denied := slices.ContainsFunc(deniedTexts, func(t string) bool { return strings.Contains(lower, t) }) && !strings.Contains(lower, "invalidobjectstate")
		return !denied, nil // an access that is denied may be allowed once the policy has propagated
	})
	if err == nil {
		return nil
	}
	return fmt.Errorf("storage integration %s cannot read %s%s: %w; Snowflake reports: %s; check that role %s is allowed s3:GetObject on it and, if bucket %s is encrypted with a KMS key, kms:Decrypt by its policy and the key's; nothing loads yet, so that no file is lost: deploy again",
		integration.Name(), stage.URL, name, err, reason, names.RoleARN, names.Bucket)
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
