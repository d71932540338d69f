package logs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fakeAWS has log groups, returned one event per page, and functions with the group
// "<name>-group".
type fakeAWS struct {
	groups   map[string][]types.FilteredLogEvent
	patterns []string
	err      error
}

func (f *fakeAWS) add(group string, second int, message string) {
	at := start.Add(time.Duration(second) * time.Second)
	f.groups[group] = append(f.groups[group], types.FilteredLogEvent{
		EventId: aws.String(fmt.Sprint(group, len(f.groups[group]))), Timestamp: aws.Int64(at.UnixMilli()), Message: aws.String(message + "\n"),
	})
}

func (f *fakeAWS) FilterLogEvents(_ context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	if f.err != nil {
		return nil, f.err
	}
	all, ok := f.groups[*in.LogGroupName]
	if !ok {
		return nil, &types.ResourceNotFoundException{}
	}
	f.patterns = append(f.patterns, aws.ToString(in.FilterPattern))
	first := 0
	if in.NextToken != nil {
		if _, err := fmt.Sscan(*in.NextToken, &first); err != nil {
			return nil, err
		}
	}
	out := &cloudwatchlogs.FilterLogEventsOutput{}
	for i := first; i < len(all); i++ {
		if *all[i].Timestamp >= *in.StartTime {
			out.Events = all[i : i+1]
			if i+1 < len(all) {
				out.NextToken = aws.String(strconv.Itoa(i + 1))
			}
			break
		}
	}
	return out, nil
}

func (f *fakeAWS) GetFunctionConfiguration(_ context.Context, in *lambda.GetFunctionConfigurationInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error) {
	return &lambda.GetFunctionConfigurationOutput{LoggingConfig: &lambdatypes.LoggingConfig{LogGroup: aws.String(*in.FunctionName + "-group")}}, nil
}

var query = Query{Functions: []Function{{"unpack", "u"}, {"load", "l"}}, Since: start}

func read(t *testing.T, r Reader, q Query) []string {
	t.Helper()
	var all []string
	err := Print(t.Context(), r, q, func(l Line) error {
		all = append(all, l.Time.Format("15:04:05 ")+l.Function+" "+l.Message)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCloudWatch(t *testing.T) {
	f := &fakeAWS{groups: map[string][]types.FilteredLogEvent{}}
	r := &CloudWatch{Logs: f, Lambda: f}
	if got := read(t, r, query); len(got) != 0 {
		t.Errorf("functions that were never invoked: %q", got)
	}
	f.add("u-group", -1, "before")
	f.add("u-group", 1, "one")
	f.add("l-group", 2, "two")
	f.add("u-group", 3, "three")
	if got, want := read(t, r, query), []string{"12:00:01 unpack one", "12:00:02 load two", "12:00:03 unpack three"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	// Later calls return new events only, also one that is older than those before.
	f.add("u-group", 2, "late")
	f.add("l-group", 90, "after")
	if got, want := read(t, r, query), []string{"12:00:02 unpack late", "12:01:30 load after"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := read(t, r, query); len(got) != 0 {
		t.Errorf("repeated: %q", got)
	}
	withText := query
	withText.Text = `a "quoted" key`
	read(t, r, withText)
	if got := f.patterns[len(f.patterns)-1]; got != `"a \"quoted\" key"` {
		t.Errorf("pattern %s", got)
	}
	f.err = errors.New("denied")
	if err := Print(t.Context(), r, query, nil); !errors.Is(err, f.err) || !strings.HasPrefix(err.Error(), "logs of unpack: ") {
		t.Errorf("error %v", err)
	}
}

func TestFiles(t *testing.T) {
	r := &Files{Dir: t.TempDir()}
	if got := read(t, r, query); len(got) != 0 {
		t.Errorf("functions that were never invoked: %q", got)
	}
	write := func(name, text string) {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(r.Dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write("u.log", "2026-03-01T11:59:59.000Z before\n2026-03-01T12:00:01.000Z one\n\tat line 2\n2026-03-01T12:00:03.000Z thr")
	write("l.log", "2026-03-01T12:00:02.000Z two\n")
	if got, want := read(t, r, query), []string{"12:00:01 unpack one", "12:00:01 unpack \tat line 2", "12:00:02 load two"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	write("u.log", "ee\n2026-03-01T12:00:04.000Z four\n")
	withText := query
	withText.Text = "ee"
	if got, want := read(t, r, withText), []string{"12:00:03 unpack three"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	r = &Files{Dir: filepath.Join(r.Dir, "none")}
	if err := Print(t.Context(), r, query, nil); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "make local") {
		t.Errorf("error %v", err)
	}
}

func TestFollow(t *testing.T) {
	f := &fakeAWS{groups: map[string][]types.FilteredLogEvent{}}
	f.add("u-group", 1, "one")
	ctx, cancel := context.WithCancel(t.Context())
	ticks := make(chan time.Time, 1)
	var got []string
	err := Follow(ctx, &CloudWatch{Logs: f, Lambda: f}, query, ticks, func(l Line) error {
		got = append(got, l.Message)
		if l.Message == "two" {
			cancel()
			return nil
		}
		f.add("l-group", 2, "two")
		ticks <- time.Time{}
		return nil
	})
	if err != nil || !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("%q, %v", got, err)
	}
	f.err = errors.New("denied")
	if err := Follow(t.Context(), &CloudWatch{Logs: f, Lambda: f}, query, ticks, nil); !errors.Is(err, f.err) {
		t.Errorf("error %v", err)
	}
}
