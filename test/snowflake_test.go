package test

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs"
)

var logicalIDHash = regexp.MustCompile(`[0-9A-F]{8}"`)

// withoutHashes is a value of a template as text, with logical IDs as they are in the code.
func withoutHashes(v any) string { return logicalIDHash.ReplaceAllString(text(v), `"`) }

// only returns the one resource of a type whose logical ID starts with prefix.
func only(t *testing.T, tpl template, kind, prefix string) (string, resource) {
	t.Helper()
	found := tpl.ofType(kind)
	maps.DeleteFunc(found, func(id string, _ resource) bool { return !strings.HasPrefix(id, prefix) })
	if len(found) != 1 {
		t.Fatalf("%d resources of type %s called %s…, want 1", len(found), kind, prefix)
	}
	for id, r := range found {
		return id, r
	}
	panic("unreachable")
}

// snowflakeFeed is the template of a feed on a store with every capability.
func snowflakeFeed(t *testing.T, props constructs.IngestionPipelineProps) template {
	t.Helper()
	app := newApp(t)
	props.Store = newStoreOf(t, app, comprehensiveStore())
	newFeed(t, app, props)
	return synth(t, app)["Feed-"+props.Feed]
}

func TestSnowflakeTrust(t *testing.T) {
	script := toSnowflake("orders", constructs.FromParts(), constructs.Bulk("17 2 * * *"))
	byHand(script.Snowflake)
	script.Snowflake.Subscriber = ""
	for name, test := range map[string]struct {
		props                 constructs.IngestionPipelineProps
		principal, externalID string
	}{
		"with a connection": {
			toSnowflake("orders", constructs.FromParts(), constructs.Continuous()),
			`{"Fn::GetAtt":["FeedSnowflakeIntegration","IamUserArn"]}`, `{"Fn::GetAtt":["FeedSnowflakeIntegration","ExternalId"]}`,
		},
		"without one": {script, "arn:aws:iam::111122223333:user/abc1-s-xyz", "orders-4711"},
	} {
		t.Run(name, func(t *testing.T) {
			_, role := only(t, snowflakeFeed(t, test.props), "AWS::IAM::Role", "FeedSnowflakeRole")
			trust := statements(role.Properties["AssumeRolePolicyDocument"])
			if len(trust) != 1 {
				t.Fatalf("%d statements, want 1", len(trust))
			}
			principal, _ := trust[0].Principal.(map[string]any)
			equals, _ := trust[0].Condition["StringEquals"].(map[string]any)
			if trust[0].Effect != "Allow" || !slices.Equal(trust[0].Action, []string{"sts:AssumeRole"}) ||
				len(principal) != 1 || withoutHashes(principal["AWS"]) != test.principal ||
				len(trust[0].Condition) != 1 || len(equals) != 1 || withoutHashes(equals["sts:ExternalId"]) != test.externalID {
				t.Errorf("trust %+v", trust[0])
			}
		})
	}
}

