package snowflake

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"

	sf "example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// A user without a default warehouse can deploy a feed, and queries only with the
// connection's warehouse. One that does not exist does not matter for the deployment.
func TestSessionWithoutWarehouse(t *testing.T) {
	f := start(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f.AddUser("SERVICE", &key.PublicKey, "", "INGESTION")
	f.UnsetDefaultWarehouse("service")
	if err := f.Exec(t.Context(), "CREATE WAREHOUSE WH", "GRANT USAGE ON WAREHOUSE WH TO ROLE INGESTION"); err != nil {
		t.Fatal(err)
	}
	spec := parts()
	spec.Load, spec.Schedule = sf.Bulk, "17 2 * * *"
	plan := f.deploy(t, spec)
	for warehouse, want := range map[string]string{"": "000606", "NOWHERE": "GRANT USAGE ON WAREHOUSE", "WH": ""} {
		t.Run("warehouse "+warehouse, func(t *testing.T) {
			c, err := client.Open(t.Context(), sf.Connection{Account: "org-local", User: "SERVICE", Role: "INGESTION", Warehouse: warehouse}, key, f.URL())
			if err != nil {
				t.Fatal(err)
			}
			for _, statement := range []string{plan.Task.Suspend(), plan.Task.Resume()} {
				if err := c.Exec(t.Context(), statement); err != nil {
					t.Errorf("%s: %v", statement, err)
				}
			}
			if _, err := c.Query(t.Context(), plan.Stage.Describe()); err != nil {
				t.Error(err)
			}
			_, err = c.Query(t.Context(), plan.Task.History())
			if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("history of the task: %v, want %q", err, want)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
