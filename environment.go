package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/ingestion/constructs"
)

// environment is one deployment of this app: "production", or "staging" beside
// it. It is read from the CDK's context, see readEnvironment.
type environment struct {
	// Name comes before the names of stacks and integrations, so that one account
	// can have several ("staging" makes staging-Store): up to 30 letters, digits
	// and hyphens, beginning with a letter. Default: none. In Snowflake give each
	// a database or schema of its own; tables are called alike.
	Name string `json:"-"`
	// Account and Region are where the stacks go: both or neither. Without them
	// they go where the credentials lead.
	Account text `json:"account"`
	Region  text `json:"region"`
	// Architecture of the functions: arm64 (default) or x86_64.
	Architecture constructs.Architecture `json:"architecture"`
	// LandingExpirationDays is for how long parts are kept (default 90),
	// LogRetentionDays the logs of the functions (default 30).
	LandingExpirationDays number `json:"landingExpirationDays"`
	LogRetentionDays      number `json:"logRetentionDays"`
	// AlarmEmail gets the alarms of every feed. Without it there are none.
	AlarmEmail text `json:"alarmEmail"`
	// Dashboard makes one for the app.
	Dashboard flag `json:"dashboard"`
	// Key encrypts everything at rest: "new" makes a KMS key, and the ARN of one
	// takes that. Without it the keys are those of AWS.
	Key text `json:"key"`
	// Disposable lets `cdk destroy --context deleteData=true` delete the data. The
	// deployment before it needs that context too.
	Disposable flag `json:"disposable"`
	// DeleteData is that context. The constructs look at it themselves.
	DeleteData flag `json:"deleteData"`
	// SnowflakeAccount is <organization>-<account>. Without it the feeds end in
	// the table. Put it into cdk.json, so that a deployment never forgets it.
	SnowflakeAccount text `json:"snowflakeAccount"`
	// SnowflakeUser and SnowflakeRole are both INGESTION unless given.
	SnowflakeUser text `json:"snowflakeUser"`
	SnowflakeRole text `json:"snowflakeRole"`
	// SnowflakeSecret is the Secrets Manager secret with the user's private key
	// (default "ingestion/snowflake").
	SnowflakeSecret text `json:"snowflakeSecret"`
	// SnowflakeDatabase and SnowflakeSchema are RAW and PUBLIC unless given.
	SnowflakeDatabase text `json:"snowflakeDatabase"`
	SnowflakeSchema   text `json:"snowflakeSchema"`
}

// A value comes as JSON from cdk.json and as text from `cdk --context`. The cdk
// CLI turns what looks like a number into one: an account's number, too.
type (
	text   string
	number int
	flag   bool
)

func (t *text) UnmarshalJSON(b []byte) error {
	if s, err := strconv.Unquote(string(b)); err == nil {
		*t = text(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("%s is neither text nor a number", b)
	}
	*t = text(n.String())
	return nil
}

func (n *number) UnmarshalJSON(b []byte) error {
	i, err := strconv.Atoi(strings.Trim(string(b), `"`))
	if err != nil {
		return fmt.Errorf("%s is no whole number", b)
	}
	*n = number(i)
	return nil
}

func (f *flag) UnmarshalJSON(b []byte) error {
	switch strings.Trim(string(b), `"`) {
	case "true":
		*f = true
	case "false":
	default:
		return fmt.Errorf("%s is neither true nor false", b)
	}
	return nil
}

const (
	keyEnvironment  = "environment"
	keyEnvironments = "environments"
)

var (
	// environmentName is what may begin the name of a stack, which has 128 characters.
	environmentName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,29}$`)
	accountID       = regexp.MustCompile(`^[0-9]{12}$`)
	regionName      = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]$`)
	// ownKey is what this app's context keys look like. Those of the CDK and of
	// its tools have colons, slashes or hyphens.
	ownKey = regexp.MustCompile(`^[A-Za-z]+$`)
)

