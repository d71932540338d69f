package local

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// withRole adds a role whose trust policy has an attribute of the custom resource.
func withRole(text, id string) func(r map[string]any) {
	return func(r map[string]any) {
		output := map[string]any{"Fn::GetAtt": []any{"Custom", "Result"}}
		at(r, "Custom", "Properties")["Text"] = text
		at(r, "Custom", "Properties")["Id"] = id
		allow := func(action string) map[string]any {
			return map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": action, "Resource": "*"}}}
		}
		r["Trusting"] = map[string]any{"Type": "AWS::IAM::Role", "Properties": map[string]any{
			"AssumeRolePolicyDocument": map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
				"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": map[string]any{"AWS": "*"},
				"Condition": map[string]any{"StringEquals": map[string]any{"sts:ExternalId": output}},
			}}},
			"Policies": []any{map[string]any{"PolicyName": "inline", "PolicyDocument": allow("s3:GetObject")}},
		}}
		r["Attached"] = map[string]any{"Type": "AWS::IAM::Policy", "Properties": map[string]any{
			"PolicyName": "attached", "PolicyDocument": allow("s3:ListBucket"), "Roles": []any{map[string]any{"Ref": "Trusting"}},
		}}
	}
}

// failing adds to edit a queue with an unknown property, which is created after the role.
func failing(edit func(map[string]any)) func(r map[string]any) {
	return func(r map[string]any) {
		edit(r)
		r["Worse"] = map[string]any{"Type": "AWS::SQS::Queue", "DependsOn": "Trusting", "Properties": map[string]any{"Colour": "red"}}
	}
}

func TestCustomResources(t *testing.T) {
	f := newFixture(t)
	f.uploadCode()
	f.create("Feed", f.template(withRole("one", "")))
	f.wantStatus("Feed", cfntypes.StackStatusCreateComplete)
	f.wantRequests("Create  one")
	f.wantTrust("Create one")

	// A changed attribute reaches the role.
	f.update("Feed", f.template(withRole("two", "")))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	f.wantRequests("Update physical-id two")
	f.wantTrust("Update two")

	// Another physical ID is a replacement: the old one is deleted in the clean-up.
	f.update("Feed", f.template(withRole("three", "other")))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	f.wantRequests("Update physical-id three", "Delete physical-id two")
	if id := f.physicalID("Feed", "Custom"); id != "other" {
		t.Errorf("physical ID %s, want other", id)
	}

	// A rollback updates to the old properties and deletes the replacement.
	f.update("Feed", f.template(failing(withRole("four", "third"))))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)
	f.wantRequests("Update other four", "Update third three", "Delete third four")
	f.wantTrust("Update three")
	if id := f.physicalID("Feed", "Custom"); id != "other" {
		t.Errorf("physical ID %s after the rollback, want other", id)
	}

	// An update that fails is followed by an update to the old properties.
	f.update("Feed", f.template(func(r map[string]any) {
		withRole("five", "other")(r)
		at(r, "Custom", "Properties")["Fail"] = true
	}))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)
	f.wantRequests("Update other five", "Update other three")

	// A creation that fails is deleted by the physical ID of its response.
	f.update("Feed", f.template(func(r map[string]any) {
		withRole("three", "other")(r)
		r["New"] = map[string]any{"Type": "Custom::Test", "Properties": map[string]any{
			"ServiceToken": map[string]any{"Fn::GetAtt": []any{"Function", "Arn"}}, "Text": "new", "Id": "nothing-made", "Fail": true,
		}}
	}))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)
	f.wantRequests("Create  new", "Delete nothing-made new")
}

// wantRequests checks the requests to custom resources since its last call.
func (f *fixture) wantRequests(want ...string) {
	f.Helper()
	table := f.outputs("Feed")["Table"]
	var got []string
	if list, ok := f.item(table, "requests")["list"].(*types.AttributeValueMemberL); ok {
		for _, v := range list.Value {
			got = append(got, value(v))
		}
	}
	if len(got) < f.requests || !slices.Equal(got[f.requests:], want) {
		f.Errorf("requests %q, want %q after the first %d", got, want, f.requests)
	}
	f.requests = len(got)
}

