package handler

import (
	"runtime"
	"strconv"
)

// memoryPerProcessor is the memory, in MB, for which Lambda gives one processor
// ("Configure Lambda function memory").
const memoryPerProcessor = 1769

// UseShare makes the program use no more processors than its share is worth. A
// function sees two and more whatever its memory is, but is stopped when it has
// used its share of them: threads beyond it take turns and get in each other's
// way, which costs a tenth of the work. Outside of Lambda it changes nothing.
func UseShare(getenv func(string) string) {
	memory, err := strconv.Atoi(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	if err != nil || memory <= 0 {
		return
	}
	share := (memory + memoryPerProcessor - 1) / memoryPerProcessor
	runtime.GOMAXPROCS(min(share, runtime.GOMAXPROCS(0)))
}
