// Package deploy brings an account of Snowflake to what a feed's Spec says.
//
// Nothing that exists is replaced where others hang on it, and nothing that is
// as it should be gets a statement: the mark in an object's comment says whose
// it is and what it was made from. Objects of another owner are never touched.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// DB runs statements; *client.Client is one. Exec is for statements that change
// something, Query for those that only look.
type DB interface {
	Exec(ctx context.Context, statement string) error
	Query(ctx context.Context, statement string) ([]client.Row, error)
}

// Access is what AWS has to know of an integration.
type Access struct {
	// Name is the integration's, as the catalog keeps it.
	Name string
	// IAMUserARN is the user that assumes the role, one per account of Snowflake.
	IAMUserARN string
	// ExternalID is what it shows.
	ExternalID string
}

// Made is what Objects made.
type Made struct {
	// Table and View are qualified and quoted.
	Table, View string
	// NotificationChannel is the ARN of the queue that pipe or external table
	// hears from; empty for a task.
	NotificationChannel string
}

// Integration makes or alters the storage integration, or looks at the existing
// one that the spec names. It needs no role in AWS yet, and no topic. Where the
// feed's objects move to another location it first loads what is left in the
// old one, as long as the role still may read it.
func Integration(ctx context.Context, db DB, spec snowflake.Spec, names snowflake.Names) (Access, error) {
	if names.TopicARN == "" {
		// A plan is refused without one; this part of it has no use for it.
		names.TopicARN = "arn:aws:sns:us-east-1:000000000000:none"
	}
	plan, err := spec.Plan(names)
	if err != nil {
		return Access{}, err
	}
	if err := leaveLocation(ctx, db, spec, names.Owner, plan.StageURL()); err != nil {
		return Access{}, err
	}
	if plan.Integration == nil {
		return existingIntegration(ctx, db, spec.WithDefaults(), plan.StageURL())
	}
	properties, err := describe(ctx, db, *plan.Integration)
	switch {
	case errors.Is(err, client.ErrNotFound):
		err = execAll(ctx, db, plan.Integration.Create())
	case err != nil:
	default:
		var change bool
		if change, err = ours(*plan.Integration, properties["COMMENT"], names.Owner); err == nil && change {
			err = execAll(ctx, db, plan.Integration.Alter())
		}
	}
	if err != nil {
		return Access{}, fmt.Errorf("storage integration %s: %w", plan.Integration.Name(), err)
	}
	return access(ctx, db, *plan.Integration)
}

// ours tells whether an object with that comment is to be changed, and refuses
// one of somebody else's.
func ours(o snowflake.Object, comment, owner string) (change bool, err error) {
	mark, marked := snowflake.ParseMark(comment)
	if !marked || mark.Owner != owner {
		return false, foreign(o, mark.Owner)
	}
	return mark != o.Mark(), nil
}

func existingIntegration(ctx context.Context, db DB, spec snowflake.Spec, url string) (Access, error) {
	integration := snowflake.StorageIntegration{Integration: spec.Integration}
	properties, err := describe(ctx, db, integration)
	if err != nil {
		return Access{}, fmt.Errorf("existing storage integration %s: %w", integration.Name(), err)
	}
	allowed := strings.Split(properties["STORAGE_ALLOWED_LOCATIONS"], ",")
	for _, location := range allowed {
		if location = strings.TrimSpace(location); location == "*" || location != "" && strings.HasPrefix(url, location) {
			return access(ctx, db, integration)
		}
	}
	return Access{}, fmt.Errorf("existing storage integration %s does not allow %s; its owner has to add it: ALTER STORAGE INTEGRATION %s SET STORAGE_ALLOWED_LOCATIONS=(<those it has>,%s)",
		integration.Name(), url, integration.Name(), snowflake.Literal(url))
}

func access(ctx context.Context, db DB, integration snowflake.StorageIntegration) (Access, error) {
	properties, err := describe(ctx, db, integration)
	if err != nil {
		return Access{}, fmt.Errorf("storage integration %s: %w", integration.Name(), err)
	}
	a := Access{
		Name:       integration.StoredName(),
		IAMUserARN: properties["STORAGE_AWS_IAM_USER_ARN"],
		ExternalID: properties["STORAGE_AWS_EXTERNAL_ID"],
	}
	if a.IAMUserARN == "" || a.ExternalID == "" {
		return a, fmt.Errorf("storage integration %s: DESC shows no STORAGE_AWS_IAM_USER_ARN or no STORAGE_AWS_EXTERNAL_ID; is it one for S3?", integration.Name())
	}
	return a, nil
}

// describe returns an integration's properties by name.
func describe(ctx context.Context, db DB, integration snowflake.StorageIntegration) (map[string]string, error) {
	rows, err := db.Query(ctx, integration.Describe())
	if err != nil {
		return nil, err
	}
	properties := make(map[string]string, len(rows))
	for _, row := range rows {
		properties[row.Text("property")] = row.Text("property_value")
	}
	return properties, nil
}

func execAll(ctx context.Context, db DB, statements []string) error {
	for _, statement := range statements {
		if err := db.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
