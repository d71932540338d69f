package app

import "example.com/ingestion/constructs"

// The account of the local Snowflake of `make local`, and the defaults of an
// environment, which the local Snowflake comes with.
const (
	LocalSnowflakeAccount = "local-sandbox"
	defaultUser           = "INGESTION"
	defaultRole           = "INGESTION"
	defaultSecret         = "ingestion/snowflake" //nolint:gosec // the name of a secret
	defaultDatabase       = "RAW"
	defaultSchema         = "PUBLIC"
)

// local returns e as far as it applies to the local cloud: names and switches
// stay, accounts, keys and the processor are those of this machine.
func (e environment) local() environment {
	e.isLocal = true
	e.Account, e.Region = "", ""
	e.Architecture = constructs.HostArchitecture()
	if e.Key != "" {
		e.Key = "new" // the key of an ARN does not exist here
	}
	e.SnowflakeAccount = LocalSnowflakeAccount
	e.SnowflakeUser, e.SnowflakeRole, e.SnowflakeSecret = defaultUser, defaultRole, defaultSecret
	return e
}
