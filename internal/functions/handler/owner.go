package handler

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/ingestion/internal/store/ledger"
)

// WithOwner returns a context in which Owner is the same at every call: outside of
// Lambda, where an invocation has no request ID, it gets a random one.
func WithOwner(ctx context.Context) context.Context {
	if Owner(ctx) != "" {
		return ctx
	}
	return lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: rand.Text()})
}

// Owner returns the name under which an invocation takes leases: its request ID. Lambda
// repeats it when it retries an asynchronous invocation, which so has the leases of the
// invocation that failed. Nothing depends on that: the first retry comes after a
// minute, when a lease that is not renewed has expired.
func Owner(ctx context.Context) string {
	lc, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return ""
	}
	return lc.AwsRequestID
}

// NewLease is a lease of the invocation that is held for so long from now on.
func NewLease(ctx context.Context, held time.Duration) ledger.Lease {
	return ledger.Lease{Owner: Owner(ctx), Until: time.Now().Add(held)}
}
