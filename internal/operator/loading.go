package operator

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/partdispatch"
)

// WakeLoader invokes load, which looks for parts that wait.
func (d *Deployment) WakeLoader(ctx context.Context, wake ids.Load) error {
	return dispatch.JSON[ids.Load](dispatch.Function(d.Account.Config, d.LoadFunction))(ctx, wake)
}

// LoadPart lets a part wait for load, as the function unpack does: with the metrics and
// the number of loaders that are in its environment.
func (d *Deployment) LoadPart(ctx context.Context, ref ids.PartRef) error {
	if d.parts == nil {
		f, err := d.Lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &d.UnpackFunction})
		if err != nil {
			return fmt.Errorf("environment of function %s: %w", d.UnpackFunction, err)
		}
		env := map[string]string{}
		if f.Environment != nil {
			env = f.Environment.Variables
		}
		d.parts = &partdispatch.Dispatcher{
			Ledger: d.Ledger, Wake: d.WakeLoader,
			Feed: ledger.FeedWithWork{Feed: d.Name, Metrics: env[feed.EnvMetrics]},
		}
	}
	return d.parts.Dispatch(ctx, ref)
}
