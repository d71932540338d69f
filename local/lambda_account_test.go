package local

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// TestAccountSettings shows the default quota, less what functions reserve.
func TestAccountSettings(t *testing.T) {
	f := newFixture(t)
	f.create("Reserved", `{"Resources": {
		"Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [
			{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}}},
		"Function": {"Type": "AWS::Lambda::Function", "Properties": {"ReservedConcurrentExecutions": 7,
			"Code": {"ZipFile": "nothing runs it"}, "Handler": "index.handler", "Runtime": "python3.13", "Role": {"Fn::GetAtt": ["Role", "Arn"]}}}}}`)
	cfg, err := f.env.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := lambda.NewFromConfig(cfg).GetAccountSettings(t.Context(), &lambda.GetAccountSettingsInput{})
	if err != nil {
		t.Fatal(err)
	}
	if l := out.AccountLimit; l.ConcurrentExecutions != 1000 || aws.ToInt32(l.UnreservedConcurrentExecutions) != 993 {
		t.Errorf("%+v", l)
	}
}
