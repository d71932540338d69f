package unpack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/files/archive"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/landing"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// member is a small object that was read.
type member struct {
	waiting ledger.Waiting
	upload  ids.Upload
	source  *s3source.Object
	body    []byte
	// known means that the object needs nothing more: its upload is in the ledger.
	known bool
	// err is why it could not be read.
	err error
}

// read reads a waiting object. The error is one of the invocation, not of the object.
func (g *gathering) read(ctx context.Context, w ledger.Waiting) (member, error) {
	m := member{waiting: w, upload: g.named(w)}
	from, err := g.bucketOf(ctx, m.upload)
	if err == nil {
		m.source, m.body, err = from.ReadWhole(ctx, w.Bucket, w.Key, w.VersionID, w.ETag, ledger.SmallObjectBytes)
	}
	if err != nil {
		m.err = err
		return m, context.Cause(ctx)
	}
	m.identify()
	m.known, err = g.isKnown(ctx, m.upload)
	return m, err
}

// named is the upload of a waiting object as far as its event names it.
func (g *gathering) named(w ledger.Waiting) ids.Upload {
	return ids.New(ids.Upload{
		Feed: g.Spec.Feed, Bucket: w.Bucket, Key: w.Key, VersionID: w.VersionID, ETag: w.ETag, Size: w.Size, Time: time.Now(),
	})
}

// identify completes the upload with what the source object says.
func (m *member) identify() {
	u, s := m.upload, m.source
	u.VersionID, u.ETag, u.Size, u.Time = s.VersionID(), s.ETag(), s.Size(), s.Modified()
	m.upload = ids.New(u)
}

// isKnown reports whether the ledger has an upload, and continues it where it is not
// complete.
func (g *gathering) isKnown(ctx context.Context, u ids.Upload) (bool, error) {
	known, ok, err := g.Ledger.GetUpload(ctx, u.Feed, u.ID)
	if err != nil || !ok || known.State == ledger.Missing {
		return false, err
	}
	return true, g.resumeKnown(ctx, known)
}

// resumeKnown settles an upload, or lets another invocation continue it. That one ends if
// the upload's reader renews its lease. A reader with a lease may have been killed, also an
// earlier attempt of this very invocation, and its retry may be for another object: so the
// lease alone does not mean that the upload is completed.
func (g *gathering) resumeKnown(ctx context.Context, u ledger.Upload) error {
	if u.State == ledger.Unpacking {
		return g.Continue(ctx, ids.Resume{Resume: ids.Ref{Feed: u.Feed, Upload: u.ID}})
	}
	return g.settle(ctx, u)
}

// add adds a member to the shared part, or processes it otherwise.
func (b *batch) add(ctx context.Context, m *member) error {
	err := m.err
	switch {
	case m.known:
	case errors.Is(err, s3source.ErrNotFound):
		err = b.gone(ctx, m, err)
	case err == nil && m.body == nil:
		err = b.separate(ctx, m)
	case err == nil:
		if err = b.unpack(ctx, m); err != nil && context.Cause(ctx) == nil {
			b.Log.Info("not gathered", "upload", m.upload.ID, "source", m.upload.Source(), "reason", err.Error())
			err = b.separate(ctx, m)
		}
	default:
		b.Log.Warn("not gathered", "source", m.upload.Source(), "reason", err.Error())
		err = b.unreadable(ctx, m)
	}
	b.done = append(b.done, m.waiting)
	return err
}

// gone enters an upload whose object was deleted before it was read.
func (b *batch) gone(ctx context.Context, m *member, cause error) error {
	entered, err := b.Ledger.Missing(ctx, ledger.Upload{Upload: m.upload}, cause.Error())
	if err != nil || entered {
		b.Log.Warn("source object was deleted", "upload", m.upload.ID, "source", m.upload.Source(), "error", cause.Error())
		return err
	}
	u, ok, err := b.Ledger.GetUpload(ctx, m.upload.Feed, m.upload.ID)
	if err != nil || !ok {
		return err
	}
	return b.resumeKnown(ctx, u)
}

