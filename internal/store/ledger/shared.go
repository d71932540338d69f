package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"example.com/ingestion/internal/ids"
)

// A shared part has the records of several small uploads, its members. Its item has an ID
// of ids.NewSharedID in place of an upload's, and the list of the members with their
// counts. An upload in a shared part has no item of a part, PartsOf derives one; only
// where a part has counts of its own, because load has rejected a record of it or it is
// loaded again, the ledger has an item for it, with Part.OwnLines.

// SharedPart is the name of a shared part.
var SharedPart = ids.PartName(0, 0)

// Member is an upload of a shared part.
type Member struct {
	Upload string `json:"u"`
	Millis int64  `json:"t"` // of the source object, in milliseconds since 1970
	// Event is the ID of the waiting object, where it is not Upload: that of an event
	// without the object's version.
	Event string `json:"v,omitempty"`
	// VersionID and ETag are those of the source object, where the event has others.
	VersionID string `json:"version,omitempty"`
	ETag      string `json:"etag,omitempty"`
	// Landed is the number of the upload's records in the part. The others are the counts
	// with which the upload is entered.
	Landed        int64            `json:"n"`
	Entries       int64            `json:"e"`
	Rejected      int64            `json:"q,omitempty"` // by unpack
	Filtered      int64            `json:"f,omitempty"`
	BytesUnpacked int64            `json:"b"`
	Reasons       map[string]int64 `json:"r,omitempty"`
	Message       string           `json:"m,omitempty"`
}

// Time is that of the source object.
func (m Member) Time() time.Time { return time.UnixMilli(m.Millis).UTC() }

// WaitingID is the ID of the object that waited.
func (m Member) WaitingID() string { return cmp.Or(m.Event, m.Upload) }

// Rejections are the records of a member that load has put in quarantine.
type Rejections struct {
	Count   int64            `json:"n"`
	Reasons map[string]int64 `json:"r"`
	Message string           `json:"m,omitempty"`
}

// MaxMembers bounds the uploads in a shared part: their list and their messages are in
// one item, which may have 400 KB.
const MaxMembers = 500

// maxMemberMessage bounds the messages in that item, in bytes.
const maxMemberMessage = 200

func shortened(message string) string {
	if len(message) <= maxMemberMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxMemberMessage-len("…")], "") + "…"
}

// Attributes of a shared part, and of its uploads.
const (
	membersAttribute      = "members"
	rejectionsAttribute   = "member_rejections"
	sharedLoadedAttribute = "shared_part_loaded"
	concurrentMembers     = 32 // uploads that are changed at a time
	sharedShards          = 1  // partition keys of the records of a small upload
)

// decodeShared adds what is stored as JSON, which is half the size of DynamoDB's lists
// and maps.
func (p *Part) decodeShared(it item) error {
	for name, to := range map[string]any{membersAttribute: &p.Members, rejectionsAttribute: &p.Rejections} {
		s, ok := it[name].(*types.AttributeValueMemberS)
		if !ok {
			continue
		}
		if err := json.Unmarshal([]byte(s.Value), to); err != nil {
			return fmt.Errorf("attribute %q: %w", name, err)
		}
	}
	return nil
}

func (p Part) encodedMembers() (types.AttributeValue, error) {
	members := slices.Clone(p.Members)
	for i := range members {
		members[i].Message = shortened(members[i].Message)
	}
	b, err := json.Marshal(members)
	return str(string(b)), err
}

func (p Part) encodedRejections() (types.AttributeValue, error) {
	rejections := maps.Clone(p.Rejections)
	for id, r := range rejections {
		r.Message = shortened(r.Message)
		rejections[id] = r
	}
	b, err := json.Marshal(rejections)
	return str(string(b)), err
}

