package unpack

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"

	"example.com/ingestion/internal/files/archive"
	"example.com/ingestion/internal/functions/handler"
)

// A continuation of a compressed stream decompresses again what comes before its
// checkpoint, so what one invocation can decompress limits the size of the stream.
const (
	// maxInvocation is the longest time that Lambda lets an invocation run.
	// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
	maxInvocation = 15 * time.Minute
	// skipRate is how many bytes a second one vCPU decompresses at most without landing
	// them: 228 to 298 MB were measured.
	skipRate = 300_000_000
	// mbPerVCPU is the memory with which Lambda provides one vCPU.
	// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
	mbPerVCPU = 1769
	// maxProcessors is how many vCPUs the stages of one stream use: one decompresses, one
	// divides into records.
	maxProcessors = 2
)

// MaxStreamBytes is the size in bytes above which a compressed stream certainly cannot be read to
// its end, whatever its content: decompressed it is larger.
func MaxStreamBytes() int64 {
	memory, err := strconv.Atoi(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	if err != nil {
		memory = maxProcessors * mbPerVCPU
	}
	processors := min(max(float64(memory)/mbPerVCPU, 1), maxProcessors)
	return int64((maxInvocation - handler.Reserve).Seconds() * skipRate * processors)
}

// sized is an object whose first bytes can be read.
type sized interface {
	io.ReaderAt
	Size() int64
}

// tooLong returns an error for an object that is one compressed stream above limit bytes,
// the second result is for a failure to read it.
func tooLong(source sized, limit int64) (problem, err error) {
	if source.Size() <= limit {
		return nil, nil
	}
	head := make([]byte, archive.HeadBytes)
	n, err := source.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	name, ok := archive.Compression(head[:n])
	if !ok {
		return nil, nil
	}
	return fmt.Errorf("the object is one %s stream of %s; what lies behind %s of it cannot be reached within an invocation, so nothing of it was read: "+
		"put the records in several files, or in a zip of many files, whose entries are read by themselves",
		name, humanize.Bytes(uint64(source.Size())), humanize.Bytes(uint64(limit))), nil
}
