package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// DB runs statements. *client.Client implements it.
type DB interface {
	// Exec runs a statement that changes something.
	Exec(ctx context.Context, statement string) error
	// Query runs a statement that only reads, and returns all rows.
	Query(ctx context.Context, statement string) ([]client.Row, error)
	// First runs a statement that only reads, and returns the first row, or nil if
	// there is none.
	First(ctx context.Context, statement string) (client.Row, error)
}

// Access has the values for the trust policy of the role that an integration assumes.
type Access struct {
	// Name is the name of the integration as Snowflake's catalog has it.
	Name string
	// IAMUserARN is the IAM user that assumes the role. All integrations of a
	// Snowflake account have the same.
	IAMUserARN string
	// ExternalID is the external ID with which it assumes the role.
	ExternalID string
}

// Result has the names of the objects that Objects created.
type Result struct {
	// Table and View are qualified and quoted.
	Table, View string
	// NotificationChannel is the ARN of the queue that receives notifications for
	// the pipe or external table; empty for a task.
	NotificationChannel string
}

// Integration creates or alters the storage integration, or reads the existing
// one that the spec names. Neither the role nor the topic has to exist. If the
// prefix of the feed's objects changes, it first loads the remaining files of the
// old prefix, while the role still may read them.
func Integration(ctx context.Context, db DB, spec snowflake.Spec, names snowflake.Names) (Access, error) {
	if names.TopicARN == "" {
		// A plan is invalid without a topic, but the integration does not use it.
		names.TopicARN = "arn:aws:sns:us-east-1:000000000000:none"
	}
	plan, err := spec.Plan(names)
	if err != nil {
		return Access{}, err
	}
	if err := loadRemaining(ctx, db, spec, names.Owner, plan.StageURL()); err != nil {
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
		if change, err = differs(*plan.Integration, properties["COMMENT"], names.Owner); err == nil && change {
			err = execAll(ctx, db, plan.Integration.Alter())
		}
	}
	if err != nil {
		return Access{}, fmt.Errorf("storage integration %s: %w", plan.Integration.Name(), err)
	}
	return access(ctx, db, *plan.Integration)
}

// differs reports whether the definition of an object with that comment has
// changed. It returns an error if the object belongs to another owner.
func differs(o snowflake.Object, text, owner string) (bool, error) {
	comment, ok := snowflake.ParseComment(text)
	if !ok || comment.Owner != owner {
		return false, ownerError(o, comment.Owner)
	}
	return comment != o.Comment(), nil
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
	return Access{}, fmt.Errorf("existing storage integration %s does not allow %s; its owner has to add it: ALTER STORAGE INTEGRATION %s SET STORAGE_ALLOWED_LOCATIONS=(<the existing locations>,%s)",
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
		return a, fmt.Errorf("storage integration %s: DESC returns no STORAGE_AWS_IAM_USER_ARN or no STORAGE_AWS_EXTERNAL_ID; check that it is an integration for S3", integration.Name())
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
