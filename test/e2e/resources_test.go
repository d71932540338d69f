package e2e

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"example.com/ingestion/local"
)

// kept are the types of resources that a change of props must not replace.
var kept = []string{"AWS::S3::Bucket", "AWS::DynamoDB::GlobalTable", "AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::Lambda::Function", "AWS::IAM::Role"}

// physical returns the physical IDs of the resources of these types, by stack and logical ID.
func (m *modes) physical(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, stack := range stagingStacks {
		for _, kind := range kept {
			maps.Copy(all, m.resources(t, stack, kind))
		}
	}
	return all
}

// resources returns the physical IDs of a stack's resources of a type, by stack and logical ID.
func (w *fixture) resources(t *testing.T, stack, kind string) map[string]string {
	t.Helper()
	out, err := cloudformation.NewFromConfig(w.cfg).DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: &stack})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, r := range out.StackResources {
		if *r.ResourceType == kind && r.ResourceStatus != "DELETE_COMPLETE" {
			found[stack+"/"+*r.LogicalResourceId] = *r.PhysicalResourceId
		}
	}
	return found
}

func (w *fixture) output(t *testing.T, stack, name string) string {
	t.Helper()
	outputs, err := w.env.Outputs(t.Context(), stack)
	if err != nil {
		t.Fatal(err)
	}
	if outputs[name] == "" {
		t.Fatalf("stack %s has no output %s: %v", stack, name, outputs)
	}
	return outputs[name]
}

// cloudwatch sends a request by CloudWatch's Query protocol: moto does not have the
// protocol of the Go SDK's client.
func (w *fixture) cloudwatch(t *testing.T, answer any, action, parameter, value string) {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2010-08-01"}, parameter: {value}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.env.Endpoint(), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20260101/"+local.Region+"/monitoring/aws4_request, SignedHeaders=host, Signature=none")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(body, answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %v\n%s", action, response.Status, err, body)
	}
}
