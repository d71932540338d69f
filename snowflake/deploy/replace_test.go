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
	"example.com/ingestion/snowflake/deploy"
)

// otherTopic changes what a pipe cannot alter.
func otherTopic() snowflake.Names {
	n := names()
	n.TopicARN += "-2"
	return n
}

func TestReplacePipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := deployed(t, parts())
		a.Pending = 3
		if _, err := apply(t, a, parts(), otherTopic()); err != nil {
			t.Fatal(err)
		}
		// Time starts at midnight of 2000-01-01 here.
		const since = " REFRESH MODIFIED_AFTER='1999-12-31T23:00:00.000Z'"
		inOrder(t, a.Take(), "ALTER PIPE "+pipe+since, "ALTER PIPE "+pipe+" SET PIPE_EXECUTION_PAUSED=TRUE",
			"CREATE OR REPLACE PIPE "+pipe, "ALTER PIPE "+pipe+since, "ALTER PIPE "+pipe+" SET COMMENT=")
		if a.Pending != 0 || a.Object(snowflake.KindPipe, pipe).State != "RUNNING" {
			t.Errorf("%d pending, %+v", a.Pending, a.Object(snowflake.KindPipe, pipe))
		}
		if _, err := apply(t, a, parts(), otherTopic()); err != nil || len(a.Take()) > 0 {
			t.Errorf("the second deployment: %v", err)
		}
	})
}

// A pipe that was paused for more than 14 days is resumed with force, and refreshed.
func TestStalePipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := deployed(t, parts())
		o := a.Object(snowflake.KindPipe, pipe)
		o.State, o.Stale = "PAUSED", true
		if _, err := apply(t, a, parts(), names()); err != nil {
			t.Fatal(err)
		}
		if o.State != "RUNNING" {
			t.Errorf("the pipe is %s", o.State)
		}
		inOrder(t, a.Take(), "ALTER PIPE "+pipe+" REFRESH")
	})
}

// No pipe is created while the role may list the files and not read them: the pipe would
// never load them again.
func TestPipeIsNotCreatedWithoutRead(t *testing.T) {
	read := func(message string) func() string {
		return func() string {
			return `{"status":"failure","actions":{"READ":{"status":"failure","message":"` + message + `"}}}`
		}
	}
	synctest.Test(t, func(t *testing.T) {
		a := &fakesnowflake.Account{Files: []string{"s3://landing-bucket/landing/orders/1"}}
		a.Read = read("Access Denied (Status Code: 403; Error Code: AccessDenied)")
		_, err := apply(t, a, parts(), names())
		contains(t, err, "cannot read", "kms:Decrypt", "no file is lost")
		if a.Object(snowflake.KindPipe, pipe) != nil {
			t.Error("the pipe exists")
		}
		a.Read = read("The operation is not valid for the object's storage class (Error Code: InvalidObjectState)")
		if _, err := apply(t, a, parts(), names()); err != nil || a.Object(snowflake.KindPipe, pipe) == nil {
			t.Errorf("an archived object: %v", err)
		}
	})
}

// A list of the files that fails is no reason to fail: it may need a warehouse.
func TestPipeWithoutListOfFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &fakesnowflake.Account{Fail: func(statement string) error {
			if strings.HasPrefix(statement, "LIST ") {
				return errors.New("000606: No active warehouse selected")
			}
			return nil
		}}
		if _, err := apply(t, a, parts(), names()); err != nil || a.Object(snowflake.KindPipe, pipe) == nil {
			t.Errorf("no pipe: %v", err)
		}
	})
}

// Privileges on a pipe are granted again after it is replaced.
func TestReplacePipeKeepsGrants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := deployed(t, parts())
		want := []string{"MONITOR ANALYST", "OPERATE on call"}
		a.Object(snowflake.KindPipe, pipe).Grants = slices.Clone(want)
		if _, err := apply(t, a, parts(), otherTopic()); err != nil {
			t.Fatal(err)
		}
		if got := a.Object(snowflake.KindPipe, pipe).Grants; !slices.Equal(got, want) {
			t.Errorf("grants %q, want %q", got, want)
		}
	})
}

func TestPipeThatDoesNotDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := deployed(t, parts())
		a.Pending = 1e6
		_, err := apply(t, a, parts(), otherTopic())
		contains(t, err, "pending", "nothing was changed")
		if got := a.Take(); len(got) != 1 || !strings.HasPrefix(got[0], "ALTER PIPE "+pipe+" REFRESH") {
			t.Errorf("statements %q, want a refresh alone", got)
		}
		if state := a.Object(snowflake.KindPipe, pipe).State; state != "RUNNING" {
			t.Errorf("the old pipe is %s", state)
		}
	})
}

// A pipe to which files are added all the time always has a pending file. Those that
// arrive after the refresh are loaded by the new pipe.
func TestReplacePipeWhileFilesArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := deployed(t, parts())
		a.Pending, a.Arriving = 3, time.Now
		if _, err := apply(t, a, parts(), otherTopic()); err != nil {
			t.Fatal(err)
		}
		inOrder(t, a.Take(), "ALTER PIPE "+pipe+" REFRESH", "ALTER PIPE "+pipe+" SET PIPE_EXECUTION_PAUSED=TRUE", "CREATE OR REPLACE PIPE "+pipe, "ALTER PIPE "+pipe+" REFRESH MODIFIED_AFTER=")
	})
}

// If an old file stays pending after the pause, the pipe is resumed.
func TestPausedPipeWithOldFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := deployed(t, parts())
		start := time.Now()
		a.Fail = func(statement string) error {
			if strings.HasSuffix(statement, "SET PIPE_EXECUTION_PAUSED=TRUE") {
				a.Arriving = func() time.Time { return start }
			}
			return nil
		}
		_, err := apply(t, a, parts(), otherTopic())
		contains(t, err, "1 files pending", "nothing was changed")
		inOrder(t, a.Take(), "ALTER PIPE "+pipe+" SET PIPE_EXECUTION_PAUSED=TRUE", "ALTER PIPE "+pipe+" SET PIPE_EXECUTION_PAUSED=FALSE")
	})
}

// If a run is interrupted between the creation of the new pipe and its refresh, the
// next run repeats the refresh.
func TestUnfinishedPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := deployed(t, parts())
		replaced := false
		a.Fail = func(statement string) error {
			replaced = replaced || strings.HasPrefix(statement, "CREATE OR REPLACE PIPE")
			if replaced && strings.Contains(statement, "REFRESH") {
				return errors.New("interrupted")
			}
			return nil
		}
		if _, err := apply(t, a, parts(), otherTopic()); err == nil {
			t.Fatal("no error")
		}
		a.Fail = nil
		a.Take()
		if _, err := apply(t, a, parts(), otherTopic()); err != nil {
			t.Fatal(err)
		}
		got := a.Take()
		inOrder(t, got, "CREATE OR REPLACE PIPE", "ALTER PIPE "+pipe+" REFRESH", "ALTER PIPE "+pipe+" SET COMMENT=")
		if strings.Contains(strings.Join(got, "\n"), "MODIFIED_AFTER") {
			t.Errorf("refreshed since a time, though not all files before it were loaded: %q", got)
		}
	})
}

func TestPausedAndBrokenPipes(t *testing.T) {
	tests := map[string]struct{ state, want, err string }{
		"paused":        {"PAUSED", "ALTER PIPE " + pipe + " SET PIPE_EXECUTION_PAUSED=FALSE", ""},
		"stage altered": {"STOPPED_STAGE_ALTERED", "CREATE OR REPLACE PIPE", ""},
		"stalled":       {"STALLED_COMPILATION_ERROR", "", "STALLED_COMPILATION_ERROR instead of RUNNING"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := deployed(t, parts())
				a.Object(snowflake.KindPipe, pipe).State = test.state
				_, err := apply(t, a, parts(), names())
				if test.err != "" {
					contains(t, err, test.err)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				inOrder(t, a.Take(), test.want)
			})
		})
	}
}

