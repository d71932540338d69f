package ledger

import "context"

// Checkpoint is how far unpack has come with an upload.
type Checkpoint struct {
	// Entry, Ordinal and Part are where to continue: everything before that
	// record is in closed parts or in quarantine.
	Entry   int   `dynamodbav:"entry"`
	Ordinal int64 `dynamodbav:"ordinal"`
	Part    int   `dynamodbav:"part"`
	// Entries, Records and BytesUnpacked count the complete entries before Entry.
	Entries       int64 `dynamodbav:"entries"`
	Records       int64 `dynamodbav:"records"`
	BytesUnpacked int64 `dynamodbav:"bytes_unpacked"`
	// The others count everything before the record at which to continue.
	Parts       int64            `dynamodbav:"parts"`
	BytesLanded int64            `dynamodbav:"bytes_landed"`
	Rejected    int64            `dynamodbav:"rejected"`
	Filtered    int64            `dynamodbav:"filtered,omitempty"`
	Reasons     map[string]int64 `dynamodbav:"reasons,omitempty"`
	KeepSource  bool             `dynamodbav:"keep_source"`
	Message     string           `dynamodbav:"message"`
	// Continuations is how many invocations have stored a checkpoint and
	// dispatched the remainder to the next one; 0 means that there is no checkpoint.
	Continuations int `dynamodbav:"continuations"`
}

// SetCheckpoint stores how far unpack has come, and ends the lease, because the next
// invocation continues. It has no effect on an upload that another invocation has
// unpacked meanwhile. The error wraps ErrLeaseLost where another one reads it.
func (l *Ledger) SetCheckpoint(ctx context.Context, u Upload, c Checkpoint) error {
	update := change{key: key(u.Feed, u.ID, uploadSortKey)}
	update.set("checkpoint", c)
	return l.whileUnpacking(ctx, u, update)
}