// BeginShared enters a shared part, and notes it in the state of the shard, before the
// part is written: so an invocation that takes the shard over knows of it. It is one
// transaction, so that an invocation whose lease has expired enters none; the error wraps
// ErrLeaseLost then.
func (l *Ledger) BeginShared(ctx context.Context, p Part, shard int, lease Lease) error {
	it, err := l.encodePart(p)
	if err != nil {
		return fmt.Errorf("ledger: shared part %s: %w", p.Upload, err)
	}
	state := change{key: waitingKey(p.Feed, shard, gatherSortKey), condition: equal(readerAttribute, lease.Owner)}
	state.set(sharedAttribute, p.Upload)
	err = l.applyAll(ctx, state, putOf(p.key(), it))
	switch {
	case failedChange(err) == 0:
		err = ErrLeaseLost
	case conditionFailed(err):
		err = nil // the response to this very transaction was lost: the ID is random
	}
	if err != nil {
		return fmt.Errorf("ledger: begin shared part %s: %w", p.Upload, err)
	}
	return nil
}

// putOf is the change that writes a new item.
func putOf(key, it item) change {
	c := change{key: key, condition: isNew()}
	for _, name := range slices.Sorted(maps.Keys(it)) {
		if _, isKey := key[name]; !isKey {
			c.set(name, it[name])
		}
	}
	return c
}

// DropShared removes a shared part that can never be written.
func (l *Ledger) DropShared(ctx context.Context, p Part) error {
	if _, err := l.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &l.table, Key: p.key()}); err != nil {
		return fmt.Errorf("ledger: remove shared part %s: %w", p.Upload, err)
	}
	return nil
}

// EnterMember enters an upload whose records are in a shared part, u.Shared, or that has
// none: as Unpacked, or as Loaded where nothing has to be loaded. u has its counts. It has
// no effect on an upload that the ledger has, unless it is Missing.
func (l *Ledger) EnterMember(ctx context.Context, u Upload) error {
	state := Unpacked
	if u.Parts == 0 {
		state = Loaded
	}
	it, err := l.encodeNew(u, state)
	if err != nil {
		return err
	}
	counts, err := encode(u.Counts)
	if err != nil {
		return fmt.Errorf("ledger: upload %s: %w", u.ID, err)
	}
	maps.Copy(it, counts)
	if u.Message != "" {
		it["message"] = str(u.Message)
	}
	if u.Shared != "" {
		it[sharedAttribute] = str(u.Shared)
	}
	for reason, n := range u.Reasons {
		it[reasonPrefix+reason] = &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
	}
	if err := l.putFile(ctx, u); err != nil {
		return err
	}
	now := l.now()
	it["unpacked_at"] = str(stamp(now))
	if state == Loaded {
		it["loaded_at"] = it["unpacked_at"]
		u.State, u.UnpackedAt, u.LoadedAt = Loaded, now, now
		if it[settledAttribute], err = encodeSettled(u); err != nil {
			return err
		}
		if err := l.loadingMember(ctx, u); err != nil {
			return err
		}
	}
	c := putOf(key(u.Feed, u.ID, uploadSortKey), it)
	c.condition = isNew().Or(equal("state", Missing))
	if state != Loaded {
		c.unsettle()
	}
	if u.Message == "" {
		c.remove("message")
	}
	if _, err := l.apply(ctx, c); err != nil && !conditionFailed(err) {
		return fmt.Errorf("ledger: enter upload %s: %w", u.ID, err)
	}
	return nil
}

