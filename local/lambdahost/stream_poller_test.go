package lambdahost

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const (
	testStream = "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2026-01-02T03:04:05.678"
	batchesLog = "BATCHES" // variable that names the file of the delivered batches
)

// handleChanges writes the sequence numbers of a batch to a file, and fails if the
// batch has an item with the text "bad".
func handleChanges(raw json.RawMessage) error {
	var e events.DynamoDBEvent
	if err := json.Unmarshal(fmt.Appendf(nil, `{"Records":%s}`, raw), &e); err != nil {
		return err
	}
	var sequences []string
	bad := false
	for _, r := range e.Records {
		sequences = append(sequences, r.Change.SequenceNumber)
		bad = bad || r.Change.NewImage["text"].String() == "bad"
	}
	f, err := os.OpenFile(os.Getenv(batchesLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(sequences, ",") + "\n")
	if bad {
		err = errors.Join(err, errors.New("a bad change"))
	}
	return errors.Join(err, f.Close())
}

// streamTest is a host with one stream mapping, and the file of the delivered batches.
type streamTest struct {
	*testing.T
	host    *Host
	aws     *fakeAWS
	batches string
}

func newStream(t *testing.T, settings streamSettings, texts ...string) *streamTest {
	t.Helper()
	h, c := newHost(t, Options{})
	s := &streamTest{t, h, c, filepath.Join(t.TempDir(), "batches")}
	c.change(func(f *function) { f.Environment[batchesLog] = s.batches })
	s.change(texts...)
	s.setMapping(settings)
	return s
}

// change appends records to the stream, each of another item.
func (s *streamTest) change(texts ...string) {
	s.aws.mu.Lock()
	defer s.aws.mu.Unlock()
	for _, text := range texts {
		n := strconv.Itoa(len(s.aws.stream) + 1)
		key := map[string]streamtypes.AttributeValue{"pk": &streamtypes.AttributeValueMemberS{Value: "item" + n}}
		image := map[string]streamtypes.AttributeValue{"pk": key["pk"], "text": &streamtypes.AttributeValueMemberS{Value: text}}
		s.aws.stream = append(s.aws.stream, streamtypes.Record{
			EventID: aws.String("id" + n), EventName: streamtypes.OperationTypeInsert, AwsRegion: aws.String("us-east-1"),
			Dynamodb: &streamtypes.StreamRecord{
				Keys: key, NewImage: image, SequenceNumber: &n, SizeBytes: aws.Int64(20),
				StreamViewType: streamtypes.StreamViewTypeNewImage, ApproximateCreationDateTime: aws.Time(time.Now()),
			},
		})
	}
}

func (s *streamTest) setMapping(settings streamSettings) {
	settings.parallelization = max(1, settings.parallelization)
	if settings.position == "" {
		settings.position = lambdatypes.EventSourcePositionTrimHorizon
	}
	s.aws.mu.Lock()
	defer s.aws.mu.Unlock()
	s.aws.mapped = []mapping{{id: "m", source: testStream, function: "f", batchSize: 4, streamSettings: settings}}
}

// delivered waits until the stream is read to its end, and returns the batches.
func (s *streamTest) delivered() []string {
	s.Helper()
	idle(s.T, s.host)
	b, err := os.ReadFile(s.batches)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.Fatal(err)
	}
	return strings.Fields(string(b))
}

