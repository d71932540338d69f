-- Feed "my-orders". Run it top to bottom, as a user who has both ACCOUNTADMIN and the feed's role.
-- Existing objects are not changed, so that it can be run again.

-- 1. Access. Only this part needs ACCOUNTADMIN.
USE ROLE ACCOUNTADMIN;
CREATE STORAGE INTEGRATION IF NOT EXISTS "MY_ORDERS_INTEGRATION"
  TYPE=EXTERNAL_STAGE STORAGE_PROVIDER='S3'
  STORAGE_AWS_ROLE_ARN='arn:aws:iam::111122223333:role/orders-snowflake'
  STORAGE_AWS_EXTERNAL_ID='orders-4711'
  ENABLED=TRUE
  STORAGE_ALLOWED_LOCATIONS=('s3://orders-bucket/changes/my-orders/')
  COMMENT='ingestion owner=111122223333/us-east-1/Orders def=6c61f549c21d194d';
GRANT USAGE ON INTEGRATION "MY_ORDERS_INTEGRATION" TO ROLE "LOADER";
GRANT USAGE ON DATABASE "RAW" TO ROLE "LOADER";
GRANT USAGE, CREATE FILE FORMAT, CREATE STAGE, CREATE EXTERNAL TABLE, CREATE VIEW ON SCHEMA "RAW"."PUBLIC" TO ROLE "LOADER";
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
SELECT SYSTEM$VALIDATE_STORAGE_INTEGRATION('MY_ORDERS_INTEGRATION','s3://orders-bucket/changes/my-orders/','ingestion-probe.txt','list');

-- 3. The objects, as the role that will own them.
USE ROLE "LOADER";
USE WAREHOUSE "WH";
CREATE FILE FORMAT IF NOT EXISTS "RAW"."PUBLIC"."ORDERS_FORMAT"
  TYPE=JSON STRIP_OUTER_ARRAY=FALSE
  NULL_IF=() TRIM_SPACE=FALSE REPLACE_INVALID_CHARACTERS=FALSE COMPRESSION=AUTO
  COMMENT='ingestion owner=111122223333/us-east-1/Orders def=35bba894da4cf680';
CREATE STAGE IF NOT EXISTS "RAW"."PUBLIC"."ORDERS_STAGE"
  URL='s3://orders-bucket/changes/my-orders/' STORAGE_INTEGRATION="MY_ORDERS_INTEGRATION"
  FILE_FORMAT=(FORMAT_NAME='"RAW"."PUBLIC"."ORDERS_FORMAT"')
  COMMENT='ingestion owner=111122223333/us-east-1/Orders def=c479198a99f17f1b';
CREATE EXTERNAL TABLE IF NOT EXISTS "RAW"."PUBLIC"."ORDERS" (
  "_FILE_NAME" VARCHAR AS (METADATA$FILENAME),
  "_FILE_ROW" NUMBER(38,0) AS (METADATA$FILE_ROW_NUMBER),
  "_DATE" DATE AS (TO_DATE(SPLIT_PART(METADATA$FILENAME,'/',3)||'-'||SPLIT_PART(METADATA$FILENAME,'/',4)||'-'||SPLIT_PART(METADATA$FILENAME,'/',5),'YYYY-MM-DD'))
)
  PARTITION BY ("_DATE")
  LOCATION=@"RAW"."PUBLIC"."ORDERS_STAGE"/ REFRESH_ON_CREATE=TRUE AUTO_REFRESH=TRUE
  FILE_FORMAT=(FORMAT_NAME='"RAW"."PUBLIC"."ORDERS_FORMAT"')
  AWS_SNS_TOPIC='arn:aws:sns:us-east-1:111122223333:objects'
  COMMENT='ingestion owner=111122223333/us-east-1/Orders def=da721ceaf0b470c9';
CREATE OR REPLACE VIEW "RAW"."PUBLIC"."ORDERS_RECORDS"
  COPY GRANTS COMMENT='ingestion owner=111122223333/us-east-1/Orders def=10134d7ab498bb8b'
  AS SELECT
    "R"."VALUE":"data"."id"::VARCHAR AS "ID",
    TRY_CAST("R"."VALUE":"data"."properties"."mag"::VARCHAR AS FLOAT) AS "MAG",
    TRY_CAST("R"."VALUE":"data"."properties"."time"::VARCHAR AS TIMESTAMP_NTZ(3)) AS "AT",
    "R"."VALUE":"data"."properties" AS "RAW",
    "R"."VALUE":"data" AS "DATA",
    NULLIF(SUBSTR(IFF("R"."VALUE":"data"."properties"."mag"::VARCHAR<>'' AND TRY_CAST("R"."VALUE":"data"."properties"."mag"::VARCHAR AS FLOAT) IS NULL,',MAG','')||IFF("R"."VALUE":"data"."properties"."time"::VARCHAR<>'' AND TRY_CAST("R"."VALUE":"data"."properties"."time"::VARCHAR AS TIMESTAMP_NTZ(3)) IS NULL,',AT',''),2),'') AS "_CONVERSION_ERRORS",
    "R"."VALUE":"pk"::VARCHAR AS "PK",
    "R"."VALUE":"sk"::VARCHAR AS "SK",
    "R"."VALUE":"sequence"::VARCHAR AS "SEQUENCE",
    TRY_CAST("R"."VALUE":"changed_at"::VARCHAR AS TIMESTAMP_TZ) AS "CHANGED_AT",
    "R"."VALUE":"id"::VARCHAR AS "_ID",
    "R"."VALUE":"feed"::VARCHAR AS "FEED",
    "R"."VALUE":"upload"::VARCHAR AS "UPLOAD",
    "R"."VALUE":"source"::VARCHAR AS "SOURCE",
    "R"."VALUE":"version"::VARCHAR AS "VERSION",
    "R"."VALUE":"entry"::VARCHAR AS "ENTRY",
    TRY_CAST("R"."VALUE":"ordinal"::VARCHAR AS NUMBER(38,0)) AS "ORDINAL",
    "R"."_FILE_NAME" AS "_FILE_NAME",
    "R"."_FILE_ROW" AS "_FILE_ROW",
    "R"."_DATE" AS "_DATE"
  FROM "RAW"."PUBLIC"."ORDERS" AS "R"
  QUALIFY ROW_NUMBER() OVER (PARTITION BY "R"."VALUE":"pk"::VARCHAR,"R"."VALUE":"sk"::VARCHAR ORDER BY "R"."VALUE":"sequence"::VARCHAR DESC,"R"."_FILE_NAME" DESC,"R"."_FILE_ROW" DESC)=1 AND "R"."VALUE":"event"::VARCHAR<>'REMOVE';
GRANT SELECT ON VIEW "RAW"."PUBLIC"."ORDERS_RECORDS" TO ROLE "ANALYST";
GRANT SELECT ON VIEW "RAW"."PUBLIC"."ORDERS_RECORDS" TO ROLE "My Readers";

-- 4. Register the files that no notification was received for.
ALTER EXTERNAL TABLE "RAW"."PUBLIC"."ORDERS" REFRESH;
SHOW EXTERNAL TABLES LIKE 'ORDERS' IN SCHEMA "RAW"."PUBLIC";
