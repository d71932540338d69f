package ids

import "crypto/rand"

// NewSharedID returns an ID for a shared part, which has the records of several uploads.
// It stands where those of an upload stand, and is random: the part is entered in the
// ledger under it before it is written.
func NewSharedID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails, see crypto/rand
	return idEncoding.EncodeToString(b[:])
}

// Gather is the payload of unpack for the small objects that wait in a shard.
type Gather struct {
	Gather GatherRef `json:"gather"`
}

// GatherRef names a shard of the small objects of a feed.
type GatherRef struct {
	Feed  string `json:"feed"`
	Shard int    `json:"shard"`
}