// wantTrust checks the trust policy and the other policies of the role.
func (f *fixture) wantTrust(externalID string) {
	f.Helper()
	cfg, err := f.env.AWSConfig(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	client, name := iam.NewFromConfig(cfg), aws.String(f.physicalID("Feed", "Trusting"))
	role, err := client.GetRole(f.Context(), &iam.GetRoleInput{RoleName: name})
	if err != nil {
		f.Fatal(err)
	}
	trust, err := url.QueryUnescape(aws.ToString(role.Role.AssumeRolePolicyDocument))
	if err != nil || !strings.Contains(trust, `"sts:ExternalId": "`+externalID+`"`) {
		f.Errorf("trust %s, %v, want the external ID %q", trust, err, externalID)
	}
	if age := f.started.Sub(aws.ToTime(role.Role.CreateDate)); age > 0 || age < -maxTestTime {
		f.Errorf("created at %v, which is %v before the test began", role.Role.CreateDate, age)
	}
	listed, err := client.ListRolePolicies(f.Context(), &iam.ListRolePoliciesInput{RoleName: name})
	if err != nil || !slices.Equal(slices.Sorted(slices.Values(listed.PolicyNames)), []string{"attached", "inline"}) {
		f.Errorf("inline policies %v, %v", listed, err)
	}
	policy, err := client.GetRolePolicy(f.Context(), &iam.GetRolePolicyInput{RoleName: name, PolicyName: aws.String("inline")})
	if err != nil || !strings.Contains(aws.ToString(policy.PolicyDocument), "GetObject") {
		f.Errorf("policy %v, %v", policy, err)
	}
	if _, err := sts.NewFromConfig(cfg).AssumeRole(f.Context(), &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("test"), ExternalId: &externalID}); err != nil {
		f.Error(err)
	}
}

func TestTemplatesAndParameters(t *testing.T) {
	f := sharedFixture(t)
	template := func(metadata string) string {
		return `{"Metadata": {"Ingestion": "` + metadata + `"},
			"Parameters": {"Text": {"Type": "String", "Default": "secret <&>", "NoEcho": true}},
			"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}, "Topic": {"Type": "AWS::SNS::Topic"}}}`
	}
	f.create("T", template("one"))
	f.wantStatus("T", cfntypes.StackStatusCreateComplete)
	if p := f.stack("T").Parameters; len(p) != 1 || aws.ToString(p[0].ParameterValue) != "****" {
		t.Errorf("parameters %v, want one that is masked", p)
	}
	for _, stage := range []cfntypes.TemplateStage{"", cfntypes.TemplateStageOriginal, cfntypes.TemplateStageProcessed} {
		out, err := f.cfn.GetTemplate(t.Context(), &cloudformation.GetTemplateInput{StackName: aws.String("T"), TemplateStage: stage})
		if err != nil || aws.ToString(out.TemplateBody) != template("one") {
			t.Errorf("template of stage %q: %v, %v", stage, out, err)
		}
	}
	resources, err := f.cfn.DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: aws.String("T")})
	if err != nil || len(resources.StackResources) != 2 || resources.StackResources[0].ResourceStatus != cfntypes.ResourceStatusCreateComplete {
		t.Errorf("resources %v, %v", resources, err)
	}
	// As in AWS, a change of the section Metadata alone is no update.
	_, err = f.cfn.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("T"), TemplateBody: aws.String(template("two"))})
	if err == nil || !strings.Contains(err.Error(), "No updates are to be performed") {
		t.Errorf("an update of the metadata alone: %v", err)
	}
}

func TestSecrets(t *testing.T) {
	f := sharedFixture(t)
	cfg, err := f.env.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := secretsmanager.NewFromConfig(cfg)
	made, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("snowflake"), SecretString: aws.String("one")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: made.ARN, SecretString: aws.String("two")}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []*string{made.ARN, made.Name} {
		if out, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: id}); err != nil || aws.ToString(out.SecretString) != "two" {
			t.Errorf("secret %s: %v, %v", *id, out, err)
		}
	}
	if out, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil || aws.ToString(out.Account) != Account {
		t.Errorf("caller %v, %v", out, err)
	}
}