// The role reads what the stage shows, in its bucket and under its prefix.
func TestSnowflakeReadsItsPrefixOnly(t *testing.T) {
	landing := `{"Fn::ImportValue":"Store:ExportsOutputFnGetAttStoreLandingBucket1537A5DDArnADEF8F08"}`
	source := `{"Fn::GetAtt":["FeedSourceBucketAF7796E7","Arn"]}`
	whole := toSnowflake("orders", constructs.FromFiles(), constructs.Continuous())
	whole.Source = constructs.NewBucket()
	for name, test := range map[string]struct {
		props          constructs.IngestionPipelineProps
		bucket, prefix string
	}{
		"parts":       {toSnowflake("orders", constructs.FromParts(), constructs.Continuous()), landing, "landing/orders/"},
		"changes":     {toSnowflake("orders", constructs.FromTable(), constructs.Continuous()), landing, "changes/orders/"},
		"files":       {toSnowflake("orders", constructs.FromFiles(), constructs.Continuous()), source, "incoming/"},
		"every file":  {whole, source, ""},
		"in the task": {toSnowflake("orders", constructs.FromFiles(), constructs.Bulk("17 2 * * *")), source, "incoming/"},
	} {
		t.Run(name, func(t *testing.T) {
			id, role := only(t, snowflakeFeed(t, test.props), "AWS::IAM::Role", "FeedSnowflakeRole")
			got := identityPolicies(template{Resources: map[string]resource{id: role}})[id]
			var listed map[string]any
			if test.prefix != "" {
				listed = map[string]any{"StringLike": map[string]any{"s3:prefix": test.prefix + "*"}}
			}
			want := []statement{
				{Effect: "Allow", Action: []string{"s3:GetObject", "s3:GetObjectVersion"}, Resource: []string{test.bucket + "/" + test.prefix + "*"}},
				{Effect: "Allow", Action: []string{"s3:ListBucket"}, Resource: []string{test.bucket}, Condition: listed},
				{Effect: "Allow", Action: []string{"s3:GetBucketLocation"}, Resource: []string{test.bucket}},
			}
			key := `{"Fn::ImportValue":"Store:ExportsOutputFnGetAttStoreKey7A3C02BDArnF1ADA0B0"}`
			if listed == nil { // the CDK makes one of statements alike
				want = []statement{want[0], {Effect: "Allow", Action: []string{"s3:GetBucketLocation", "s3:ListBucket"}, Resource: []string{test.bucket}}}
			}
			want = append(want, statement{Effect: "Allow", Action: []string{"kms:Decrypt"}, Resource: []string{key}})
			if !reflect.DeepEqual(got, want) {
				t.Errorf("policy\n%+v\nwant\n%+v", got, want)
			}
		})
	}
}

// The integration is made first, then the role, then the other objects, which also wait
// for the notifications of their files.
func TestSnowflakeOrder(t *testing.T) {
	for name, test := range map[string]struct {
		props constructs.IngestionPipelineProps
		want  []string // logical IDs that the objects wait for
	}{
		"files": {
			toSnowflake("orders", constructs.FromFiles(), constructs.Continuous()),
			[]string{"FeedSnowflakeRole", "FeedSourceBucketNotifications", "FeedSourceTopicTopicPolicy"},
		},
		"files by a task": {
			toSnowflake("orders", constructs.FromFiles(), constructs.Bulk("17 2 * * *")),
			[]string{"FeedSnowflakeRole"},
		},
		"own store": {
			toSnowflake("orders", constructs.FromParts(), constructs.Continuous()),
			[]string{"FeedSnowflakeRole", "FeedStoreLandingBucketNotifications", "FeedStoreTopicPolicy"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp(t)
			newFeed(t, app, test.props)
			tpl := synth(t, app)["Feed-orders"]
			_, objects := only(t, tpl, "Custom::SnowflakeObjects", "Feed")
			var got []string
			for _, id := range objects.DependsOn {
				got = append(got, id[:len(id)-8])
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("waits for %v, want %v", got, test.want)
			}

			integrationID, integration := only(t, tpl, "Custom::SnowflakeIntegration", "Feed")
			_, role := only(t, tpl, "AWS::IAM::Role", "FeedSnowflakeRole")
			if strings.Contains(text(integration.Properties), "FeedSnowflakeRole") || len(integration.DependsOn) > 0 {
				t.Error("the integration waits for the role, which waits for it")
			}
			if !strings.Contains(text(role.Properties), integrationID) {
				t.Error("the role does not wait for the integration")
			}
			// The integration names the role that is made.
			name := strings.TrimPrefix(roleARN(integration), `arn:{"Ref":"AWS::Partition"}:iam::{"Ref":"AWS::AccountId"}:role/`)
			if name != text(role.Properties["RoleName"]) || name != strings.TrimPrefix(roleARN(objects), `arn:{"Ref":"AWS::Partition"}:iam::{"Ref":"AWS::AccountId"}:role/`) {
				t.Errorf("role %s, the integration has %s", text(role.Properties["RoleName"]), name)
			}
		})
	}
}