// readEnvironment reads the environment from the CDK's context, given as the cdk
// CLI hands it over. Its fields stand in the context itself, for every
// environment, or in the entry of "environments" that "environment" names:
//
//	"context": {
//	  "snowflakeAccount": "myorg-myaccount",
//	  "environments": {
//	    "staging":    {"snowflakeDatabase": "RAW_STAGING", "landingExpirationDays": 7},
//	    "production": {"account": "123456789012", "region": "eu-central-1", "alarmEmail": "data@example.com"}
//	  }
//	}
//
// Everything that is wrong is reported at once, among it a key that is not known.
func readEnvironment(contextJSON string) (environment, error) {
	e := environment{LandingExpirationDays: 90}
	all := map[string]json.RawMessage{}
	if contextJSON != "" {
		if err := json.Unmarshal([]byte(contextJSON), &all); err != nil {
			return e, fmt.Errorf("context of the app: %w", err)
		}
	}
	var errs []error
	wrong := func(where, format string, args ...any) {
		errs = append(errs, fmt.Errorf("context of the app: "+where+": "+format, args...))
	}
	var name text
	var environments map[string]map[string]json.RawMessage
	read := func(key string, target any) {
		if value, ok := all[key]; ok {
			if err := json.Unmarshal(value, target); err != nil {
				wrong(key, "%w", err)
			}
		}
	}
	read(keyEnvironment, &name)
	read(keyEnvironments, &environments)
	e.Name = string(name)
	own := environments[e.Name]
	switch {
	case e.Name != "" && !environmentName.MatchString(e.Name):
		wrong(keyEnvironment, "%q cannot begin the names of stacks: give up to 30 letters, digits and hyphens, beginning with a letter, such as \"staging\"", e.Name)
	case e.Name != "" && len(environments) > 0 && own == nil:
		wrong(keyEnvironment, "%q is none of %q in \"environments\" of cdk.json", e.Name, slices.Sorted(maps.Keys(environments)))
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if key == keyEnvironment || key == keyEnvironments || !ownKey.MatchString(key) {
			continue
		}
		if other, ok := own[key]; ok && !bytes.Equal(other, all[key]) {
			wrong(key, "is %s for every environment and %s for %q: keep one", all[key], other, e.Name)
			continue
		}
		e.set(wrong, key, key, all[key])
	}
	for _, key := range slices.Sorted(maps.Keys(own)) {
		e.set(wrong, keyEnvironments+"."+e.Name+"."+key, key, own[key])
	}
	e.validate(wrong)
	return e, errors.Join(errs...)
}

// set reads one field; where says of which place.
func (e *environment) set(wrong func(where, format string, args ...any), where, key string, value json.RawMessage) {
	field, err := json.Marshal(map[string]json.RawMessage{key: value})
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(field))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(e)
	}
	switch {
	case err == nil:
	case strings.Contains(err.Error(), "unknown field"):
		wrong(where, "is not known to this app, see environment.go for what is")
	default:
		wrong(where, "%w", err)
	}
}

func (e *environment) validate(wrong func(where, format string, args ...any)) {
	if (e.Account == "") != (e.Region == "") {
		wrong("account", "%q goes with region %q: give both or neither", e.Account, e.Region)
	}
	if e.Account != "" && !accountID.MatchString(string(e.Account)) {
		wrong("account", "%q is no account's number: 12 digits, in quotes in cdk.json", e.Account)
	}
	if e.Region != "" && !regionName.MatchString(string(e.Region)) {
		wrong("region", "%q is no region, such as \"eu-central-1\"", e.Region)
	}
}

// named returns a name of this environment.
func (e environment) named(name, separator string) string {
	if e.Name == "" {
		return name
	}
	return e.Name + separator + name
}

// store returns the props of the store that the feeds share.
func (e environment) store() constructs.StoreProps {
	props := constructs.StoreProps{
		LandingExpirationDays: int(e.LandingExpirationDays),
		LogRetentionDays:      int(e.LogRetentionDays),
		Snowflake:             e.connection(),
		Changes:               e.connection() != nil,
		Architecture:          e.Architecture,
		Dashboard:             bool(e.Dashboard),
		DeleteData:            bool(e.Disposable),
	}
	if e.AlarmEmail != "" {
		props.Alarms = &constructs.StoreAlarmProps{Emails: []string{string(e.AlarmEmail)}}
	}
	switch e.Key {
	case "":
	case "new":
		props.Key = constructs.NewKey()
	default:
		props.Key = constructs.ExistingKey(string(e.Key))
	}
	return props
}

// connection returns how to reach Snowflake, nil for not at all.
func (e environment) connection() *constructs.SnowflakeConnection {
	if e.SnowflakeAccount == "" {
		return nil
	}
	return &constructs.SnowflakeConnection{
		Account: string(e.SnowflakeAccount),
		User:    string(cmp.Or(e.SnowflakeUser, "INGESTION")),
		Role:    string(cmp.Or(e.SnowflakeRole, "INGESTION")),
		Secret:  string(cmp.Or(e.SnowflakeSecret, "ingestion/snowflake")),
	}
}

// snowflake returns the feed's Snowflake props in this environment; without a
// connection none.
func (e environment) snowflake(f constructs.IngestionPipelineProps) *constructs.SnowflakeProps {
	connection := e.connection()
	if f.Snowflake == nil || connection == nil {
		return nil
	}
	p := *f.Snowflake
	p.Connection = connection
	p.Database = string(cmp.Or(e.SnowflakeDatabase, "RAW"))
	p.Schema = string(cmp.Or(e.SnowflakeSchema, "PUBLIC"))
	// Without hyphens it needs no quotes in SQL.
	p.Integration = strings.ReplaceAll(e.named(f.Feed+"_integration", "_"), "-", "_")
	return &p
}
