package handler

import (
	"context"
	"crypto/rand"

	"github.com/aws/aws-lambda-go/lambdacontext"
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
