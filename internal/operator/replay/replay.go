// Package replay sends through a feed again what has failed on its way: events
// of the failure queue, uploads and parts that nobody is at work on, and the
// records in quarantine.
//
// It does the least itself. Events go back to the function that failed on them,
// parts to load, and quarantine is replayed by unpack, see package unpack: the
// version of the code that is deployed, with the rights that it has.
package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/retry"
	"example.com/ingestion/internal/store/ledger"
)

// Replay says what of a feed to replay.
type Replay struct {
	Feed                                          string
	Ledger                                        *ledger.Ledger
	Queue                                         Queue
	FailureQueueURL, UnpackFunction, LoadFunction string
	// Unpack and Load hand on to these functions, directly or through their queues.
	Unpack, Load dispatch.Dispatcher
	// Function hands on to another function, by its name.
	Function func(name string) dispatch.Dispatcher
	// Run runs unpack and waits for its end.
	Run dispatch.Dispatcher

	// Landing looks whether a part is still in LandingBucket.
	Landing       Landing
	LandingBucket string

	// Upload limits the replay to one upload, and takes it for stuck whatever its
	// age. Nil: all.
	Upload *ledger.Upload
	// Part, with Upload, is loaded once more though the ledger says it is loaded.
	Part string
	// Reason limits the replay to quarantined records with it; events and stuck
	// uploads are then left alone.
	Reason string
	// Since limits it to events and uploads from that time on.
	Since time.Time
	// Rate is how many events and parts are sent a second, at most; 0 is no bound.
	Rate float64
	// Stuck is after what time an upload that is not done counts as stuck.
	Stuck  time.Duration
	DryRun bool
	// Wait is how long to wait for load to load what was replayed from quarantine.
	Wait time.Duration
	// Total is called with the number of uploads once that is known, Step after
	// each that was dealt with. Both may be nil.
	Total func(uploads int)
	Step  func()

	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	next  time.Time
	sent  map[ids.PartRef]bool
	begun map[string]bool // uploads whose events were sent
}

// DefaultStuck is longer than an invocation and its two retries take, but for
// throttling, which may hold one up for six hours: what is sent once more does no harm.
const DefaultStuck = time.Hour

// Result is what a replay has done, or with DryRun would do.
type Result struct {
	Feed   string `json:"feed"`
	DryRun bool   `json:"dry_run,omitempty"`
	// Events are those of the failure queue, Uploads those with something to replay.
	Events  []Event  `json:"events"`
	Uploads []Upload `json:"uploads"`
}

// Upload is what a replay has done for one upload.
type Upload struct {
	ID     string       `json:"upload"`
	Source string       `json:"source"`
	State  ledger.State `json:"state"` // at the end
	// Resumed says that it was handed to unpack again.
	Resumed bool `json:"resumed,omitempty"`
	// Parts were handed to load again.
	Parts []string `json:"parts,omitempty"`
	// Tried is how many records were in quarantine, with the reason that was
	// asked for; Mended how many more the upload has now that are not, which is
	// more than were tried where one stood for the rest of its file.
	Tried  int64 `json:"tried"`
	Mended int64 `json:"mended"`
	// Quarantined is how many records are still there, Reasons why.
	Quarantined int64            `json:"quarantined"`
	Reasons     map[string]int64 `json:"reasons,omitempty"`
}

// Do replays. With an error it returns what it has done until then; doing it
// again does the rest.
func (r *Replay) Do(ctx context.Context) (Result, error) {
	if r.now == nil {
		r.now, r.sleep = time.Now, retry.Wait
	}
	r.sent, r.begun = map[ids.PartRef]bool{}, map[string]bool{}
	result := Result{Feed: r.Feed, DryRun: r.DryRun, Events: []Event{}, Uploads: []Upload{}}
	if r.Part != "" {
		u, err := r.reload(ctx)
		result.Uploads = append(result.Uploads, u)
		return result, err
	}
	if r.Reason == "" {
		events, err := r.events(ctx)
		result.Events = append(result.Events, events...)
		if err != nil {
			return result, err
		}
	}
	uploads, err := r.affected(ctx)
	if err != nil {
		return result, err
	}
	if r.Total != nil {
		r.Total(len(uploads))
	}
	for _, u := range uploads {
		done, err := r.upload(ctx, u)
		result.Uploads = append(result.Uploads, done)
		if err != nil {
			return result, fmt.Errorf("upload %s: %w", u.ID, err)
		}
		if r.Step != nil {
			r.Step()
		}
	}
	return result, nil
}

// affected are the uploads with something to replay.
func (r *Replay) affected(ctx context.Context) ([]ledger.Upload, error) {
	if r.Upload != nil {
		return []ledger.Upload{*r.Upload}, nil
	}
	var uploads []ledger.Upload
	err := r.Ledger.Uploads(ctx, r.Feed, func(u ledger.Upload) bool {
		if !u.StartedAt.Before(r.Since) && (r.stuck(u) || r.tries(u) > 0) {
			uploads = append(uploads, u)
		}
		return true
	})
	return uploads, err
}

