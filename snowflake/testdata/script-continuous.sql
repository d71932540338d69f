-- Feed "my-orders". Run it top to bottom, as a user who has both ACCOUNTADMIN and the feed's role.
-- Existing objects are not changed, so that it can be run again.

-- 1. Access. Only this part needs ACCOUNTADMIN.
USE ROLE ACCOUNTADMIN;
CREATE STORAGE INTEGRATION IF NOT EXISTS "MY_ORDERS_INTEGRATION"
  TYPE=EXTERNAL_STAGE STORAGE_PROVIDER='S3'
  STORAGE_AWS_ROLE_ARN='arn:aws:iam::111122223333:role/orders-snowflake'
  STORAGE_AWS_EXTERNAL_ID='orders-4711'
  ENABLED=TRUE
  STORAGE_ALLOWED_LOCATIONS=('s3://orders-bucket/landing/my-orders/')
  COMMENT='ingestion owner=111122223333/us-east-1/Orders def=9dc9594943a2895e';
GRANT USAGE ON INTEGRATION "MY_ORDERS_INTEGRATION" TO ROLE "LOADER";
GRANT USAGE ON DATABASE "RAW" TO ROLE "LOADER";
GRANT USAGE, CREATE FILE FORMAT, CREATE STAGE, CREATE TABLE, CREATE VIEW, CREATE PIPE ON SCHEMA "RAW"."PUBLIC" TO ROLE "LOADER";
GRANT USAGE ON DATABASE "RAW" TO ROLE "ANALYST";
GRANT USAGE ON SCHEMA "RAW"."PUBLIC" TO ROLE "ANALYST";
GRANT USAGE ON DATABASE "RAW" TO ROLE "My Readers";
GRANT USAGE ON SCHEMA "RAW"."PUBLIC" TO ROLE "My Readers";
GRANT USAGE ON WAREHOUSE "WH" TO ROLE "LOADER";

-- 2. Trust. Compare with the feed's stack, and deploy it again where it differs:
--   STORAGE_AWS_IAM_USER_ARN  is Snowflake.Principal of the feed,
--   STORAGE_AWS_EXTERNAL_ID   is Snowflake.ExternalID of the feed.
-- The role's trust policy then allows exactly this user, with exactly this ID.
DESC STORAGE INTEGRATION "MY_ORDERS_INTEGRATION";

-- The result is a policy. Its Principal.AWS is another IAM user of Snowflake, which subscribes to the
-- topic: put it into Subscribers of the store, or into Snowflake.Subscriber of a feed with a dedicated
-- topic, and deploy that before you continue.
SELECT SYSTEM$GET_AWS_SNS_IAM_POLICY('arn:aws:sns:us-east-1:111122223333:objects');

-- The result must have "status" : "success". If not, its message gives the reason: a new role takes up
-- to a minute to propagate; otherwise check the two values above. Continue when it succeeds.
SELECT SYSTEM$VALIDATE_STORAGE_INTEGRATION('MY_ORDERS_INTEGRATION','s3://orders-bucket/landing/my-orders/','ingestion-probe.txt','list');

-- 3. The objects, as the role that will own them.
USE ROLE "LOADER";
USE WAREHOUSE "WH";
CREATE FILE FORMAT IF NOT EXISTS "RAW"."PUBLIC"."ORDERS_FORMAT"
  TYPE=JSON STRIP_OUTER_ARRAY=FALSE
  NULL_IF=() TRIM_SPACE=FALSE REPLACE_INVALID_CHARACTERS=FALSE COMPRESSION=AUTO
  COMMENT='ingestion owner=111122223333/us-east-1/Orders def=35bba894da4cf680';
CREATE STAGE IF NOT EXISTS "RAW"."PUBLIC"."ORDERS_STAGE"
  URL='s3://orders-bucket/landing/my-orders/' STORAGE_INTEGRATION="MY_ORDERS_INTEGRATION"
  FILE_FORMAT=(FORMAT_NAME='"RAW"."PUBLIC"."ORDERS_FORMAT"')
  COMMENT='ingestion owner=111122223333/us-east-1/Orders def=b8fd06d282a3620c';
CREATE TABLE IF NOT EXISTS "RAW"."PUBLIC"."ORDERS" (
  "DATA" VARIANT,
  "ID" VARCHAR,
  "FEED" VARCHAR,
  "UPLOAD" VARCHAR,
  "SOURCE" VARCHAR,
  "VERSION" VARCHAR,
  "ENTRY" VARCHAR,
  "ORDINAL" VARCHAR,
  "_FILE_NAME" VARCHAR,
  "_FILE_ROW" NUMBER(38,0),
  "_FILE_KEY" VARCHAR,
  "_FILE_MODIFIED" TIMESTAMP_NTZ,
  "_LOADED_AT" TIMESTAMP_LTZ
)
  COMMENT='ingestion owner=111122223333/us-east-1/Orders def=6b0ce80a77e9f99c';
