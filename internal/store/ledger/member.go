package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"example.com/ingestion/internal/ids"
)

// Member is an upload with all of its records in a shared part, which holds the
// records of several small uploads. The item of such a part has the ID of a bundle in
// place of an upload's, see ids.Bundle.
type Member struct {
	Upload  string `dynamodbav:"upload"`
	Millis  int64  `dynamodbav:"time"`    // of the source object, in milliseconds since 1970
	Records int64  `dynamodbav:"records"` // in the part
	// Rejected is how many of the records load put in quarantine, Reasons counts them
	// by reason.
	Rejected int64            `dynamodbav:"rejected,omitempty"`
	Reasons  map[string]int64 `dynamodbav:"reasons,omitempty"`
	Message  string           `dynamodbav:"message,omitempty"`
}

// Origin is the upload as far as the keys of its objects depend on it.
func (m Member) Origin(feedName string) ids.Upload {
	return ids.Upload{Feed: feedName, ID: m.Upload, Time: time.UnixMilli(m.Millis).UTC()}
}

// MaxMembers bounds the uploads in one part: their list is in one item, which may
// have 400 KB.
const MaxMembers = 1000

// memberLoadedAttribute marks an upload whose shared part is counted as loaded.
const memberLoadedAttribute = "bundle_loaded"

// concurrentMembers is how many uploads of a part are changed at a time.
const concurrentMembers = 32

// membersLoaded adds the counts of a shared part to those of its uploads.
func (l *Ledger) membersLoaded(ctx context.Context, p Part) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrentMembers)
	for _, m := range p.Members {
		g.Go(func() error {
			if err := l.memberLoaded(ctx, p.Feed, m); err != nil {
				return fmt.Errorf("ledger: enter part %s of bundle %s as loaded in upload %s: %w", p.Name, p.Upload, m.Upload, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// memberLoaded counts the records of an upload as loaded, once. In one write it also
// settles an upload without any other part.
func (l *Ledger) memberLoaded(ctx context.Context, feedName string, m Member) error {
	c := memberChange(feedName, m)
	c.condition = c.condition.And(equal("state", Unpacked), equal("parts", 1))
	c.set("state", Loaded)
	c.set("loaded_at", stamp(l.now()))
	_, err := l.apply(ctx, c)
	if !conditionFailed(err) {
		return err
	}
	// It is counted already, or a replay has landed other parts of the upload.
	_, err = l.apply(ctx, memberChange(feedName, m))
	if err != nil && !conditionFailed(err) {
		return err
	}
	_, err = l.Settle(ctx, feedName, m.Upload)
	return err
}

// memberChange is the change of the counts of an upload.
func memberChange(feedName string, m Member) change {
	c := change{
		key:       key(feedName, m.Upload, uploadSortKey),
		condition: expression.Name(memberLoadedAttribute).AttributeNotExists().And(expression.Name("state").AttributeExists()),
	}
	c.set(memberLoadedAttribute, true)
	c.add("stored", m.Records-m.Rejected)
	c.add("rejected_by_load", m.Rejected)
	c.add("parts_loaded", 1)
	if m.Message != "" {
		c.setOnce("message", m.Message)
	}
	c.addReasons(m.Reasons)
	return c
}

// EnterMember enters an upload whose records are in a shared part, or that has none,
// as Unpacked, or as Loaded if no part has to be loaded. u has its counts. It has no
// effect on an upload that the ledger has, unless it is Missing.
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
	if u.Bundle != "" {
		it["bundle"] = str(u.Bundle)
	}
	for reason, n := range u.Reasons {
		it[reasonPrefix+reason] = &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
	}
	it["unpacked_at"] = str(stamp(l.now()))
	if state == Loaded {
		it["loaded_at"] = it["unpacked_at"]
	}
	c := change{key: key(u.Feed, u.ID, uploadSortKey), condition: isNew().Or(equal("state", Missing))}
	for _, name := range slices.Sorted(maps.Keys(it)) {
		c.set(name, it[name])
	}
	if u.Message == "" {
		c.remove("message")
	}
	if _, err := l.apply(ctx, c); err != nil && !conditionFailed(err) {
		return fmt.Errorf("ledger: enter upload %s: %w", u.ID, err)
	}
	return nil
}
