package client_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"testing"

	localsnowflake "example.com/ingestion/local/snowflake"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// open returns a client of a local Snowflake for a role that may use warehouse WH and
// owns table RAW.PUBLIC.T.
func open(t *testing.T, warehouse string) *client.Client {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	server, err := localsnowflake.Start(t.Context(), localsnowflake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	server.AddUser("INGESTION", &key.PublicKey, "", "LOADER")
	if err := server.CreateDatabase("RAW"); err != nil {
		t.Fatal(err)
	}
	if err := server.Exec(t.Context(), "CREATE WAREHOUSE WH", "CREATE WAREHOUSE OTHER", "GRANT USAGE ON WAREHOUSE WH TO ROLE LOADER", "GRANT USAGE ON WAREHOUSE OTHER TO ROLE LOADER",
		"GRANT USAGE ON DATABASE RAW TO ROLE LOADER", "GRANT USAGE, CREATE TABLE ON SCHEMA RAW.PUBLIC TO ROLE LOADER"); err != nil {
		t.Fatal(err)
	}
	c, err := client.Open(t.Context(), snowflake.Connection{Account: "org-acct", User: "INGESTION", Role: "LOADER", Warehouse: warehouse}, key, server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// With a warehouse that does not exist, statements that need none run, and the error of
// the others says what to do.
func TestMissingWarehouse(t *testing.T) {
	c := open(t, "nowhere")
	if err := c.Exec(t.Context(), `CREATE TABLE RAW.PUBLIC.T (A VARCHAR)`); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Query(t.Context(), `SHOW TABLES IN SCHEMA RAW.PUBLIC`); err != nil {
		t.Error(err)
	}
	_, err := c.Query(t.Context(), `SELECT A FROM RAW.PUBLIC.T`)
	if !errors.Is(err, client.ErrNotFound) || !strings.Contains(err.Error(), `GRANT USAGE ON WAREHOUSE "NOWHERE" TO ROLE "LOADER"`) {
		t.Errorf("error %v", err)
	}
	if err := c.Exec(t.Context(), `DROP TABLE RAW.PUBLIC.T`); err != nil {
		t.Error(err)
	}
}

func TestWarehouse(t *testing.T) {
	c := open(t, "wh")
	current := func() string {
		t.Helper()
		rows, err := c.Query(t.Context(), `SELECT CURRENT_WAREHOUSE() AS W`)
		if err != nil {
			t.Fatal(err)
		}
		return rows[0].Text("w")
	}
	if got := current(); got != "WH" {
		t.Errorf("warehouse %q, want WH", got)
	}
	if err := c.Exec(t.Context(), "USE WAREHOUSE OTHER"); err != nil {
		t.Fatal(err)
	}
	if got := current(); got != "OTHER" {
		t.Errorf("warehouse %q, want OTHER", got)
	}
}
