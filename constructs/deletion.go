package constructs

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// deleteDataContext is the key of the CDK's context that must be "true" beside
// the prop DeleteData: a line of code alone, or a command alone, deletes nothing.
const deleteDataContext = "deleteData"

// deletesData reports whether data go with their stack. A prop without the
// context is told as a warning, and the data stay.
func deletesData(scope core.Construct, prop bool) bool {
	if !prop {
		return false
	}
	if value := scope.Node().TryGetContext(jsii.String(deleteDataContext)); value != nil && fmt.Sprint(value) == "true" {
		return true
	}
	addWarning(scope, "ingestion:deleteData", "DeleteData is set, but the data will be kept: deploy with `--context "+deleteDataContext+"=true` too before you destroy")
	return false
}

func removalPolicy(deleted bool) awscdk.RemovalPolicy {
	if deleted {
		return awscdk.RemovalPolicy_DESTROY
	}
	return awscdk.RemovalPolicy_RETAIN
}
