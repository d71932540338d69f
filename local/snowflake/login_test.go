package snowflake

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/snowflakedb/gosnowflake/v2"
)

func TestLogin(t *testing.T) {
	f := start(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f.AddUser("SERVICE", &key.PublicKey, "", "INGESTION", "ANALYST")
	for name, c := range map[string]struct {
		config gosnowflake.Config
		number int
		text   string
	}{
		"password":         {gosnowflake.Config{User: "loader", Password: "secret"}, 0, ""},
		"wrong password":   {gosnowflake.Config{User: "LOADER", Password: "guess"}, 390100, "Incorrect username"},
		"unknown user":     {gosnowflake.Config{User: "NOBODY", Password: "secret"}, 390100, "Incorrect username"},
		"key":              {gosnowflake.Config{User: "service", PrivateKey: key, Authenticator: gosnowflake.AuthTypeJwt}, 0, ""},
		"role":             {gosnowflake.Config{User: "SERVICE", PrivateKey: key, Authenticator: gosnowflake.AuthTypeJwt, Role: "ANALYST"}, 0, ""},
		"other key":        {gosnowflake.Config{User: "SERVICE", PrivateKey: other, Authenticator: gosnowflake.AuthTypeJwt}, 390144, "fingerprint"},
		"key without user": {gosnowflake.Config{User: "NOBODY", PrivateKey: key, Authenticator: gosnowflake.AuthTypeJwt}, 390144, "NOBODY"},
		"other role":       {gosnowflake.Config{User: "LOADER", Password: "secret", Role: "ACCOUNTADMIN"}, 390189, "ACCOUNTADMIN"},
		"no warehouse":     {gosnowflake.Config{User: "LOADER", Password: "secret", Warehouse: "NOWHERE"}, 390201, "NOWHERE"},
		"no database":      {gosnowflake.Config{User: "LOADER", Password: "secret", Database: "NOWHERE"}, 390201, "NOWHERE"},
	} {
		t.Run(name, func(t *testing.T) {
			db := f.connect(t, c.config)
			var role string
			err := db.QueryRowContext(t.Context(), "SELECT CURRENT_ROLE()").Scan(&role)
			if c.number != 0 {
				checkError(t, name, err, c.number, c.text)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := "INGESTION"
			if c.config.Role != "" {
				want = c.config.Role
			}
			if role != want {
				t.Errorf("role %s, want %s", role, want)
			}
		})
	}
}

func TestAccount(t *testing.T) {
	f := start(t)
	f.tokenStore.account = "ELSE-WHERE"
	db := f.connect(t, gosnowflake.Config{User: "LOADER", Password: "secret"})
	checkError(t, "login", db.PingContext(t.Context()), 390100, "Incorrect")
}

func TestExpiredSession(t *testing.T) {
	f := start(t)
	f.db.SetMaxOpenConns(1)
	f.exec(t, "USE DATABASE RAW")
	f.tokenStore.expire()
	f.want(t, "SELECT CURRENT_DATABASE()", "RAW") // the token was renewed; the session is the same
}

func TestAsync(t *testing.T) {
	f := start(t)
	rows, err := f.db.QueryContext(gosnowflake.WithAsyncMode(t.Context()), "SELECT 42")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // Err returns it
	n := 0
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	if n != 42 || rows.Err() != nil {
		t.Errorf("got %d, %v", n, rows.Err())
	}
	_, err = f.db.ExecContext(gosnowflake.WithAsyncMode(t.Context()), "SELECT nothing FROM nowhere")
	if err != nil {
		t.Fatal(err)
	}
}

func TestQueryStatus(t *testing.T) {
	f := start(t)
	ids := make(chan string, 1)
	rows, err := f.db.QueryContext(gosnowflake.WithQueryIDChan(t.Context(), ids), "SELECT 7")
	if err != nil {
		t.Fatal(err)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	id := <-ids
	result, err := f.db.QueryContext(gosnowflake.WithFetchResultByID(t.Context(), id), "")
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close() //nolint:errcheck // Err returns it
	n := 0
	for result.Next() {
		if err := result.Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	if n != 7 || result.Err() != nil {
		t.Errorf("got %d, %v", n, result.Err())
	}
}

func TestAbort(t *testing.T) {
	f := start(t)
	// The query would run for hours.
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	numbers := "(" + strings.Repeat("SELECT 1 AS n UNION ALL ", 99) + "SELECT 1 AS n)"
	from := strings.Repeat(numbers+" a%, ", 5)
	for i := 'a'; strings.Contains(from, "%"); i++ {
		from = strings.Replace(from, "%", string(i), 1)
	}
	_, err := f.db.ExecContext(ctx, "SELECT COUNT(*) FROM "+from+numbers+" z WHERE aa.n + ab.n + ac.n + ad.n + ae.n + z.n > 99")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	f.want(t, "SELECT 1", "1") // the engine runs the next statement
}
