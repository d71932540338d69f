package lambdahost

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"time"
)

// Result is the result of an invocation.
type Result struct {
	// RequestID identifies the invocation, also in the log.
	RequestID string
	// Payload is the response of the function or, if FunctionError is set, its error as JSON.
	Payload []byte
	// FunctionError is "Unhandled" if the function failed, else empty.
	FunctionError string
	// Log is the end of the log of the invocation, at most 4 KB, base64-encoded.
	Log string
}

// Limits of a payload, in bytes.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	maxSyncPayload  = 6 << 20
	maxAsyncPayload = 1 << 20
	maxTail         = 4 << 10
)

// pool has the processes of one function: idle ones are reused, others are started
// as needed, up to the concurrency of the function.
type pool struct {
	host *Host
	name string
	log  *logFile

	mu     sync.Mutex
	cond   *sync.Cond
	idle   []*process
	all    map[*process]bool
	busy   int
	closed bool
	stats  Stats
}

func (p *pool) snapshot() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// run invokes the function once with the configuration f. An error is one of the
// host; that of the function is in the Result.
func (p *pool) run(ctx context.Context, f *function, requestID string, payload []byte) (Result, error) {
	if p.host.faults.take(faultFail, p.name) {
		res := failure(requestID, "Local.InjectedFault", "FailNext made this invocation fail")
		p.log.printf("START RequestId: %s Version: $LATEST", requestID)
		p.log.printf("%s", res.Payload)
		p.count(res, 0, 0)
		return res, nil
	}
	if err := p.acquireSlot(ctx, f); err != nil {
		return Result{}, err
	}
	defer p.releaseSlot()
	proc, cold, res := p.process(ctx, f, requestID)
	if proc == nil {
		p.count(res, 0, 0)
		return res, nil
	}
	p.log.printf("START RequestId: %s Version: $LATEST", requestID)
	began := time.Now()
	res = proc.invoke(ctx, invocation{id: requestID, payload: payload, deadline: began.Add(f.Timeout)})
	took := time.Since(began)
	if len(res.Payload) > maxSyncPayload {
		res = failure(requestID, "Function.ResponseSizeTooLarge", fmt.Sprintf("Response payload size (%d bytes) exceeded maximum allowed payload size (%d bytes).", len(res.Payload), maxSyncPayload))
	}
	if p.host.faults.take(faultLose, p.name) {
		res = failure(requestID, "Local.InjectedFault", "LoseNext discarded the result of this invocation")
	}
	peak := proc.peakMemoryMB()
	p.report(f, requestID, took, cold, peak, proc)
	if tail := proc.tail.Bytes(); len(tail) > 0 {
		res.Log = base64.StdEncoding.EncodeToString(tail)
	}
	p.count(res, took, peak)
	p.release(proc)
	return res, nil
}

func (p *pool) report(f *function, requestID string, took time.Duration, cold bool, peak int, proc *process) {
	billed := math.Ceil(float64(took) / float64(time.Millisecond))
	line := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %d MB", requestID, float64(took)/float64(time.Millisecond), billed, f.MemoryMB)
	if peak > 0 {
		line += fmt.Sprintf("\tMax Memory Used: %d MB", peak)
	}
	if cold {
		line += fmt.Sprintf("\tInit Duration: %.2f ms", float64(proc.initTook)/float64(time.Millisecond))
	}
	p.log.printf("END RequestId: %s", requestID)
	p.log.printf("%s", line)
}

func (p *pool) count(res Result, took time.Duration, peak int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Invocations++
	if res.FunctionError != "" {
		p.stats.Errors++
	}
	p.stats.PeakMemoryMB = max(p.stats.PeakMemoryMB, peak)
	p.stats.Busy += took
}

// acquireSlot waits until the concurrency of the function allows another invocation.
func (p *pool) acquireSlot(ctx context.Context, f *function) error {
	limit := p.host.options.Concurrency
	if f.Reserved > 0 {
		limit = min(limit, f.Reserved)
	}
	defer context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.cond.Broadcast()
	})()
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.busy >= limit && !p.closed && ctx.Err() == nil {
		p.cond.Wait()
	}
	if p.closed {
		return fmt.Errorf("function %s: the lambda host is closed", p.name)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("function %s: %w", p.name, err)
	}
	p.busy++
	return nil
}

func (p *pool) releaseSlot() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
	p.cond.Signal()
}

// process returns an idle process with the configuration f, or starts one. If that
// fails, the result is that of the invocation.
func (p *pool) process(ctx context.Context, f *function, requestID string) (proc *process, cold bool, res Result) {
	extra := p.host.extraEnviron()
	key := f.key(extra)
	p.mu.Lock()
	var stale []*process
	for len(p.idle) > 0 && proc == nil {
		last := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if last.key == key && last.isRunning() {
			proc = last
		} else {
			stale = append(stale, last)
		}
	}
	p.mu.Unlock()
	for _, s := range stale {
		p.end(s)
	}
	if proc != nil {
		return proc, false, Result{}
	}
	proc, err := p.start(ctx, f, extra)
	if err != nil {
		p.log.printf("START RequestId: %s Version: $LATEST", requestID)
		p.log.printf("%v", err)
		p.host.log.printf("%v", err)
		return nil, false, failure(requestID, "Runtime.InvalidEntrypoint", err.Error())
	}
	if res, ok := proc.waitReady(ctx, requestID); !ok {
		p.log.printf("START RequestId: %s Version: $LATEST", requestID)
		p.log.printf("%s", res.Payload)
		p.end(proc)
		return nil, false, res
	}
	return proc, true, Result{}
}

// start starts a process, which is initialized asynchronously: see waitReady.
func (p *pool) start(ctx context.Context, f *function, extra []string) (*process, error) {
	c, err := p.host.connected()
	if err != nil {
		return nil, err
	}
	dir, err := p.host.code.directory(ctx, c, f)
	if err != nil {
		return nil, err
	}
	environment, err := c.environment(ctx, f)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, fmt.Errorf("function %s: the lambda host is closed", p.name)
	}
	proc, err := startProcess(f, dir, environment, extra, p.log)
	if err != nil {
		return nil, err
	}
	if p.all == nil {
		p.all = map[*process]bool{}
	}
	p.all[proc] = true
	return proc, nil
}

func (p *pool) release(proc *process) {
	p.mu.Lock()
	if proc.isRunning() && !p.closed {
		p.idle = append(p.idle, proc)
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	p.end(proc)
}

func (p *pool) end(proc *process) {
	proc.kill()
	p.mu.Lock()
	delete(p.all, proc)
	p.mu.Unlock()
}

func (p *pool) close() error {
	p.mu.Lock()
	p.closed = true
	p.idle = nil
	procs := make([]*process, 0, len(p.all))
	for proc := range p.all {
		procs = append(procs, proc)
	}
	p.cond.Broadcast()
	p.mu.Unlock()
	for _, proc := range procs {
		proc.kill()
	}
	return p.log.close()
}

// failure is the result of an invocation that failed, in the form of Lambda.
func failure(requestID, kind, message string) Result {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]string{"errorType": kind, "errorMessage": message}); err != nil {
		panic(err) // a map of strings
	}
	return Result{RequestID: requestID, FunctionError: "Unhandled", Payload: bytes.TrimSpace(b.Bytes())}
}

// newRequestID returns a random (version 4) UUID.
func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
