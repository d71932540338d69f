package stackscope

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"
)

// Values are objects of the CDK that belong to no stack. An app has one set of
// them; they are of no use after its jsii process has ended.
type Values struct {
	Days              func(n int) awscdk.Duration
	Seconds           func(d time.Duration) awscdk.Duration
	ServicePrincipal  func(name string) awsiam.IPrincipal
	Architecture      func(goarch string) awslambda.Architecture
	BlockPublicAccess func() awss3.BlockPublicAccess
	Runtime           func() awslambda.Runtime
}

// NewValues returns values that are each made at their first use.
func NewValues() *Values {
	blockPublicAccess := cached(func(struct{}) awss3.BlockPublicAccess { return awss3.BlockPublicAccess_BLOCK_ALL() })
	runtime := cached(func(struct{}) awslambda.Runtime { return awslambda.Runtime_PROVIDED_AL2023() })
	return &Values{
		Days:             cached(func(n int) awscdk.Duration { return awscdk.Duration_Days(jsii.Number(n)) }),
		Seconds:          cached(func(d time.Duration) awscdk.Duration { return awscdk.Duration_Seconds(jsii.Number(d.Seconds())) }),
		ServicePrincipal: cached(func(name string) awsiam.IPrincipal { return awsiam.NewServicePrincipal(&name, nil) }),
		Architecture: cached(func(goarch string) awslambda.Architecture {
			if goarch == "amd64" {
				return awslambda.Architecture_X86_64()
			}
			return awslambda.Architecture_ARM_64()
		}),
		BlockPublicAccess: func() awss3.BlockPublicAccess { return blockPublicAccess(struct{}{}) },
		Runtime:           func() awslambda.Runtime { return runtime(struct{}{}) },
	}
}

// cached returns a func that calls get once for each key.
func cached[K comparable, V any](get func(K) V) func(K) V {
	values := map[K]V{}
	return func(key K) V {
		v, ok := values[key]
		if !ok {
			v = get(key)
			values[key] = v
		}
		return v
	}
}
