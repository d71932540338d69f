package lambdahost

import "sync"

// faults are the failures that a test has asked for, by function.
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

// take uses up one fault of that kind, if there is one.
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
// fail before its code sees the event. It replaces what an earlier call left over.
func (h *Host) FailNext(function string, n int) { h.faults.arm(faultFail, function, n) }

// LoseNext lets the next n invocations of a function run, and then reports each
// as failed, as when a function dies after its work is done: what it did must
// be harmless to do again.
func (h *Host) LoseNext(function string, n int) { h.faults.arm(faultLose, function, n) }

// ThrottleNext refuses the next n invocations of a function for lack of
// concurrency: a synchronous caller is told so (TooManyRequestsException), an
// asynchronous event waits and is tried again without using up a retry, and the
// messages of a queue go back to it.
func (h *Host) ThrottleNext(function string, n int) { h.faults.arm(faultThrottle, function, n) }