func TestStreamDelivery(t *testing.T) {
	for name, tc := range map[string]struct {
		settings streamSettings
		texts    []string
		fail     int
		want     []string
	}{
		"batches in order":          {streamSettings{retries: -1}, []string{"a", "b", "c", "d", "e"}, 0, []string{"1,2,3,4", "5"}},
		"retried until it succeeds": {streamSettings{retries: -1}, []string{"a"}, 4, []string{"1"}},
		"discarded, then the next":  {streamSettings{retries: 1}, []string{"a", "bad", "c", "d", "e"}, 0, []string{"1,2,3,4", "1,2,3,4", "5"}},
		"bisected around the failing record": {
			streamSettings{retries: 0, bisect: true},
			[]string{"a", "b", "bad", "d", "e"},
			0,
			[]string{"1,2,3,4", "1,2", "3,4", "3", "4", "5"},
		},
		"filtered": {
			streamSettings{retries: -1, filters: `["{\"dynamodb\":{\"NewImage\":{\"text\":{\"S\":[{\"prefix\":\"yes\"}]}}}}"]`},
			[]string{"yes", "no", "yes, too"},
			0,
			[]string{"1,3"},
		},
		"expired": {streamSettings{retries: -1, maxAge: time.Nanosecond}, []string{"a"}, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStream(t, tc.settings)
			s.host.FailNext("f", tc.fail)
			s.change(tc.texts...)
			if got := s.delivered(); !slices.Equal(got, tc.want) {
				t.Errorf("batches %q, want %q", got, tc.want)
			}
		})
	}
}

func TestStreamFailureRecord(t *testing.T) {
	const queue, bucket = "arn:aws:sqs:us-east-1:123456789012:q", "arn:aws:s3:::failures"
	for _, destination := range []string{queue, bucket} {
		s := newStream(t, streamSettings{retries: 1, onFailure: destination}, "bad", "b")
		if got := s.delivered(); len(got) != 2 {
			t.Errorf("batches %q, want two attempts", got)
		}
		var record, payload string
		if destination == queue {
			sent := s.aws.deliveries()
			if len(sent) != 1 {
				t.Fatalf("sent %q", sent)
			}
			record = strings.TrimPrefix(sent[0], queue+" ")
		} else {
			for key, body := range s.aws.objects {
				if want := "failures aws/lambda/m/shard/" + time.Now().UTC().Format("2006/01/"); !strings.HasPrefix(key, want) {
					t.Errorf("record at %q, want %q…", key, want)
				}
				record = body
			}
		}
		var f streamFailure
		if err := json.Unmarshal([]byte(record), &f); err != nil {
			t.Fatalf("record %q: %v", record, err)
		}
		payload, f.Payload = f.Payload, ""
		want := batchInfo{ShardID: "shard", StartSequence: "1", EndSequence: "2", FirstArrival: f.Batch.FirstArrival, LastArrival: f.Batch.LastArrival, BatchSize: 2, StreamARN: testStream}
		if f.Batch != want || f.RequestContext.Condition != "RetryAttemptsExhausted" || f.RequestContext.ApproximateInvokeCount != 2 || f.ResponseContext.FunctionError != "Unhandled" {
			t.Errorf("record %s", record)
		}
		if at, err := time.Parse(time.RFC3339, f.Batch.FirstArrival); err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("first arrival %q: %v", f.Batch.FirstArrival, err)
		}
		var e events.DynamoDBEvent
		switch err := json.Unmarshal([]byte(payload), &e); {
		case destination == queue && payload != "":
			t.Errorf("the record of a queue has a payload: %s", payload)
		case destination == bucket && (err != nil || len(e.Records) != 2):
			t.Errorf("payload %s: %v", payload, err)
		}
	}
}

// TestStreamContinuesAfterUpdateOfMapping changes the settings of a mapping between two
// records, and while a batch fails.
func TestStreamContinuesAfterUpdateOfMapping(t *testing.T) {
	s := newStream(t, streamSettings{retries: -1}, "a")
	s.delivered()
	s.setMapping(streamSettings{retries: -1, bisect: true})
	s.change("bad")
	// The record fails until the number of retries is limited.
	for deadline := time.Now().Add(10 * time.Second); s.host.Stats()["f"].Errors == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the bad record was not delivered")
		}
	}
	s.setMapping(streamSettings{retries: 0})
	s.change("c")
	got := s.delivered()
	if got[0] != "1" || slices.Contains(got[1:], "1") || !strings.Contains(got[len(got)-1], "3") {
		t.Errorf("batches %q, want record 1 once and 3 at the end", got)
	}
}

