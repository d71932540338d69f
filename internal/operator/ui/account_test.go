package ui

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/testing/fake"
)

// When AWS cannot be reached, the last figures are kept with their time.
func TestReadKeepsTheLastFigures(t *testing.T) {
	stacks := &fake.CloudFormation{Stacks: []fake.Stack{
		{Name: "Orders", Outputs: map[string]string{"OFeed": "orders", "OLandingPrefix": "landing/orders/"}},
	}}
	source := NewAccountSource(operator.Account{Config: aws.Config{Region: "eu-central-1"}, Stacks: stacks}, nil, false)
	stacks.Err = errors.New("connection refused")
	if s := source.Read(t.Context()); len(s.Feeds) != 0 || s.Feeds == nil || !s.Figures.IsZero() || s.Error != "list the stacks: connection refused" {
		t.Errorf("never reached: %+v", s)
	}
	stacks.Err = nil
	first := source.Read(t.Context())
	if len(first.Feeds) != 1 || first.Feeds[0].State != overview.Unknown || first.Figures != first.At {
		t.Errorf("%+v", first)
	}
	time.Sleep(time.Millisecond)
	stacks.Err = errors.New("connection refused")
	if s := source.Read(t.Context()); len(s.Feeds) != 1 || s.Figures != first.At || !s.At.After(first.At) || s.Error != "list the stacks: connection refused" {
		t.Errorf("not reached any more: %+v", s)
	}
}

func TestPriority(t *testing.T) {
	if priority(overview.Failing) >= priority(overview.Rejecting) || priority(overview.Rejecting) >= priority(overview.Working) || priority(overview.Working) != priority(overview.Idle) {
		t.Error("feeds that need attention are not first")
	}
}
