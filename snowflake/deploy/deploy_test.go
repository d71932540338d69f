package deploy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/testing/fakesnowflake"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
	"example.com/ingestion/snowflake/deploy"
)

const (
	schema = `"RAW"."PUBLIC".`
	pipe   = schema + `"ORDERS_PIPE"`
	task   = schema + `"ORDERS_TASK"`
	table  = schema + `"ORDERS"`
	view   = schema + `"ORDERS_RECORDS"`
	stage  = schema + `"ORDERS_STAGE"`
)

func parts() snowflake.Spec {
	return snowflake.Spec{
		Feed: "orders", Database: "RAW", Schema: "PUBLIC", Table: "ORDERS", ExternalID: "stack-orders",
		From: snowflake.FromParts, Load: snowflake.Continuous, Format: feed.Format{Kind: feed.JSON},
	}
}

func bulk(s snowflake.Spec) snowflake.Spec {
	s.Load, s.Schedule = snowflake.Bulk, "17 2 * * *"
	return s
}

func external(s snowflake.Spec) snowflake.Spec {
	s.Load = snowflake.ExternalTable
	return s
}

func files(columns ...string) snowflake.Spec {
	s := parts()
	s.From, s.Prefix = snowflake.FromFiles, "in/"
	s.Format = feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: columns}
	return s
}

func names() snowflake.Names {
	return snowflake.Names{
		Owner: "111111111111/eu-central-1/Orders", Bucket: "landing-bucket",
		RoleARN: "arn:aws:iam::111111111111:role/orders-snowflake", TopicARN: "arn:aws:sns:eu-central-1:111111111111:landing",
	}
}

func apply(t *testing.T, a *fakesnowflake.Account, spec snowflake.Spec, n snowflake.Names) (deploy.Result, error) {
	t.Helper()
	if _, err := deploy.Integration(t.Context(), a, spec, n); err != nil {
		return deploy.Result{}, err
	}
	return deploy.Objects(t.Context(), a, spec, n)
}

// deployed returns an account with the spec's objects, whose list of statements is
// empty.
func deployed(t *testing.T, spec snowflake.Spec) *fakesnowflake.Account {
	t.Helper()
	a := &fakesnowflake.Account{}
	if _, err := apply(t, a, spec, names()); err != nil {
		t.Fatal(err)
	}
	a.Take()
	return a
}

// inOrder checks that each of want starts one of the statements, in that order.
func inOrder(t *testing.T, statements []string, want ...string) {
	t.Helper()
	rest := statements
	for _, w := range want {
		i := slices.IndexFunc(rest, func(s string) bool { return strings.HasPrefix(s, w) })
		if i < 0 {
			t.Fatalf("no %q, or not in that order, in:\n%s", w, strings.Join(statements, "\n"))
		}
		rest = rest[i+1:]
	}
}

func contains(t *testing.T, err error, want ...string) {
	t.Helper()
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error %v\nlacks %q", err, w)
		}
	}
}

func TestCreate(t *testing.T) {
	tests := map[string]struct {
		spec snowflake.Spec
		want []string
	}{
		"pipe": {parts(), []string{"CREATE STORAGE INTEGRATION IF NOT EXISTS", "CREATE FILE FORMAT", "CREATE STAGE", "CREATE TABLE", "CREATE OR REPLACE VIEW", "CREATE PIPE IF NOT EXISTS", "ALTER PIPE " + pipe + " REFRESH", "ALTER PIPE " + pipe + " SET COMMENT="}},
		"task": {bulk(parts()), []string{"CREATE STORAGE INTEGRATION", "CREATE TABLE", "CREATE OR REPLACE VIEW", "CREATE TASK", "ALTER TASK " + task + " RESUME"}},
		"external table": {external(parts()), []string{
			"CREATE STORAGE INTEGRATION", "CREATE STAGE", "CREATE EXTERNAL TABLE", "ALTER EXTERNAL TABLE " + table + " REFRESH", "CREATE OR REPLACE VIEW",
		}},
		"files": {files("id", "name"), []string{"CREATE STORAGE INTEGRATION", "CREATE PIPE"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := &fakesnowflake.Account{}
			got, err := apply(t, a, test.spec, names())
			if err != nil {
				t.Fatal(err)
			}
			inOrder(t, a.Take(), test.want...)
			queue := fakesnowflake.QueueARN
			if test.spec.Load == snowflake.Bulk {
				queue = ""
			}
			if want := (deploy.Result{Table: table, View: view, NotificationChannel: queue}); got != want {
				t.Errorf("result %+v, want %+v", got, want)
			}
			if _, err := apply(t, a, test.spec, names()); err != nil {
				t.Fatal(err)
			}
			if again := a.Take(); len(again) > 0 {
				t.Errorf("the second deployment runs %q", again)
			}
		})
	}
}

