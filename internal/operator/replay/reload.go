package replay

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/store/ledger"
)

// Landing is the part of the S3 client that the package uses.
type Landing interface {
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
}

// reload loads a part again.
func (r *Replay) reload(ctx context.Context) (Upload, error) {
	u := *r.Upload
	done := Upload{ID: u.ID, Source: u.Source(), State: overview.StateOf(u)}
	p, ok, err := r.Ledger.PartOf(ctx, u, r.Part)
	switch {
	case err != nil:
		return done, err
	case !ok:
		return done, fmt.Errorf("upload %s has no part %q: `ingest status %s %s` lists them", u.ID, r.Part, r.Feed, u.ID)
	}
	if err := r.checkPart(ctx, p); err != nil {
		return done, err
	}
	done.Parts = []string{r.Part}
	if r.DryRun {
		return done, nil
	}
	if p.State == ledger.Loaded {
		if err := r.Ledger.Reopen(ctx, p); err != nil {
			return done, err
		}
		p.Shared = "" // from here on it is a part of the upload's own
	}
	if err := r.dispatchPart(ctx, p.Ref()); err != nil {
		return done, err
	}
	after, err := r.settle(ctx, u.ID)
	done.State, done.Quarantined, done.Reasons = overview.StateOf(after), after.Quarantined(), after.Reasons
	if r.Step != nil {
		r.Step()
	}
	return done, err
}

// checkPart returns an error if the part was deleted from the landing bucket: load would
// fail, and the ledger would no longer count the items of the part.
func (r *Replay) checkPart(ctx context.Context, p ledger.Part) error {
	_, err := r.Landing.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &r.LandingBucket, Key: &p.Key})
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.HTTPStatusCode() == http.StatusNotFound {
		return fmt.Errorf("part %s of upload %s was deleted from the landing bucket, so nothing was changed: s3://%s/%s", p.Name, p.Upload, r.LandingBucket, p.Key)
	}
	return nil // without the permission to check, load reports a missing part
}
