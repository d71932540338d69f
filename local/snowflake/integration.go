package snowflake

import (
	"context"
	"crypto/rand"
	"strings"

	"example.com/ingestion/local/snowflake/awsaccess"
	"example.com/ingestion/local/snowflake/sqlparser"
)

// integration is a storage integration. A stage refers to the object and not to its
// name, as in Snowflake: an integration that replaces it is another object.
type integration struct {
	awsaccess.Integration
	provider string
}

func createIntegration(st *statement, _ context.Context, o, _ *object) (func() error, error) {
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	d := &integration{provider: strings.ToUpper(options.Text("STORAGE_PROVIDER"))}
	d.Name = o.name
	d.ExternalID = "LOCAL_SFCRole=" + rand.Text()
	o.detail = d
	d.set(o, options)
	return nil, st.ExpectEnd()
}

func (d *integration) set(o *object, options sqlparser.Options) {
	if options.Has("STORAGE_AWS_ROLE_ARN") {
		d.RoleARN = options.Text("STORAGE_AWS_ROLE_ARN")
	}
	if options.Has("STORAGE_AWS_EXTERNAL_ID") {
		d.ExternalID = options.Text("STORAGE_AWS_EXTERNAL_ID")
	}
	if options.Has("ENABLED") {
		d.Enabled = options.True("ENABLED")
	}
	if v, ok := options["STORAGE_ALLOWED_LOCATIONS"]; ok {
		d.AllowedLocations = v.Strings()
	}
	if v, ok := options["STORAGE_BLOCKED_LOCATIONS"]; ok {
		d.BlockedLocations = v.Strings()
	}
	if options.Has("COMMENT") {
		o.comment = options.Text("COMMENT")
	}
}

func describeIntegration(o *object) *result {
	d := o.detail.(*integration)
	r := textResult("property", "property_type", "property_value", "property_default")
	r.addText("ENABLED", "Boolean", boolean(d.Enabled), "false")
	r.addText("STORAGE_PROVIDER", "String", d.provider, "")
	r.addText("STORAGE_ALLOWED_LOCATIONS", "List", strings.Join(d.AllowedLocations, ","), "[]")
	r.addText("STORAGE_BLOCKED_LOCATIONS", "List", strings.Join(d.BlockedLocations, ","), "[]")
	r.addText("STORAGE_AWS_IAM_USER_ARN", "String", IAMUserARN, "")
	r.addText("STORAGE_AWS_ROLE_ARN", "String", d.RoleARN, "")
	r.addText("STORAGE_AWS_EXTERNAL_ID", "String", d.ExternalID, "")
	r.addText("USE_PRIVATELINK_ENDPOINT", "Boolean", "false", "false")
	r.addText("COMMENT", "String", o.comment, "")
	return r
}

func boolean(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
