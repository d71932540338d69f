package constructs

import (
	"os"
	"runtime"
	"time"

	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/constructs/internal/function"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/internal/localcloud"
)

// Architecture is the processor that the functions run on.
type Architecture string

// The architectures of Lambda.
const (
	ARM64 Architecture = "arm64"
	X86   Architecture = "x86_64"
)

// goarch returns Go's name of a, empty for one that Lambda does not have.
func (a Architecture) goarch() string {
	switch a {
	case ARM64:
		return "arm64"
	case X86:
		return "amd64"
	}
	return ""
}

func (a Architecture) validate(report report) {
	if a.goarch() == "" {
		report("Architecture", "%q is neither %s nor %s", a, ARM64, X86)
	}
}

// orContext returns a or, if it is unset, the architecture that the context of
// the CDK has under "architecture" or, for a deployment to an AWS on this machine,
// that of this machine. Empty if none is set.
func (a Architecture) orContext(scope core.Construct) Architecture {
	if a != "" {
		return a
	}
	if text, ok := scope.Node().TryGetContext(jsii.String("architecture")).(string); ok {
		return Architecture(text)
	}
	if localcloud.Endpoint(os.Getenv) != "" {
		return HostArchitecture()
	}
	return ""
}

// HostArchitecture is the architecture of this machine: functions that run on it,
// in a local AWS, must be built for it.
func HostArchitecture() Architecture {
	if runtime.GOARCH == "amd64" {
		return X86
	}
	return ARM64
}

// FunctionProps size one of the functions. A zero field means its default.
type FunctionProps struct {
	// MemoryMB is 128 to 10,240. The share of processors grows with it: 1,769 is
	// one. Default: 1,769 for unpack, which decompresses; 512 for load, which
	// mostly waits for the table.
	MemoryMB int
	// Timeout is 1 second to 15 minutes, in whole seconds (default 15 minutes).
	Timeout time.Duration
	// MaxConcurrency is how many invocations may run at once. It is reserved from the
	// account's limit for this function alone. Default: no limit but the account's.
	MaxConcurrency int
}

func (p FunctionProps) withDefaults(memoryMB int) FunctionProps {
	if p.MemoryMB == 0 {
		p.MemoryMB = memoryMB
	}
	if p.Timeout == 0 {
		p.Timeout = 15 * time.Minute
	}
	return p
}

func (p FunctionProps) size() function.Size { return function.Size(p) }

func (p FunctionProps) validate(report report, field string) {
	if p.MemoryMB < 128 || p.MemoryMB > 10240 {
		report(field+".MemoryMB", "%d is outside 128 to 10240", p.MemoryMB)
	}
	if p.Timeout < time.Second || p.Timeout > 15*time.Minute || p.Timeout%time.Second != 0 {
		report(field+".Timeout", "%s is not a number of whole seconds from 1s to 15m0s", p.Timeout)
	}
	if p.MaxConcurrency < 0 {
		report(field+".MaxConcurrency", "%d is negative: give 0 for no limit", p.MaxConcurrency)
	}
}

// findBinaries returns the folder with the binaries of the functions, which it
// builds unless the user has given one.
func findBinaries(report report, given string, a Architecture, functions ...string) string {
	if len(functions) == 0 {
		return given
	}
	if given == "" {
		built, err := assets.Build(a.goarch(), functions...)
		if err != nil {
			report("Assets", "%v", err)
		}
		return built
	}
	for _, err := range assets.Missing(given, a.goarch(), functions...) {
		report("Assets", "%v", err)
	}
	return given
}

// newSettings returns settings without a key, for data that are kept.
func newSettings(scope *stackscope.Scope, assets string, a Architecture, logRetentionDays int) stackscope.Settings {
	return stackscope.Settings{Scope: scope, Assets: assets, GOARCH: a.goarch(), LogRetention: logRetentions[logRetentionDays]}
}
