package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/ingestion/internal/operator/snowflakeconn"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// login opens the session for the checks of Snowflake.
func login(ctx context.Context, d *doctor) {
	const name = "login"
	conn, err := snowflakeconn.Describe(d.Feed)
	if errors.Is(err, snowflakeconn.ErrNoConnection) {
		d.add(Unknown, name, "check it by hand, with the statements of `ingest sql "+d.Feed.Name+"`", "the feed has no connection: Snowflake was not checked")
		return
	}
	if err != nil {
		d.fail(name, "deploy the feed: npx cdk deploy "+d.Feed.Stack, "%v", err)
		return
	}
	d.plan = conn.Plan
	d.session, err = d.open(ctx)
	switch {
	case denied(err):
		d.add(Unknown, name, "allow these credentials secretsmanager:GetSecretValue on it", "%v", err)
	case errors.Is(err, client.ErrLogin):
		detail, remedy, _ := strings.Cut(err.Error(), "; ")
		d.fail(name, remedy, "%s", detail)
	case err != nil:
		d.fail(name, "correct the connection or its secret, see docs/snowflake.md", "%v", err)
	default:
		d.pass(name, "account %s, user %s, role %s", conn.Connection.Account, conn.Connection.User, conn.Connection.Role)
	}
}

// snowflakeUnknown adds a finding about a statement that failed, with the hint of the
// client if there is one.
func (d *doctor) snowflakeUnknown(name string, err error) {
	var failed *client.Error
	if errors.As(err, &failed) && failed.Remedy != "" {
		d.add(Unknown, name, failed.Remedy, "%v", failed.Err)
		return
	}
	d.add(Unknown, name, "run the command again; if it fails again, fix the cause in the message of Snowflake", "%v", err)
}

// integration checks the storage integration, compares it with its role, and has
// Snowflake validate it.
func integration(ctx context.Context, d *doctor) {
	const name = "integration"
	spec := d.Feed.Snowflake.WithDefaults()
	i := integrationOf(d.plan, spec)
	rows, err := d.session.Query(ctx, i.Describe())
	switch {
	case errors.Is(err, client.ErrNotFound):
		d.fail(name, d.recreate()+"; if it exists, its owner has to grant USAGE to the role", "%s does not exist, or the role has no privilege on it", i.Name())
		return
	case err != nil:
		d.snowflakeUnknown(name, err)
		return
	}
	is := map[string]string{}
	for _, row := range rows {
		is[row.Text("property")] = row.Text("property_value")
	}
	var wrong []string
	compare := func(property, want string) {
		if is[property] != want {
			wrong = append(wrong, fmt.Sprintf("its %s is %q, the feed's is %q", property, is[property], want))
		}
	}
	if !strings.EqualFold(is["ENABLED"], "true") {
		wrong = append(wrong, "it is not ENABLED")
	}
	if d.plan.Integration != nil {
		compare("STORAGE_AWS_ROLE_ARN", i.RoleARN)
		compare("STORAGE_AWS_EXTERNAL_ID", i.ExternalID)
	}
	stage := d.plan.StageURL()
	covered := slices.ContainsFunc(strings.Split(is["STORAGE_ALLOWED_LOCATIONS"], ","), func(l string) bool {
		l = strings.TrimSpace(l)
		return l == "*" || l != "" && strings.HasPrefix(stage, l)
	})
	if !covered {
		wrong = append(wrong, fmt.Sprintf("it allows %s, which does not cover %s", is["STORAGE_ALLOWED_LOCATIONS"], stage))
	}
	if len(wrong) > 0 {
		remedy := strings.Join(i.Alter(), "; ")
		if d.plan.Integration == nil {
			remedy = "its owner has to alter it: ALTER STORAGE INTEGRATION " + i.Name() + " SET ENABLED=TRUE STORAGE_ALLOWED_LOCATIONS=(<current locations>," + snowflake.Literal(stage) + ")"
		}
		d.fail(name, remedy, "%s: %s", i.Name(), strings.Join(wrong, "; "))
	} else {
		d.pass(name, "%s is enabled and allows %s", i.Name(), stage)
	}
	if d.trustRead {
		user, id := is["STORAGE_AWS_IAM_USER_ARN"], is["STORAGE_AWS_EXTERNAL_ID"]
		if d.trust.trusts(user, id) {
			d.pass("role: trust", "%s with the integration's external ID", user)
		} else {
			d.fail("role: trust", d.revert(), "the role's trust policy does not allow %s with external ID %q, the values of the integration", user, id)
		}
	}
	d.validate(ctx, i, stage)
}

