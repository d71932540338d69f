package constructs

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"
)

// once returns what get returns the first time for each key. Each call of the
// CDK takes a third of a millisecond and there may be hundreds of feeds, so what
// never changes is asked for once. Like jsii it is not safe for concurrent use.
func once[K comparable, V any](get func(K) V) func(K) V {
	known := map[K]V{}
	return func(key K) V {
		v, ok := known[key]
		if !ok {
			v = get(key)
			known[key] = v
		}
		return v
	}
}

var (
	days = once(func(n int) awscdk.Duration { return awscdk.Duration_Days(jsii.Number(n)) })
	// seconds is a duration for the CDK.
	seconds = once(func(d time.Duration) awscdk.Duration { return awscdk.Duration_Seconds(jsii.Number(d.Seconds())) })

	servicePrincipal = once(func(name string) awsiam.IPrincipal { return awsiam.NewServicePrincipal(&name, nil) })

	architectureOf = once(func(a Architecture) awslambda.Architecture {
		if a == X86 {
			return awslambda.Architecture_X86_64()
		}
		return awslambda.Architecture_ARM_64()
	})
	blockPublicAccess = once(func(struct{}) awss3.BlockPublicAccess { return awss3.BlockPublicAccess_BLOCK_ALL() })
	providedRuntime   = once(func(struct{}) awslambda.Runtime { return awslambda.Runtime_PROVIDED_AL2023() })
)
