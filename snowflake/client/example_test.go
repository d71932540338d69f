package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// Open logs in with a key pair; Query returns rows by column name.
func ExampleOpen() {
	ids := func(ctx context.Context) (ids []string, err error) {
		pem, err := os.ReadFile("ingestion.pem")
		if err != nil {
			return nil, err
		}
		key, err := client.ParseKey(pem)
		if err != nil {
			return nil, err
		}
		c, err := client.Open(ctx, snowflake.Connection{Account: "myorg-myaccount", User: "INGESTION", Role: "INGESTION"}, key, os.Getenv(client.EnvEndpoint))
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		rows, err := c.Query(ctx, `SELECT "ID" FROM "RAW"."PUBLIC"."ORDERS_RECORDS" LIMIT 10`)
		for _, row := range rows {
			ids = append(ids, row.Text("id"))
		}
		return ids, err
	}
	fmt.Println(ids(context.Background()))
}

// Stream reads a large result row by row.
func ExampleClient_Stream() {
	var c *client.Client // from Open
	err := c.Stream(context.Background(), `SELECT * FROM "RAW"."PUBLIC"."ORDERS_RECORDS"`,
		func(columns []client.Column) error {
			fmt.Println(len(columns), "columns")
			return nil
		},
		func(values []any) error {
			fmt.Println(values...)
			return nil
		})
	if err != nil {
		log.Fatal(err)
	}
}

// An Error has a class, and says how to fix it.
func ExampleError() {
	var err error = &client.Error{
		Class: client.ErrPrivilege, Statement: "CREATE STAGE …", Err: errors.New("Insufficient privileges to operate on schema 'PUBLIC'"),
		Remedy: `ask an administrator to run: GRANT CREATE STAGE ON SCHEMA "RAW"."PUBLIC" TO ROLE "INGESTION"`,
	}
	fmt.Println(errors.Is(err, client.ErrPrivilege))
	fmt.Println(err)
	// Output:
	// true
	// CREATE STAGE …: Insufficient privileges to operate on schema 'PUBLIC'; ask an administrator to run: GRANT CREATE STAGE ON SCHEMA "RAW"."PUBLIC" TO ROLE "INGESTION"
}

func ExampleShorten() {
	fmt.Println(client.Shorten("SELECT *\n  FROM t"))
	// Output: SELECT * FROM t
}
