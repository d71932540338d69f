package batchwrite

const (
	// maxBatchItems is DynamoDB's limit of items in one BatchWriteItem request.
	maxBatchItems = 25
	// maxBatchBytes is the size at which a batch is closed; DynamoDB's limit is 16 MB.
	maxBatchBytes = 1 << 20
	// maxRecycled is the capacity up to which a batch is reused. Batches of usual
	// records are smaller.
	maxRecycled = 128 << 10
)

// The parts of a request's body around its items.
const (
	itemHead  = `{"PutRequest":{"Item":{`
	itemTail  = `}}}`
	batchTail = `]}}`
)

// batch is one request and where its items are in it.
type batch struct {
	request
	ends []int // ends[i] is the end of item i
	tags []int64
	// progress is set when the batch is sent.
	progress *progress
}

func (b *batch) reset(head request) {
	b.request = append(b.request[:0], head...)
	b.ends, b.tags = b.ends[:0], b.tags[:0]
}

// add adds the item at the end of r, which is b's request with that item appended.
func (b *batch) add(r request, tag int64) {
	b.request = r
	b.ends = append(b.ends, len(r))
	b.tags = append(b.tags, tag)
}

func (b *batch) full() bool { return len(b.ends) == maxBatchItems || len(b.request) >= maxBatchBytes }

// weight is the batch's share of maxBytesInFlight.
func (b *batch) weight() int64 { return min(int64(len(b.request)), maxBytesInFlight) }

// slice copies the items from (inclusive) to (exclusive) into a batch of their own.
func (b *batch) slice(head request, from, to int) *batch {
	start := len(head)
	if from > 0 {
		start = b.ends[from-1] + len(",")
	}
	var part batch
	part.reset(head)
	shift := start - len(part.request)
	part.request = append(part.request, b.request[start:b.ends[to-1]]...)
	part.request = append(part.request, batchTail...)
	part.tags = append(part.tags, b.tags[from:to]...)
	for _, end := range b.ends[from:to] {
		part.ends = append(part.ends, end-shift)
	}
	return &part
}
