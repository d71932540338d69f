// Package replay retries what failed in a feed: events of the failure queue, uploads
// and parts without progress, and records in quarantine.
//
// It only dispatches. Events are dispatched to the function that failed on them, parts
// wait again for the loaders, and quarantined records are decoded by the function unpack: by the deployed
// version of the code, with the permissions of the functions.
package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/retry"
	"example.com/ingestion/internal/store/ledger"
)

// Replay selects what to retry of a feed.
type Replay struct {
	Feed                                          string
	Ledger                                        *ledger.Ledger
	Queue                                         Queue
	FailureQueueURL, UnpackFunction, LoadFunction string
	// Unpack dispatches to unpack, LoadPart lets a part wait for the loaders, and Wake
	// invokes a loader.
	Unpack   dispatch.Dispatcher
	LoadPart func(context.Context, ids.PartRef) error
	Wake     func(context.Context, ids.Load) error
	// Function dispatches to any other function, by its name.
	Function func(name string) dispatch.Dispatcher
	// Run invokes unpack synchronously.
	Run dispatch.Dispatcher

	// Landing checks whether a part exists in LandingBucket.
	Landing       Landing
	LandingBucket string

	// Upload selects one upload, which is retried whatever its age; nil for all.
	Upload *ledger.Upload
	// Part selects a part of Upload to load again, although it is loaded.
	Part string
	// Reason selects quarantined records with this reason, and no events or uploads.
	Reason string
	// Since selects events and uploads of that time or later.
	Since time.Time
	// Rate is the maximum number of events and parts per second; 0 for no maximum.
	Rate float64
	// Stuck is the time without progress after which an upload is retried.
	Stuck  time.Duration
	DryRun bool
	// Wait is the maximum time to wait until replayed records are loaded.
	Wait time.Duration
	// Total is called with the number of uploads, then Step after each of them. Both
	// may be nil.
	Total func(uploads int)
	Step  func()

	limit int // the maximum number of events, 0 for all
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	next  time.Time // of the next dispatch, for Rate
	// dispatched are the parts that were dispatched, started the uploads whose events
	// were dispatched.
	dispatched map[[2]string]bool // by upload and part
	started    map[string]bool
}

// DefaultStuck is longer than an invocation and its two retries take without
// throttling, which can delay them for six hours. A duplicate dispatch has no effect.
const DefaultStuck = time.Hour

// Result lists what was retried or, with DryRun, what would be.
type Result struct {
	Feed   string `json:"feed"`
	DryRun bool   `json:"dry_run,omitempty"`
	// Events are the events of the failure queue, Uploads the affected uploads.
	Events  []Event  `json:"events"`
	Uploads []Upload `json:"uploads"`
}

// Upload is the result for one upload.
type Upload struct {
	ID     string               `json:"upload"`
	Source string               `json:"source"`
	State  overview.UploadState `json:"state"` // after the replay
	// Resumed is true if it was dispatched to unpack.
	Resumed bool `json:"resumed,omitempty"`
	// Parts were dispatched to load.
	Parts []string `json:"parts,omitempty"`
	// Tried is the number of selected records in quarantine, Recovered the number of
	// valid records that were added. Recovered is larger than Tried if a quarantined
	// record represented the remainder of its file.
	Tried     int64 `json:"tried"`
	Recovered int64 `json:"recovered"`
	// Quarantined is the number of records that remain, Reasons count them.
	Quarantined int64            `json:"quarantined"`
	Reasons     map[string]int64 `json:"reasons,omitempty"`
}

