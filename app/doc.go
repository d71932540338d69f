// Package app is a whole CDK app around the constructs: one stack for the store
// that all feeds share, and one stack per feed. The root app.go of this repository
// is a list of feeds that is given to Main.
//
// # Context
//
// An app takes what differs between deployments from the CDK's context, from
// cdk.json or from `cdk --context key=value`:
//
//   - environment: the name of one of several deployments of the app in an account.
//     It precedes the names of stacks and integrations: "staging" makes
//     staging-Store. Up to 30 letters, digits and hyphens, beginning with a letter.
//     Default: none. In Snowflake give each environment a database or schema of
//     its own; tables have the same names.
//   - environments: the values of all keys below by environment, such as
//     {"production": {"alarmEmail": "data@example.com"}}. The same keys outside of
//     it apply to every environment.
//   - account and region: where the stacks are deployed, both or neither. Default:
//     those of the credentials.
//   - architecture: that of the functions, arm64 (default) or x86_64.
//   - landingExpirationDays: for how many days parts are kept (default 90).
//   - loaders, loadMemoryMB and loadTimeoutSeconds: how many invocations of load write
//     to the table at a time for all feeds together (default 16), and their size.
//   - warmReadUnits, warmWriteUnits: the throughput that the table has from the start.
//   - maxWriteUnits: the write units a second that the table takes at most.
//   - tableIndexes: the indexes of the table, separated by commas, for the steps in which
//     a table of an earlier version gets those of this one, see CHANGELOG.md.
//   - logRetentionDays: for how many days logs are kept (default 30).
//   - alarmEmail: receives the alarms of every feed. Default: no alarms.
//   - dashboard: true creates a CloudWatch dashboard for the app.
//   - key: "new" encrypts everything at rest with a new KMS key, an ARN with that
//     key. Default: keys of AWS.
//   - disposable: true lets `cdk destroy --context deleteData=true` delete the
//     data. The deployment before it needs that context too.
//   - assets: a folder with prebuilt binaries of the functions, see
//     constructs.IngestionPipelineProps. Default: they are built at synthesis.
//   - snowflakeAccount: <organization>-<account>. Without it the feeds end in
//     DynamoDB. Put it into cdk.json, so that no deployment omits it.
//   - snowflakeUser and snowflakeRole (default INGESTION), snowflakeSecret (the
//     Secrets Manager secret with the user's private key, default
//     "ingestion/snowflake"), snowflakeDatabase (default RAW) and snowflakeSchema
//     (default PUBLIC). A feed's own SnowflakeProps win over these.
//
// # The local cloud
//
// Where AWS_ENDPOINT_URL is an address of this machine, the app is deployed to
// the local cloud of `make local`: the functions are built for this machine's
// processor, the stacks have no account or region of their own, and Snowflake is
// the local one, whatever the context has for these.
package app