func TestIntegrationReturnsAccess(t *testing.T) {
	n := names()
	n.TopicARN = ""
	got, err := deploy.Integration(t.Context(), &fakesnowflake.Account{}, parts(), n)
	want := deploy.Access{Name: "ORDERS_INTEGRATION", IAMUserARN: fakesnowflake.IAMUserARN, ExternalID: "stack-orders"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestExistingIntegration(t *testing.T) {
	spec := parts()
	spec.Integration, spec.ExistingIntegration, spec.ExternalID = "SHARED", true, ""
	a := &fakesnowflake.Account{}
	if _, err := deploy.Integration(t.Context(), a, spec, names()); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("missing integration: %v", err)
	}
	a.Add(fakesnowflake.Object{Kind: "STORAGE INTEGRATION", Name: `"SHARED"`, Text: "STORAGE_AWS_EXTERNAL_ID='other' STORAGE_ALLOWED_LOCATIONS=('s3://other/')"})
	_, err := deploy.Integration(t.Context(), a, spec, names())
	contains(t, err, "does not allow s3://landing-bucket/landing/orders/", "ALTER STORAGE INTEGRATION")
	a.Object(snowflake.KindStorageIntegration, `"SHARED"`).Text = "STORAGE_AWS_EXTERNAL_ID='other' STORAGE_ALLOWED_LOCATIONS=('s3://landing-bucket/')"
	got, err := deploy.Integration(t.Context(), a, spec, names())
	if want := (deploy.Access{Name: "SHARED", IAMUserARN: fakesnowflake.IAMUserARN, ExternalID: "other"}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if err := deploy.DropIntegration(t.Context(), a, spec, names()); err != nil || len(a.Take()) > 0 {
		t.Errorf("drop: %v; the existing integration was changed", err)
	}
}

func TestObjectsOfOtherOwners(t *testing.T) {
	other := snowflake.Comment{Owner: "999/us-east-1/Other", Definition: "0123456789abcdef"}.String()
	a := &fakesnowflake.Account{}
	a.Add(fakesnowflake.Object{Kind: "STAGE", Name: stage, Comment: other})
	a.Add(fakesnowflake.Object{Kind: "VIEW", Name: view, Comment: "by hand"})
	a.Add(fakesnowflake.Object{Kind: "TABLE", Name: table, Comment: other})
	_, err := deploy.Objects(t.Context(), a, parts(), names())
	contains(t, err, "stage "+stage, "belongs to 999/us-east-1/Other", "choose another Snowflake.Table", "view "+view, "was not created by this project", "choose another Snowflake.View",
		"or take it over with its rows: ALTER TABLE "+table+" UNSET COMMENT")
	if strings.Contains(err.Error(), "DROP TABLE") {
		t.Errorf("the remedy would drop rows: %v", err)
	}
	a.Add(fakesnowflake.Object{Kind: "STORAGE INTEGRATION", Name: `"ORDERS_INTEGRATION"`, Comment: other})
	_, err = deploy.Integration(t.Context(), a, parts(), names())
	contains(t, err, "belongs to 999", "choose another Snowflake.Integration")
	if got := a.Take(); len(got) > 0 {
		t.Errorf("changed before the error: %q", got)
	}
}

// An underscore matches any character in SHOW … LIKE.
func TestSimilarNames(t *testing.T) {
	a := &fakesnowflake.Account{}
	a.Add(fakesnowflake.Object{Kind: "STAGE", Name: schema + `"ORDERSXSTAGE"`, Comment: "another"})
	if _, err := apply(t, a, parts(), names()); err != nil {
		t.Error(err)
	}
}

// Whether a URL below an allowed location can be checked is not documented: an error that
// says so is no reason to fail, others are.
func TestExistingIntegrationWithLocationAbove(t *testing.T) {
	for message, fails := range map[string]bool{
		"Location 's3://landing-bucket/landing/' is not allowed by integration 'SHARED'": false,
		"Access Denied": true,
	} {
		synctest.Test(t, func(t *testing.T) {
			spec := parts()
			spec.Integration, spec.ExistingIntegration, spec.ExternalID = "SHARED", true, ""
			a := &fakesnowflake.Account{Validation: func() string { return `{"status":"failure","message":"` + message + `"}` }}
			if _, err := deploy.Objects(t.Context(), a, spec, names()); (err != nil) != fails {
				t.Errorf("%s: %v", message, err)
			}
		})
	}
}

func TestTableCreatedByHand(t *testing.T) {
	a := &fakesnowflake.Account{}
	a.Add(fakesnowflake.Object{Kind: "TABLE", Name: table, Comment: "by hand", Columns: []string{`"DATA"`, `"ID"`}})
	if _, err := apply(t, a, parts(), names()); err != nil {
		t.Fatal(err)
	}
	inOrder(t, a.Take(), "ALTER TABLE "+table+` ADD COLUMN IF NOT EXISTS "FEED"`)
	o := a.Object(snowflake.KindTable, table)
	if o.Comment != "by hand" || !slices.Contains(o.Columns, `"_LOADED_AT"`) {
		t.Errorf("table %+v", o)
	}
	spec := parts()
	spec.DropTables = true
	if err := deploy.DropObjects(t.Context(), a, spec, names()); err != nil || a.Object(snowflake.KindTable, table) == nil {
		t.Errorf("drop: %v; the feed does not own the table, so it must stay", err)
	}
}

func TestAddedColumn(t *testing.T) {
	a := deployed(t, files("id", "day"))
	if _, err := apply(t, a, files("id", "day", "name"), names()); err != nil {
		t.Fatal(err)
	}
	got := a.Take()
	inOrder(t, got, "ALTER TABLE "+table+` ADD COLUMN IF NOT EXISTS "NAME" VARCHAR`, "ALTER TABLE "+table+" SET COMMENT=", "CREATE OR REPLACE VIEW")
	if len(got) != 3 {
		t.Errorf("further statements: %q", got)
	}
}

func TestSchedule(t *testing.T) {
	a := deployed(t, bulk(parts()))
	spec := bulk(parts())
	spec.Schedule = "5 4 * * *"
	if _, err := apply(t, a, spec, names()); err != nil {
		t.Fatal(err)
	}
	got := a.Take()
	inOrder(t, got, "ALTER TASK "+task+" SUSPEND", "CREATE OR ALTER TASK", "ALTER TASK "+task+" RESUME")
	if len(got) != 3 {
		t.Errorf("further statements: %q", got)
	}
	a.Object(snowflake.KindTask, task).State = "suspended"
	if _, err := apply(t, a, spec, names()); err != nil {
		t.Fatal(err)
	}
	if got := a.Take(); len(got) != 1 || !strings.HasSuffix(got[0], "RESUME") {
		t.Errorf("a suspended task: %q", got)
	}
}

func TestWaitForAccess(t *testing.T) {
	const denied = `{"status":"failure","actions":{"LIST":{"status":"failure","message":"Error assuming AWS_ROLE. Please verify the role and externalId"}}}`
	tests := map[string]struct {
		after time.Duration
		want  []string // parts of the error; nil for success
	}{
		"role propagates late": {40 * time.Second, nil},
		"role never":           {time.Hour, []string{"Error assuming AWS_ROLE", "role arn:aws:iam::111111111111:role/orders-snowflake", `external ID "stack-orders"`, "s3://landing-bucket/landing/orders/"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				a := &fakesnowflake.Account{Validation: func() string {
					if time.Since(start) < test.after {
						return denied
					}
					return `{"status":"success"}`
				}}
				_, err := deploy.Objects(t.Context(), a, parts(), names())
				waited := time.Since(start)
				if test.want == nil {
					if err != nil || waited < test.after || waited > test.after+15*time.Second {
						t.Errorf("after %s: %v", waited, err)
					}
					return
				}
				contains(t, err, test.want...)
				if waited != 2*time.Minute || len(a.Take()) > 0 {
					t.Errorf("failed after %s", waited)
				}
			})
		})
	}
}

