package deploy_test

import (
	"context"
	"fmt"
	"log"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/testing/fakesnowflake"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/deploy"
)

// A feed is deployed in two steps: the storage integration first, whose user and
// external ID the IAM role has to trust, and then all other objects. With a real
// account, db is a client.Client.
func Example() {
	ctx := context.Background()
	db := &fakesnowflake.Account{}
	spec := snowflake.Spec{
		Feed: "orders", Database: "RAW", Schema: "PUBLIC", Table: "ORDERS", ExternalID: "orders-4711",
		From: snowflake.FromParts, Load: snowflake.Continuous, Format: feed.Format{Kind: feed.JSON},
	}
	names := snowflake.Names{
		Owner: "111122223333/us-east-1/Feed-orders/Snowflake", Bucket: "landing-bucket",
		RoleARN: "arn:aws:iam::111122223333:role/orders-snowflake", TopicARN: "arn:aws:sns:us-east-1:111122223333:landing",
	}

	access, err := deploy.Integration(ctx, db, spec, names)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the role must trust", access.IAMUserARN, "with external ID", access.ExternalID)

	result, err := deploy.Objects(ctx, db, spec, names)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("query", result.View)

	if err := deploy.DropObjects(ctx, db, spec, names); err != nil {
		log.Fatal(err)
	}
	fmt.Println("kept:", db.Objects())
	// Output:
	// the role must trust arn:aws:iam::999999999999:user/snow-i with external ID orders-4711
	// query "RAW"."PUBLIC"."ORDERS_RECORDS"
	// kept: [STORAGE INTEGRATION "ORDERS_INTEGRATION" TABLE "RAW"."PUBLIC"."ORDERS"]
}