// validate has Snowflake assume the role and list the stage.
func (d *doctor) validate(ctx context.Context, i snowflake.StorageIntegration, stage string) {
	const name = "integration: access"
	text, err := d.scalar(ctx, i.Validate(stage))
	if err != nil {
		d.snowflakeUnknown(name, err)
		return
	}
	var v struct {
		Status  string `json:"status"`
		Message string `json:"message"`
		Actions map[string]struct {
			Message string `json:"message"`
		} `json:"actions"`
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		d.snowflakeUnknown(name, fmt.Errorf("result %q: %w", text, err))
		return
	}
	if strings.EqualFold(v.Status, "success") {
		d.pass(name, "Snowflake lists %s", stage)
		return
	}
	message := v.Message
	for _, a := range v.Actions {
		if !strings.Contains(message, a.Message) {
			message += " " + a.Message
		}
	}
	d.fail(name, "fix the role and the integration as reported above; a change of a role takes effect after a minute, or an hour while Snowflake caches its credentials",
		"Snowflake cannot list %s: %s", stage, message)
}

// scalar returns the single value of the single row of a result.
func (d *doctor) scalar(ctx context.Context, statement string) (string, error) {
	rows, err := d.session.Query(ctx, statement)
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return "", fmt.Errorf("%s: %d rows instead of one value", client.Shorten(statement), len(rows))
	}
	for column := range rows[0] {
		return rows[0].Text(column), nil
	}
	return "", nil
}

// objects checks whether the objects of the feed in Snowflake exist, belong to the feed,
// and have the definition of the template.
func objects(ctx context.Context, d *doctor) {
	const name = "objects"
	deploy := "deploy the feed: npx cdk deploy " + d.Feed.Stack
	good := 0
	for _, o := range d.plan.Objects() {
		if o.Kind() == snowflake.KindStorageIntegration {
			continue // has its own check
		}
		kind := strings.ToLower(string(o.Kind()))
		row, ok, err := d.show(ctx, o)
		if err != nil {
			d.snowflakeUnknown(kind, err)
			continue
		}
		mark, marked := snowflake.ParseComment(row.Text("comment"))
		owner := strings.TrimSuffix(mark.Owner, "#unfinished")
		switch {
		case !ok:
			d.fail(kind, d.recreate(), "%s does not exist, or the role has no privilege on it", o.Name())
		case !marked && o.Kind() == snowflake.KindTable:
			good++ // a table that was created by hand keeps its comment
		case !marked:
			d.fail(kind, "it was created or changed by hand: drop it, "+o.Drop()+", and "+d.recreate(), "the comment of %s does not name its owner", o.Name())
		case owner != o.Comment().Owner:
			d.fail(kind, "give the feed another name for it in its Snowflake prop, and deploy it", "%s belongs to %s", o.Name(), mark.Owner)
		case owner != mark.Owner:
			d.warn(kind, deploy+", which loads them", "a deployment was aborted before %s was notified of the existing files", o.Name())
		case mark.Definition != o.Comment().Definition:
			d.warn(kind, deploy, "%s differs from the template: it was deployed by another version", o.Name())
		default:
			good++
		}
	}
	if good > 0 {
		d.pass(name, "%d exist, belong to the feed and are up to date", good)
	}
}

// show returns the row of an object; false if it does not exist.
func (d *doctor) show(ctx context.Context, o snowflake.Object) (client.Row, bool, error) {
	rows, err := d.session.Query(ctx, o.Describe())
	if errors.Is(err, client.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	for _, row := range rows {
		if row.Text("name") == o.StoredName() {
			return row, true, nil
		}
	}
	return nil, false, nil
}
