package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/deploy"
)

const (
	// nothingMade is the physical ID of a create that failed before it made
	// anything. CloudFormation deletes it on its way back, which must not fail
	// for the very reason that the create did, a wrong key for one.
	nothingMade = "nothing-made"
	// incomplete ends the physical ID of a create that failed half-way. Its
	// delete leaves the table, which may have been there before.
	incomplete = " (incomplete)"
	// margin is left of the invocation to answer: without an answer
	// CloudFormation waits for an hour.
	margin = 15 * time.Second
	// maxReason bounds the reason as JSON, in bytes. CloudFormation takes 4,096
	// for the whole answer.
	maxReason = 2800
)

var errDeadline = errors.New("the function's timeout is near")

type handler struct {
	open func(context.Context, snowflake.Connection) (session, error)
}

// handle is a cfn.CustomResourceFunction.
func (h handler) handle(ctx context.Context, event cfn.Event) (id string, data map[string]any, err error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, deadline.Add(-margin), errDeadline)
		defer cancel()
	}
	log := slog.With("resource", event.ResourceType, "request", event.RequestType, "logicalId", event.LogicalResourceID)
	id, data, err = h.answer(ctx, event)
	if err != nil {
		log.ErrorContext(ctx, "failed", "physicalId", id, "error", err.Error())
		return id, nil, shorten(err)
	}
	log.InfoContext(ctx, "done", "physicalId", id)
	return id, data, nil
}

func (h handler) answer(ctx context.Context, event cfn.Event) (string, map[string]any, error) {
	if event.RequestType == cfn.RequestDelete {
		return event.PhysicalResourceID, nil, h.delete(ctx, event)
	}
	failed := event.PhysicalResourceID
	if event.RequestType == cfn.RequestCreate {
		failed = nothingMade
	}
	r, ok := resources[event.ResourceType]
	if !ok {
		return failed, nil, fmt.Errorf("resource type %q is none of %s, %s, %s", event.ResourceType, typeIntegration, typeObjects, typeSubscriber)
	}
	p, err := decode(event.ResourceProperties)
	if err != nil {
		return failed, nil, err
	}
	db, err := h.open(ctx, p.Connection)
	if err != nil {
		return failed, nil, err
	}
	defer closeSession(ctx, db)
	seen := &recorder{DB: db}
	data, err := r.apply(ctx, seen, p)
	if err != nil {
		if event.RequestType == cfn.RequestCreate && seen.made {
			failed = r.id(p) + incomplete
		}
		return failed, nil, err
	}
	if event.RequestType == cfn.RequestUpdate {
		h.tidy(ctx, seen, r, event, p)
	}
	return r.id(p), data, nil
}

// tidy drops what only the properties before had. What cannot be dropped is
// no reason to undo an update that has been made.
func (h handler) tidy(ctx context.Context, db deploy.DB, r resource, event cfn.Event, now properties) {
	old, err := decode(event.OldResourceProperties)
	if err == nil {
		switch r.id(old) {
		case r.id(now):
			err = r.tidy(ctx, db, old, now)
		case event.PhysicalResourceID:
			// A replacement: CloudFormation deletes the old one when all went well.
		default:
			// The properties before are of a replacement that failed: CloudFormation
			// goes back to the resource that it still has, and never heard of the other.
			old.Spec.DropTables = false
			err = r.drop(ctx, db, old)
		}
	}
	if err != nil {
		slog.WarnContext(ctx, "left behind", "error", err.Error())
	}
}

func (h handler) delete(ctx context.Context, event cfn.Event) error {
	r, ok := resources[event.ResourceType]
	if !ok || event.PhysicalResourceID == nothingMade || event.ResourceType == typeSubscriber {
		return nil
	}
	p, err := decode(event.ResourceProperties)
	if err != nil {
		return err
	}
	if event.PhysicalResourceID != r.id(p) {
		p.Spec.DropTables = false
	}
	db, err := h.open(ctx, p.Connection)
	if err != nil {
		return err
	}
	defer closeSession(ctx, db)
	return r.drop(ctx, db, p)
}

func closeSession(ctx context.Context, db session) {
	if err := db.Close(); err != nil {
		slog.WarnContext(ctx, "session not closed", "error", err.Error())
	}
}

// recorder knows whether anything was changed.
type recorder struct {
	deploy.DB
	made bool
}

// Exec runs the statement.
func (r *recorder) Exec(ctx context.Context, statement string) error {
	err := r.DB.Exec(ctx, statement)
	// One that was cut off may have been run all the same.
	r.made = r.made || err == nil || ctx.Err() != nil
	return err
}

// shorten makes an error fit into the answer. The log has all of it.
func shorten(err error) error {
	const rest = " … (the function's log has the rest)"
	text := []rune(err.Error())
	if size(string(text)) <= maxReason {
		return err
	}
	for size(string(text))+len(rest) > maxReason {
		text = text[:len(text)-max(1, (size(string(text))+len(rest)-maxReason)/12)]
	}
	return errors.New(string(text) + rest)
}

// size is the number of bytes of s in JSON, where some characters take six.
func size(s string) int {
	text, err := json.Marshal(s)
	if err != nil {
		return len(s)
	}
	return len(text)
}