// sharedLoaded adds the counts of a shared part to those of its uploads, each once, and
// marks the part.
func (l *Ledger) sharedLoaded(ctx context.Context, p Part) error {
	g, memberCtx := errgroup.WithContext(ctx)
	g.SetLimit(concurrentMembers)
	for _, m := range p.Members {
		g.Go(func() error {
			if err := l.memberLoaded(memberCtx, p, m); err != nil {
				return fmt.Errorf("ledger: enter shared part %s as loaded in upload %s: %w", p.Upload, m.Upload, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	part := change{key: p.key(), condition: equal("state", Landed)}
	part.set("state", Loaded)
	part.set("loaded_at", stamp(l.now()))
	p.Lines = p.Records
	if err := part.setPartCounts(p); err != nil {
		return fmt.Errorf("ledger: shared part %s: %w", p.Upload, err)
	}
	if _, err := l.apply(ctx, part); err != nil && !conditionFailed(err) {
		return fmt.Errorf("ledger: enter shared part %s as loaded: %w", p.Upload, err)
	}
	return nil
}

// memberLoaded counts the records of an upload in a shared part as loaded, once. In one
// write it also settles an upload that has no other part. It reads before it writes, so
// that an invocation which continues another one's work makes progress also while the table
// accepts hardly any write.
func (l *Ledger) memberLoaded(ctx context.Context, p Part, m Member) error {
	u, ok, err := l.GetUpload(ctx, p.Feed, m.Upload)
	if err != nil || !ok || u.Shared != p.Upload {
		return err // another invocation has unpacked it into parts of its own
	}
	if !u.SharedLoaded {
		if !l.announces(u) { // it has to be counted before it is announced
			only := memberChange(p, m)
			only.condition = only.condition.And(equal("state", Unpacked), equal("parts", 1), u.sameCounts())
			if err := only.settle(u.withMember(p, m, l.now())); err != nil {
				return err
			}
			if err = l.applyMember(ctx, p, m, only); !conditionFailed(err) {
				return err
			}
		}
		// A replay has landed other parts of the upload.
		counted := memberChange(p, m)
		counted.unsettle()
		if err = l.applyMember(ctx, p, m, counted); err != nil && !conditionFailed(err) {
			return err
		}
	}
	if u.State == Loaded {
		return nil
	}
	_, err = l.Settle(ctx, p.Feed, m.Upload)
	return err
}

// withMember is u once its records in a shared part, which are all, are loaded.
func (u Upload) withMember(p Part, m Member, now time.Time) Upload {
	r := p.Rejections[m.Upload]
	u.State, u.LoadedAt, u.SharedLoaded = Loaded, now, true
	u.Stored += m.Landed - r.Count
	u.RejectedByLoad += r.Count
	u.PartsLoaded++
	u.Message = cmp.Or(u.Message, r.Message)
	reasons := maps.Clone(u.Reasons)
	for reason, n := range r.Reasons {
		if reasons == nil {
			reasons = map[string]int64{}
		}
		reasons[reason] += n
	}
	u.Reasons = reasons
	return u
}

// applyMember makes the change of an upload, and enters a part of its own with records
// that load has rejected: a replay counts them there.
func (l *Ledger) applyMember(ctx context.Context, p Part, m Member, upload change) error {
	r, rejected := p.Rejections[m.Upload]
	if !rejected {
		_, err := l.apply(ctx, upload)
		return err
	}
	own := p.ofMember(m)
	own.State, own.Stored, own.Lines, own.LoadedAt = Loaded, m.Landed-r.Count, m.Landed, l.now()
	own.Rejected, own.Message = r.Count, r.Message
	part, err := l.ownPart(own, r.Reasons)
	if err != nil {
		return err
	}
	return l.applyAll(ctx, upload, part)
}

// ownPart is the change that enters a part of an upload whose lines are in a shared part.
func (l *Ledger) ownPart(p Part, reasons map[string]int64) (change, error) {
	it, err := encode(p)
	if err != nil {
		return change{}, err
	}
	if err := p.encodeKey(it); err != nil {
		return change{}, err
	}
	it["item"] = str("part")
	for reason, n := range reasons {
		it[reasonPrefix+reason] = &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
	}
	return putOf(p.key(), it), nil
}

// ofMember is the part as far as it has the records of one upload.
func (p Part) ofMember(m Member) Part {
	return Part{
		Feed: p.Feed, Upload: m.Upload, Name: p.Name, Key: p.Key, State: p.State, Records: m.Landed, Bytes: p.share(m),
		Shards: sharedShards, Time: m.Time(), LandedAt: p.LandedAt, LoadedAt: p.LoadedAt, OwnLines: true,
		RecordKey: p.RecordKey, ExpireAfterDays: p.ExpireAfterDays,
	}
}

// share is how many bytes of the part are counted for a member.
func (p Part) share(m Member) int64 {
	if p.Records == 0 {
		return 0
	}
	return p.Bytes * m.Landed / p.Records
}

// Member is the ledger's upload of a member, without what identifies its source object.
func (p Part) Member(m Member) Upload {
	u := Upload{
		Shards: sharedShards, Reading: p.Reading, Reasons: m.Reasons, Message: m.Message,
		Counts: Counts{Entries: m.Entries, Records: m.Landed + m.Rejected + m.Filtered, RejectedByUnpack: m.Rejected, Filtered: m.Filtered, BytesUnpacked: m.BytesUnpacked},
	}
	if m.Landed > 0 {
		u.Shared, u.Parts, u.BytesLanded = p.Upload, 1, p.share(m)
	}
	return u
}

// memberChange is the change of the counts of an upload.
func memberChange(p Part, m Member) change {
	r := p.Rejections[m.Upload]
	c := change{
		key:       key(p.Feed, m.Upload, uploadSortKey),
		condition: equal(sharedAttribute, p.Upload).And(expression.Name(sharedLoadedAttribute).AttributeNotExists()),
	}
	c.set(sharedLoadedAttribute, true)
	c.add("stored", m.Landed-r.Count)
	c.add("rejected_by_load", r.Count)
	c.add("parts_loaded", 1)
	if r.Message != "" {
		c.setOnce("message", r.Message)
	}
	c.addReasons(r.Reasons)
	return c
}

// PartsOf lists the parts of an upload in order, also the one that it shares with other
// uploads, with its own counts. It calls yield for each until it returns false.
func (l *Ledger) PartsOf(ctx context.Context, u Upload, yield func(Part) bool) error {
	if u.Shared == "" {
		return l.Parts(ctx, u.Feed, u.ID, yield)
	}
	var parts []Part
	err := l.Parts(ctx, u.Feed, u.ID, func(p Part) bool {
		parts = append(parts, p)
		return true
	})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(parts, func(p Part) bool { return p.Name == SharedPart }) {
		p, ok, err := l.sharedPartOf(ctx, u)
		if err != nil {
			return err
		}
		if ok && !yield(p) {
			return nil
		}
	}
	for _, p := range parts {
		if !yield(p) {
			return nil
		}
	}
	return nil
}

// sharedPartOf derives the part of an upload from the shared part that has its records.
func (l *Ledger) sharedPartOf(ctx context.Context, u Upload) (Part, bool, error) {
	shared, ok, err := l.GetPart(ctx, u.Feed, u.Shared, SharedPart)
	if err != nil || !ok {
		return Part{}, false, err
	}
	at := slices.IndexFunc(shared.Members, func(m Member) bool { return m.Upload == u.ID })
	if at < 0 {
		return Part{}, false, nil
	}
	p := shared.ofMember(shared.Members[at])
	p.Shared, p.State = u.Shared, Landed
	if u.SharedLoaded {
		p.State, p.Stored, p.Lines = Loaded, p.Records, p.Records
		if p.LoadedAt.IsZero() {
			p.LoadedAt = u.LoadedAt
		}
	}
	return p, true, nil
}

// PartOf returns one part of an upload, as PartsOf does.
func (l *Ledger) PartOf(ctx context.Context, u Upload, name string) (p Part, ok bool, err error) {
	err = l.PartsOf(ctx, u, func(found Part) bool {
		if found.Name == name {
			p, ok = found, true
		}
		return !ok
	})
	return p, ok, err
}

// reopenShared enters a part of an upload's own for the lines that it has in a shared
// part, so that load writes them again, and subtracts its counts from the upload's.
func (l *Ledger) reopenShared(ctx context.Context, p Part) error {
	own := p
	own.State, own.Stored, own.Lines, own.Shared = Landed, 0, 0, ""
	own.LoadedAt = time.Time{}
	part, err := l.ownPart(own, nil)
	if err != nil {
		return fmt.Errorf("ledger: part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	upload := change{
		key:       key(p.Feed, p.Upload, uploadSortKey),
		condition: expression.Name("state").NotEqual(expression.Value(Unpacking)),
	}
	upload.set("state", Unpacked)
	upload.unsettle()
	upload.add("stored", -p.Stored)
	upload.add("parts_loaded", -1)
	if err := l.applyAll(ctx, part, upload); err != nil && failedChange(err) != 0 {
		return fmt.Errorf("ledger: reopen part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	return nil
}

// SettlePart completes the upload of a part that is Loaded. Those of a shared part are
// completed with it.
func (l *Ledger) SettlePart(ctx context.Context, p Part) error {
	if len(p.Members) > 0 {
		return nil
	}
	_, err := l.Settle(ctx, p.Feed, p.Upload)
	return err
}
