package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/deploy"
)

// The types of custom resources.
const (
	typeIntegration = "Custom::SnowflakeIntegration"
	typeObjects     = "Custom::SnowflakeObjects"
	typeSubscriber  = "Custom::SnowflakeSubscriber"
)

// properties has the properties of all three types.
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

// resource implements one type of custom resource.
type resource interface {
	// id returns the physical ID. If it changes in an update, CloudFormation treats
	// it as a replacement and deletes the old resource.
	id(p properties) string
	// apply creates or alters the resource and returns its attributes.
	apply(ctx context.Context, db deploy.DB, p properties) (map[string]any, error)
	// cleanUp drops objects that only the old properties of the resource name.
	cleanUp(ctx context.Context, db deploy.DB, old, updated properties) error
	// drop drops the resource.
	drop(ctx context.Context, db deploy.DB, p properties) error
}

var resources = map[string]resource{
	typeIntegration: integration{}, typeObjects: objects{}, typeSubscriber: subscriber{},
}

// stored returns a name as Snowflake's catalog has it, which identifies the object.
func stored(name string) string { return snowflake.ObjectName{Object: name}.StoredName() }

type integration struct{}

func (integration) id(p properties) string { return stored(p.Spec.WithDefaults().Integration) }

func (integration) apply(ctx context.Context, db deploy.DB, p properties) (map[string]any, error) {
	access, err := deploy.Integration(ctx, db, p.Spec, p.Names)
	return map[string]any{"Name": access.Name, "IamUserArn": access.IAMUserARN, "ExternalId": access.ExternalID}, err
}

func (integration) cleanUp(context.Context, deploy.DB, properties, properties) error { return nil }

func (integration) drop(ctx context.Context, db deploy.DB, p properties) error {
	return deploy.DropIntegration(ctx, db, p.Spec, p.Names)
}

type objects struct{}

func (objects) id(p properties) string {
	return stored(p.Spec.Database) + "." + stored(p.Spec.Schema) + "." + stored(p.Spec.Table)
}

func (objects) apply(ctx context.Context, db deploy.DB, p properties) (map[string]any, error) {
	result, err := deploy.Objects(ctx, db, p.Spec, p.Names)
	return map[string]any{"Table": result.Table, "View": result.View, "NotificationChannel": result.NotificationChannel}, err
}

func (objects) cleanUp(ctx context.Context, db deploy.DB, old, updated properties) error {
	return errors.Join(
		deploy.DropRenamed(ctx, db, old.Spec, updated.Spec, updated.Names),
		deploy.RevokeReaders(ctx, db, old.Spec, updated.Spec),
	)
}

func (objects) drop(ctx context.Context, db deploy.DB, p properties) error {
	return deploy.DropObjects(ctx, db, p.Spec, p.Names)
}

// subscriber reads the user that subscribes to topics; it creates nothing.
type subscriber struct{}

func (subscriber) id(properties) string { return "subscriber" }

func (subscriber) apply(ctx context.Context, db deploy.DB, p properties) (map[string]any, error) {
	arn, err := deploy.Subscriber(ctx, db, p.TopicARN)
	return map[string]any{"PrincipalArn": arn}, err
}

func (subscriber) cleanUp(context.Context, deploy.DB, properties, properties) error { return nil }

func (subscriber) drop(context.Context, deploy.DB, properties) error { return nil }
