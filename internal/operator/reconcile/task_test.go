package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/operator/reconcile"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// Rows wait for the next run of a task, unless it is suspended or has failed.
func TestTaskState(t *testing.T) {
	later := time.Now().Add(time.Minute).UTC().Format(time.RFC3339Nano)
	suspended, failed := client.Row{"name": "ORDERS_TASK", "state": "suspended"}, client.Row{"state": "FAILED_AND_AUTO_SUSPENDED", "scheduled_time": later}
	tests := map[string]struct {
		task, run      client.Row
		grace          time.Duration
		kind           reconcile.Kind
		detail, remedy string
	}{
		"started":      {client.Row{"name": "ORDERS_TASK", "state": "started"}, nil, time.Nanosecond, reconcile.Waiting, "runs on a schedule (17 2 * * *)", ""},
		"suspended":    {suspended, nil, time.Nanosecond, reconcile.NoRows, "the task is suspended", `ingest query orders 'ALTER TASK "RAW"."PUBLIC"."ORDERS_TASK" RESUME'`},
		"failed":       {nil, failed, time.Nanosecond, reconcile.NoRows, "has failed since they were written", "ingest doctor orders"},
		"another task": {client.Row{"name": "ORDERS_TASK_2", "state": "suspended"}, nil, time.Nanosecond, reconcile.Waiting, "runs on a schedule", ""},
		"grace period": {suspended, failed, time.Hour, reconcile.Waiting, "runs on a schedule", ""},
		"succeeded":    {suspended, client.Row{"state": "SUCCEEDED", "scheduled_time": later}, time.Nanosecond, reconcile.NoRows, "0 rows", `ingest query orders 'EXECUTE TASK "RAW"."PUBLIC"."ORDERS_TASK"'`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			w.put("a", lines(2), true)
			spec := snowflake.Spec{
				Feed: "orders", Database: "RAW", Schema: "PUBLIC", Table: "ORDERS", ExternalID: "orders-4711", From: snowflake.FromFiles,
				Load: snowflake.Bulk, Schedule: "17 2 * * *", Format: feed.Format{Kind: feed.NDJSON},
			}.WithDefaults()
			plan, err := spec.Plan(snowflake.Names{Owner: "1/r/S/O", Bucket: "src", RoleARN: "arn:aws:iam::111122223333:role/r"})
			if err != nil {
				t.Fatal(err)
			}
			answers := rows{"GROUP BY 1": nil, "TASK_HISTORY": nil, "SHOW TASKS": nil}
			if test.run != nil {
				answers["TASK_HISTORY"] = []client.Row{test.run}
			}
			if test.task != nil {
				answers["SHOW TASKS"] = []client.Row{test.task}
			}
			w.r.Snowflake, w.r.GracePeriod = &reconcile.Snowflake{Querier: answers, Spec: spec, Plan: plan}, test.grace
			found := w.reconcile().Findings
			if len(found) != 1 || found[0].Kind != test.kind || !strings.Contains(found[0].Detail, test.detail) || found[0].Remedy != test.remedy {
				t.Errorf("%+v", found)
			}
		})
	}
}
