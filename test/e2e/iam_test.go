package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/ingestion/local"
)

// permissions collects what the roles of all tests of this package may do, and what
// they did: one action of one kind of role on one kind of resource.
var permissions = struct {
	sync.Mutex
	used, unused map[string]bool
}{used: map[string]bool{}, unused: map[string]bool{}}

// ofLambda are actions that Lambda itself makes with the role of a function, which the
// local Lambda host does not need.
var ofLambda = map[string]string{
	"logs:CreateLogStream":     "Lambda writes the logs: https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html",
	"logs:PutLogEvents":        "Lambda writes the logs: https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html",
	"sqs:GetQueueAttributes":   "Lambda checks it for queues: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
	"dynamodb:ListStreams":     "Lambda checks it for streams: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html",
	"s3:PutBucketNotification": "the local CloudFormation sets the notifications itself, not by the function of the CDK",
}

// unusedWithReason are permissions that no test of this package uses, by kind of role
// and action, and why the roles have them.
var unusedWithReason = map[string]string{
	"Discover s3:ListBucketVersions": "an external bucket with versions, where a listed object was overwritten: tested in internal/aws/s3source",
	"Discover sqs:SendMessage":       "the failure queue takes a listing that failed three times: Lambda sends it",
	"Export s3:ListBucket":           "Lambda needs it for a bucket that takes failed batches: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-error-handling.html",
	"Load dynamodb:PutItem":          "a part is set aside after its last attempt, and a feed is entered again that got work meanwhile: tested in internal/functions/load",
	"Unpack dynamodb:Query":          "parts are counted again after an invocation that was stopped: tested in internal/functions/unpack",
	"Unpack s3:AbortMultipartUpload": "a large file whose copy to quarantine fails halfway: tested in internal/aws/s3source",
}

// reasonFor is why the roles have a permission that no test uses, "" for none.
func reasonFor(permission string) string {
	_, action, _ := strings.Cut(permission, " ")
	if reason := ofLambda[action]; reason != "" {
		return reason
	}
	return unusedWithReason[permission]
}

// collectPermissions adds the IAM report of a local AWS.
func collectPermissions(ctx context.Context, env *local.Env) error {
	report, err := env.IAMReport(ctx)
	if err != nil {
		return err
	}
	permissions.Lock()
	defer permissions.Unlock()
	for _, u := range report.Used {
		permissions.used[kindOfRole(u.Role)+" "+u.Action] = true
	}
	for _, u := range report.Unused {
		permissions.unused[kindOfRole(u.Role)+" "+u.Action] = true
	}
	return nil
}

var randomSuffix = regexp.MustCompile(`(ServiceRole|Role)?[0-9A-F]{8}-[A-Za-z0-9]+$`)

// roleKinds are the functions of a feed or store, as they occur in the names of roles.
var roleKinds = []string{"Unpack", "Load", "Discover", "Export", "BucketNotifications", "AutoDeleteObjects", "snowflake"}

// kindOfRole is the function of a role, without its stack and feed.
func kindOfRole(arn string) string {
	name := arn[strings.LastIndex(arn, "/")+1:]
	for _, kind := range roleKinds {
		if strings.Contains(name, kind) {
			return kind
		}
	}
	return randomSuffix.ReplaceAllString(name, "")
}

// neverUsed are the permissions that no test used, sorted.
func neverUsed() []string {
	var all []string
	for p := range permissions.unused {
		if !permissions.used[p] {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all
}

// TestMain runs all tests and then compares the permissions that none of them used with
// unusedWithReason, unless only some tests were run. With IAM_REPORT=<file>, it writes
// every permission and whether it was used: make iam-report.
func TestMain(m *testing.M) {
	code := m.Run()
	if path := os.Getenv("IAM_REPORT"); path != "" {
		if err := os.WriteFile(path, []byte(permissionReport()), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if code == 0 && flag.Lookup("test.run").Value.String() == "" && len(permissions.used) > 0 {
		for _, p := range neverUsed() {
			if reasonFor(p) == "" {
				fmt.Fprintf(os.Stderr, "%s: no test needs this permission: remove it, or give the reason for it in unusedWithReason of test/e2e/iam_test.go\n", p)
				code = 1
			}
		}
	}
	os.Exit(code)
}

func permissionReport() string {
	var lines []string
	for p := range permissions.used {
		lines = append(lines, p+": used")
	}
	for _, p := range neverUsed() {
		reason := reasonFor(p)
		if reason == "" {
			reason = "no reason is given"
		}
		lines = append(lines, p+": not used: "+reason)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}
