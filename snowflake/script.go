package snowflake

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Script returns a SQL script that creates a feed's objects and the grants that
// they need, for a deployment without a connection to Snowflake. It may be run
// more than once: it adds missing columns and replaces the view, and does not
// change other existing objects. role becomes the owner of the objects; warehouse
// may be empty.
//
// Names in its comments are quoted: a line break in a name would end the comment,
// and the rest of the name would be executed.
func Script(s Spec, n Names, role, warehouse string) (string, error) {
	s = s.WithDefaults()
	plan, err := s.Plan(n)
	add := func(field, format string, args ...any) {
		err = errors.Join(err, fmt.Errorf("feed %q: Snowflake.Connection.%s: %s", s.Feed, field, fmt.Sprintf(format, args...)))
	}
	checkName(add, "Role", role, 0)
	if warehouse != "" {
		checkName(add, "Warehouse", warehouse, 0)
	}
	if err != nil {
		return "", err
	}
	w := &scriptWriter{}
	w.comment(fmt.Sprintf("Feed %q. Run it top to bottom, as a user who has both ACCOUNTADMIN and the feed's role.", s.Feed),
		"Existing objects are not changed, so that it can be run again.")
	w.access(plan, s, role, warehouse)
	w.trust(plan, s, n)
	w.objects(plan, s, role, warehouse)
	w.start(plan)
	return w.b.String(), nil
}

type scriptWriter struct{ b strings.Builder }

func (w *scriptWriter) comment(lines ...string) {
	if w.b.Len() > 0 {
		w.b.WriteByte('\n')
	}
	for _, line := range lines {
		w.b.WriteString("-- " + line + "\n")
	}
}

func (w *scriptWriter) run(statements ...string) {
	for _, statement := range statements {
		w.b.WriteString(statement + ";\n")
	}
}

// access creates the integration and grants role the privileges that the other
// parts need.
func (w *scriptWriter) access(plan Plan, s Spec, role, warehouse string) {
	w.comment("1. Access. Only this part needs ACCOUNTADMIN.")
	w.run("USE ROLE ACCOUNTADMIN")
	if plan.Integration != nil {
		w.run(plan.Integration.Create()...)
	}
	to := " TO ROLE " + Identifier(role)
	w.run(
		"GRANT USAGE ON INTEGRATION "+Identifier(s.Integration)+to,
		"GRANT USAGE ON DATABASE "+Identifier(s.Database)+to,
		"GRANT "+strings.Join(plan.schemaPrivileges(), ", ")+" ON SCHEMA "+Qualified(s.Database, s.Schema)+to,
	)
	if plan.Task != nil {
		w.run("GRANT EXECUTE TASK, EXECUTE MANAGED TASK ON ACCOUNT" + to)
	}
	for _, g := range s.ReadGrants() {
		if g.Shared {
			w.run(g.Grant())
		}
	}
	if warehouse != "" {
		w.run("GRANT USAGE ON WAREHOUSE " + Identifier(warehouse) + to)
	}
}

// schemaPrivileges returns the privileges on the schema that creating the plan's
// objects needs.
func (p Plan) schemaPrivileges() []string {
	privileges := []string{"USAGE"}
	for _, o := range p.Objects() {
		if o.Kind() != KindStorageIntegration {
			privileges = append(privileges, "CREATE "+string(o.Kind()))
		}
	}
	return privileges
}

// trust prints the values that the IAM role has to trust, and checks that it does.
func (w *scriptWriter) trust(plan Plan, s Spec, n Names) {
	w.comment("2. Trust. Compare with the feed's stack, and deploy it again where it differs:",
		"  STORAGE_AWS_IAM_USER_ARN  is Snowflake.Principal of the feed,",
		"  STORAGE_AWS_EXTERNAL_ID   is Snowflake.ExternalID of the feed.",
		"The role's trust policy then allows exactly this user, with exactly this ID.")
	integration := StorageIntegration{Integration: s.Integration}
	w.run(integration.Describe())
	if plan.Task == nil {
		w.comment("The result is a policy. Its Principal.AWS is another IAM user of Snowflake, which subscribes to the",
			"topic: put it into Subscribers of the store, or into Snowflake.Subscriber of a feed with a dedicated",
			"topic, and deploy that before you continue.")
		w.run("SELECT SYSTEM$GET_AWS_SNS_IAM_POLICY(" + Literal(n.TopicARN) + ")")
	}
	w.comment(`The result must have "status" : "success". If not, its message gives the reason: a new role takes up`,
		"to a minute to propagate; otherwise check the two values above. Continue when it succeeds.")
	w.run(integration.Validate(plan.StageURL()))
}

func (w *scriptWriter) objects(plan Plan, s Spec, role, warehouse string) {
	w.comment("3. The objects, as the role that will own them.")
	w.run("USE ROLE " + Identifier(role))
	if warehouse != "" {
		w.run("USE WAREHOUSE " + Identifier(warehouse))
	}
	for _, o := range plan.Objects() {
		if o.Kind() == KindStorageIntegration {
			continue
		}
		w.run(o.Create()...)
		if t, ok := o.(Table); ok && s.delimited() { // the view needs columns that were declared later
			w.run(t.AddColumns(t.Columns...)...)
		}
	}
	for _, g := range s.ReadGrants() {
		if !g.Shared {
			w.run(g.Grant())
		}
	}
}

// start loads existing files and prints whether loading works.
func (w *scriptWriter) start(plan Plan) {
	switch {
	case plan.Pipe != nil:
		w.comment("4. Load the objects of the last seven days; the pipe skips those that it has loaded.",
			`The status then has "executionState":"RUNNING".`)
		w.run(plan.Pipe.Refresh(time.Time{}), plan.Pipe.Status())
	case plan.Task != nil:
		w.comment("4. Load existing objects now, without waiting for the schedule. The history has the result.")
		w.run(plan.Task.Execute(), plan.Task.History())
	default:
		w.comment("4. Register the files that no notification was received for.")
		w.run(plan.ExternalTable.Refresh(), plan.ExternalTable.Describe())
	}
}
