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

// trusting makes a role whose trust is what the custom resource says.
func trusting(word, id string) func(r map[string]any) {
	return func(r map[string]any) {
		said := map[string]any{"Fn::GetAtt": []any{"Answer", "Said"}}
		at(r, "Answer", "Properties")["Word"] = word
		at(r, "Answer", "Properties")["Id"] = id
		allow := func(action string) map[string]any {
			return map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": action, "Resource": "*"}}}
		}
		r["Trusting"] = map[string]any{"Type": "AWS::IAM::Role", "Properties": map[string]any{
			"AssumeRolePolicyDocument": map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
				"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": map[string]any{"AWS": "*"},
				"Condition": map[string]any{"StringEquals": map[string]any{"sts:ExternalId": said}},
			}}},
			"Policies": []any{map[string]any{"PolicyName": "inline", "PolicyDocument": allow("s3:GetObject")}},
		}}
		r["Attached"] = map[string]any{"Type": "AWS::IAM::Policy", "Properties": map[string]any{
			"PolicyName": "attached", "PolicyDocument": allow("s3:ListBucket"), "Roles": []any{map[string]any{"Ref": "Trusting"}},
		}}
	}
}

// failing adds to edit a queue with an unknown property, made after the role.
func failing(edit func(map[string]any)) func(r map[string]any) {
	return func(r map[string]any) {
		edit(r)
		r["Worse"] = map[string]any{"Type": "AWS::SQS::Queue", "DependsOn": "Trusting", "Properties": map[string]any{"Colour": "red"}}
	}
}

func TestCustomResources(t *testing.T) {
	w := newWorld(t)
	w.uploadCode()
	w.create("Feed", w.template(trusting("one", "")))
	w.wantStatus("Feed", cfntypes.StackStatusCreateComplete)
	w.wantRequests("Create  one")
	w.wantTrust("Create one")

	// A changed attribute reaches the role.
	w.update("Feed", w.template(trusting("two", "")))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	w.wantRequests("Update answer two")
	w.wantTrust("Update two")

	// Another physical ID is a replacement: the old one is deleted, at the end.
	w.update("Feed", w.template(trusting("three", "other")))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	w.wantRequests("Update answer three", "Delete answer two")
	if id := w.physicalID("Feed", "Answer"); id != "other" {
		t.Errorf("physical ID %s, want other", id)
	}

	// Rolled back: the old properties again, and the replacement goes.
	w.update("Feed", w.template(failing(trusting("four", "third"))))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)
	w.wantRequests("Update other four", "Update third three", "Delete third four")
	w.wantTrust("Update three")
	if id := w.physicalID("Feed", "Answer"); id != "other" {
		t.Errorf("physical ID %s after the rollback, want other", id)
	}

	// An update that fails is followed by one back.
	w.update("Feed", w.template(func(r map[string]any) {
		trusting("five", "other")(r)
		at(r, "Answer", "Properties")["Fail"] = true
	}))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)
	w.wantRequests("Update other five", "Update other three")

	// A creation that fails is deleted by the ID of its answer.
	w.update("Feed", w.template(func(r map[string]any) {
		trusting("three", "other")(r)
		r["New"] = map[string]any{"Type": "Custom::Answer", "Properties": map[string]any{
			"ServiceToken": map[string]any{"Fn::GetAtt": []any{"Function", "Arn"}}, "Word": "new", "Id": "nothing-made", "Fail": true,
		}}
	}))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)
	w.wantRequests("Create  new", "Delete nothing-made new")
}

// wantRequests looks for the requests to custom resources since the last look.
func (w *world) wantRequests(want ...string) {
	w.Helper()
	table := w.outputs("Feed")["Table"]
	var got []string
	if list, ok := w.item(table, "requests")["list"].(*types.AttributeValueMemberL); ok {
		for _, v := range list.Value {
			got = append(got, value(v))
		}
	}
	if len(got) < w.requests || !slices.Equal(got[w.requests:], want) {
		w.Errorf("requests %q, want %q after the first %d", got, want, w.requests)
	}
	w.requests = len(got)
}

// wantTrust looks at the role as its readers do.
func (w *world) wantTrust(externalID string) {
	w.Helper()
	cfg, err := w.env.AWSConfig(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	client, name := iam.NewFromConfig(cfg), aws.String(w.physicalID("Feed", "Trusting"))
	role, err := client.GetRole(w.Context(), &iam.GetRoleInput{RoleName: name})
	if err != nil {
		w.Fatal(err)
	}
	trust, err := url.QueryUnescape(aws.ToString(role.Role.AssumeRolePolicyDocument))
	if err != nil || !strings.Contains(trust, `"sts:ExternalId": "`+externalID+`"`) {
		w.Errorf("trust %s, %v, want the external ID %q", trust, err, externalID)
	}
	if age := w.started.Sub(aws.ToTime(role.Role.CreateDate)); age > 0 || age < -maxTestTime {
		w.Errorf("created at %v, which is %v before the test began", role.Role.CreateDate, age)
	}
	listed, err := client.ListRolePolicies(w.Context(), &iam.ListRolePoliciesInput{RoleName: name})
	if err != nil || !slices.Equal(slices.Sorted(slices.Values(listed.PolicyNames)), []string{"attached", "inline"}) {
		w.Errorf("inline policies %v, %v", listed, err)
	}
	policy, err := client.GetRolePolicy(w.Context(), &iam.GetRolePolicyInput{RoleName: name, PolicyName: aws.String("inline")})
	if err != nil || !strings.Contains(aws.ToString(policy.PolicyDocument), "GetObject") {
		w.Errorf("policy %v, %v", policy, err)
	}
	if _, err := sts.NewFromConfig(cfg).AssumeRole(w.Context(), &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("test"), ExternalId: &externalID}); err != nil {
		w.Error(err)
	}
}

func TestTemplatesAndParametersAsAsked(t *testing.T) {
	w := newWorld(t)
	template := func(metadata string) string {
		return `{"Metadata": {"Ingestion": "` + metadata + `"},
			"Parameters": {"Word": {"Type": "String", "Default": "secret <&>", "NoEcho": true}},
			"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}, "Topic": {"Type": "AWS::SNS::Topic"}}}`
	}
	w.create("T", template("one"))
	w.wantStatus("T", cfntypes.StackStatusCreateComplete)
	if p := w.stack("T").Parameters; len(p) != 1 || aws.ToString(p[0].ParameterValue) != "****" {
		t.Errorf("parameters %v, want a hidden one", p)
	}
	for _, stage := range []cfntypes.TemplateStage{"", cfntypes.TemplateStageOriginal, cfntypes.TemplateStageProcessed} {
		out, err := w.cfn.GetTemplate(t.Context(), &cloudformation.GetTemplateInput{StackName: aws.String("T"), TemplateStage: stage})
		if err != nil || aws.ToString(out.TemplateBody) != template("one") {
			t.Errorf("template of stage %q: %v, %v", stage, out, err)
		}
	}
	resources, err := w.cfn.DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: aws.String("T")})
	if err != nil || len(resources.StackResources) != 2 || resources.StackResources[0].ResourceStatus != cfntypes.ResourceStatusCreateComplete {
		t.Errorf("resources %v, %v", resources, err)
	}
	// As in AWS, the section cannot be changed by itself.
	_, err = w.cfn.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("T"), TemplateBody: aws.String(template("two"))})
	if err == nil || !strings.Contains(err.Error(), "No updates are to be performed") {
		t.Errorf("an update of the metadata alone: %v", err)
	}
}

func TestSecrets(t *testing.T) {
	w := newWorld(t)
	cfg, err := w.env.AWSConfig(t.Context())
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
