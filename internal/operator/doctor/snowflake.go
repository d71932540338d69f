package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/ingestion/internal/operator/warehouse"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// login opens the session that the checks after it use.
func login(ctx context.Context, x *exam) {
	const name = "login"
	w, err := warehouse.Describe(x.Live)
	if errors.Is(err, warehouse.ErrNoConnection) {
		x.add(Unknown, name, "look yourself, with the statements of `ingest sql "+x.Live.Name+"`", "the feed has no connection, so nothing in Snowflake was looked at")
		return
	}
	if err != nil {
		x.fail(name, "deploy the feed with this version: npx cdk deploy "+x.Live.Stack, "%v", err)
		return
	}
	x.plan = w.Plan
	x.session, err = x.open(ctx)
	switch {
	case denied(err):
		x.add(Unknown, name, "allow these credentials secretsmanager:GetSecretValue on it", "%v", err)
	case errors.Is(err, client.ErrLogin):
		seen, mend, _ := strings.Cut(err.Error(), "; ")
		x.fail(name, mend, "%s", seen)
	case err != nil:
		x.fail(name, "mend the connection or its secret, see docs/snowflake.md", "%v", err)
	default:
		x.pass(name, "account %s, user %s, role %s", w.Connection.Account, w.Connection.User, w.Connection.Role)
	}
}

// snowflakeFailed enters what Snowflake did not answer: a right of its own that
// is missing, or what the message says.
func (x *exam) snowflakeFailed(name string, err error) {
	var told *client.Error
	if errors.As(err, &told) && told.Remedy != "" {
		x.add(Unknown, name, told.Remedy, "%v", told.Err)
		return
	}
	x.add(Unknown, name, "run the command again; if it stays, what Snowflake says is the way", "%v", err)
}

// integration looks at the storage integration, compares it with its role, and
// has Snowflake try it.
func integration(ctx context.Context, x *exam) {
	const name = "integration"
	spec := x.Live.Snowflake.WithDefaults()
	i := integrationOf(x.plan, spec)
	rows, err := x.session.Query(ctx, i.Describe())
	switch {
	case errors.Is(err, client.ErrNotFound):
		x.fail(name, x.remake()+"; if it is there, its owner has to grant the role its use", "%s does not exist, or the role may not see it", i.Name())
		return
	case err != nil:
		x.snowflakeFailed(name, err)
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
	if x.plan.Integration != nil {
		compare("STORAGE_AWS_ROLE_ARN", i.RoleARN)
		compare("STORAGE_AWS_EXTERNAL_ID", i.ExternalID)
	}
	stage := x.plan.StageURL()
	covered := slices.ContainsFunc(strings.Split(is["STORAGE_ALLOWED_LOCATIONS"], ","), func(l string) bool {
		l = strings.TrimSpace(l)
		return l == "*" || l != "" && strings.HasPrefix(stage, l)
	})
	if !covered {
		wrong = append(wrong, fmt.Sprintf("it allows %s, which does not cover %s", is["STORAGE_ALLOWED_LOCATIONS"], stage))
	}
	if len(wrong) > 0 {
		mend := strings.Join(i.Alter(), "; ")
		if x.plan.Integration == nil {
			mend = "its owner has to alter it: ALTER STORAGE INTEGRATION " + i.Name() + " SET ENABLED=TRUE STORAGE_ALLOWED_LOCATIONS=(<those it has>," + snowflake.Literal(stage) + ")"
		}
		x.fail(name, mend, "%s: %s", i.Name(), strings.Join(wrong, "; "))
	} else {
		x.pass(name, "%s is enabled and allows %s", i.Name(), stage)
	}
	if x.trusted {
		user, id := is["STORAGE_AWS_IAM_USER_ARN"], is["STORAGE_AWS_EXTERNAL_ID"]
		if x.trust.trusts(user, id) {
			x.pass("role: trust", "%s with the integration's external ID", user)
		} else {
			x.fail("role: trust", x.revert(), "the role's trust policy does not let %s assume it with external ID %q, which is what the integration shows", user, id)
		}
	}
	x.validate(ctx, i, stage)
}

// validate has Snowflake assume the role and list the stage.
func (x *exam) validate(ctx context.Context, i snowflake.StorageIntegration, stage string) {
	const name = "integration: access"
	text, err := x.scalar(ctx, i.Validate(stage))
	if err != nil {
		x.snowflakeFailed(name, err)
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
		x.snowflakeFailed(name, fmt.Errorf("answer %q: %w", text, err))
		return
	}
	if strings.EqualFold(v.Status, "success") {
		x.pass(name, "Snowflake lists %s", stage)
		return
	}
	said := v.Message
	for _, a := range v.Actions {
		if !strings.Contains(said, a.Message) {
			said += " " + a.Message
		}
	}
	x.fail(name, "mend role and integration as the lines above say; a change of a role takes a minute, and up to an hour where Snowflake keeps its credentials",
		"Snowflake cannot list %s: %s", stage, said)
}

// scalar is the only value of the only row.
func (x *exam) scalar(ctx context.Context, statement string) (string, error) {
	rows, err := x.session.Query(ctx, statement)
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

// objects looks whether everything that the feed has in Snowflake is there, is
// its own, and has the definition of the template.
func objects(ctx context.Context, x *exam) {
	const name = "objects"
	deploy := "deploy the feed with this version: npx cdk deploy " + x.Live.Stack
	good := 0
	for _, o := range x.plan.Objects() {
		if o.Kind() == snowflake.KindStorageIntegration {
			continue // looked at already
		}
		kind := strings.ToLower(string(o.Kind()))
		row, ok, err := x.show(ctx, o)
		if err != nil {
			x.snowflakeFailed(kind, err)
			continue
		}
		mark, marked := snowflake.ParseComment(row.Text("comment"))
		owner := strings.TrimSuffix(mark.Owner, "#unfinished")
		switch {
		case !ok:
			x.fail(kind, x.remake(), "%s does not exist, or the role may not see it", o.Name())
		case !marked && o.Kind() == snowflake.KindTable:
			good++ // one that somebody made for the feed keeps its comment
		case !marked:
			x.fail(kind, "somebody made or changed it by hand: drop it, "+o.Drop()+", and "+x.remake(), "%s has no mark of this project", o.Name())
		case owner != o.Comment().Owner:
			x.fail(kind, "give the feed another name for it in its Snowflake prop, and deploy it", "%s belongs to %s", o.Name(), mark.Owner)
		case owner != mark.Owner:
			x.warn(kind, deploy+", which announces them", "a deployment was cut off before %s was told of the files that are there", o.Name())
		case mark.Definition != o.Comment().Definition:
			x.warn(kind, deploy, "%s is not what the template says: it was deployed by another version", o.Name())
		default:
			good++
		}
	}
	if good > 0 {
		x.pass(name, "%d are there, are the feed's own and up to date", good)
	}
}

// show finds the row of an object; false if it does not exist.
func (x *exam) show(ctx context.Context, o snowflake.Object) (client.Row, bool, error) {
	rows, err := x.session.Query(ctx, o.Describe())
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
