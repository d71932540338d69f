package ledger

import (
	"context"
	"encoding/json"
	"fmt"
)

// Checkpoint is how far unpack has come with an upload.
type Checkpoint struct {
	// Entry, Ordinal and Part are where to go on: everything before the record
	// is in closed parts or in quarantine.
	Entry   int   `json:"entry"`
	Ordinal int64 `json:"ordinal"`
	Part    int   `json:"part"`
	// Entries, Records and BytesUnpacked count the entries before Entry, whole.
	Entries       int64 `json:"entries"`
	Records       int64 `json:"records"`
	BytesUnpacked int64 `json:"bytes_unpacked"`
	// The others count everything up to here.
	Parts       int64            `json:"parts"`
	BytesLanded int64            `json:"bytes_landed"`
	Rejected    int64            `json:"rejected"`
	Reasons     map[string]int64 `json:"reasons,omitempty"`
	KeepSource  bool             `json:"keep_source"`
	Message     string           `json:"message"`
	// Hops is how many invocations have handed on; 0 means there is no checkpoint.
	Hops int `json:"hops"`
}

// SetCheckpoint stores how far unpack has come. It has no effect on an upload
// that another invocation has unpacked meanwhile.
func (l *Ledger) SetCheckpoint(ctx context.Context, u Upload, c Checkpoint) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("ledger: checkpoint of upload %s: %w", u.ID, err)
	}
	e := newExpression()
	e.put("checkpoint", str(string(text)))
	return l.whileUnpacking(ctx, u, e)
}
