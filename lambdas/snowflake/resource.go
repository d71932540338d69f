package main

import (
	"context"
	"encoding/json"
	"fmt"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/deploy"
)

// The types of custom resource.
const (
	typeIntegration = "Custom::SnowflakeIntegration"
	typeObjects     = "Custom::SnowflakeObjects"
	typeSubscriber  = "Custom::SnowflakeSubscriber"
)

// properties are those of all three types.
type properties struct {
	Connection snowflake.Connection
	Spec       snowflake.Spec
	Names      snowflake.Names
	TopicARN   string `json:"TopicArn"`
}

func decode(values map[string]any) (properties, error) {
	var p properties
	text, err := json.Marshal(values)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, fmt.Errorf("properties of the resource: %w", err)
	}
	return p, nil
}

// resource is what one type of custom resource does.
type resource interface {
	// id is the physical ID: another one is another resource to CloudFormation,
	// which then deletes the one before.
	id(p properties) string
	// apply makes the resource or alters it and returns its attributes.
	apply(ctx context.Context, db deploy.DB, p properties) (map[string]any, error)
	// tidy drops what only the old properties of the same resource had.
	tidy(ctx context.Context, db deploy.DB, old, now properties) error
	// drop drops it.
	drop(ctx context.Context, db deploy.DB, p properties) error
}

var resources = map[string]resource{
	typeIntegration: integration{}, typeObjects: objects{}, typeSubscriber: subscriber{},
}

// stored is a name as the catalog keeps it: what is the same there is the same resource.
func stored(name string) string { return snowflake.ObjectName{Object: name}.StoredName() }

type integration struct{}

func (integration) id(p properties) string { return stored(p.Spec.WithDefaults().Integration) }

func (integration) apply(ctx context.Context, db deploy.DB, p properties) (map[string]any, error) {
	access, err := deploy.Integration(ctx, db, p.Spec, p.Names)
	return map[string]any{"Name": access.Name, "IamUserArn": access.IAMUserARN, "ExternalId": access.ExternalID}, err
}

func (integration) tidy(context.Context, deploy.DB, properties, properties) error { return nil }

func (integration) drop(ctx context.Context, db deploy.DB, p properties) error {
	return deploy.DropIntegration(ctx, db, p.Spec, p.Names)
}

type objects struct{}

func (objects) id(p properties) string {
	return stored(p.Spec.Database) + "." + stored(p.Spec.Schema) + "." + stored(p.Spec.Table)
}

func (objects) apply(ctx context.Context, db deploy.DB, p properties) (map[string]any, error) {
	made, err := deploy.Objects(ctx, db, p.Spec, p.Names)
	return map[string]any{"Table": made.Table, "View": made.View, "NotificationChannel": made.NotificationChannel}, err
}

func (objects) tidy(ctx context.Context, db deploy.DB, old, now properties) error {
	return deploy.DropRenamed(ctx, db, old.Spec, now.Spec, now.Names)
}

func (objects) drop(ctx context.Context, db deploy.DB, p properties) error {
	return deploy.DropObjects(ctx, db, p.Spec, p.Names)
}

// subscriber only looks something up.
type subscriber struct{}

func (subscriber) id(properties) string { return "subscriber" }

func (subscriber) apply(ctx context.Context, db deploy.DB, p properties) (map[string]any, error) {
	arn, err := deploy.Subscriber(ctx, db, p.TopicARN)
	return map[string]any{"PrincipalArn": arn}, err
}

func (subscriber) tidy(context.Context, deploy.DB, properties, properties) error { return nil }

func (subscriber) drop(context.Context, deploy.DB, properties) error { return nil }
