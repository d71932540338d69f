package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The test binary is the function that the test's template deploys: started
// with this variable set, it is a bootstrap.
const asFunction = "LOCAL_TEST_FUNCTION"

func TestMain(m *testing.M) {
	if os.Getenv(asFunction) == "" {
		os.Exit(m.Run())
	}
	lambda.Start(handle)
}

// handle records S3 objects in the table, and answers for custom resources. It
// fails for an object whose key begins with "bad".
func handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var custom cfn.Event
	if err := json.Unmarshal(raw, &custom); err == nil && custom.ResponseURL != "" {
		return nil, answer(ctx, custom)
	}
	var e events.S3Event
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	db, table := dynamodb.NewFromConfig(cfg), os.Getenv("TABLE")
	if len(e.Records) > 0 && e.Records[0].EventSource == "aws:sqs" {
		return handleMessages(ctx, db, table, raw)
	}
	for _, r := range e.Records {
		key := r.S3.Object.URLDecodedKey
		if strings.HasPrefix(key, "bad") {
			return nil, errors.New("a bad object")
		}
		_, err := db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
			"pk":        &types.AttributeValueMemberS{Value: key},
			"version":   &types.AttributeValueMemberS{Value: r.S3.Object.VersionID},
			"sequencer": &types.AttributeValueMemberS{Value: r.S3.Object.Sequencer},
			"event":     &types.AttributeValueMemberS{Value: r.EventName},
			"colour":    &types.AttributeValueMemberS{Value: os.Getenv("COLOUR")},
			"time":      &types.AttributeValueMemberS{Value: r.EventTime.UTC().Format("2006-01-02T15:04:05.000Z")},
		}})
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// handleMessages records messages in the table, and refuses those that say "bad".
func handleMessages(ctx context.Context, db *dynamodb.Client, table string, raw json.RawMessage) (any, error) {
	var e events.SQSEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	var refused events.SQSEventResponse
	for _, m := range e.Records {
		if m.Body == "bad" {
			refused.BatchItemFailures = append(refused.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
			continue
		}
		_, err := db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
			"pk":   &types.AttributeValueMemberS{Value: m.Body},
			"from": &types.AttributeValueMemberS{Value: m.EventSourceARN},
		}})
		if err != nil {
			return nil, err
		}
	}
	return refused, nil
}

func answer(ctx context.Context, e cfn.Event) error {
	response := cfn.Response{
		Status:             cfn.StatusSuccess,
		RequestID:          e.RequestID,
		LogicalResourceID:  e.LogicalResourceID,
		StackID:            e.StackID,
		PhysicalResourceID: "answer",
		Data:               map[string]any{"Said": fmt.Sprintf("%s %v", e.RequestType, e.ResourceProperties["Word"])},
	}
	body, err := json.Marshal(response)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, e.ResponseURL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
