package deploy_test

import (
	"slices"
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
	if err := deploy.DropRenamed(t.Context(), a, old, spec, names()); err != nil {
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
