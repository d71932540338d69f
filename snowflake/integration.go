package snowflake

import "strings"

// StorageIntegration lets Snowflake assume an IAM role. It is never replaced:
// stages refer to it by an internal ID, so that a new one would break them.
// https://docs.snowflake.com/en/sql-reference/sql/create-storage-integration#usage-notes
type StorageIntegration struct {
	// Integration is the name. Integrations belong to the account, not to a schema.
	Integration string
	// Provider is S3, S3GOV or S3CHINA.
	Provider string
	// RoleARN is the role. It need not exist before a stage is used.
	RoleARN    string
	ExternalID string
	// Locations are the URLs that stages may use, each ending with a slash.
	Locations []string
	Owner     string
}

// Kind returns KindStorageIntegration.
func (i StorageIntegration) Kind() Kind { return KindStorageIntegration }

// Name returns the quoted name.
func (i StorageIntegration) Name() string { return Identifier(i.Integration) }

// StoredName returns the name as Snowflake's catalog has it.
func (i StorageIntegration) StoredName() string { return stored(i.Integration) }

// Create creates the integration if it does not exist.
func (i StorageIntegration) Create() []string {
	return []string{"CREATE STORAGE INTEGRATION IF NOT EXISTS " + i.Name() +
		"\n  TYPE=EXTERNAL_STAGE STORAGE_PROVIDER=" + Literal(i.Provider) + "\n  " + i.settings()}
}

// Alter sets everything except type and provider, which cannot be altered.
func (i StorageIntegration) Alter() []string {
	return []string{"ALTER STORAGE INTEGRATION " + i.Name() + " SET\n  " + i.settings()}
}

func (i StorageIntegration) settings() string { return i.definition() + "\n  " + i.Comment().clause() }

func (i StorageIntegration) definition() string {
	return strings.Join([]string{
		"STORAGE_AWS_ROLE_ARN=" + Literal(i.RoleARN),
		"STORAGE_AWS_EXTERNAL_ID=" + Literal(i.ExternalID),
		"ENABLED=TRUE",
		"STORAGE_ALLOWED_LOCATIONS=" + literals(i.Locations),
	}, "\n  ")
}

// Describe returns rows with columns property and property_value, among them
// STORAGE_AWS_IAM_USER_ARN, STORAGE_AWS_EXTERNAL_ID and COMMENT. It fails with
// error 002003 if the integration does not exist.
func (i StorageIntegration) Describe() string { return "DESC STORAGE INTEGRATION " + i.Name() }

// Drop drops the integration.
func (i StorageIntegration) Drop() string { return drop(i.Kind(), i.Name()) }

// Comment returns the integration's comment.
func (i StorageIntegration) Comment() Comment { return newComment(i.Owner, i.Provider, i.definition()) }

// Validate checks whether the role can be assumed and can list the objects under
// url. The result is a JSON document with "status" success or failure. The
// function takes the name without quotes.
// https://docs.snowflake.com/en/sql-reference/functions/system_validate_storage_integration
func (i StorageIntegration) Validate(url string) string {
	return "SELECT SYSTEM$VALIDATE_STORAGE_INTEGRATION(" + Literal(i.StoredName()) + "," + Literal(url) + ",'ingestion-probe.txt','list')"
}

// ValidateRead checks whether the role can read a file, whose name is relative to url and
// which has to exist. The result is as that of Validate. Listing does not show whether
// s3:GetObject and, for encrypted objects, kms:Decrypt are allowed.
// https://docs.snowflake.com/en/sql-reference/functions/system_validate_storage_integration
func (i StorageIntegration) ValidateRead(url, name string) string {
	return "SELECT SYSTEM$VALIDATE_STORAGE_INTEGRATION(" + Literal(i.StoredName()) + "," + Literal(url) + "," + Literal(name) + ",'read')"
}
