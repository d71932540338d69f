package call

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// custom returns the endpoint that the user has set for a service, by the name
// that the SDK has for it ("SQS", "STS"), or for all; "" for none. It is what the
// SDK's own clients do with AWS_ENDPOINT_URL_<SERVICE> and AWS_ENDPOINT_URL.
func custom(ctx context.Context, cfg aws.Config, service string) (string, error) {
	for _, source := range cfg.ConfigSources {
		s, ok := source.(interface {
			GetServiceBaseEndpoint(context.Context, string) (string, bool, error)
		})
		if !ok || ignored(ctx, cfg) {
			continue
		}
		endpoint, ok, err := s.GetServiceBaseEndpoint(ctx, service)
		if err != nil {
			return "", fmt.Errorf("endpoint of %s: %w", service, err)
		}
		if ok && endpoint != "" {
			return endpoint, nil
		}
	}
	return aws.ToString(cfg.BaseEndpoint), nil
}

// ignored reports whether the user wants no endpoint of the surroundings.
func ignored(ctx context.Context, cfg aws.Config) bool {
	for _, source := range cfg.ConfigSources {
		s, ok := source.(interface {
			GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error)
		})
		if !ok {
			continue
		}
		if ignore, found, err := s.GetIgnoreConfiguredEndpoints(ctx); err == nil && found {
			return ignore
		}
	}
	return false
}

// Endpoint returns the endpoint of a service in cfg's region: the user's, see
// custom, or AWS's own, the host of which begins with prefix: the one for FIPS or
// for both protocols of the internet where AWS_USE_FIPS_ENDPOINT and
// AWS_USE_DUALSTACK_ENDPOINT ask for it.
func Endpoint(ctx context.Context, cfg aws.Config, service, prefix string) (string, error) {
	if own, err := custom(ctx, cfg, service); err != nil || own != "" {
		return strings.TrimSuffix(own, "/"), err
	}
	if cfg.Region == "" {
		return "", fmt.Errorf("endpoint of %s: no region is set", service)
	}
	v, err := variantOf(ctx, cfg)
	if err != nil {
		return "", fmt.Errorf("endpoint of %s: %w", service, err)
	}
	// In the regions of the government, STS and SQS have one host for all.
	if v.fips && (v.dual || service == "Lambda" || !strings.HasPrefix(cfg.Region, "us-gov-")) {
		prefix += "-fips"
	}
	domain := domainOf(cfg.Region)
	if v.dual {
		return "https://" + prefix + "." + cfg.Region + "." + domain.dual, nil
	}
	return "https://" + prefix + "." + cfg.Region + "." + domain.plain, nil
}

type variant struct{ fips, dual bool }

// variantOf goes by the first source that says something, as the SDK does.
func variantOf(ctx context.Context, cfg aws.Config) (v variant, err error) {
	var fips, dual bool
	for _, source := range cfg.ConfigSources {
		if s, ok := source.(interface {
			GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
		}); ok && !fips {
			var state aws.FIPSEndpointState
			if state, fips, err = s.GetUseFIPSEndpoint(ctx); err != nil {
				return v, err
			}
			v.fips = state == aws.FIPSEndpointStateEnabled
		}
		if s, ok := source.(interface {
			GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error)
		}); ok && !dual {
			var state aws.DualStackEndpointState
			if state, dual, err = s.GetUseDualStackEndpoint(ctx); err != nil {
				return v, err
			}
			v.dual = state == aws.DualStackEndpointStateEnabled
		}
	}
	return v, nil
}

// domains are what the hosts of a partition end in: those of one protocol of the
// internet, and those of both.
type domains struct{ plain, dual string }

// partitions are told by how their regions begin.
var partitions = map[string]domains{
	"cn-":      {"amazonaws.com.cn", "api.amazonwebservices.com.cn"},
	"eusc-":    {"amazonaws.eu", "api.amazonwebservices.eu"},
	"us-iso-":  {"c2s.ic.gov", "api.aws.ic.gov"},
	"us-isob-": {"sc2s.sgov.gov", "api.aws.scloud"},
	"eu-isoe-": {"cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
	"us-isof-": {"csp.hci.ic.gov", "api.aws.hci.ic.gov"},
}

func domainOf(region string) domains {
	for prefix, d := range partitions {
		if strings.HasPrefix(region, prefix) {
			return d
		}
	}
	return domains{"amazonaws.com", "api.aws"}
}