func TestMissingDatabase(t *testing.T) {
	missing := &client.Error{Class: client.ErrNotFound, Err: errors.New("Database 'RAW' does not exist or not authorized")}
	a := &fakesnowflake.Account{Fail: func(string) error { return missing }}
	if _, err := deploy.Objects(t.Context(), a, parts(), names()); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("create: %v", err)
	}
	if err := deploy.DropObjects(t.Context(), a, parts(), names()); err != nil {
		t.Errorf("drop: %v; objects of a missing schema need no drop", err)
	}
}

func TestDrop(t *testing.T) {
	spec := parts()
	spec.Stream = true
	a := deployed(t, spec)
	a.Add(fakesnowflake.Object{Kind: "STAGE", Name: `"RAW"."OTHER"."ORDERS_STAGE"`, Comment: a.Object(snowflake.KindStage, stage).Comment})
	if err := errors.Join(deploy.DropObjects(t.Context(), a, spec, names()), deploy.DropIntegration(t.Context(), a, spec, names())); err != nil {
		t.Fatal(err)
	}
	inOrder(t, a.Take(), "DROP PIPE", "DROP VIEW", "DROP STREAM", "DROP STAGE", "DROP FILE FORMAT", "DROP STORAGE INTEGRATION")
	if got, want := a.Objects(), []string{`STAGE "RAW"."OTHER"."ORDERS_STAGE"`, "TABLE " + table}; !slices.Equal(got, want) {
		t.Errorf("remaining: %q, want %q", got, want)
	}
	spec.DropTables = true
	if err := deploy.DropObjects(t.Context(), a, spec, names()); err != nil || a.Object(snowflake.KindTable, table) != nil {
		t.Errorf("drop with DropTables: %v, remaining %q", err, a.Objects())
	}
}

