// Command sdk loads a .ndjson.gz object into DynamoDB with the SDK's client:
// encoding/json, attributevalue, BatchWriteItem, 32 workers.
//
// Usage: sdk BUCKET KEY TABLE
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"
)

const (
	workers    = 32
	batchItems = 25
	// lineBuffer is the length of the longest line.
	lineBuffer = 1 << 20
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: sdk BUCKET KEY TABLE")
	}
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

type row struct {
	ordinal int
	line    []byte
}

func run(ctx context.Context, bucket, key, table string) error {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(
		awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = workers }),
	))
	if err != nil {
		return err
	}
	object, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).
		GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	defer func() { _ = object.Body.Close() }() // read to its end, or failed already
	gz, err := gzip.NewReader(object.Body)
	if err != nil {
		return err
	}

	db := dynamodb.NewFromConfig(cfg)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	batches := make(chan []row, workers)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for batch := range batches {
				if err := write(ctx, db, table, key, batch); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	err = read(ctx, gz, batches)
	close(batches)
	group.Wait()
	return errors.Join(err, context.Cause(ctx))
}

func read(ctx context.Context, gz *gzip.Reader, batches chan<- []row) error {
	lines := bufio.NewScanner(gz)
	lines.Buffer(nil, lineBuffer)
	var batch []row
	send := func() error {
		select {
		case batches <- batch:
			batch = nil
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for n := 0; lines.Scan(); n++ {
		batch = append(batch, row{n, bytes.Clone(lines.Bytes())})
		if len(batch) == batchItems {
			if err := send(); err != nil {
				return err
			}
		}
	}
	if len(batch) > 0 {
		if err := send(); err != nil {
			return err
		}
	}
	return lines.Err()
}

func write(ctx context.Context, db *dynamodb.Client, table, key string, batch []row) error {
	requests := make([]types.WriteRequest, 0, len(batch))
	for _, r := range batch {
		decoder := json.NewDecoder(bytes.NewReader(r.line))
		decoder.UseNumber()
		var payload map[string]any
		if err := decoder.Decode(&payload); err != nil {
			return fmt.Errorf("line %d: %w", r.ordinal, err)
		}
		item, err := attributevalue.MarshalMap(map[string]any{
			"pk": key, "sk": strconv.Itoa(r.ordinal), "data": payload,
		})
		if err != nil {
			return fmt.Errorf("line %d: %w", r.ordinal, err)
		}
		requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
	}
	for wait := 50 * time.Millisecond; len(requests) > 0; wait *= 2 {
		out, err := db.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{table: requests},
		})
		if err != nil {
			return err
		}
		if requests = out.UnprocessedItems[table]; len(requests) > 0 {
			time.Sleep(wait)
		}
	}
	return nil
}
