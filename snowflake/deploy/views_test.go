package deploy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/internal/testing/fakesnowflake"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/deploy"
)

const latest = schema + `"ORDERS_LATEST"`

func keyed() snowflake.Spec {
	s := parts()
	s.Key = []string{"customer"}
	return s
}

func views(a *fakesnowflake.Account) []string {
	var all []string
	for _, o := range a.Objects() {
		if len(o) > 5 && o[:5] == "VIEW " {
			all = append(all, o[5:])
		}
	}
	return all
}

// update deploys as the custom resource does: the objects, then what only the old spec names.
func update(t *testing.T, a *fakesnowflake.Account, old, spec snowflake.Spec) {
	t.Helper()
	if _, err := apply(t, a, spec, names()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(deploy.DropRenamed(t.Context(), a, old, spec, names()), deploy.RevokeReaders(t.Context(), a, old, spec)); err != nil {
		t.Fatal(err)
	}
	a.Take()
	if _, err := apply(t, a, spec, names()); err != nil || len(a.Take()) > 0 {
		t.Errorf("the second deployment: %v", err)
	}
}

// Earlier versions gave the view of each record the name of the view of the newest ones. It
// is replaced with a key, and dropped without, unless the feed names it so.
func TestViewOfAnEarlierVersion(t *testing.T) {
	earlier := parts()
	earlier.View = "ORDERS_LATEST"
	for name, test := range map[string]struct {
		spec snowflake.Spec
		want []string
	}{
		"without a key": {parts(), []string{view}},
		"with a key":    {keyed(), []string{latest, view}},
		"kept":          {earlier, []string{latest}},
	} {
		t.Run(name, func(t *testing.T) {
			a := deployed(t, earlier)
			update(t, a, earlier, test.spec)
			if got := views(a); !slices.Equal(got, test.want) {
				t.Errorf("views %q, want %q", got, test.want)
			}
			// The rollback to the earlier version.
			update(t, a, test.spec, earlier)
			if got := views(a); !slices.Equal(got, []string{latest}) {
				t.Errorf("views %q after the rollback", got)
			}
		})
	}
}

func TestKeyAddedAndRemoved(t *testing.T) {
	a := deployed(t, parts())
	update(t, a, parts(), keyed())
	if got := views(a); !slices.Equal(got, []string{latest, view}) {
		t.Errorf("views %q with a key", got)
	}
	update(t, a, keyed(), parts())
	if got := views(a); !slices.Equal(got, []string{view}) {
		t.Errorf("views %q without", got)
	}
	update(t, a, parts(), keyed())
	if err := deploy.DropObjects(t.Context(), a, keyed(), names()); err != nil || len(views(a)) > 0 {
		t.Errorf("views %q after the deletion, error %v", views(a), err)
	}
}

// A view of somebody else with the name is an error with a key only.
func TestAnothersLatestView(t *testing.T) {
	a := &fakesnowflake.Account{}
	a.Add(fakesnowflake.Object{Kind: string(snowflake.KindView), Name: latest})
	if _, err := apply(t, a, parts(), names()); err != nil {
		t.Error(err)
	}
	_, err := apply(t, a, keyed(), names())
	contains(t, err, latest, "was not created by this project", "another Snowflake.Table")
	if !slices.Contains(views(a), latest) {
		t.Error("the view was dropped")
	}
}

func TestReaders(t *testing.T) {
	with := func(s snowflake.Spec, readers ...string) snowflake.Spec {
		s.Readers = readers
		return s
	}
	a := deployed(t, parts())
	// A privilege that somebody else granted is kept.
	byHand := "SELECT ON VIEW " + view + " BY_HAND"
	a.ReadGrants = []string{byHand}
	two := with(keyed(), "analyst", "my role")
	update(t, a, parts(), two)
	want := []string{byHand}
	for _, role := range []string{"ANALYST", "my role"} {
		want = append(want, `USAGE ON DATABASE "RAW" `+role, `USAGE ON SCHEMA "RAW"."PUBLIC" `+role, "SELECT ON VIEW "+view+" "+role, "SELECT ON VIEW "+latest+" "+role)
	}
	if !slices.Equal(a.ReadGrants, want) {
		t.Errorf("grants %q, want %q", a.ReadGrants, want)
	}
	// The views get another name and the key is taken back: the reader keeps its access.
	renamed := with(parts(), "ANALYST")
	renamed.View = "SEEN"
	update(t, a, two, renamed)
	want = []string{want[1], want[2], want[5], want[6], "SELECT ON VIEW " + schema + `"SEEN" ANALYST`}
	if !slices.Equal(a.ReadGrants, want) {
		t.Errorf("grants %q, want %q", a.ReadGrants, want)
	}
	none := renamed
	none.Readers = nil
	update(t, a, renamed, none)
	if !slices.Equal(a.ReadGrants, want[:4]) {
		t.Errorf("grants %q, want %q", a.ReadGrants, want[:4])
	}
}

// The role of the deployment often owns neither database nor schema.
func TestReadersOfAnothersDatabase(t *testing.T) {
	a := &fakesnowflake.Account{Fail: func(statement string) error {
		if strings.HasPrefix(statement, "GRANT USAGE ON") {
			return errors.New("Insufficient privileges")
		}
		return nil
	}}
	spec := parts()
	spec.Readers = []string{"ANALYST"}
	_, err := apply(t, a, spec, names())
	contains(t, err, "reader ANALYST", `ask an administrator to run: GRANT USAGE ON DATABASE "RAW" TO ROLE "ANALYST"`, `GRANT USAGE ON SCHEMA "RAW"."PUBLIC" TO ROLE "ANALYST"`)
	a.ReadGrants = append(a.ReadGrants, `USAGE ON DATABASE "RAW" ANALYST`, `USAGE ON SCHEMA "RAW"."PUBLIC" ANALYST`)
	if _, err := apply(t, a, spec, names()); err != nil {
		t.Error(err)
	}
}
