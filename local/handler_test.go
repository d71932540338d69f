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
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// The test binary is also the bootstrap of the function in testdata/stack.json: it
// is started with this variable.
const asFunction = "LOCAL_TEST_FUNCTION"

func TestMain(m *testing.M) {
	if os.Getenv(asFunction) == "" {
		code := m.Run()
		if err := closeShared(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}
	lambda.Start(handle)
}

// handle stores the events of S3, SNS, DynamoDB Streams and EventBridge that it
// receives, and responds to custom resources. It fails for an object whose key
// begins with "bad".
func handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var custom cfn.Event
	if err := json.Unmarshal(raw, &custom); err == nil && custom.ResponseURL != "" {
		return nil, respond(ctx, custom)
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
	var source struct {
		Records []struct{ EventSource string } // SNS writes EventSource, others eventSource
	}
	if err := json.Unmarshal(raw, &source); err != nil {
		return nil, err
	}
	if len(source.Records) > 0 {
		switch source.Records[0].EventSource {
		case "aws:sns":
			return nil, handleNotification(ctx, db, table, raw)
		case "aws:dynamodb":
			return nil, handleChanges(ctx, s3.NewFromConfig(cfg), os.Getenv("CHANGES"), raw)
		}
	}
	var event struct{ Detail, Scheduled json.RawMessage }
	if err := json.Unmarshal(raw, &event); err == nil && (event.Detail != nil || event.Scheduled != nil) {
		return nil, handleEvent(ctx, db, table, raw)
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

// handleNotification stores each message of SNS in the table, that of an object by its
// event and key, and fails for the message "bad".
func handleNotification(ctx context.Context, db *dynamodb.Client, table string, raw json.RawMessage) error {
	var e events.SNSEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	for _, r := range e.Records {
		if r.SNS.Message == "bad" {
			return errors.New("a bad message")
		}
		pk := r.SNS.Message
		var object events.S3Event
		if err := json.Unmarshal([]byte(r.SNS.Message), &object); err == nil && len(object.Records) > 0 {
			o := object.Records[0]
			pk = o.EventName + " " + o.S3.Object.URLDecodedKey
		}
		_, err := db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
			"pk":      &types.AttributeValueMemberS{Value: pk},
			"event":   &types.AttributeValueMemberS{Value: string(raw)},
			"message": &types.AttributeValueMemberS{Value: r.SNS.Message},
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// handleEvent stores the last event of EventBridge, and how many were received, for
// each object and for each schedule.
func handleEvent(ctx context.Context, db *dynamodb.Client, table string, raw json.RawMessage) error {
	var e struct {
		Detail    struct{ Object struct{ Key string } }
		Scheduled string
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	_, err := db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &table, Key: map[string]types.AttributeValue{"pk": text("event " + e.Detail.Object.Key + e.Scheduled)},
		UpdateExpression:         aws.String("SET #event = :event ADD #count :one"),
		ExpressionAttributeNames: map[string]string{"#event": "event", "#count": "count"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":event": text(string(raw)), ":one": &types.AttributeValueMemberN{Value: "1"},
		},
	})
	return err
}

// handleChanges stores each change of a table as an object, and fails for the item "bad".
func handleChanges(ctx context.Context, client *s3.Client, bucket string, raw json.RawMessage) error {
	var e events.DynamoDBEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	for _, r := range e.Records {
		if r.Change.Keys["pk"].String() == "bad" {
			return errors.New("a bad change")
		}
	}
	for _, r := range e.Records {
		body, err := json.Marshal(r)
		if err != nil {
			return err
		}
		key := r.EventName + "/" + r.Change.Keys["pk"].String()
		if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)}); err != nil {
			return err
		}
	}
	return nil
}

// respond responds to a custom resource: with its property Id as physical ID, and
// with a failure if its property Fail is true. It stores a list of the requests.
func respond(ctx context.Context, e cfn.Event) error {
	if err := storeRequest(ctx, fmt.Sprintf("%s %s %s", e.RequestType, e.PhysicalResourceID, e.ResourceProperties["Text"])); err != nil {
		return err
	}
	id, _ := e.ResourceProperties["Id"].(string)
	if id == "" {
		id = "physical-id"
	}
	response := cfn.Response{
		Status:             cfn.StatusSuccess,
		RequestID:          e.RequestID,
		LogicalResourceID:  e.LogicalResourceID,
		StackID:            e.StackID,
		PhysicalResourceID: id,
		Data:               map[string]any{"Result": fmt.Sprintf("%s %v", e.RequestType, e.ResourceProperties["Text"])},
	}
	if e.ResourceProperties["Fail"] == "true" && e.RequestType != cfn.RequestDelete {
		response.Status, response.Reason = cfn.StatusFailed, "as requested"
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

// storeRequest appends a request to the item "requests".
func storeRequest(ctx context.Context, request string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	_, err = dynamodb.NewFromConfig(cfg).UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                aws.String(os.Getenv("TABLE")),
		Key:                      map[string]types.AttributeValue{"pk": text("requests")},
		UpdateExpression:         aws.String("SET #list = list_append(if_not_exists(#list, :none), :one)"),
		ExpressionAttributeNames: map[string]string{"#list": "list"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":none": &types.AttributeValueMemberL{},
			":one":  &types.AttributeValueMemberL{Value: []types.AttributeValue{text(request)}},
		},
	})
	return err
}
