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

// What cannot be handed on is not left to a lease that nobody holds: the
// repeated payload goes on at once.
func TestHandingOnFails(t *testing.T) {
	for name, arrived := range map[string]bool{"not handed on": false, "handed on, and the answer lost": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for i := range 60 {
				w.put("theirs", fmt.Sprintf("%03d", i), "x")
			}
			w.objects = 25
			again := w.h.Again
			w.h.Again = func(ctx context.Context, r discover.Request) error {
				w.h.Again = again
				if arrived {
					w.objects = 0
					if err := w.h.Handle(ctx, r); err != nil {
						t.Error(err)
					}
				}
				return errors.New("no room")
			}
			if err := w.h.Handle(t.Context(), discover.Request{}); err == nil || !strings.Contains(err.Error(), "no room") || strings.Contains(err.Error(), "store how far") {
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

// A payload that comes a second time when its walk has ended begins no other.
func TestAWalkThatHasEndedIsNotBegunAgain(t *testing.T) {
	w := newWorld(t)
	for i := range 60 {
		w.put("theirs", fmt.Sprintf("%03d", i), "x")
	}
	w.objects = 25
	if err := w.h.Handle(t.Context(), discover.Request{}); err != nil {
		t.Fatal(err)
	}
	handed := w.again[0]
	w.objects, w.again = 0, nil
	for range 2 {
		w.put("theirs", "later", w.now.String())
		if err := w.h.Handle(t.Context(), handed); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.sent) != 61 {
		t.Errorf("%d objects were sent", len(w.sent))
	}
}

// deletions is a bucket with pages of deleted objects before all that is there.
type deletions struct {
	*fake.S3
	w *world
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

// A bucket may have more deleted objects than an invocation can list: the next
// one goes on behind them.
func TestMoreDeletedObjectsThanOneInvocationLists(t *testing.T) {
	w := newWorld(t)
	w.deleted, w.objects = 100, 250 // ten pages
	w.put("theirs", "a", "a")
	w.wantWalk("theirs/a")
	if err := w.h.Handle(t.Context(), discover.Request{}); err != nil || len(w.again) != 1 {
		t.Errorf("handed on %+v, error %v", w.again, err)
	}
}
