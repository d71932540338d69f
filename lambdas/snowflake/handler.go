package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/deploy"
)

const (
	// nothingCreated is the physical ID of a create that failed before it created
	// anything. The delete during the rollback does nothing, so that it does not fail
	// for the same reason as the create, such as a wrong key.
	nothingCreated = "nothing-created"
	// incomplete is appended to the physical ID of a create that failed half-way. Its
	// delete keeps the table, which may have existed before.
	incomplete = " (incomplete)"
	// responseTime is reserved at the end of the invocation for the response: without
	// a response CloudFormation waits for an hour.
	responseTime = 15 * time.Second
	// maxReason is the maximum length of the reason as JSON, in bytes. CloudFormation
	// accepts 4,096 bytes for the whole response.
	// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
	maxReason = 2800
)

var errDeadline = errors.New("the function's timeout is near")

type handler struct {
	open func(context.Context, snowflake.Connection) (session, error)
}

// handle handles a request of CloudFormation. It is a cfn.CustomResourceFunction.
func (h handler) handle(ctx context.Context, event cfn.Event) (id string, data map[string]any, err error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, deadline.Add(-responseTime), errDeadline)
		defer cancel()
	}
	log := slog.With("resource", event.ResourceType, "request", event.RequestType, "logicalId", event.LogicalResourceID)
	id, data, err = h.process(ctx, event)
	if err != nil {
		log.ErrorContext(ctx, "failed", "physicalId", id, "error", err.Error())
		return id, nil, shorten(err)
	}
	log.InfoContext(ctx, "done", "physicalId", id)
	return id, data, nil
}

func (h handler) process(ctx context.Context, event cfn.Event) (string, map[string]any, error) {
	if event.RequestType == cfn.RequestDelete {
		return event.PhysicalResourceID, nil, h.delete(ctx, event)
	}
	failed := event.PhysicalResourceID
	if event.RequestType == cfn.RequestCreate {
		failed = nothingCreated
	}
	r, ok := resources[event.ResourceType]
	if !ok {
		return failed, nil, fmt.Errorf("resource type %q is not one of %s, %s, %s", event.ResourceType, typeIntegration, typeObjects, typeSubscriber)
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
	changes := &recorder{DB: db}
	data, err := r.apply(ctx, changes, p)
	if err != nil {
		if event.RequestType == cfn.RequestCreate && changes.changed {
			failed = r.id(p) + incomplete
		}
		return failed, nil, err
	}
	if event.RequestType == cfn.RequestUpdate {
		h.cleanUp(ctx, changes, r, event, p)
	}
	return r.id(p), data, nil
}

// cleanUp drops objects of the old properties after an update. An object that cannot
// be dropped is logged and does not fail the update.
func (h handler) cleanUp(ctx context.Context, db deploy.DB, r resource, event cfn.Event, updated properties) {
	old, err := decode(event.OldResourceProperties)
	if err == nil {
		moved := !strings.EqualFold(old.Connection.Account, updated.Connection.Account)
		switch id := r.id(old); {
		case moved && (id == r.id(updated) || id != event.PhysicalResourceID):
			err = h.leaveAccount(ctx, event.ResourceType, old)
		case id == r.id(updated):
			err = r.cleanUp(ctx, db, old, updated)
		case id == event.PhysicalResourceID:
			// A replacement: CloudFormation deletes the old resource after the update.
		default:
			// The rollback of a replacement that failed: CloudFormation does not know the
			// physical ID of the failed resource, and does not delete it.
			old.Spec.DropTables = false
			err = r.drop(ctx, db, old)
		}
	}
	if err != nil {
		slog.WarnContext(ctx, "object not dropped", "error", err.Error())
	}
}

// leaveAccount drops the feed's objects and integration in the Snowflake account that the
// feed used before, where they would load files for ever. Its tables are kept. It does so
// after the objects were created in the other account, so that the integration is not
// missing if the objects fail and CloudFormation returns to the old account.
func (h handler) leaveAccount(ctx context.Context, resourceType string, old properties) error {
	if resourceType != typeObjects {
		return nil
	}
	old.Spec.DropTables = false
	db, err := h.open(ctx, old.Connection)
	if err == nil {
		defer closeSession(ctx, db)
		err = errors.Join(objects{}.drop(ctx, db, old), integration{}.drop(ctx, db, old))
	}
	if err != nil {
		name := objects{}.id(old)
		return fmt.Errorf("account %s still loads files of feed %q: drop pipe %s_PIPE, task %[3]s_TASK, external table and integration %s there: %w", old.Connection.Account, old.Spec.Feed, name, integration{}.id(old), err)
	}
	return nil
}

func (h handler) delete(ctx context.Context, event cfn.Event) error {
	r, ok := resources[event.ResourceType]
	if !ok || event.PhysicalResourceID == nothingCreated || event.ResourceType == typeSubscriber {
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

// recorder records whether a statement changed anything.
type recorder struct {
	deploy.DB
	changed bool
}

// Exec runs the statement.
func (r *recorder) Exec(ctx context.Context, statement string) error {
	err := r.DB.Exec(ctx, statement)
	// A statement that was cancelled may have been executed.
	r.changed = r.changed || err == nil || ctx.Err() != nil
	return err
}

// shorten truncates the text of an error to maxReason. The log has all of it.
func shorten(err error) error {
	const suffix = " … (see the function's log for the rest)"
	text := []rune(err.Error())
	if size(string(text)) <= maxReason {
		return err
	}
	for size(string(text))+len(suffix) > maxReason {
		text = text[:len(text)-max(1, (size(string(text))+len(suffix)-maxReason)/12)]
	}
	return errors.New(string(text) + suffix)
}

// size returns the length of s in JSON, where some characters need six bytes.
func size(s string) int {
	text, err := json.Marshal(s)
	if err != nil {
		return len(s)
	}
	return len(text)
}