CREATE OR REPLACE VIEW "RAW"."PUBLIC"."ORDERS_RECORDS"
  COPY GRANTS COMMENT='ingestion owner=111122223333/us-east-1/Orders def=2f47b753bd6a734e'
  AS SELECT
    "R"."DATA":"id"::VARCHAR AS "ID",
    TRY_CAST("R"."DATA":"properties"."mag"::VARCHAR AS FLOAT) AS "MAG",
    TRY_CAST("R"."DATA":"properties"."time"::VARCHAR AS TIMESTAMP_NTZ(3)) AS "AT",
    "R"."DATA":"properties" AS "RAW",
    "R"."DATA" AS "DATA",
    NULLIF(SUBSTR(IFF("R"."DATA":"properties"."mag"::VARCHAR<>'' AND TRY_CAST("R"."DATA":"properties"."mag"::VARCHAR AS FLOAT) IS NULL,',MAG','')||IFF("R"."DATA":"properties"."time"::VARCHAR<>'' AND TRY_CAST("R"."DATA":"properties"."time"::VARCHAR AS TIMESTAMP_NTZ(3)) IS NULL,',AT',''),2),'') AS "_CONVERSION_ERRORS",
    "R"."ID" AS "_ID",
    "R"."FEED" AS "FEED",
    "R"."UPLOAD" AS "UPLOAD",
    "R"."SOURCE" AS "SOURCE",
    "R"."VERSION" AS "VERSION",
    "R"."ENTRY" AS "ENTRY",
    TRY_CAST("R"."ORDINAL" AS NUMBER(38,0)) AS "ORDINAL",
    "R"."_FILE_NAME" AS "_FILE_NAME",
    "R"."_FILE_ROW" AS "_FILE_ROW",
    "R"."_FILE_KEY" AS "_FILE_KEY",
    "R"."_FILE_MODIFIED" AS "_FILE_MODIFIED",
    "R"."_LOADED_AT" AS "_LOADED_AT"
  FROM "RAW"."PUBLIC"."ORDERS" AS "R"
  QUALIFY ROW_NUMBER() OVER (PARTITION BY "R"."ID" ORDER BY "R"."_LOADED_AT" DESC,"R"."_FILE_NAME" DESC,"R"."_FILE_ROW" DESC)=1;
CREATE PIPE IF NOT EXISTS "RAW"."PUBLIC"."ORDERS_PIPE"
  AUTO_INGEST=TRUE AWS_SNS_TOPIC='arn:aws:sns:us-east-1:111122223333:objects'
  COMMENT='ingestion owner=111122223333/us-east-1/Orders def=7155a64e942f469f'
  AS COPY INTO "RAW"."PUBLIC"."ORDERS" ("DATA","ID","FEED","UPLOAD","SOURCE","VERSION","ENTRY","ORDINAL","_FILE_NAME","_FILE_ROW","_FILE_KEY","_FILE_MODIFIED","_LOADED_AT")
  FROM (SELECT $1:"data",$1:"id"::VARCHAR,$1:"feed"::VARCHAR,SUBSTR($1:"id"::VARCHAR,1,26),$1:"source"::VARCHAR,$1:"version"::VARCHAR,$1:"entry"::VARCHAR,$1:"ordinal"::VARCHAR,METADATA$FILENAME,METADATA$FILE_ROW_NUMBER,METADATA$FILE_CONTENT_KEY,METADATA$FILE_LAST_MODIFIED,METADATA$START_SCAN_TIME
    FROM @"RAW"."PUBLIC"."ORDERS_STAGE")
  FILE_FORMAT=(FORMAT_NAME='"RAW"."PUBLIC"."ORDERS_FORMAT"')
  ON_ERROR=SKIP_FILE;
GRANT SELECT ON VIEW "RAW"."PUBLIC"."ORDERS_RECORDS" TO ROLE "ANALYST";
GRANT SELECT ON VIEW "RAW"."PUBLIC"."ORDERS_RECORDS" TO ROLE "My Readers";

-- 4. Load the objects of the last seven days; the pipe skips those that it has loaded.
-- The status then has "executionState":"RUNNING".
ALTER PIPE "RAW"."PUBLIC"."ORDERS_PIPE" REFRESH;
SELECT SYSTEM$PIPE_STATUS('"RAW"."PUBLIC"."ORDERS_PIPE"');