func TestChangedPrefix(t *testing.T) {
	tests := map[string]struct {
		spec   snowflake.Spec
		before []string // by Integration, while the role still reads the old prefix
		after  []string
	}{
		"pipe": {
			files("id"),
			[]string{"ALTER PIPE " + pipe + " REFRESH", "ALTER PIPE " + pipe + " SET PIPE_EXECUTION_PAUSED=TRUE", "ALTER PIPE " + pipe + " SET PIPE_EXECUTION_PAUSED=FALSE", "ALTER STORAGE INTEGRATION"},
			[]string{"ALTER STAGE " + stage, "CREATE OR REPLACE PIPE", "ALTER PIPE " + pipe + " REFRESH"},
		},
		"task": {
			bulk(files("id")), []string{"EXECUTE TASK " + task, "ALTER STORAGE INTEGRATION"}, []string{"ALTER STAGE " + stage},
		},
		"external table": {
			external(files("id")), []string{"ALTER STORAGE INTEGRATION"}, []string{"ALTER STAGE " + stage, "CREATE OR REPLACE EXTERNAL TABLE"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := deployed(t, test.spec)
				spec := test.spec
				spec.Prefix = "in/new/"
				if _, err := deploy.Integration(t.Context(), a, spec, names()); err != nil {
					t.Fatal(err)
				}
				inOrder(t, a.Take(), test.before...)
				if _, err := deploy.Objects(t.Context(), a, spec, names()); err != nil {
					t.Fatal(err)
				}
				got := a.Take()
				inOrder(t, got, test.after...)
				if strings.Contains(strings.Join(got, "\n"), "MODIFIED_AFTER") {
					t.Errorf("existing files of the new prefix are not loaded: %q", got)
				}
			})
		})
	}
}

func TestSwitchingLoad(t *testing.T) {
	tests := map[string]struct {
		from, to snowflake.Spec
		want     []string
	}{
		"pipe to task":              {parts(), bulk(parts()), []string{"ALTER PIPE " + pipe + " REFRESH", "ALTER PIPE " + pipe + " SET PIPE_EXECUTION_PAUSED=TRUE", "DROP PIPE", "CREATE TASK"}},
		"task to pipe":              {bulk(parts()), parts(), []string{"EXECUTE TASK", "DROP TASK", "CREATE PIPE", "ALTER PIPE " + pipe + " REFRESH MODIFIED_AFTER="}},
		"external table to pipe":    {external(parts()), parts(), []string{"DROP EXTERNAL TABLE", "CREATE TABLE", "CREATE OR REPLACE VIEW", "CREATE PIPE"}},
		"delimited to JSON by pipe": {files("id"), func() snowflake.Spec { s := parts(); s.From, s.Prefix = snowflake.FromFiles, "in/"; return s }(), []string{"DROP FILE FORMAT", "CREATE FILE FORMAT", "CREATE OR REPLACE PIPE"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := deployed(t, test.from)
				if _, err := apply(t, a, test.to, names()); err != nil {
					t.Fatal(err)
				}
				inOrder(t, a.Take(), test.want...)
				if _, err := apply(t, a, test.to, names()); err != nil || len(a.Take()) > 0 {
					t.Errorf("the second deployment: %v", err)
				}
			})
		})
	}
}

func TestTableCannotBecomeExternal(t *testing.T) {
	a := deployed(t, parts())
	_, err := apply(t, a, external(parts()), names())
	contains(t, err, "has rows", "choose another Snowflake.Table")
	if got := a.Take(); len(got) > 0 {
		t.Errorf("changed before the error: %q", got)
	}
}

