package constructs

// Buffer is what keeps events before each of the two functions.
type Buffer string

const (
	// Direct invokes the functions asynchronously (default): Lambda keeps waiting
	// events for six hours, then they are in the failure queue. It costs nothing
	// while idle.
	Direct Buffer = "direct"
	// Queue puts an SQS queue before each function, which keeps waiting events for
	// 14 days, for feeds whose backlog can outlast six hours. Lambda polls the queues
	// all the time, about $0.50 a month for the two of them.
	Queue Buffer = "queue"
)

func (b Buffer) validate(report report) {
	if b != Direct && b != Queue {
		report("Buffer", "%q is neither Direct nor Queue", b)
	}
}
