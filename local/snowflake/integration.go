package snowflake

import (
	"context"
	"crypto/rand"
	"strings"

	"example.com/ingestion/local/snowflake/cloud"
)

// integration is a storage integration. Stages hold the object itself, as
// Snowflake's hold its hidden ID: a new one of the same name is another one.
type integration struct {
	cloud.Integration
	provider string
}

func makeIntegration(st *statement, _ context.Context, o, _ *object) (func() error, error) {
	options, err := st.readOptions()
	if err != nil {
		return nil, err
	}
	d := &integration{provider: strings.ToUpper(options.text("STORAGE_PROVIDER"))}
	d.Name = o.name
	d.ExternalID = "LOCAL_SFCRole=" + rand.Text()
	o.detail = d
	d.set(o, options)
	return nil, st.end()
}

func (d *integration) set(o *object, options options) {
	if options.has("STORAGE_AWS_ROLE_ARN") {
		d.RoleARN = options.text("STORAGE_AWS_ROLE_ARN")
	}
	if options.has("STORAGE_AWS_EXTERNAL_ID") {
		d.ExternalID = options.text("STORAGE_AWS_EXTERNAL_ID")
	}
	if options.has("ENABLED") {
		d.Enabled = options.flag("ENABLED")
	}
	if v, ok := options["STORAGE_ALLOWED_LOCATIONS"]; ok {
		d.AllowedLocations = v.texts()
	}
	if v, ok := options["STORAGE_BLOCKED_LOCATIONS"]; ok {
		d.BlockedLocations = v.texts()
	}
	if options.has("COMMENT") {
		o.comment = options.text("COMMENT")
	}
}

// texts are the elements of a list.
func (v value) texts() []string {
	out := make([]string, len(v.list))
	for i, item := range v.list {
		out[i] = item.val
	}
	return out
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