// The view would return rows from another source as a single record.
func TestRowsFromAnotherSource(t *testing.T) {
	changes, ndjson := parts(), parts()
	changes.From = snowflake.FromTable
	ndjson.From, ndjson.Prefix, ndjson.Format.Kind = snowflake.FromFiles, "in/", feed.NDJSON
	for name, test := range map[string]struct{ old, changed snowflake.Spec }{
		"parts to table":       {parts(), changes},
		"table to parts":       {bulk(changes), bulk(parts())},
		"parts to files":       {parts(), ndjson},
		"files to parts":       {ndjson, parts()},
		"parts to delimited":   {parts(), files("id")},
		"table to other loads": {changes, bulk(parts())},
	} {
		t.Run(name, func(t *testing.T) {
			a := deployed(t, test.old)
			_, err := deploy.Objects(t.Context(), a, test.changed, names())
			contains(t, err, `has rows of From "`+string(test.old.From)+`"`, "choose another Snowflake.Table", "ALTER TABLE "+table+" RENAME TO")
			if got := a.Take(); len(got) > 0 {
				t.Errorf("changed before the error: %q", got)
			}
		})
	}
}

// If a run is interrupted between the change of the stage and that of the pipe or
// external table, the next run, with the old or the new spec, must not treat them as
// up to date.
func TestInterruptedChangeOfPrefix(t *testing.T) {
	tests := map[string]struct {
		spec                 snowflake.Spec
		interrupted, refresh string
	}{
		"pipe":           {files("id"), "CREATE OR REPLACE PIPE", "ALTER PIPE " + pipe + " REFRESH"},
		"external table": {external(files("id")), "CREATE OR REPLACE EXTERNAL TABLE", "ALTER EXTERNAL TABLE " + table + " REFRESH"},
	}
	for name, test := range tests {
		moved := test.spec
		moved.Prefix = "in/new/"
		for direction, next := range map[string]snowflake.Spec{"rollback": test.spec, "retry": moved} {
			t.Run(name+" "+direction, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := deployed(t, test.spec)
					a.Fail = func(statement string) error {
						if strings.HasPrefix(statement, test.interrupted) {
							return errors.New("interrupted")
						}
						return nil
					}
					if _, err := apply(t, a, moved, names()); err == nil {
						t.Fatal("no error")
					}
					a.Fail = nil
					a.Take()
					if _, err := apply(t, a, next, names()); err != nil {
						t.Fatal(err)
					}
					got := a.Take()
					inOrder(t, got, test.interrupted, test.refresh)
					if strings.Contains(strings.Join(got, "\n"), "MODIFIED_AFTER") {
						t.Errorf("refreshed since a time, though not all files before it were loaded: %q", got)
					}
					if _, err := apply(t, a, next, names()); err != nil || len(a.Take()) > 0 {
						t.Errorf("the second deployment: %v", err)
					}
				})
			})
		}
	}
}

// An external table refers to its format by an internal ID, which changes when the
// format is created again with another type.
func TestExternalTableWithNewFormat(t *testing.T) {
	ndjson := external(files())
	ndjson.Format = feed.Format{Kind: feed.NDJSON}
	a := deployed(t, external(files("id")))
	if _, err := apply(t, a, ndjson, names()); err != nil {
		t.Fatal(err)
	}
	inOrder(t, a.Take(), "DROP FILE FORMAT", "CREATE FILE FORMAT", "CREATE OR REPLACE EXTERNAL TABLE")
}

func TestFailedTaskIsNotDropped(t *testing.T) {
	a := deployed(t, bulk(parts()))
	a.RunState = "FAILED"
	_, err := apply(t, a, parts(), names())
	contains(t, err, "FAILED: error of the test", "nothing was changed", "DROP TASK")
	if a.Object(snowflake.KindTask, task) == nil {
		t.Error("the task was dropped before it loaded its remaining files")
	}
}

func TestRetryWhileRolePropagates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failures := 2
		a := &fakesnowflake.Account{}
		a.Fail = func(statement string) error {
			if strings.HasPrefix(statement, "CREATE EXTERNAL TABLE") && failures > 0 {
				failures--
				return errors.New("Error assuming AWS_ROLE. Please verify the role and externalId")
			}
			return nil
		}
		if _, err := apply(t, a, external(parts()), names()); err != nil || failures != 0 {
			t.Errorf("%v, %d failures left", err, failures)
		}
	})
}
