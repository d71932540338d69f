package discover_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"example.com/ingestion/internal/functions/discover"
	"example.com/ingestion/internal/testing/fake"
)

// When the continuation cannot be dispatched, the lease is released: the retry of
// the payload resumes at once.
func TestDispatchOfContinuationFails(t *testing.T) {
	for name, arrived := range map[string]bool{"not dispatched": false, "dispatched, response lost": true} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			for i := range 60 {
				w.put("theirs", fmt.Sprintf("%03d", i), "x")
			}
			w.objects = 25
			dispatch := w.h.Continue
			w.h.Continue = func(ctx context.Context, r discover.Request) error {
				w.h.Continue = dispatch
				if arrived {
					w.objects = 0
					if err := w.h.Handle(ctx, r); err != nil {
						t.Error(err)
					}
				}
				return errors.New("throttled")
			}
			if err := w.h.Handle(t.Context(), discover.Request{}); err == nil || !strings.Contains(err.Error(), "throttled") || strings.Contains(err.Error(), "store the cursor") {
				t.Errorf("error %v", err)
			}
			w.objects = 0
			if err := w.h.Handle(t.Context(), discover.Request{}); err != nil {
				t.Error(err)
			}
			if len(w.sent) != 60 {
				t.Errorf("%d objects were sent", len(w.sent))
			}
		})
	}
}

// A duplicate continuation of a scan that has ended starts no other scan.
func TestDuplicateContinuation(t *testing.T) {
	w := newFixture(t)
	for i := range 60 {
		w.put("theirs", fmt.Sprintf("%03d", i), "x")
	}
	w.objects = 25
	if err := w.h.Handle(t.Context(), discover.Request{}); err != nil {
		t.Fatal(err)
	}
	request := w.continued[0]
	w.objects, w.continued = 0, nil
	for range 2 {
		w.put("theirs", "later", w.now.String())
		if err := w.h.Handle(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.sent) != 61 {
		t.Errorf("%d objects were sent", len(w.sent))
	}
}

// deletions is a bucket whose listing of versions starts with pages of deleted objects.
type deletions struct {
	*fake.S3
	w *fixture
}

func (d deletions) ListObjectVersions(ctx context.Context, in *s3.ListObjectVersionsInput, options ...func(*s3.Options)) (*s3.ListObjectVersionsOutput, error) {
	n := 0
	if marker, ok := strings.CutPrefix(aws.ToString(in.KeyMarker), "!"); ok {
		var err error
		if n, err = strconv.Atoi(marker); err != nil {
			return nil, err
		}
	}
	if n >= d.w.deleted || in.KeyMarker != nil && !strings.HasPrefix(*in.KeyMarker, "!") {
		return d.S3.ListObjectVersions(ctx, in, options...)
	}
	next := fmt.Sprintf("!%05d", n+1)
	return &s3.ListObjectVersionsOutput{
		IsTruncated: aws.Bool(true), NextKeyMarker: &next, NextVersionIdMarker: aws.String("v"),
		DeleteMarkers: []types.DeleteMarkerEntry{{Key: &next, IsLatest: aws.Bool(true)}},
		Versions:      []types.ObjectVersion{{Key: &next, IsLatest: aws.Bool(false)}},
	}, nil
}

// A bucket may have more deleted objects than an invocation can list: the
// continuation resumes after them.
func TestMoreDeletedObjectsThanOneInvocationLists(t *testing.T) {
	w := newFixture(t)
	w.deleted, w.objects = 100, 250 // ten pages
	w.put("theirs", "a", "a")
	w.wantScan("theirs/a")
	if err := w.h.Handle(t.Context(), discover.Request{}); err != nil || len(w.continued) != 1 {
		t.Errorf("continued %+v, error %v", w.continued, err)
	}
}