// stuck reports whether nobody seems to be at work on an upload.
func (r *Replay) stuck(u ledger.Upload) bool {
	if u.State.Done() || r.Reason != "" {
		return false
	}
	began := u.StartedAt
	if u.UnpackedAt.After(began) {
		began = u.UnpackedAt
	}
	return r.Upload != nil || r.now().Sub(began) >= r.Stuck
}

// tries is how many records of an upload's quarantine are to be replayed.
func (r *Replay) tries(u ledger.Upload) int64 {
	if r.Reason != "" {
		return u.Reasons[r.Reason]
	}
	return u.Quarantined()
}

func (r *Replay) upload(ctx context.Context, u ledger.Upload) (Upload, error) {
	done := Upload{ID: u.ID, Source: u.Source(), State: u.State, Tried: r.tries(u)}
	tell := func(u ledger.Upload) {
		done.State, done.Quarantined, done.Reasons = u.State, u.Quarantined(), u.Reasons
	}
	tell(u)
	if r.stuck(u) {
		if err := r.unstick(ctx, u, &done); err != nil {
			return done, err
		}
		if r.Upload != nil && !r.DryRun {
			var err error
			if u, err = r.settle(ctx, u.ID); err != nil {
				return done, err
			}
			done.Tried = r.tries(u)
			tell(u)
		}
	}
	// A replay that was cut off may have left parts that only unpack can enter.
	if r.DryRun || done.Tried == 0 && (u.Replays == 0 || u.State == ledger.Loaded) {
		return done, nil
	}
	after, err := r.quarantine(ctx, u)
	if err == nil {
		done.Mended = max(0, after.Records-after.Quarantined()-u.Records+u.Quarantined())
		tell(after)
	}
	return done, err
}

// unstick hands an upload to unpack again, and its parts to load.
func (r *Replay) unstick(ctx context.Context, u ledger.Upload, done *Upload) error {
	if u.State == ledger.Unpacking {
		done.Resumed = true
		if !r.begun[u.ID] {
			if err := r.sendJSON(ctx, Unpack, ids.Resume{Resume: ids.Ref{Feed: u.Feed, Upload: u.ID}}); err != nil {
				return err
			}
		}
	}
	var parts []ledger.Part
	err := r.Ledger.Parts(ctx, u.Feed, u.ID, func(p ledger.Part) bool {
		if !p.State.Done() {
			parts = append(parts, p)
		}
		return true
	})
	for _, p := range parts {
		done.Parts = append(done.Parts, p.Name)
		ref := ids.PartRef{Feed: p.Feed, Upload: p.Upload, Part: p.Name}
		if r.sent[ref] || err != nil {
			continue
		}
		err = r.sendJSON(ctx, Load, ref)
	}
	return err
}

// quarantine has unpack replay an upload until nothing changes any more, and
// waits for load.
func (r *Replay) quarantine(ctx context.Context, u ledger.Upload) (ledger.Upload, error) {
	ask := ids.Replay{Replay: ids.ReplayRef{Feed: u.Feed, Upload: u.ID, Reason: r.Reason, Before: r.now().UTC()}}
	payload, err := json.Marshal(ask)
	if err != nil {
		return u, fmt.Errorf("encode payload: %w", err)
	}
	for replays := u.Replays; ; {
		if err := r.Run(ctx, payload); err != nil {
			return u, err
		}
		now, ok, err := r.Ledger.GetUpload(ctx, u.Feed, u.ID)
		if err != nil || !ok {
			return u, err
		}
		if now.Replays == replays {
			break
		}
		replays = now.Replays
	}
	return r.settle(ctx, u.ID)
}

// settle waits until an upload is done, or no longer than Wait.
func (r *Replay) settle(ctx context.Context, id string) (ledger.Upload, error) {
	for deadline := r.now().Add(r.Wait); ; {
		u, _, err := r.Ledger.GetUpload(ctx, r.Feed, id)
		if err != nil || u.State.Done() || !r.now().Before(deadline) {
			return u, err
		}
		if err := r.sleep(ctx, time.Second); err != nil {
			return u, err
		}
	}
}

func (r *Replay) sendJSON(ctx context.Context, to Target, v any) error {
	if r.DryRun {
		return nil
	}
	payload, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode payload: %w", err)
	}
	return r.send(ctx, to, payload)
}

// send hands a payload on, no faster than Rate.
func (r *Replay) send(ctx context.Context, to Target, payload []byte) error {
	if r.Rate > 0 {
		now := r.now()
		if wait := r.next.Sub(now); wait > 0 {
			if err := r.sleep(ctx, wait); err != nil {
				return err
			}
			now = r.next
		}
		r.next = now.Add(time.Duration(float64(time.Second) / r.Rate))
	}
	switch to {
	case Unpack:
		return r.Unpack(ctx, payload)
	case Load:
		var ref ids.PartRef
		if json.Unmarshal(payload, &ref) == nil {
			ref.Hop = 0
			r.sent[ref] = true
		}
		return r.Load(ctx, payload)
	}
	return r.Function(string(to))(ctx, payload)
}
