package snowflake

import "strings"

// StorageIntegration lets Snowflake assume a role in AWS. It is never replaced:
// stages are bound to its hidden ID, and a new one would break them
// (documentation: "CREATE STORAGE INTEGRATION", usage notes).
type StorageIntegration struct {
	// Integration is its name; integrations belong to the account, not to a schema.
	Integration string
	// Provider is S3, S3GOV or S3CHINA.
	Provider string
	// RoleARN need not exist yet: Snowflake first assumes it when a stage is used.
	RoleARN    string
	ExternalID string
	// Locations are the URLs that stages may show, each ending in a slash.
	Locations []string
	Owner     string
}

// Kind is KindStorageIntegration.
func (i StorageIntegration) Kind() Kind { return KindStorageIntegration }

// Name is the quoted name.
func (i StorageIntegration) Name() string { return Identifier(i.Integration) }

// StoredName is the name in the catalog.
func (i StorageIntegration) StoredName() string { return stored(i.Integration) }

// Create makes the integration if it is missing.
func (i StorageIntegration) Create() []string {
	return []string{"CREATE STORAGE INTEGRATION IF NOT EXISTS " + i.Name() +
		"\n  TYPE=EXTERNAL_STAGE STORAGE_PROVIDER=" + Literal(i.Provider) + "\n  " + i.settings()}
}

// Alter sets everything but type and provider, which never change.
func (i StorageIntegration) Alter() []string {
	return []string{"ALTER STORAGE INTEGRATION " + i.Name() + " SET\n  " + i.settings()}
}

func (i StorageIntegration) settings() string { return i.definition() + "\n  " + i.Mark().clause() }

func (i StorageIntegration) definition() string {
	return strings.Join([]string{
		"STORAGE_AWS_ROLE_ARN=" + Literal(i.RoleARN),
		"STORAGE_AWS_EXTERNAL_ID=" + Literal(i.ExternalID),
		"ENABLED=TRUE",
		"STORAGE_ALLOWED_LOCATIONS=" + literals(i.Locations),
	}, "\n  ")
}

// Describe answers with columns property and property_value; of interest are
// STORAGE_AWS_IAM_USER_ARN, STORAGE_AWS_EXTERNAL_ID and COMMENT. A missing
// integration is error 002003.
func (i StorageIntegration) Describe() string { return "DESC STORAGE INTEGRATION " + i.Name() }

// Drop drops the integration.
func (i StorageIntegration) Drop() string { return drop(i.Kind(), i.Name()) }

// Mark is the integration's comment.
func (i StorageIntegration) Mark() Mark { return mark(i.Owner, i.Provider, i.definition()) }

// Validate answers with one JSON document, whose "status" says success or
// failure: whether the role can be assumed and lists the objects under url.
// The name goes there as the catalog has it, without quotes.
func (i StorageIntegration) Validate(url string) string {
	return "SELECT SYSTEM$VALIDATE_STORAGE_INTEGRATION(" + Literal(i.StoredName()) + "," + Literal(url) + ",'ingestion-probe.txt','list')"
}