func TestDropKeepsObjectsOfOtherOwners(t *testing.T) {
	a := deployed(t, parts())
	n := names()
	n.Owner = "111111111111/eu-central-1/Other"
	if err := errors.Join(deploy.DropObjects(t.Context(), a, parts(), n), deploy.DropIntegration(t.Context(), a, parts(), n)); err != nil || len(a.Take()) > 0 {
		t.Errorf("drop: %v; an object of another owner was dropped", err)
	}
}

// Another table name replaces the custom resource: the new objects are created, then
// the old ones are dropped. A view that both name belongs to the new ones by then.
func TestRename(t *testing.T) {
	old, renamed := parts(), parts()
	old.View, renamed.View, renamed.Table = "V", "V", "ORDERS2"
	a := deployed(t, old)
	if _, err := apply(t, a, renamed, names()); err != nil {
		t.Fatal(err)
	}
	if err := deploy.DropObjects(t.Context(), a, old, names()); err != nil {
		t.Fatal(err)
	}
	if a.Object(snowflake.KindView, schema+`"V"`) == nil || a.Object(snowflake.KindPipe, pipe) != nil || a.Object(snowflake.KindPipe, schema+`"ORDERS2_PIPE"`) == nil {
		t.Errorf("remaining: %q", a.Objects())
	}
	newView := renamed
	newView.View = "W"
	if _, err := apply(t, a, newView, names()); err != nil {
		t.Fatal(err)
	}
	if err := deploy.DropRenamed(t.Context(), a, renamed, newView, names()); err != nil || a.Object(snowflake.KindView, schema+`"V"`) != nil {
		t.Errorf("the view's old name: %v, remaining %q", err, a.Objects())
	}
}

func TestSubscriber(t *testing.T) {
	got, err := deploy.Subscriber(t.Context(), &fakesnowflake.Account{}, names().TopicARN)
	if err != nil || got != fakesnowflake.SubscriberARN {
		t.Errorf("got %q, %v", got, err)
	}
}