// unreadable processes an object that could be opened or not, and not read: in an
// invocation of its own, whose error is that of this object alone.
func (g *gathering) unreadable(ctx context.Context, m *member) error {
	var err error
	if m.source, err = g.open(ctx, m.upload); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		// An event without a size: the object is opened before it waits.
		w := m.waiting
		return g.Self(ctx, json.RawMessage(s3event.Notification(s3event.Object{Bucket: w.Bucket, Key: w.Key, VersionID: w.VersionID, ETag: w.ETag})))
	}
	m.identify()
	known, err := g.isKnown(ctx, m.upload)
	if err != nil || known {
		return err
	}
	return g.separate(ctx, m)
}

// separate begins an upload that another invocation divides into parts of its own.
func (g *gathering) separate(ctx context.Context, m *member) error {
	u := g.newUpload(m.upload, g.spec)
	if err := g.Ledger.Found(ctx, u); err != nil {
		return err
	}
	if _, err := g.Ledger.Begin(ctx, u); err != nil {
		return err
	}
	return g.Continue(ctx, ids.Resume{Resume: ids.Ref{Feed: u.Feed, Upload: u.ID}})
}

// apart lets each of the listed objects be processed by an invocation of its own.
func (g *gathering) apart(ctx context.Context, list []ledger.Waiting) error {
	g.Log.Warn("small objects are not gathered, since invocations were killed or have failed", "shard", g.shard, "objects", len(list))
	for _, w := range list {
		m := &member{waiting: w, upload: g.named(w)}
		if err := g.unreadable(ctx, m); err != nil {
			return err
		}
	}
	return g.Ledger.DropWaiting(ctx, g.Spec.Feed, list)
}

// single unpacks one object into parts of its own.
func (g *gathering) single(ctx context.Context, w ledger.Waiting) error {
	err := g.object(ctx, s3event.Object{Bucket: w.Bucket, Key: w.Key, VersionID: w.VersionID, ETag: w.ETag, Size: w.Size}, nil)
	if err != nil {
		return objectError(g.Spec.Feed, w.Bucket, w.Key, err)
	}
	return g.Ledger.DropWaiting(ctx, g.Spec.Feed, []ledger.Waiting{w})
}

// unpack adds the records of a member to the part. After an error the part has none of
// them.
func (b *batch) unpack(ctx context.Context, m *member) error {
	u := ledger.Upload{Upload: m.upload, Shards: 1}
	b.writer.Start(m.upload)
	rejected := quarantine.NewWriter(ctx, b.S3, b.Bucket, b.Spec.QuarantinePrefix, m.upload, Stage)
	shaper, err := b.newShaper(ctx, b.Spec, m.upload)
	if err != nil {
		return err
	}
	v := newVisitor(b.Handler, u, b.Spec, b.writer, shaper, rejected, func() bool { return false })
	if err := archive.Walk(ctx, m.upload.Key, inMemory(m.body), b.Spec.Limits, v); err != nil {
		return err
	}
	n, reasons, err := rejected.Close()
	if err != nil {
		return err
	}
	if err := b.keepSource(ctx, u, m.source, v.keepSource); err != nil {
		return err
	}
	records, err := b.writer.Keep()
	if err != nil {
		return err
	}
	added := ledger.Member{
		Upload: m.upload.ID, Millis: m.upload.Time.UnixMilli(), Landed: records, Entries: v.at.Entries, Rejected: n, Filtered: v.filtered,
		BytesUnpacked: v.at.BytesUnpacked, Reasons: reasons, Message: v.message(m.upload.Size),
	}
	b.bytesIn += m.upload.Size
	if records == 0 {
		empty := ledger.Part{Reading: b.spec}.Member(added)
		empty.Upload = m.upload
		b.empty = append(b.empty, empty)
		return nil
	}
	if w := m.waiting; w.ID != m.upload.ID {
		added.Event = w.ID
	}
	if w := m.waiting; w.VersionID != m.upload.VersionID {
		added.VersionID = m.upload.VersionID
	}
	if w := m.waiting; w.ETag != m.upload.ETag {
		added.ETag = m.upload.ETag
	}
	b.members, b.uploads = append(b.members, added), append(b.uploads, m.upload)
	return nil
}

var _ recordWriter = (*landing.SharedWriter)(nil)

// inMemory is an object in memory.
type inMemory []byte

// Size implements archive.Object.
func (m inMemory) Size() int64 { return int64(len(m)) }

// Open implements archive.Object.
func (m inMemory) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m)), nil
}

// ReadAt implements archive.Object.
func (m inMemory) ReadAt(p []byte, off int64) (int, error) { return bytes.NewReader(m).ReadAt(p, off) }
