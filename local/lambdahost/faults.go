package lambdahost

import "sync"

// faults are the failures that a test has requested, by function.
type faults struct {
	mu    sync.Mutex
	armed map[fault]int
}

type fault struct {
	kind     faultKind
	function string
}

type faultKind int

const (
	faultFail faultKind = iota
	faultLose
	faultThrottle
)

func (f *faults) arm(kind faultKind, function string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.armed == nil {
		f.armed = map[fault]int{}
	}
	f.armed[fault{kind, function}] = n
}

// take consumes one fault of a kind and returns whether there was one.
func (f *faults) take(kind faultKind, function string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := fault{kind, function}
	if f.armed[k] == 0 {
		return false
	}
	f.armed[k]--
	return true
}

// FailNext makes the next n invocations of a function, by its physical name,
// fail before its code receives the event. It replaces the number of an earlier call.
func (h *Host) FailNext(function string, n int) { h.faults.arm(faultFail, function, n) }

// LoseNext runs the next n invocations of a function and then reports each as
// failed, as if the function had crashed after its work: tests use it to check
// that the function is idempotent.
func (h *Host) LoseNext(function string, n int) { h.faults.arm(faultLose, function, n) }

// ThrottleNext throttles the next n invocations of a function: a synchronous
// caller receives TooManyRequestsException, and an asynchronous event is
// invoked again later without counting as a retry.
func (h *Host) ThrottleNext(function string, n int) { h.faults.arm(faultThrottle, function, n) }
