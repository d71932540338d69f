package app

import (
	"strings"
	"testing"
)

func TestReadEnvironment(t *testing.T) {
	const both = `{"@aws-cdk/core:x": true, "aws:cdk:y": 1, "acknowledged-issue-numbers": [1], "snowflakeAccount": "o-a", "environments": {
		"staging": {"snowflakeDatabase": "RAW_STAGING", "landingExpirationDays": 7},
		"production": {"account": "123456789012", "region": "eu-central-1", "alarmEmail": "data@example.com", "disposable": false}}`
	for name, test := range map[string]struct {
		context string
		want    environment
	}{
		"none":       {"", environment{LandingExpirationDays: 90}},
		"of neither": {both + "}", environment{LandingExpirationDays: 90, SnowflakeAccount: "o-a"}},
		"staging": {both + `,"environment": "staging"}`, environment{
			Name: "staging", LandingExpirationDays: 7, SnowflakeAccount: "o-a", SnowflakeDatabase: "RAW_STAGING",
		}},
		"production": {both + `,"environment": "production"}`, environment{
			Name: "production", LandingExpirationDays: 90, SnowflakeAccount: "o-a", Account: "123456789012", Region: "eu-central-1", AlarmEmail: "data@example.com",
		}},
		"as the command line gives it": {`{"environment": "x", "account": 123456789012, "region": "us-east-1", "logRetentionDays": "7", "deleteData": "true"}`, environment{
			Name: "x", LandingExpirationDays: 90, Account: "123456789012", Region: "us-east-1", LogRetentionDays: 7, DeleteData: true,
		}},
		"the same twice": {`{"snowflakeAccount": "o-a", "environment": "x", "environments": {"x": {"snowflakeAccount": "o-a"}}}`, environment{
			Name: "x", LandingExpirationDays: 90, SnowflakeAccount: "o-a",
		}},
	} {
		if got, err := readEnvironment(test.context); err != nil || got != test.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, test.want)
		}
	}
}

func TestReadEnvironmentReportsErrors(t *testing.T) {
	for context, want := range map[string]string{
		`{`:                      "context of the app: unexpected end of JSON input",
		`{"environment": "1st"}`: `context of the app: environment: "1st" cannot be the prefix of stack names: give up to 30 letters, digits and hyphens, beginning with a letter, such as "staging"`,
		`{"environment": "prod", "environments": {"production": {}, "staging": {}}}`: `context of the app: environment: "prod" is none of ["production" "staging"] in "environments" of cdk.json`,
		`{"snowflakeAcount": "o-a"}`:                                    "context of the app: snowflakeAcount: is not a key of this app; the nearest is \"snowflakeAccount\"; `go doc ./app` lists all",
		`{"environment": "x", "environments": {"x": {"Regions": "r"}}}`: "context of the app: environments.x.Regions: is not a key of this app; the nearest is \"region\"; `go doc ./app` lists all",
		`{"region": "eu-central-1"}`:                                    `context of the app: account: "" goes with region "eu-central-1": give both or neither`,
		`{"account": "12", "region": "Frankfurt"}`:                      "context of the app: account: \"12\" is not an account ID: give its 12 digits, in quotes in cdk.json\ncontext of the app: region: \"Frankfurt\" is not a region such as \"eu-central-1\"",
		`{"logRetentionDays": "long"}`:                                  `context of the app: logRetentionDays: "long" is not a whole number`,
		`{"dashboard": "yes"}`:                                          `context of the app: dashboard: "yes" is neither true nor false`,
		`{"alarmEmail": ["a", "b"]}`:                                    `context of the app: alarmEmail: ["a","b"] is neither text nor a number`,
		`{"alarmEmail": "a", "environment": "x", "environments": {"x": {"alarmEmail": "b"}}}`: `context of the app: alarmEmail: is "a" for every environment and "b" for "x": remove one`,
	} {
		if _, err := readEnvironment(context); err == nil || strings.TrimSpace(err.Error()) != want {
			t.Errorf("%s:\n%v\nwant:\n%s", context, err, want)
		}
	}
}
