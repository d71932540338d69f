package call

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Custom returns the endpoint that the user has set for a service, by the name
// that the SDK has for it ("SQS", "STS"), or for all; false for none. It is what
// the SDK's own clients do with AWS_ENDPOINT_URL_<SERVICE> and AWS_ENDPOINT_URL.
func Custom(ctx context.Context, cfg aws.Config, service string) (string, bool, error) {
	for _, source := range cfg.ConfigSources {
		s, ok := source.(interface {
			GetServiceBaseEndpoint(context.Context, string) (string, bool, error)
		})
		if !ok {
			continue
		}
		endpoint, ok, err := s.GetServiceBaseEndpoint(ctx, service)
		if err != nil {
			return "", false, fmt.Errorf("endpoint of %s: %w", service, err)
		}
		if ok && endpoint != "" {
			return endpoint, true, nil
		}
	}
	if e := aws.ToString(cfg.BaseEndpoint); e != "" {
		return e, true, nil
	}
	return "", false, nil
}

// Endpoint returns the endpoint of a service in cfg's region: the user's, see
// Custom, or AWS's own, the host of which begins with prefix.
func Endpoint(ctx context.Context, cfg aws.Config, service, prefix string) (string, error) {
	custom, ok, err := Custom(ctx, cfg, service)
	if err != nil || ok {
		return strings.TrimSuffix(custom, "/"), err
	}
	domain := ".amazonaws.com"
	if strings.HasPrefix(cfg.Region, "cn-") {
		domain += ".cn"
	}
	return "https://" + prefix + "." + cfg.Region + domain, nil
}
