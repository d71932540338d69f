package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// logRequests writes a line for each attempt of a request to AWS: service,
// operation, host, status, request ID and duration. It writes neither headers nor
// bodies, which hold credentials and data.
func logRequests(w io.Writer) func(*middleware.Stack) error {
	log := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("LogRequests", func(
			ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
		) (middleware.DeserializeOutput, middleware.Metadata, error) {
			started := time.Now()
			out, metadata, err := next.HandleDeserialize(ctx, in)
			attributes := []any{
				"request", awsmiddleware.GetServiceID(ctx) + "." + awsmiddleware.GetOperationName(ctx), "region", awsmiddleware.GetRegion(ctx),
			}
			if r, ok := in.Request.(*smithyhttp.Request); ok {
				attributes = append(attributes, "host", r.URL.Host)
			}
			if r, ok := out.RawResponse.(*smithyhttp.Response); ok && r != nil {
				attributes = append(attributes, "status", r.StatusCode, "request_id", cmp.Or(r.Header.Get("X-Amzn-Requestid"), r.Header.Get("X-Amz-Request-Id")))
			}
			attributes = append(attributes, "duration", time.Since(started).Round(time.Millisecond))
			if err != nil {
				attributes = append(attributes, "error", fmt.Sprintf("%.500s", err))
			}
			log.Debug("aws", attributes...)
			return out, metadata, err
		}), middleware.After)
	}
}
