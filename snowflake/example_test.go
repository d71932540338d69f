package snowflake_test

import (
	"fmt"
	"log"

	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// A feed whose parts Snowpipe loads, with two typed columns in the view.
var spec = snowflake.Spec{
	Feed: "orders", Database: "RAW", Schema: "PUBLIC", Table: "ORDERS", ExternalID: "orders-4711",
	From: snowflake.FromParts, Load: snowflake.Continuous, Format: feed.Format{Kind: feed.JSON},
	Columns: []snowflake.Column{
		{Name: "CUSTOMER", Path: "customer.id"},
		{Name: "TOTAL", Path: "total", Type: "NUMBER(12,2)"},
	},
}

// deployed has what is only known at deployment.
var deployed = snowflake.Names{
	Owner:    "111122223333/us-east-1/Feed-orders/Snowflake",
	Bucket:   "landing-bucket",
	RoleARN:  "arn:aws:iam::111122223333:role/orders-snowflake",
	TopicARN: "arn:aws:sns:us-east-1:111122223333:landing",
}

func ExampleSpec_Plan() {
	plan, err := spec.Plan(deployed)
	if err != nil {
		log.Fatal(err)
	}
	for _, object := range plan.Objects() {
		fmt.Println(object.Kind(), object.Name())
	}
	fmt.Println()
	fmt.Println(plan.View.Create()[0])
	// Output:
	// STORAGE INTEGRATION "ORDERS_INTEGRATION"
	// FILE FORMAT "RAW"."PUBLIC"."ORDERS_FORMAT"
	// STAGE "RAW"."PUBLIC"."ORDERS_STAGE"
	// TABLE "RAW"."PUBLIC"."ORDERS"
	// VIEW "RAW"."PUBLIC"."ORDERS_RECORDS"
	// PIPE "RAW"."PUBLIC"."ORDERS_PIPE"
	//
	// CREATE OR REPLACE VIEW "RAW"."PUBLIC"."ORDERS_RECORDS"
	//   COPY GRANTS COMMENT='ingestion owner=111122223333/us-east-1/Feed-orders/Snowflake def=014b365cc650df4a'
	//   AS SELECT
	//     "R"."DATA":"customer"."id"::VARCHAR AS "CUSTOMER",
	//     TRY_CAST("R"."DATA":"total"::VARCHAR AS NUMBER(12,2)) AS "TOTAL",
	//     "R"."DATA" AS "DATA",
	//     NULLIF(SUBSTR(IFF("R"."DATA":"total"::VARCHAR<>'' AND TRY_CAST("R"."DATA":"total"::VARCHAR AS NUMBER(12,2)) IS NULL,',TOTAL',''),2),'') AS "_CONVERSION_ERRORS",
	//     "R"."ID" AS "ID",
	//     "R"."FEED" AS "FEED",
	//     "R"."UPLOAD" AS "UPLOAD",
	//     "R"."SOURCE" AS "SOURCE",
	//     "R"."VERSION" AS "VERSION",
	//     "R"."ENTRY" AS "ENTRY",
	//     TRY_CAST("R"."ORDINAL" AS NUMBER(38,0)) AS "ORDINAL",
	//     "R"."_FILE_NAME" AS "_FILE_NAME",
	//     "R"."_FILE_ROW" AS "_FILE_ROW",
	//     "R"."_FILE_KEY" AS "_FILE_KEY",
	//     "R"."_FILE_MODIFIED" AS "_FILE_MODIFIED",
	//     "R"."_LOADED_AT" AS "_LOADED_AT"
	//   FROM "RAW"."PUBLIC"."ORDERS" AS "R"
	//   QUALIFY ROW_NUMBER() OVER (PARTITION BY "R"."ID" ORDER BY "R"."_LOADED_AT" DESC,"R"."_FILE_NAME" DESC,"R"."_FILE_ROW" DESC)=1
}

func ExampleScript() {
	s := spec
	s.Load, s.Columns = snowflake.ExternalTable, nil
	script, err := snowflake.Script(s, deployed, "INGESTION", "")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(script)
	// Output:
	// -- Feed "orders". Run it top to bottom, as a user who has both ACCOUNTADMIN and the feed's role.
	// -- Existing objects are not changed, so that it can be run again.
	//
	// -- 1. Access. Only this part needs ACCOUNTADMIN.
	// USE ROLE ACCOUNTADMIN;
	// CREATE STORAGE INTEGRATION IF NOT EXISTS "ORDERS_INTEGRATION"
	//   TYPE=EXTERNAL_STAGE STORAGE_PROVIDER='S3'
	//   STORAGE_AWS_ROLE_ARN='arn:aws:iam::111122223333:role/orders-snowflake'
	//   STORAGE_AWS_EXTERNAL_ID='orders-4711'
	//   ENABLED=TRUE
	//   STORAGE_ALLOWED_LOCATIONS=('s3://landing-bucket/landing/orders/')
	//   COMMENT='ingestion owner=111122223333/us-east-1/Feed-orders/Snowflake def=34cdb25cf66f3912';
	// GRANT USAGE ON INTEGRATION "ORDERS_INTEGRATION" TO ROLE "INGESTION";
	// GRANT USAGE ON DATABASE "RAW" TO ROLE "INGESTION";
	// GRANT USAGE, CREATE FILE FORMAT, CREATE STAGE, CREATE EXTERNAL TABLE, CREATE VIEW ON SCHEMA "RAW"."PUBLIC" TO ROLE "INGESTION";
	//
	// -- 2. Trust. Compare with the feed's stack, and deploy it again where it differs:
	// --   STORAGE_AWS_IAM_USER_ARN  is Snowflake.Principal of the feed,
	// --   STORAGE_AWS_EXTERNAL_ID   is Snowflake.ExternalID of the feed.
	// -- The role's trust policy then allows exactly this user, with exactly this ID.
	// DESC STORAGE INTEGRATION "ORDERS_INTEGRATION";
	//
	// -- The result is a policy. Its Principal.AWS is another IAM user of Snowflake, which subscribes to the
	// -- topic: put it into Subscribers of the store, or into Snowflake.Subscriber of a feed with a dedicated
	// -- topic, and deploy that before you continue.
	// SELECT SYSTEM$GET_AWS_SNS_IAM_POLICY('arn:aws:sns:us-east-1:111122223333:landing');
	//
	// -- The result must have "status" : "success". If not, its message gives the reason: a new role takes up
	// -- to a minute to propagate; otherwise check the two values above. Continue when it succeeds.
	// SELECT SYSTEM$VALIDATE_STORAGE_INTEGRATION('ORDERS_INTEGRATION','s3://landing-bucket/landing/orders/','ingestion-probe.txt','list');
	//
	// -- 3. The objects, as the role that will own them.
	// USE ROLE "INGESTION";
	// CREATE FILE FORMAT IF NOT EXISTS "RAW"."PUBLIC"."ORDERS_FORMAT"
	//   TYPE=JSON STRIP_OUTER_ARRAY=FALSE
	//   NULL_IF=() TRIM_SPACE=FALSE REPLACE_INVALID_CHARACTERS=FALSE COMPRESSION=AUTO
	//   COMMENT='ingestion owner=111122223333/us-east-1/Feed-orders/Snowflake def=35bba894da4cf680';
	// CREATE STAGE IF NOT EXISTS "RAW"."PUBLIC"."ORDERS_STAGE"
	//   URL='s3://landing-bucket/landing/orders/' STORAGE_INTEGRATION="ORDERS_INTEGRATION"
	//   FILE_FORMAT=(FORMAT_NAME='"RAW"."PUBLIC"."ORDERS_FORMAT"')
	//   COMMENT='ingestion owner=111122223333/us-east-1/Feed-orders/Snowflake def=a4932b63983a78ca';
	// CREATE EXTERNAL TABLE IF NOT EXISTS "RAW"."PUBLIC"."ORDERS" (
	//   "_FILE_NAME" VARCHAR AS (METADATA$FILENAME),
	//   "_FILE_ROW" NUMBER(38,0) AS (METADATA$FILE_ROW_NUMBER),
	//   "_DATE" DATE AS (TO_DATE(SPLIT_PART(METADATA$FILENAME,'/',3)||'-'||SPLIT_PART(METADATA$FILENAME,'/',4)||'-'||SPLIT_PART(METADATA$FILENAME,'/',5),'YYYY-MM-DD'))
	// )
	//   PARTITION BY ("_DATE")
	//   LOCATION=@"RAW"."PUBLIC"."ORDERS_STAGE"/ REFRESH_ON_CREATE=TRUE AUTO_REFRESH=TRUE
	//   FILE_FORMAT=(FORMAT_NAME='"RAW"."PUBLIC"."ORDERS_FORMAT"')
	//   AWS_SNS_TOPIC='arn:aws:sns:us-east-1:111122223333:landing'
	//   COMMENT='ingestion owner=111122223333/us-east-1/Feed-orders/Snowflake def=b08abf408ac3dc79';
	// CREATE OR REPLACE VIEW "RAW"."PUBLIC"."ORDERS_RECORDS"
	//   COPY GRANTS COMMENT='ingestion owner=111122223333/us-east-1/Feed-orders/Snowflake def=7919a85011a68684'
	//   AS SELECT
	//     "R"."VALUE":"data" AS "DATA",
	//     "R"."VALUE":"id"::VARCHAR AS "ID",
	//     "R"."VALUE":"feed"::VARCHAR AS "FEED",
	//     SUBSTR("R"."VALUE":"id"::VARCHAR,1,26) AS "UPLOAD",
	//     "R"."VALUE":"source"::VARCHAR AS "SOURCE",
	//     "R"."VALUE":"version"::VARCHAR AS "VERSION",
	//     "R"."VALUE":"entry"::VARCHAR AS "ENTRY",
	//     TRY_CAST("R"."VALUE":"ordinal"::VARCHAR AS NUMBER(38,0)) AS "ORDINAL",
	//     "R"."_FILE_NAME" AS "_FILE_NAME",
	//     "R"."_FILE_ROW" AS "_FILE_ROW",
	//     "R"."_DATE" AS "_DATE"
	//   FROM "RAW"."PUBLIC"."ORDERS" AS "R"
	//   QUALIFY ROW_NUMBER() OVER (PARTITION BY "R"."VALUE":"id"::VARCHAR ORDER BY "R"."_FILE_NAME" DESC,"R"."_FILE_ROW" DESC)=1;
	//
	// -- 4. Register the files that no notification was received for.
	// ALTER EXTERNAL TABLE "RAW"."PUBLIC"."ORDERS" REFRESH;
	// SHOW EXTERNAL TABLES LIKE 'ORDERS' IN SCHEMA "RAW"."PUBLIC";
}

func ExampleSpec_Validate() {
	s := snowflake.Spec{Feed: "orders", Database: "RAW", Schema: "PUBLIC", Table: "ORDERS", Load: snowflake.Bulk, Schedule: "every night"}
	fmt.Println(s.WithDefaults().Validate())
	// Output:
	// feed "orders": Snowflake.ExternalID: has 0 characters, IAM allows 2 to 1224
	// feed "orders": Snowflake.Load: Bulk: "every night" has 2 fields, a schedule has 5: minute, hour, day of month, month, day of week, such as "17 2 * * *"
}

func ExampleIdentifier() {
	fmt.Println(snowflake.Identifier("orders"), snowflake.Identifier("net price"), snowflake.Literal("it's"))
	// Output: "ORDERS" "net price" 'it''s'
}
