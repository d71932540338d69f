package constructs

import (
	"fmt"

	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/stackscope"
)

// deleteDataContext is the key of the CDK's context that must be "true" in
// addition to the prop DeleteData: neither a line of code nor a command alone
// deletes data.
const deleteDataContext = "deleteData"

// deletesData reports whether data are deleted with their stack. The prop without
// the context adds a warning, and the data are kept.
func deletesData(scope core.Construct, prop bool) bool {
	if !prop {
		return false
	}
	if value := scope.Node().TryGetContext(jsii.String(deleteDataContext)); value != nil && fmt.Sprint(value) == "true" {
		return true
	}
	stackscope.AddWarning(scope, "ingestion:deleteData", "DeleteData is set, but the data will be kept: deploy with `--context "+deleteDataContext+"=true` too before you destroy")
	return false
}
