// Package load turns a part into items of the table: it is the load function,
// apart from its wiring.
package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"

	"ingestion/internal/dynamo"
	"ingestion/internal/feed"
	"ingestion/internal/function"
	"ingestion/internal/ledger"
	"ingestion/internal/quarantine"
	"ingestion/internal/s3io"
	"ingestion/internal/upload"
)

// Stage is the name that quarantined records carry.
const Stage = "load"

// reasonRefused is the reason of a record that DynamoDB itself refused.
const reasonRefused = "refused_by_dynamodb"

// Handler loads parts.
type Handler struct {
	Spec     feed.Spec
	Bucket   string // of landing and quarantine
	Table    string
	S3       s3io.API
	DynamoDB *dynamodb.Client
	Ledger   *ledger.Ledger
	Log      *slog.Logger
}

// Handle is the function: payload is an upload.PartRef. An error means that the
// same payload is to be sent again; what was stored is stored again as it was.
func (h *Handler) Handle(ctx context.Context, payload json.RawMessage) error {
	ctx, cancel := function.WithDeadline(ctx)
	defer cancel()
	var ref upload.PartRef
	if err := json.Unmarshal(payload, &ref); err != nil {
		return fmt.Errorf("payload is no part's name: %w", err)
	}
	err := h.part(ctx, ref)
	if err != nil {
		err = fmt.Errorf("feed %s: upload %s: part %s: %w", ref.Feed, ref.Upload, ref.Part, err)
		h.Log.Error("failed", "error", err.Error())
	}
	return err
}

func (h *Handler) part(ctx context.Context, ref upload.PartRef) error {
	start := time.Now()
	if ref.Feed != h.Spec.Feed {
		return fmt.Errorf("this function loads feed %q", h.Spec.Feed)
	}
	p, ok, err := h.Ledger.GetPart(ctx, ref.Feed, ref.Upload, ref.Part)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the ledger does not know the part")
	}
	if p.State.Done() {
		h.Log.Info("known already", "upload", p.Upload, "part", p.Name, "state", p.State)
	} else if err := h.load(ctx, &p, start); err != nil {
		return err
	}
	_, err = h.Ledger.Settle(ctx, p.Feed, p.Upload)
	return err
}

func (h *Handler) load(ctx context.Context, p *ledger.Part, start time.Time) error {
	u := upload.Upload{ID: p.Upload, Feed: p.Feed, Time: p.Time}
	l := &loader{
		part:       p,
		quarantine: quarantine.NewWriter(ctx, h.S3, h.Bucket, h.Spec.QuarantinePrefix, u, Stage+"-"+p.Name),
		refused:    map[int64]error{},
	}
	l.prepareKeys()
	var err error
	l.writer, err = dynamo.NewWriter(ctx, h.DynamoDB, h.Table, func(tag int64, err error) { l.refused[tag] = err })
	if err != nil {
		return err
	}
	readErr := h.eachLine(ctx, p.Key, l.put)
	stored, calls, writeErr := l.writer.Flush()
	if readErr != nil && errors.Is(readErr, writeErr) {
		readErr = nil
	}
	if err := errors.Join(readErr, writeErr); err != nil {
		return err
	}
	if l.lines != p.Records {
		return fmt.Errorf("s3://%s/%s holds %d records, the ledger says %d", h.Bucket, p.Key, l.lines, p.Records)
	}
	if len(l.refused) > 0 {
		// The bytes of what DynamoDB refused are gone from memory by now; it is rare enough to read them again.
		if err := h.eachLine(ctx, p.Key, l.quarantineRefused); err != nil {
			return err
		}
	}
	rejected, reasons, err := l.quarantine.Close()
	if err != nil {
		return err
	}
	if stored+rejected != p.Records {
		return fmt.Errorf("%d records were stored and %d quarantined, which is not the part's %d", stored, rejected, p.Records)
	}
	p.Stored, p.Rejected = stored, rejected
	if err := h.Ledger.PartLoaded(ctx, *p, reasons); err != nil {
		return err
	}
	h.Log.Info("loaded", "upload", p.Upload, "part", p.Name, "records", p.Records, "stored", stored, "quarantined", rejected,
		"bytes_landed", p.Bytes, "calls", calls, "seconds", time.Since(start).Seconds())
	return nil
}

// eachLine calls yield for each line of a part, without its line break. The
// line is valid during the call only.
func (h *Handler) eachLine(ctx context.Context, key string, yield func([]byte) error) error {
	out, err := h.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: &h.Bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", h.Bucket, key, err)
	}
	defer func() { _ = out.Body.Close() }() // read to its end, or failed already
	if err := eachLine(out.Body, yield); err != nil {
		return fmt.Errorf("s3://%s/%s: %w", h.Bucket, key, err)
	}
	return nil
}

func eachLine(compressed io.Reader, yield func([]byte) error) error {
	gz, err := gzip.NewReader(compressed)
	if err != nil {
		return err
	}
	lines := bufio.NewReaderSize(gz, 256<<10)
	var long []byte
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, line...)
			continue
		}
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := yield(bytes.TrimSuffix(line, []byte{'\n'})); err != nil {
			return err
		}
		long = long[:0]
	}
}
