package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator/doctor"
)

func report(more ...doctor.Finding) doctor.Report {
	return doctor.Report{Feed: "orders", Stack: "Orders", Findings: append([]doctor.Finding{
		{Area: "Stack", Check: "state", State: doctor.Pass, Detail: "UPDATE_COMPLETE"},
		{Area: "Alarms", Check: "alarms: subscribers", State: doctor.Warn, Detail: "not confirmed yet: me@example.com", Remedy: "follow the link in the e-mail"},
		{Area: "Snowflake", Check: "role", State: doctor.Unknown, Detail: "the permission to check it is missing", Remedy: "allow these credentials iam:GetRole"},
	}, more...)}
}

func TestDoctorOutput(t *testing.T) {
	failing := report(doctor.Finding{Area: "Snowflake", Check: "pipe: status", State: doctor.Fail, Detail: "PAUSED, 3 files waiting", Remedy: `ALTER PIPE "P" SET PIPE_EXECUTION_PAUSED=FALSE`})
	for _, output := range []string{outputTable, outputJSON} {
		var err error
		got := verb(output, func(c *command, cmd *cobra.Command) error {
			err = c.printReport(cmd, failing)
			return err
		})
		if !errors.Is(err, errData) || got.errOut != `feed "orders": 1 check failed` {
			t.Errorf("error %v", err)
		}
		golden(t, "doctor."+output, got.out)
	}
	well := verb(outputTable, func(c *command, cmd *cobra.Command) error { return c.printReport(cmd, report()) })
	if well.errOut != "" || !strings.HasSuffix(well.out, "Orders/orders: 1 pass, 1 warn, 0 fail, 1 unknown\n") {
		t.Errorf("nothing fails: %+v", well)
	}
}

func TestUIUsage(t *testing.T) {
	for name, args := range map[string][]string{"port": {"ui", "--port", "70000"}, "every": {"ui", "--every", "1ms"}, "a feed": {"ui", "orders"}} {
		if got := ingest(t.Context(), to(nil), args...); got.code != exitUsage {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
