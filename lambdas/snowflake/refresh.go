package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// refresh is the input of the refresh of a feed's external table, which a rule sends every
// day. Spec has the names of the table.
type refresh struct {
	Connection snowflake.Connection
	Spec       snowflake.Spec
}

// refresh registers the files of which Snowflake received no notification. It needs no
// warehouse.
// https://docs.snowflake.com/en/sql-reference/sql/alter-external-table
func (h handler) refresh(ctx context.Context, of refresh) error {
	db, err := h.open(ctx, of.Connection)
	if err != nil {
		return fmt.Errorf("feed %q: %w", of.Spec.Feed, err)
	}
	defer closeSession(ctx, db)
	table := snowflake.External{ObjectName: snowflake.ObjectName{Database: of.Spec.Database, Schema: of.Spec.Schema, Object: of.Spec.Table}}
	err = db.Exec(ctx, table.Refresh())
	if errors.Is(err, client.ErrNotFound) { // not created yet, or being replaced
		slog.WarnContext(ctx, "external table not refreshed", "feed", of.Spec.Feed, "error", err.Error())
		return nil
	}
	if err != nil {
		return fmt.Errorf("feed %q: refresh external table %s: %w", of.Spec.Feed, table.Name(), err)
	}
	slog.InfoContext(ctx, "external table refreshed", "feed", of.Spec.Feed)
	return nil
}
