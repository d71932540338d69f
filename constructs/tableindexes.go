package constructs

import (
	"fmt"
	"slices"
	"strings"

	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/feed"
)

// tableIndexesContext is the key of the CDK's context that names the indexes of the table,
// separated by commas, for the steps in which a deployed table gets those of this version:
// CloudFormation creates or deletes one index of a table in each update.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html
const tableIndexesContext = "tableIndexes"

// tableIndexes are the names of the indexes that the table gets.
func tableIndexes(scope core.Construct) ([]string, error) {
	value := scope.Node().TryGetContext(jsii.String(tableIndexesContext))
	if value == nil {
		return []string{feed.LedgerIndex, feed.KeyIndex}, nil
	}
	known := []string{feed.FormerLedgerIndex, feed.LedgerIndex, feed.KeyIndex}
	names := strings.Split(fmt.Sprint(value), ",")
	for i, name := range names {
		if !slices.Contains(known, name) || slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("store: context %s: %q is not a list of different indexes: %s, separated by commas", tableIndexesContext, value, strings.Join(known, ", "))
		}
	}
	if !slices.Contains(names, feed.LedgerIndex) {
		return nil, fmt.Errorf("store: context %s: %q lacks %s, which every command reads", tableIndexesContext, value, feed.LedgerIndex)
	}
	return names, nil
}
