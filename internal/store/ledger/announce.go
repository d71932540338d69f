package ledger

import "context"

// Outcome is how an upload in state Loaded has ended.
type Outcome string

// The outcomes of an upload: no record of it is in quarantine, some are, all are.
const (
	AllStored    Outcome = "loaded"
	PartlyStored Outcome = "partial"
	NoneStored   Outcome = "rejected"
)

// Outcome returns how the upload has ended, or will have once it is Loaded.
func (u Upload) Outcome() Outcome {
	switch {
	case u.Quarantined() == 0:
		return AllStored
	case u.Stored == 0:
		return NoneStored
	}
	return PartlyStored
}

// Announcing returns the ledger with a function that announces an upload, with Announce, that
// becomes Loaded: it is called before the ledger enters that, and its error keeps the upload
// as it was. An attempt that was killed between the two is repeated like any other that has
// not ended, so an upload is announced at least once.
func (l *Ledger) Announcing(announce func(context.Context, Upload) error) *Ledger {
	announcing := *l
	announcing.announce = announce
	return &announcing
}

// loading announces an upload that is to become Loaded, if it is to be announced.
func (l *Ledger) loading(ctx context.Context, u Upload) error {
	if !l.announces(u) {
		return nil
	}
	return l.announce(ctx, u)
}

// loadingMember is loading for an upload that is entered as Loaded, unless the ledger has it.
func (l *Ledger) loadingMember(ctx context.Context, u Upload) error {
	if !l.announces(u) {
		return nil
	}
	known, ok, err := l.GetUpload(ctx, u.Feed, u.ID)
	if err != nil || ok && known.State != Missing {
		return err
	}
	return l.loading(ctx, u)
}

// announces reports whether an upload is announced when it becomes Loaded.
func (l *Ledger) announces(u Upload) bool { return l.announce != nil && u.Announce }
