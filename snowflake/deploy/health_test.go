package deploy_test

import (
	"errors"
	"testing"
	"time"

	"example.com/ingestion/internal/testing/fakesnowflake"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
	"example.com/ingestion/snowflake/deploy"
)

func TestPipeProblem(t *testing.T) {
	pipe := snowflake.Pipe{ObjectName: snowflake.ObjectName{Database: "RAW", Schema: "PUBLIC", Object: "ORDERS_PIPE"}}
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct{ status, want string }{
		"works":            {`{"executionState":"RUNNING","pendingFileCount":0}`, ""},
		"pending":          {`{"executionState":"RUNNING","pendingFileCount":3,"oldestFileTimestamp":"2026-05-01T11:30:00.123Z"}`, ""},
		"paused":           {`{"executionState":"PAUSED","pendingFileCount":0}`, "it is PAUSED instead of RUNNING"},
		"without stage":    {`{"executionState":"STOPPED_STAGE_DROPPED","error":"stage was dropped"}`, "it is STOPPED_STAGE_DROPPED instead of RUNNING; its error is: stage was dropped"},
		"recent error":     {`{"executionState":"RUNNING","lastPipeErrorTimestamp":"2026-05-01T11:58:00Z"}`, "its last error was at 2026-05-01T11:58:00Z"},
		"old error":        {`{"executionState":"RUNNING","lastPipeErrorTimestamp":"2026-05-01T07:54:00Z","lastPipeFaultTimestamp":""}`, ""},
		"error of 4 hours": {`{"executionState":"RUNNING","lastPipeErrorTimestamp":"2026-05-01T08:00:00Z"}`, "its last error was at 2026-05-01T08:00:00Z"},
		"invalid time":     {`{"executionState":"RUNNING","lastPipeErrorTimestamp":"yesterday","oldestFileTimestamp":1777636800}`, ""},
		"fault":            {`{"executionState":"RUNNING","fault":{"code":7},"lastPipeFaultTimestamp":"2026-05-01T11:59:00Z"}`, "its error is: map[code:7]; its last fault was at 2026-05-01T11:59:00Z"},
		"pending files":    {`{"executionState":"RUNNING","pendingFileCount":2,"oldestFileTimestamp":"2026-05-01T10:59:00Z","oldestPendingFilePath":"a/b.gz"}`, "2 files are pending, the oldest, a/b.gz, since 2026-05-01T10:59:00Z"},
		"two problems":     {`{"executionState":"STALLED_EXECUTION_ERROR","pendingFileCount":1,"oldestFileTimestamp":"2026-04-30T00:00:00Z","oldestPendingFilePath":"x"}`, "it is STALLED_EXECUTION_ERROR instead of RUNNING; 1 files are pending, the oldest, x, since 2026-04-30T00:00:00Z"},
	} {
		a := &fakesnowflake.Account{Status: func() string { return test.status }}
		a.Add(fakesnowflake.Object{Kind: string(snowflake.KindPipe), Name: pipe.Name()})
		if got, err := deploy.PipeProblem(t.Context(), a, pipe, now); err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, test.want)
		}
	}
	_, err := deploy.PipeProblem(t.Context(), &fakesnowflake.Account{}, pipe, now)
	if e := (*client.Error)(nil); !errors.As(err, &e) || !errors.Is(e.Class, client.ErrNotFound) {
		t.Errorf("missing pipe: %v", err)
	}
}