// Do retries. After an error the result lists what was done until then; another call
// does the remainder.
func (r *Replay) Do(ctx context.Context) (Result, error) {
	r.reset()
	result := Result{Feed: r.Feed, DryRun: r.DryRun, Events: []Event{}, Uploads: []Upload{}}
	if r.Part != "" {
		u, err := r.reload(ctx)
		result.Uploads = append(result.Uploads, u)
		return result, err
	}
	if r.Reason == "" {
		for _, dispatch := range []func(context.Context) ([]Event, error){r.events, r.setAside, r.gather} {
			events, err := dispatch(ctx)
			result.Events = append(result.Events, events...)
			if err != nil {
				return result, err
			}
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

func (r *Replay) reset() {
	if r.now == nil {
		r.now, r.sleep = time.Now, retry.Wait
	}
	r.dispatched, r.started = map[[2]string]bool{}, map[string]bool{}
}

// FailedEvents returns the selected events of the failure queue, which stay in the queue.
// It stops after limit events, up to nine later; 0 for all. To read all of a queue of
// 100,000 events takes minutes.
func (r *Replay) FailedEvents(ctx context.Context, limit int) ([]Event, error) {
	list := *r
	list.DryRun, list.limit = true, limit
	list.reset()
	return list.events(ctx)
}

// PartsSetAside returns the selected parts that loaders have set aside, as events.
func (r *Replay) PartsSetAside(ctx context.Context) ([]Event, error) {
	list := *r
	list.DryRun = true
	list.reset()
	return list.setAside(ctx)
}

// affected returns the uploads to retry.
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

// stuck reports whether an upload is to be dispatched again.
func (r *Replay) stuck(u ledger.Upload) bool {
	if u.State.Done() || r.Reason != "" {
		return false
	}
	progress := u.StartedAt
	if u.UnpackedAt.After(progress) {
		progress = u.UnpackedAt
	}
	return r.Upload != nil || r.now().Sub(progress) >= r.Stuck
}

// tries returns the number of quarantined records of an upload to decode again.
func (r *Replay) tries(u ledger.Upload) int64 {
	if r.Reason != "" {
		return u.Reasons[r.Reason]
	}
	return u.Quarantined()
}

func (r *Replay) upload(ctx context.Context, u ledger.Upload) (Upload, error) {
	done := Upload{ID: u.ID, Source: u.Source(), State: overview.StateOf(u), Tried: r.tries(u)}
	update := func(u ledger.Upload) {
		done.State, done.Quarantined, done.Reasons = overview.StateOf(u), u.Quarantined(), u.Reasons
	}
	update(u)
	if r.stuck(u) {
		if err := r.redispatch(ctx, u, &done); err != nil {
			return done, err
		}
		if r.Upload != nil && !r.DryRun {
			var err error
			if u, err = r.settle(ctx, u.ID); err != nil {
				return done, err
			}
			done.Tried = r.tries(u)
			update(u)
		}
	}
	// After an aborted replay, unpack must still register parts in the ledger.
	if r.DryRun || done.Tried == 0 && (u.Replays == 0 || u.State == ledger.Loaded) {
		return done, nil
	}
	after, err := r.quarantine(ctx, u)
	if err == nil {
		done.Recovered = max(0, after.Records-after.Quarantined()-after.Filtered-u.Records+u.Quarantined()+u.Filtered)
		update(after)
	}
	return done, err
}

// redispatch dispatches an upload to unpack and its parts to load.
func (r *Replay) redispatch(ctx context.Context, u ledger.Upload, done *Upload) error {
	if u.State == ledger.Unpacking {
		done.Resumed = true
		if !r.started[u.ID] {
			if err := r.dispatchJSON(ctx, Unpack, ids.Resume{Resume: ids.Ref{Feed: u.Feed, Upload: u.ID}}); err != nil {
				return err
			}
		}
	}
	var parts []ledger.Part
	err := r.Ledger.PartsOf(ctx, u, func(p ledger.Part) bool {
		if !p.State.Done() {
			parts = append(parts, p)
		}
		return true
	})
	for _, p := range parts {
		ref := p.Ref()
		if r.dispatched[[2]string{ref.Upload, ref.Part}] {
			continue // it is among the events, or other uploads share it
		}
		done.Parts = append(done.Parts, p.Name)
		if err == nil {
			err = r.dispatchPart(ctx, ref)
		}
	}
	return err
}

// quarantine invokes unpack for the quarantine of an upload until nothing changes any
// more, then waits for load.
func (r *Replay) quarantine(ctx context.Context, u ledger.Upload) (ledger.Upload, error) {
	request := ids.Replay{Replay: ids.ReplayRef{Feed: u.Feed, Upload: u.ID, Reason: r.Reason, Before: r.now().UTC()}}
	payload, err := json.Marshal(request)
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

// settle waits until an upload is done, at most for Wait.
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

func (r *Replay) dispatchJSON(ctx context.Context, to Target, v any) error {
	if r.DryRun {
		return nil
	}
	payload, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode payload: %w", err)
	}
	return r.dispatch(ctx, to, payload)
}

// waitForRate waits until the next dispatch is due by Rate.
func (r *Replay) waitForRate(ctx context.Context) error {
	if r.Rate <= 0 {
		return nil
	}
	now := r.now()
	if wait := r.next.Sub(now); wait > 0 {
		if err := r.sleep(ctx, wait); err != nil {
			return err
		}
		now = r.next
	}
	r.next = now.Add(time.Duration(float64(time.Second) / r.Rate))
	return nil
}

// dispatch dispatches a payload, at most at Rate.
func (r *Replay) dispatch(ctx context.Context, to Target, payload []byte) error {
	if err := r.waitForRate(ctx); err != nil {
		return err
	}
	switch to {
	case Unpack:
		return r.Unpack(ctx, payload)
	case Load:
		// An event of a version whose load was invoked for each part, or a wake-up.
		var ref ids.PartRef
		if err := json.Unmarshal(payload, &ref); err != nil {
			return fmt.Errorf("event of load: %w", err)
		}
		if ref.Part == "" {
			return r.Wake(ctx, ids.Load{Feed: r.Feed})
		}
		return r.part(ctx, ref)
	}
	return r.Function(string(to))(ctx, payload)
}