func TestConcurrentBatchesKeepTheOrderOfAnItem(t *testing.T) {
	s := newStream(t, streamSettings{retries: -1, parallelization: 4})
	s.aws.mu.Lock()
	for n := range 40 {
		id := fmt.Sprintf("%03d", n)
		s.aws.stream = append(s.aws.stream, streamtypes.Record{Dynamodb: &streamtypes.StreamRecord{
			SequenceNumber: &id, Keys: map[string]streamtypes.AttributeValue{"pk": &streamtypes.AttributeValueMemberN{Value: strconv.Itoa(n % 5)}},
		}})
	}
	s.aws.mu.Unlock()
	byItem := map[int][]int{}
	for _, batch := range s.delivered() {
		for _, id := range strings.Split(batch, ",") {
			n, err := strconv.Atoi(id)
			if err != nil {
				t.Fatal(err)
			}
			byItem[n%5] = append(byItem[n%5], n)
		}
	}
	for item, changes := range byItem {
		if len(changes) != 8 || !slices.IsSorted(changes) {
			t.Errorf("item %d: changes %v", item, changes)
		}
	}
}

func TestStreamRecordHasTheFormOfLambda(t *testing.T) {
	r, err := newStreamRecord(streamtypes.Record{
		EventID: aws.String("e"), EventName: streamtypes.OperationTypeModify, AwsRegion: aws.String("us-east-1"),
		UserIdentity: &streamtypes.Identity{Type: aws.String("Service"), PrincipalId: aws.String("dynamodb.amazonaws.com")},
		Dynamodb: &streamtypes.StreamRecord{
			ApproximateCreationDateTime: aws.Time(time.Unix(1_700_000_000, 900_000_000)),
			Keys:                        map[string]streamtypes.AttributeValue{"pk": &streamtypes.AttributeValueMemberS{Value: "ä"}},
			NewImage: map[string]streamtypes.AttributeValue{
				"b": &streamtypes.AttributeValueMemberB{Value: []byte{0, 255}},
				"l": &streamtypes.AttributeValueMemberL{Value: []streamtypes.AttributeValue{
					&streamtypes.AttributeValueMemberNULL{Value: true},
					&streamtypes.AttributeValueMemberM{Value: map[string]streamtypes.AttributeValue{"n": &streamtypes.AttributeValueMemberN{Value: "1.50"}}},
				}},
				"s": &streamtypes.AttributeValueMemberSS{Value: []string{"x", "y"}},
				"t": &streamtypes.AttributeValueMemberBOOL{Value: true},
			},
			SequenceNumber: aws.String("111"), SizeBytes: aws.Int64(26), StreamViewType: streamtypes.StreamViewTypeNewImage,
		},
	}, testStream)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"eventID":"e","eventName":"MODIFY","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"us-east-1","eventSourceARN":"` + testStream + `",
		"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},
		"dynamodb":{"ApproximateCreationDateTime":1700000000,"Keys":{"pk":{"S":"ä"}},"SequenceNumber":"111","SizeBytes":26,"StreamViewType":"NEW_IMAGE",
		"NewImage":{"b":{"B":"AP8="},"l":{"L":[{"NULL":true},{"M":{"n":{"N":"1.50"}}}]},"s":{"SS":["x","y"]},"t":{"BOOL":true}}}}`
	if got, want := decode(t, string(r.json)), decode(t, want); !reflect.DeepEqual(got, want) {
		t.Errorf("record %v, want %v", got, want)
	}
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBatchLength(t *testing.T) {
	big := streamRecord{json: json.RawMessage(strings.Repeat("1", maxSyncPayload/2))}
	for _, tc := range []struct {
		records []streamRecord
		most    int
		want    int
	}{
		{[]streamRecord{{}, {}, {}}, 2, 2},
		{[]streamRecord{{}, {}}, 10, 2},
		{[]streamRecord{big, big}, 10, 1},
		{[]streamRecord{{}, big, big}, 10, 2},
	} {
		if got := batchLength(tc.records, tc.most); got != tc.want {
			t.Errorf("%d records, %d at most: a batch of %d, want %d", len(tc.records), tc.most, got, tc.want)
		}
	}
}
