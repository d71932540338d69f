package constructs

import (
	"fmt"
	"os"
	"runtime"

	"github.com/aws/jsii-runtime-go"
)

// CatchPanic turns a panic of the CDK, such as a construct ID that is used
// twice, into *err, unless it holds an error already. It must be deferred
// directly. A panic of Go itself, such as a nil dereference, is a bug and is not recovered.
func CatchPanic(err *error) {
	switch p := recover().(type) {
	case nil:
	case runtime.Error:
		panic(p)
	case error:
		if *err == nil {
			*err = fmt.Errorf("cdk: %w", p)
		}
	default:
		if *err == nil {
			*err = fmt.Errorf("cdk: %v", p)
		}
	}
}

// Close ends the Node.js process that the CDK runs in. Call it last.
//
// It calls jsii.Close without its output: jsii waits for that process in two
// goroutines, and the second reports an abnormal exit although there was none.
func Close() {
	stderr := os.Stderr
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = null
		defer func() { os.Stderr = stderr }()
	}
	jsii.Close()
}
