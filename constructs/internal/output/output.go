// Package output writes the outputs and the metadata of a stack that scripts and
// the command `ingest` read.
package output

import (
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

var notAlphanumeric = regexp.MustCompile(`[^A-Za-z0-9]`)

// Prefix is a construct ID as it stands before the names of outputs.
func Prefix(id string) string { return notAlphanumeric.ReplaceAllString(id, "") }

// Add adds an output called <id><name> to a stack, without the hash that the CDK
// appends: scripts rely on these names. It is a child of the stack itself, because
// the logical IDs of those are their names.
func Add(stack awscdk.Stack, id, name, value, description string) {
	awscdk.NewCfnOutput(stack, jsii.String(Prefix(id)+name), &awscdk.CfnOutputProps{
		Value:       jsii.String(value),
		Description: jsii.String(description),
	})
}

// metadataKey is the key of the template's metadata with the feeds of the stack.
const metadataKey = "Ingestion"

// Metadata is what is known of a feed at synthesis.
type Metadata struct {
	Spec feed.Spec
	// Snowflake is nil for a feed that does not end there, Connection for one whose
	// SQL is run by hand. Of the secret it has the name only.
	Snowflake  *snowflake.Spec
	Connection *snowflake.Connection
}

// AddMetadata adds m to the template, under the prefix of the feed's outputs. It
// reports whether the stack has no other feed yet.
func AddMetadata(stack awscdk.Stack, id string, m Metadata) (alone bool) {
	feeds := map[string]any{}
	if all := stack.TemplateOptions().Metadata(); all != nil {
		if others, ok := (*all)[metadataKey].(map[string]any); ok {
			feeds = others
		}
	}
	entry := map[string]any{"Spec": stackscope.Object(m.Spec)}
	if m.Snowflake != nil {
		entry["Snowflake"] = stackscope.Object(m.Snowflake)
	}
	if m.Connection != nil {
		connection := *m.Connection
		if stackscope.IsToken(connection.Secret) {
			// The metadata would have an expression, which the command cannot resolve.
			connection.Secret = ""
			Add(stack, id, "SnowflakeSecret", m.Connection.Secret, "the secret with the key of the Snowflake user")
		}
		entry["Connection"] = stackscope.Object(connection)
	}
	alone = len(feeds) == 0
	feeds[Prefix(id)] = entry
	stack.AddMetadata(jsii.String(metadataKey), feeds)
	return alone
}