func roleARN(r resource) string { return text(r.Properties["Names"].(map[string]any)["roleArn"]) }

func TestSnowflakeFunctionReadsOneSecret(t *testing.T) {
	for secret, want := range map[string][]string{
		"ingestion/snowflake": {`arn:{"Ref":"AWS::Partition"}:secretsmanager:{"Ref":"AWS::Region"}:{"Ref":"AWS::AccountId"}:secret:ingestion/snowflake-??????`},
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:snowflake":  {"arn:aws:secretsmanager:us-east-1:123456789012:secret:snowflake-??????"},
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:key-Ab12Cd": {"arn:aws:secretsmanager:us-east-1:123456789012:secret:key-Ab12Cd", "arn:aws:secretsmanager:us-east-1:123456789012:secret:key-Ab12Cd-??????"},
		*awscdk.Fn_ImportValue(jsii.String("SecretArn")):                  {`{"Fn::ImportValue":"SecretArn"}`},
		"": nil, // workload identity
	} {
		t.Run(secret, func(t *testing.T) {
			// Two feeds and a store in one stack share the function.
			app := newApp(t)
			stack := newStack(app, "Stack")
			for _, feed := range []string{"orders", "returns"} {
				props := toSnowflake(feed, constructs.FromParts(), constructs.Continuous())
				props.Assets = fakeAssets(t)
				props.Snowflake.Connection.Secret, props.Snowflake.Connection.WorkloadIdentity = secret, secret == ""
				if _, err := constructs.NewIngestionPipeline(stack, feed, props); err != nil {
					t.Fatal(err)
				}
			}
			tpl := synth(t, app)["Stack"]
			only(t, tpl, "AWS::Lambda::Function", "SnowflakeDeployment")
			var got []string
			for _, all := range identityPolicies(tpl) {
				for _, s := range all {
					if slices.Contains(s.Action, "secretsmanager:GetSecretValue") {
						got = append(got, s.Resource...)
					}
				}
			}
			slices.Sort(got)
			if got = slices.Compact(got); !slices.Equal(got, want) {
				t.Errorf("may read %v, want %v", got, want)
			}
		})
	}
}

// Roles and external IDs are the same with every synthesis.
func TestNamesAreStable(t *testing.T) {
	build := func() (role, externalID, function string) {
		props := toSnowflake(strings.Repeat("f", 40), constructs.FromParts(), constructs.Continuous())
		tpl := snowflakeFeed(t, props)
		_, r := only(t, tpl, "AWS::IAM::Role", "FeedSnowflakeRole")
		_, integration := only(t, tpl, "Custom::SnowflakeIntegration", "Feed")
		_, f := only(t, tpl, "AWS::IAM::Role", "SnowflakeDeploymentFunctionRole")
		return text(r.Properties["RoleName"]), integration.Properties["Spec"].(map[string]any)["externalId"].(string), text(f.Properties["RoleName"])
	}
	role, externalID, function := build()
	if again, externalIDAgain, functionAgain := build(); role != again || externalID != externalIDAgain || function != functionAgain {
		t.Error("names differ between two runs")
	}
	if len(externalID) < 2 || len(externalID) > 1224 || strings.Contains(externalID, "Token") {
		t.Errorf("external ID %q", externalID)
	}
	for _, name := range []string{role, function} {
		// 14 characters: no region has a longer name than ap-southeast-2.
		name := strings.ReplaceAll(name, `{"Ref":"AWS::Region"}`, "ap-southeast-2")
		if len(name) > 64 || !strings.Contains(name, "-snowflake-") {
			t.Errorf("role name %q of %d characters, the limit is 64", name, len(name))
		}
	}
	if role == function {
		t.Errorf("two roles are called %s", role)
	}
}

