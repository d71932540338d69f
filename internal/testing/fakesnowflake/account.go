// Package fakesnowflake is an account of Snowflake in memory, as far as package deploy
// can tell: objects with comments, pipes with a state, tasks with runs. It is
// for tests. Rows and files it has none.
package fakesnowflake

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"example.com/ingestion/local/snowflake/sqlparser"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// Account is an account of Snowflake. Its fields may be set between calls.
type Account struct {
	// Statements are those that Exec was given, each on one line.
	Statements []string
	// Fail, if set, may refuse a statement of Exec or Query before it has any effect.
	Fail func(statement string) error
	// Validation answers SYSTEM$VALIDATE_STORAGE_INTEGRATION; nil: success.
	Validation func() string
	// Pending is how many files a pipe that was paused has still to load; each
	// look at its status loads one.
	Pending int
	// Status answers SYSTEM$PIPE_STATUS for any pipe; nil: by the pipe's state and Pending.
	Status func() string
	// RunState is how runs of tasks end; empty: SUCCEEDED.
	RunState string

	objects []*Object
	runs    []client.Row
}

// Object is an object of an account.
type Object struct {
	Kind, Name, Comment string
	// URL is a stage's; Type is a file format's.
	URL, Type string
	// State is a pipe's executionState or a task's state.
	State string
	// Columns are a table's.
	Columns []string
	// Text is the statement that made it.
	Text string
}

const (
	kinds  = `(STORAGE INTEGRATION|FILE FORMAT|EXTERNAL TABLE|STAGE|TABLE|PIPE|TASK|STREAM|VIEW)`
	quoted = `"(?:[^"]|"")*"`
	name   = `(` + quoted + `(?:\.` + quoted + `)*)`
)

var (
	createRE  = regexp.MustCompile(`^CREATE (OR REPLACE |OR ALTER )?` + kinds + ` (IF NOT EXISTS )?` + name)
	alterRE   = regexp.MustCompile(`^ALTER ` + kinds + ` ` + name + ` (.*)$`)
	dropRE    = regexp.MustCompile(`^DROP ` + kinds + ` IF EXISTS ` + name)
	executeRE = regexp.MustCompile(`^EXECUTE TASK ` + name)
	showRE    = regexp.MustCompile(`^SHOW ` + kinds + `S LIKE '(.*)' IN SCHEMA ` + name)
	describe  = regexp.MustCompile(`^DESC (STORAGE INTEGRATION|TABLE) ` + name)
	statusRE  = regexp.MustCompile(`^SELECT SYSTEM\$PIPE_STATUS\('(.*)'\)`)
	commentRE = regexp.MustCompile(`COMMENT='([^']*)'`)
	urlRE     = regexp.MustCompile(`URL='([^']*)'`)
	typeRE    = regexp.MustCompile(`TYPE=(\w+)`)
	columnRE  = regexp.MustCompile(`ADD COLUMN IF NOT EXISTS (` + quoted + `)`)
	columnsRE = regexp.MustCompile(`[(,] (` + quoted + `) [A-Z]`)
	optionRE  = regexp.MustCompile(`(STORAGE_AWS_EXTERNAL_ID|STORAGE_ALLOWED_LOCATIONS)=\(?'([^']*)'`)
	lastRE    = regexp.MustCompile(quoted + `$`)
)

// Object returns the object of that kind and quoted name, or nil.
func (a *Account) Object(kind snowflake.Kind, name string) *Object {
	for _, o := range a.objects {
		if o.Kind == string(kind) && o.Name == name {
			return o
		}
	}
	return nil
}

// Objects lists every object as "kind name".
func (a *Account) Objects() []string {
	var all []string
	for _, o := range a.objects {
		all = append(all, o.Kind+" "+o.Name)
	}
	slices.Sort(all)
	return all
}

// Add puts an object there, as if somebody else had made it.
func (a *Account) Add(o Object) { a.objects = append(a.objects, &o) }

// Take returns the statements so far and forgets them.
func (a *Account) Take() []string {
	statements := a.Statements
	a.Statements = nil
	return statements
}

// Close does nothing.
func (a *Account) Close() error { return nil }

// Exec runs a statement that changes something, if it is well-formed.
func (a *Account) Exec(ctx context.Context, statement string) error {
	if err := a.refuse(ctx, statement); err != nil {
		return err
	}
	if err := sqlparser.Check(statement); err != nil {
		return err
	}
	line := strings.Join(strings.Fields(statement), " ")
	a.Statements = append(a.Statements, line)
	if m := createRE.FindStringSubmatch(line); m != nil {
		a.create(m[1], m[2], m[4], line)
		return nil
	}
	if m := alterRE.FindStringSubmatch(line); m != nil {
		o := a.Object(snowflake.Kind(m[1]), m[2])
		if o == nil {
			return missing(m[1], m[2])
		}
		o.alter(m[3], line)
		return nil
	}
	if m := dropRE.FindStringSubmatch(line); m != nil {
		a.objects = slices.DeleteFunc(a.objects, func(o *Object) bool { return o.Kind == m[1] && o.Name == m[2] })
		return nil
	}
	if executeRE.MatchString(line) {
		state := a.RunState
		if state == "" {
			state = "SUCCEEDED"
		}
		a.runs = append(a.runs, client.Row{"query_id": fmt.Sprintf("run-%d", len(a.runs)), "state": state, "error_message": "as the test wants"})
		return nil
	}
	return fmt.Errorf("the account does not know %s", line)
}

func (a *Account) refuse(ctx context.Context, statement string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.Fail == nil {
		return nil
	}
	return a.Fail(strings.Join(strings.Fields(statement), " "))
}

func (a *Account) create(or, kind, name, line string) {
	o := a.Object(snowflake.Kind(kind), name)
	switch {
	case o == nil:
		o = &Object{Kind: kind, Name: name}
		a.objects = append(a.objects, o)
	case or == "":
		return // IF NOT EXISTS
	}
	switch kind {
	case string(snowflake.KindPipe):
		o.State = "RUNNING"
	case string(snowflake.KindTask):
		o.State = "suspended"
	case string(snowflake.KindTable):
		for _, m := range columnsRE.FindAllStringSubmatch(line, -1) {
			o.Columns = append(o.Columns, m[1])
		}
	}
	o.set(line)
	o.Text = line
}

func (o *Object) alter(what, line string) {
	switch what {
	case "SET PIPE_EXECUTION_PAUSED=TRUE":
		o.State = "PAUSED"
	case "SET PIPE_EXECUTION_PAUSED=FALSE":
		o.State = "RUNNING"
	case "RESUME":
		o.State = "started"
	case "SUSPEND":
		o.State = "suspended"
	default:
		if m := columnRE.FindStringSubmatch(what); m != nil {
			o.Columns = append(o.Columns, m[1])
		}
		o.set(line)
		if o.Kind == string(snowflake.KindStorageIntegration) {
			o.Text = line
		}
	}
}

func (o *Object) set(line string) {
	for re, field := range map[*regexp.Regexp]*string{commentRE: &o.Comment, urlRE: &o.URL, typeRE: &o.Type} {
		if m := re.FindStringSubmatch(line); m != nil {
			*field = m[1]
		}
	}
}

// missing is the error of an object that is not there.
func missing(kind, name string) error {
	return &client.Error{Class: client.ErrNotFound, Statement: kind, Err: fmt.Errorf("002003 (02000): %s %s does not exist or not authorized", kind, name)}
}
