package ledger

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
)

// settledAttribute is, of what changes after Begin, the only attribute of an upload that
// the index has. It is set when nothing remains to be done, and removed by every later
// change, so that the index is written twice for an upload and never has an old count.
const settledAttribute = feed.LedgerIndexSettled

// settled is what that attribute holds, as JSON, which is half the size of DynamoDB's maps.
type settled struct {
	State            State            `json:"state"`
	Entries          int64            `json:"entries,omitempty"`
	Records          int64            `json:"records,omitempty"`
	Stored           int64            `json:"stored,omitempty"`
	RejectedByUnpack int64            `json:"rejected_by_unpack,omitempty"`
	RejectedByLoad   int64            `json:"rejected_by_load,omitempty"`
	Parts            int64            `json:"parts,omitempty"`
	PartsLoaded      int64            `json:"parts_loaded,omitempty"`
	BytesUnpacked    int64            `json:"bytes_unpacked,omitempty"`
	BytesLanded      int64            `json:"bytes_landed,omitempty"`
	Reasons          map[string]int64 `json:"reasons,omitempty"`
	Message          string           `json:"message,omitempty"`
	Continuations    int              `json:"continuations,omitempty"`
	Replays          int64            `json:"replays,omitempty"`
	Shared           string           `json:"shared_part,omitempty"`
	SharedLoaded     bool             `json:"shared_part_loaded,omitempty"`
	UnpackedAt       time.Time        `json:"unpacked_at,omitzero"`
	LoadedAt         time.Time        `json:"loaded_at,omitzero"`
}

// encodeSettled returns the attribute of an upload.
func encodeSettled(u Upload) (types.AttributeValue, error) {
	text, err := json.Marshal(settled{
		State: u.State, Entries: u.Entries, Records: u.Records, Stored: u.Stored,
		RejectedByUnpack: u.RejectedByUnpack, RejectedByLoad: u.RejectedByLoad,
		Parts: u.Parts, PartsLoaded: u.PartsLoaded, BytesUnpacked: u.BytesUnpacked, BytesLanded: u.BytesLanded,
		Reasons: u.Reasons, Message: u.Message, Continuations: u.Checkpoint.Continuations, Replays: u.Replays,
		Shared: u.Shared, SharedLoaded: u.SharedLoaded, UnpackedAt: u.UnpackedAt, LoadedAt: u.LoadedAt,
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: attribute %q of upload %s: %w", settledAttribute, u.ID, err)
	}
	return str(string(text)), nil
}

// decodeIndexed returns an upload as the index has it, and false for one that is not
// settled: the index does not have its state and counts.
func decodeIndexed(it item) (u Upload, complete bool, err error) {
	if u, err = decodeUpload(it); err != nil || !u.settled {
		return u, false, err
	}
	var s settled
	if err := json.Unmarshal([]byte(it[settledAttribute].(*types.AttributeValueMemberS).Value), &s); err != nil {
		return u, false, fmt.Errorf("ledger: attribute %q of upload %s: %w", settledAttribute, u.ID, err)
	}
	u.State = s.State
	u.Counts = Counts{
		Entries: s.Entries, Records: s.Records, RejectedByUnpack: s.RejectedByUnpack,
		Parts: s.Parts, BytesUnpacked: s.BytesUnpacked, BytesLanded: s.BytesLanded,
	}
	u.Stored, u.RejectedByLoad, u.PartsLoaded = s.Stored, s.RejectedByLoad, s.PartsLoaded
	u.Reasons, u.Message, u.Checkpoint.Continuations, u.Replays = s.Reasons, s.Message, s.Continuations, s.Replays
	u.Shared, u.SharedLoaded, u.UnpackedAt, u.LoadedAt = s.Shared, s.SharedLoaded, s.UnpackedAt, s.LoadedAt
	return u, true, nil
}

// settle makes the change that completes an upload: u is what the upload is after it.
func (c *change) settle(u Upload) error {
	text, err := encodeSettled(u)
	if err != nil {
		return err
	}
	c.set("state", u.State)
	c.set("loaded_at", stamp(u.LoadedAt))
	c.set(settledAttribute, text)
	return nil
}

// unsettle notes that an upload has changed since it was settled, if it was: Settle does
// so again.
func (c *change) unsettle() { c.remove(settledAttribute) }

// sameCounts is the condition that no part was loaded or reopened, and no replay was
// committed, since u was read.
func (u Upload) sameCounts() expression.ConditionBuilder {
	return equal("parts", u.Parts).And(sameNumber("parts_loaded", u.PartsLoaded), sameNumber("replays", u.Replays))
}

// sameNumber is the condition that an attribute is n. An item may not have one that is 0.
func sameNumber(attribute string, n int64) expression.ConditionBuilder {
	if n != 0 {
		return equal(attribute, n)
	}
	return expression.Name(attribute).AttributeNotExists().Or(equal(attribute, 0))
}
