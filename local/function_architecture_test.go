package local

import (
	"strings"
	"testing"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"example.com/ingestion/local/lambdahost"
)

// TestFunctionOfAnotherArchitectureIsRefused deploys two functions that this
// machine cannot run: nothing is created, and the error has the remedy.
func TestFunctionOfAnotherArchitectureIsRefused(t *testing.T) {
	f := sharedFixture(t)
	other := "x86_64"
	if lambdahost.Architecture() == other {
		other = "arm64"
	}
	function := `"Type": "AWS::Lambda::Function", "Properties": {"Handler": "bootstrap", "Runtime": "provided.al2023", "Code": {"S3Bucket": "code", "S3Key": "function.zip"},
		"Role": "arn:aws:iam::123456789012:role/function", "Architectures": ["` + other + `"]}`
	f.create("Foreign", `{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}, "Load": {`+function+`}, "Unpack": {`+function+`}}}`)
	s := f.stack("Foreign")
	if s.StackStatus != cfntypes.StackStatusRollbackComplete {
		t.Errorf("the stack is in %s", s.StackStatus)
	}
	reason := ""
	if s.StackStatusReason != nil {
		reason = *s.StackStatusReason
	}
	if events := f.events("Foreign"); len(events) > 0 {
		reason += strings.Join(events, "\n")
	}
	for _, want := range []string{"Load: ", "Unpack: ", "is built for " + other, "this machine runs " + lambdahost.Architecture() + " only", "make local-deploy"} {
		if !strings.Contains(reason, want) {
			t.Errorf("the reason lacks %q: %s", want, reason)
		}
	}
	if strings.Contains(reason, "Queue CREATE") {
		t.Errorf("resources were created before the function was refused: %s", reason)
	}
}
