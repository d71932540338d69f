package deploy_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

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

func TestChangedPipeIsExchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := made(t, parts())
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
			t.Errorf("the second time: %v", err)
		}
	})
}

func TestPipeThatDoesNotDrainGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := made(t, parts())
		a.Pending = 1e6
		_, err := apply(t, a, parts(), otherTopic())
		contains(t, err, "pending", "nothing was changed")
		inOrder(t, a.Take(), "ALTER PIPE "+pipe+" SET PIPE_EXECUTION_PAUSED=TRUE", "ALTER PIPE "+pipe+" SET PIPE_EXECUTION_PAUSED=FALSE")
		if state := a.Object(snowflake.KindPipe, pipe).State; state != "RUNNING" {
			t.Errorf("the old pipe is %s", state)
		}
	})
}

// A run cut off between the new pipe and its refresh is made good by the next,
// which must not take the pipe for finished.
func TestUnfinishedPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := made(t, parts())
		replaced := false
		a.Fail = func(statement string) error {
			replaced = replaced || strings.HasPrefix(statement, "CREATE OR REPLACE PIPE")
			if replaced && strings.Contains(statement, "REFRESH") {
				return errors.New("cut off")
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
			t.Errorf("bounded, though nobody knows since when: %q", got)
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
				a := made(t, parts())
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

func TestMovedLocation(t *testing.T) {
	tests := map[string]struct {
		spec   snowflake.Spec
		before []string // by Integration, while the role still reads the old location
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
				a := made(t, test.spec)
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
					t.Errorf("files that were in the new location before are passed over: %q", got)
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
				a := made(t, test.from)
				if _, err := apply(t, a, test.to, names()); err != nil {
					t.Fatal(err)
				}
				inOrder(t, a.Take(), test.want...)
				if _, err := apply(t, a, test.to, names()); err != nil || len(a.Take()) > 0 {
					t.Errorf("the second time: %v", err)
				}
			})
		})
	}
}

func TestTableDoesNotBecomeExternal(t *testing.T) {
	a := made(t, parts())
	_, err := apply(t, a, external(parts()), names())
	contains(t, err, "has rows", "choose another Snowflake.Table")
	if got := a.Take(); len(got) > 0 {
		t.Errorf("changed before it refused: %q", got)
	}
}

// The view would take the rows of the one kind for a single record of the other.
func TestRowsOfAnotherKindAreRefused(t *testing.T) {
	changes, ndjson := parts(), parts()
	changes.From = snowflake.FromTable
	ndjson.From, ndjson.Prefix, ndjson.Format.Kind = snowflake.FromFiles, "in/", feed.NDJSON
	for name, test := range map[string]struct{ old, now snowflake.Spec }{
		"parts to table":       {parts(), changes},
		"table to parts":       {bulk(changes), bulk(parts())},
		"parts to files":       {parts(), ndjson},
		"files to parts":       {ndjson, parts()},
		"parts to delimited":   {parts(), files("id")},
		"table to other loads": {changes, bulk(parts())},
	} {
		t.Run(name, func(t *testing.T) {
			a := made(t, test.old)
			_, err := deploy.Objects(t.Context(), a, test.now, names())
			contains(t, err, `the rows of From "`+string(test.old.From)+`"`, "choose another Snowflake.Table", "ALTER TABLE "+table+" RENAME TO")
			if got := a.Take(); len(got) > 0 {
				t.Errorf("changed before it refused: %q", got)
			}
		})
	}
}

// A run is cut off between the stage and what reads it. Whoever comes next, on
// the way back or onwards, must not take what is there for up to date.
func TestMoveThatWasCutOff(t *testing.T) {
	tests := map[string]struct {
		spec        snowflake.Spec
		cut, renews string
	}{
		"pipe":           {files("id"), "CREATE OR REPLACE PIPE", "ALTER PIPE " + pipe + " REFRESH"},
		"external table": {external(files("id")), "CREATE OR REPLACE EXTERNAL TABLE", "ALTER EXTERNAL TABLE " + table + " REFRESH"},
	}
	for name, test := range tests {
		moved := test.spec
		moved.Prefix = "in/new/"
		for way, next := range map[string]snowflake.Spec{"back": test.spec, "onwards": moved} {
			t.Run(name+" "+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := made(t, test.spec)
					a.Fail = func(statement string) error {
						if strings.HasPrefix(statement, test.cut) {
							return errors.New("cut off")
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
					inOrder(t, got, test.cut, test.renews)
					if strings.Contains(strings.Join(got, "\n"), "MODIFIED_AFTER") {
						t.Errorf("bounded, though nobody knows since when: %q", got)
					}
					if _, err := apply(t, a, next, names()); err != nil || len(a.Take()) > 0 {
						t.Errorf("the second time: %v", err)
					}
				})
			})
		}
	}
}

// An external table keeps the hidden ID of its format, which a format of another
// type does not have.
func TestExternalTableFollowsItsFormat(t *testing.T) {
	ndjson := external(files())
	ndjson.Format = feed.Format{Kind: feed.NDJSON}
	a := made(t, external(files("id")))
	if _, err := apply(t, a, ndjson, names()); err != nil {
		t.Fatal(err)
	}
	inOrder(t, a.Take(), "DROP FILE FORMAT", "CREATE FILE FORMAT", "CREATE OR REPLACE EXTERNAL TABLE")
}

func TestTaskThatFailsKeepsItsFiles(t *testing.T) {
	a := made(t, bulk(parts()))
	a.RunState = "FAILED"
	_, err := apply(t, a, parts(), names())
	contains(t, err, "FAILED: as the test wants", "nothing was changed", "DROP TASK")
	if a.Object(snowflake.KindTask, task) == nil {
		t.Error("the task was dropped with files that it has not loaded")
	}
}

func TestRoleIsWaitedForAgain(t *testing.T) {
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
