package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
)

// Reopen moves a part from Loaded to Landed and subtracts its counts from its
// upload's, so that it can be loaded again: load then puts its items again
// under the same keys. It has no effect on a part that is not Loaded. A part
// with records that a replay has taken out of quarantine cannot be reopened,
// because those records would be stored twice.
func (l *Ledger) Reopen(ctx context.Context, p Part) error {
	if p.Replayed > 0 {
		return p.errReplayed()
	}
	if p.Shared != "" {
		return l.reopenShared(ctx, p)
	}
	// A replay may have been committed since the part was read.
	part := change{key: p.key(), condition: equal("state", Loaded).And(equal("replayed", 0))}
	part.set("state", Landed)
	for _, name := range []string{"lines_done", "stored", "rejected"} {
		part.set(name, 0)
	}
	for _, reason := range slices.Sorted(maps.Keys(p.Reasons)) {
		part.set(reasonPrefix+reason, 0)
	}

	upload := change{
		key:       key(p.Feed, p.Upload, uploadSortKey),
		condition: expression.Name("state").NotEqual(expression.Value(Unpacking)),
	}
	upload.set("state", Unpacked)
	upload.unsettle()
	upload.add("stored", -p.Stored)
	upload.add("rejected_by_load", -p.Rejected)
	upload.add("parts_loaded", -1)
	for _, reason := range slices.Sorted(maps.Keys(p.Reasons)) {
		upload.add(reasonPrefix+reason, -p.Reasons[reason])
	}

	err := l.applyAll(ctx, part, upload)
	if failedChange(err) == 0 {
		now, ok, err := l.GetPart(ctx, p.Feed, p.Upload, p.Name)
		if err == nil && ok && now.State == Loaded {
			err = now.errReplayed()
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("ledger: reopen part %s of upload %s: %w", p.Name, p.Upload, err)
	}
	return nil
}

func (p Part) errReplayed() error {
	return fmt.Errorf("ledger: part %s of upload %s cannot be loaded again: %d of its rejected records were replayed since", p.Name, p.Upload, p.Replayed)
}
