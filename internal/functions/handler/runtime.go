package handler

import (
	"runtime"
	"runtime/debug"
	"strconv"
)

// memoryPerProcessor is the memory, in MB, at which Lambda allocates one vCPU
// ("Configure Lambda function memory").
const memoryPerProcessor = 1769

// TuneRuntime sets the Go runtime up for a function.
//
// Garbage collection runs when the heap has grown fivefold or is near memoryLimit,
// in bytes: the functions hold little and allocate much, so with the default of
// twofold it would run most of the time.
//
// GOMAXPROCS is the number of vCPUs that the function's memory pays for. A
// function sees two or more whatever its memory is, but is throttled to its share:
// more threads than that cost about a tenth of the work. Outside of Lambda it is
// unchanged.
func TuneRuntime(getenv func(string) string, memoryLimit int64) {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(memoryLimit)
	memory, err := strconv.Atoi(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	if err != nil || memory <= 0 {
		return
	}
	processors := (memory + memoryPerProcessor - 1) / memoryPerProcessor
	runtime.GOMAXPROCS(min(processors, runtime.GOMAXPROCS(0)))
}
