package test

import (
	"slices"
	"testing"

	"example.com/ingestion/constructs"
	"example.com/ingestion/feed"
)

// unpack may read the secrets of the feed's shapes, and no other.
func TestSecretsOfShapes(t *testing.T) {
	app := newApp(t)
	props := minimal("orders")
	props.Shape = constructs.Shape{HashSecret: "orders/email", Operations: []feed.Operation{feed.Hash("email")}}
	newFeed(t, app, props)
	var resources []string
	for _, all := range identityPolicies(synth(t, app)["Feed-orders"]) {
		for _, s := range all {
			if slices.Contains(s.Action, "secretsmanager:GetSecretValue") {
				resources = append(resources, s.Resource...)
			}
		}
	}
	want := []string{`arn:{"Ref":"AWS::Partition"}:secretsmanager:{"Ref":"AWS::Region"}:{"Ref":"AWS::AccountId"}:secret:orders/email-??????`}
	if !slices.Equal(resources, want) {
		t.Errorf("%v, want %v", resources, want)
	}
}

func TestShapesAreValidated(t *testing.T) {
	props := minimal("orders")
	props.Shape = constructs.Shape{Operations: []feed.Operation{feed.Number(), feed.Hash("email"), feed.JQ("now")}}
	requireLines(t, props.Validate(), []string{
		`feed "orders": Shape.Operations[0] (number): names no field`,
		`feed "orders": Shape.HashSecret: "": is required by Hash, and allowed only with it`,
	})
	props.Shape = constructs.Shape{Operations: []feed.Operation{feed.JQ("now")}}
	requireLines(t, props.Validate(), []string{
		`feed "orders": Shape: operation 1 (jq): program "now": now is not allowed: repeated work must have the same result`,
	})
}
