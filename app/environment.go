package app

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
	"time"

	"example.com/ingestion/constructs"
)

// environment is one deployment of the app, read from the CDK's context. The
// package's documentation has the meaning of each field.
type environment struct {
	Name                  string                  `json:"-"`
	isLocal               bool                    // see local
	Account               text                    `json:"account"`
	Region                text                    `json:"region"`
	Architecture          constructs.Architecture `json:"architecture"`
	LandingExpirationDays number                  `json:"landingExpirationDays"`
	LogRetentionDays      number                  `json:"logRetentionDays"`
	Loaders               number                  `json:"loaders"`
	LoadMemoryMB          number                  `json:"loadMemoryMB"`
	LoadTimeoutSeconds    number                  `json:"loadTimeoutSeconds"`
	WarmReadUnits         number                  `json:"warmReadUnits"`
	WarmWriteUnits        number                  `json:"warmWriteUnits"`
	MaxWriteUnits         number                  `json:"maxWriteUnits"`
	AlarmEmail            text                    `json:"alarmEmail"`
	Dashboard             flag                    `json:"dashboard"`
	Key                   text                    `json:"key"`
	Disposable            flag                    `json:"disposable"`
	// DeleteData and TableIndexes are read by the constructs themselves.
	DeleteData        flag `json:"deleteData"`
	TableIndexes      text `json:"tableIndexes"`
	Assets            text `json:"assets"`
	SnowflakeAccount  text `json:"snowflakeAccount"`
	SnowflakeUser     text `json:"snowflakeUser"`
	SnowflakeRole     text `json:"snowflakeRole"`
	SnowflakeSecret   text `json:"snowflakeSecret"`
	SnowflakeDatabase text `json:"snowflakeDatabase"`
	SnowflakeSchema   text `json:"snowflakeSchema"`
}

// A value is JSON in cdk.json and text from `cdk --context`. The cdk CLI converts
// what looks like a number to one, account IDs included.
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
		return fmt.Errorf("%s is not a whole number", b)
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
	// environmentName is what the name of a stack, of at most 128 characters, may begin with.
	environmentName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,29}$`)
	accountID       = regexp.MustCompile(`^[0-9]{12}$`)
	regionName      = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]$`)
	// appKey matches the context keys of this app. Those of the CDK and of its tools
	// have colons, slashes or hyphens.
	appKey = regexp.MustCompile(`^[A-Za-z]+$`)
)

// readEnvironment reads the environment from the CDK's context, in the form in
// which the cdk CLI passes it on. The fields are in the context itself, for every
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
// Everything that is wrong is reported at once, unknown keys included.
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
		wrong(keyEnvironment, "%q cannot be the prefix of stack names: give up to 30 letters, digits and hyphens, beginning with a letter, such as \"staging\"", e.Name)
	case e.Name != "" && len(environments) > 0 && own == nil:
		wrong(keyEnvironment, "%q is none of %q in \"environments\" of cdk.json", e.Name, slices.Sorted(maps.Keys(environments)))
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if key == keyEnvironment || key == keyEnvironments || !appKey.MatchString(key) {
			continue
		}
		if other, ok := own[key]; ok && !bytes.Equal(other, all[key]) {
			wrong(key, "is %s for every environment and %s for %q: remove one", all[key], other, e.Name)
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

// set reads one field; where names its place in the context in errors.
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
		wrong(where, "is not a key of this app; the nearest is %q; `go doc ./app` lists all", nearest(key))
	default:
		wrong(where, "%w", err)
	}
}

func (e *environment) validate(wrong func(where, format string, args ...any)) {
	if (e.Account == "") != (e.Region == "") {
		wrong("account", "%q goes with region %q: give both or neither", e.Account, e.Region)
	}
	if e.Account != "" && !accountID.MatchString(string(e.Account)) {
		wrong("account", "%q is not an account ID: give its 12 digits, in quotes in cdk.json", e.Account)
	}
	if e.Region != "" && !regionName.MatchString(string(e.Region)) {
		wrong("region", "%q is not a region such as \"eu-central-1\"", e.Region)
	}
}

// named returns a name prefixed with that of the environment.
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
		Loaders:               int(e.Loaders),
		Load:                  constructs.FunctionProps{MemoryMB: int(e.LoadMemoryMB), Timeout: time.Duration(e.LoadTimeoutSeconds) * time.Second},
		WarmThroughput:        constructs.WarmThroughput{ReadUnits: int(e.WarmReadUnits), WriteUnits: int(e.WarmWriteUnits)},
		MaxWriteUnits:         int(e.MaxWriteUnits),
		Snowflake:             e.connection(),
		Changes:               e.connection() != nil,
		Architecture:          e.Architecture,
		Dashboard:             bool(e.Dashboard),
		DeleteData:            bool(e.Disposable),
		Assets:                string(e.Assets),
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

// connection returns how to connect to Snowflake, nil without an account.
func (e environment) connection() *constructs.SnowflakeConnection {
	if e.SnowflakeAccount == "" {
		return nil
	}
	return &constructs.SnowflakeConnection{
		Account: string(e.SnowflakeAccount),
		User:    string(cmp.Or(e.SnowflakeUser, defaultUser)),
		Role:    string(cmp.Or(e.SnowflakeRole, defaultRole)),
		Secret:  string(cmp.Or(e.SnowflakeSecret, defaultSecret)),
	}
}

// snowflake returns the feed's Snowflake props, completed by the environment: a
// prop that the feed gives wins. It returns nil where neither has an account.
func (e environment) snowflake(f constructs.IngestionPipelineProps) *constructs.SnowflakeProps {
	if f.Snowflake == nil {
		return nil
	}
	p := *f.Snowflake
	if p.Principal == "" { // with one, the statements are run by hand
		if p.Connection == nil || e.isLocal {
			p.Connection = e.connection()
		}
		if p.Connection == nil {
			return nil
		}
	}
	p.Database = cmp.Or(p.Database, string(e.SnowflakeDatabase), defaultDatabase)
	p.Schema = cmp.Or(p.Schema, string(e.SnowflakeSchema), defaultSchema)
	// Without hyphens it needs no quotes in SQL.
	p.Integration = cmp.Or(p.Integration, strings.ReplaceAll(e.named(f.Feed+"_integration", "_"), "-", "_"))
	return &p
}
