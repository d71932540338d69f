// Package fakesnowflake is a Snowflake account in memory, for tests of package
// snowflake/deploy and of what uses it. It implements deploy.DB: it has objects with
// comments, pipes with a state and tasks with runs, but neither rows nor files. For
// these, see local/snowflake.
package fakesnowflake

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.com/ingestion/local/snowflake/sqlparser"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// Account is a Snowflake account. Its fields may be set between calls.
type Account struct {
	// Statements are the statements passed to Exec, each on one line.
	Statements []string
	// Fail, if set, may return an error for a statement of Exec or Query, which then has
	// no effect.
	Fail func(statement string) error
	// Validation returns the result of SYSTEM$VALIDATE_STORAGE_INTEGRATION. Default: success.
	Validation func() string
	// Files are the URLs of the stages' files, and Read returns the result of reading the
	// first one. Default: success.
	Files []string
	Read  func() string
	// Pending is the number of files that pipes have still to load. Each query of the
	// status of a running pipe loads one; a paused pipe loads none.
	Pending int
	// Arriving is the time of the notification of files that arrive all the time: one of
	// them is always pending. Default: none.
	Arriving func() time.Time
	// Status returns the result of SYSTEM$PIPE_STATUS. Default: the pipe's state and Pending.
	Status func() string
	// RunState is the state with which runs of tasks end. Default: SUCCEEDED.
	RunState string

	// ReadGrants are the privileges on other objects than pipes, as
	// "<privilege> ON <kind> <name> <role>".
	ReadGrants []string

	objects []*Object
	runs    []client.Row
}

// Object is an object of an account.
type Object struct {
	Kind, Name, Comment string
	// URL is set for a stage, Type for a file format.
	URL, Type string
	// State is a pipe's executionState or a task's state.
	State string
	// Stale is set for a pipe that was paused for more than 14 days.
	Stale bool
	// Columns are the columns of a table.
	Columns []string
	// Grants are the privileges on a pipe, as "<privilege> <role>".
	Grants []string
	// Text is the statement that created it.
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
	grantRE   = regexp.MustCompile(`^GRANT (\w+) ON PIPE ` + name + ` TO ROLE "(.*)"$`)
	readRE    = regexp.MustCompile(`^(GRANT|REVOKE) (\w+) ON ((?:VIEW|DATABASE|SCHEMA) ` + name + `) (?:TO|FROM) ROLE "(.*)"$`)
	showOnRE  = regexp.MustCompile(`^SHOW GRANTS ON ((?:VIEW|DATABASE|SCHEMA) ` + name + `)`)
	executeRE = regexp.MustCompile(`^EXECUTE TASK ` + name)
	grantsRE  = regexp.MustCompile(`^SHOW GRANTS ON PIPE ` + name)
	showRE    = regexp.MustCompile(`^SHOW ` + kinds + `S LIKE '(.*)' IN SCHEMA ` + name)
	describe  = regexp.MustCompile(`^DESC (STORAGE INTEGRATION|TABLE) ` + name)
	forceRE   = regexp.MustCompile(`^SELECT SYSTEM\$PIPE_FORCE_RESUME\('(.*)','staleness_check_override'\)`)
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

// Add adds an object that was not created by a statement of the test.
func (a *Account) Add(o Object) { a.objects = append(a.objects, &o) }

// Take returns the statements so far and clears the list.
func (a *Account) Take() []string {
	statements := a.Statements
	a.Statements = nil
	return statements
}

// Close does nothing.
func (a *Account) Close() error { return nil }

// Exec runs a statement that changes something. It returns an error if
// sqlparser.Check does.
func (a *Account) Exec(ctx context.Context, statement string) error {
	if err := a.fail(ctx, statement); err != nil {
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
		if o.Stale && m[3] == "SET PIPE_EXECUTION_PAUSED=FALSE" {
			return fmt.Errorf("pipe %s is stale", m[2])
		}
		o.alter(m[3], line)
		return nil
	}
	if m := dropRE.FindStringSubmatch(line); m != nil {
		a.objects = slices.DeleteFunc(a.objects, func(o *Object) bool { return o.Kind == m[1] && o.Name == m[2] })
		a.ReadGrants = slices.DeleteFunc(a.ReadGrants, func(g string) bool { return strings.Contains(g, " ON "+m[1]+" "+m[2]+" ") })
		return nil
	}
	if m := grantRE.FindStringSubmatch(line); m != nil {
		o := a.Object(snowflake.KindPipe, m[2])
		if o == nil {
			return missing("PIPE", m[2])
		}
		o.Grants = append(o.Grants, m[1]+" "+m[3])
		return nil
	}
	if m := readRE.FindStringSubmatch(line); m != nil {
		grant := m[2] + " ON " + m[3] + " " + m[5]
		a.ReadGrants = slices.DeleteFunc(a.ReadGrants, func(g string) bool { return g == grant })
		if m[1] == "GRANT" {
			a.ReadGrants = append(a.ReadGrants, grant)
		}
		return nil
	}
	if executeRE.MatchString(line) {
		state := a.RunState
		if state == "" {
			state = "SUCCEEDED"
		}
		a.runs = append(a.runs, client.Row{"query_id": fmt.Sprintf("run-%d", len(a.runs)), "state": state, "error_message": "error of the test"})
		return nil
	}
	return fmt.Errorf("the fake account does not support %s", line)
}

func (a *Account) fail(ctx context.Context, statement string) error {
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
		o.State, o.Grants = "RUNNING", nil
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

// missing returns the error that an object does not exist.
func missing(kind, name string) error {
	return &client.Error{Class: client.ErrNotFound, Statement: kind, Err: fmt.Errorf("002003 (02000): %s %s does not exist or not authorized", kind, name)}
}