// With another ID the feed is another one to CloudFormation. If both had the same owner,
// deleting the old one would drop the objects of the new one.
func TestOwnerDependsOnTheConstructID(t *testing.T) {
	tpl := snowflakeFeed(t, toSnowflake("orders", constructs.FromParts(), constructs.Continuous()))
	for _, kind := range []string{"Custom::SnowflakeIntegration", "Custom::SnowflakeObjects"} {
		_, r := only(t, tpl, kind, "Feed")
		if owner := text(r.Properties["Names"].(map[string]any)["owner"]); !strings.HasSuffix(owner, "/Feed-orders/Feed") {
			t.Errorf("%s: owner %s", kind, owner)
		}
	}
}

func TestSnowflakeWithoutSQL(t *testing.T) {
	script := toSnowflake("orders", constructs.FromFiles(), constructs.Continuous())
	byHand(script.Snowflake)
	tpl := snowflakeFeed(t, script)
	for id, r := range tpl.Resources {
		if strings.HasPrefix(r.Type, "Custom::Snowflake") || strings.HasPrefix(id, "SnowflakeDeployment") {
			t.Errorf("%s of type %s, but no SQL is to be run", id, r.Type)
		}
	}
	_, policy := only(t, tpl, "AWS::SNS::TopicPolicy", "FeedSourceTopic")
	if !strings.Contains(text(policy.Properties), script.Snowflake.Subscriber) {
		t.Errorf("the feed's topic does not let %s subscribe", script.Snowflake.Subscriber)
	}
	requireSnowflakeOutputs(t, tpl, "Bucket", "Definition", "Owner", "RoleArn", "Table", "Topic", "View")

	existing := toSnowflake("orders", constructs.FromParts(), constructs.Bulk("17 2 * * *"))
	existing.Snowflake.ExistingIntegration = true
	tpl = snowflakeFeed(t, existing)
	for id, r := range tpl.Resources {
		if r.Type == "Custom::SnowflakeIntegration" || strings.HasPrefix(id, "FeedSnowflakeRole") {
			t.Errorf("%s, but the integration exists", id)
		}
	}
	requireSnowflakeOutputs(t, tpl, "Bucket", "Definition", "Owner", "Table", "View")
}

func requireSnowflakeOutputs(t *testing.T, tpl template, want ...string) {
	t.Helper()
	var got []string
	for name := range tpl.Outputs {
		if rest, ok := strings.CutPrefix(name, "FeedSnowflake"); ok {
			got = append(got, rest)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("outputs %v, want %v", got, want)
	}
}

// The metadata of a stack has all its pipelines, by the prefix of their outputs, and no
// tokens.
func TestMetadata(t *testing.T) {
	app := newApp(t)
	stack := newStack(app, "Stack")
	for i, feed := range []string{"orders", "returns", "alone"} {
		props := toSnowflake(feed, constructs.FromParts(), constructs.Continuous())
		if i == 2 {
			props.Snowflake = nil
		}
		props.Assets = fakeAssets(t)
		if _, err := constructs.NewIngestionPipeline(stack, "My-"+feed, props); err != nil {
			t.Fatal(err)
		}
	}
	feeds, _ := synth(t, app)["Stack"].Metadata["Ingestion"].(map[string]any)
	if got, want := slices.Sorted(maps.Keys(feeds)), []string{"Myalone", "Myorders", "Myreturns"}; !slices.Equal(got, want) {
		t.Fatalf("feeds %v, want %v", got, want)
	}
	for id, v := range feeds {
		feed := v.(map[string]any)
		name := strings.TrimPrefix(id, "My")
		if got := feed["Spec"].(map[string]any)["feed"]; got != name {
			t.Errorf("%s is of feed %v", id, got)
		}
		spec, ok := feed["Snowflake"].(map[string]any)
		if ok != (name != "alone") {
			t.Errorf("%s: Snowflake %v", id, feed["Snowflake"])
		}
		if ok && (spec["table"] != strings.ToUpper(name) || spec["prefix"] != "landing/"+name+"/") {
			t.Errorf("%s: Snowflake %v", id, spec)
		}
	}
}
