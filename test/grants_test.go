package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs"
)

// grantees is an app with two feeds of one store and a role in a stack of its own,
// to which grant gives access to the first feed.
func grantees(t *testing.T, props constructs.StoreProps, grant func(*constructs.IngestionPipeline, awsiam.Role)) map[string]template {
	t.Helper()
	app := newApp(t)
	store := newStoreOf(t, app, props)
	orders, returns := minimal("orders"), minimal("returns")
	orders.Source = constructs.NewBucket(constructs.WithPrefix("incoming/"))
	orders.Store, returns.Store = store, store
	p := newFeed(t, app, orders)
	newFeed(t, app, returns)
	role := awsiam.NewRole(newStack(app, "Reader"), jsii.String("Role"), &awsiam.RoleProps{AssumedBy: awsiam.NewAccountRootPrincipal()})
	if grant != nil {
		grant(p, role)
	}
	return synth(t, app)
}

// granted are the statements of the policy of the role, without logical IDs.
func granted(t *testing.T, tpl template) []string {
	t.Helper()
	var all []string
	_, policy := only(t, tpl, "AWS::IAM::Policy", "Role")
	for _, s := range statements(policy.Properties["PolicyDocument"]) {
		all = append(all, fmt.Sprint(s.Action, importedNames(s.Resource), text(s.Condition)))
	}
	slices.Sort(all)
	return all
}

// importedNames replaces references to other stacks by what they refer to.
func importedNames(resources []string) []string {
	var names []string
	for _, r := range resources {
		for _, name := range []string{"SourceBucket", "Table", "Key"} {
			if strings.Contains(r, "Import") || strings.Contains(r, "GetStackOutput") {
				if i := strings.LastIndex(r, "}"); strings.Contains(r, name) {
					r = name + r[i+1:]
				}
			}
		}
		names = append(names, r)
	}
	return names
}

func TestGrantRead(t *testing.T) {
	without := grantees(t, constructs.StoreProps{Key: constructs.NewKey()}, nil)
	with := grantees(t, constructs.StoreProps{Key: constructs.NewKey()}, func(p *constructs.IngestionPipeline, role awsiam.Role) {
		grant, err := p.GrantRead(role)
		if err != nil || !*grant.Success() {
			t.Errorf("not granted, error %v", err)
		}
	})
	want := []string{
		`[dynamodb:BatchGetItem dynamodb:GetItem dynamodb:Query] [Table]{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":"orders#*"}}`,
		`[dynamodb:Query] [Table/index/uploads_by_time]{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["orders","orders#00","orders#01","orders#02","orders#03","orders#04","orders#05","orders#06","orders#07","orders#08","orders#09","orders#10","orders#11","orders#12","orders#13","orders#14","orders#15"]}}`,
		`[kms:Decrypt kms:DescribeKey] [Key]null`,
	}
	if got := granted(t, with["Reader"]); !slices.Equal(got, want) {
		t.Errorf("granted\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, stack := range []string{"Store", "Feed-orders", "Feed-returns"} {
		if without[stack].text != with[stack].text {
			t.Errorf("the template of %s changes", stack)
		}
	}
}

// With a key, its records in the index are readable, and no others'.
func TestGrantReadOfKeys(t *testing.T) {
	for want, key := range map[string]constructs.RecordKey{
		`[dynamodb:Query] [Table/index/by_key]{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":"orders/id,region#*"}}`: constructs.KeyedBy("id", "region"),
		`[dynamodb:Query] [Table/index/by_key]{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":"customer#*"}}`:         constructs.KeyedBy("id").Named("customer"),
	} {
		app := newApp(t)
		props := minimal("orders")
		props.Store, props.RecordKey = newStoreOf(t, app, constructs.StoreProps{}), key
		p := newFeed(t, app, props)
		role := awsiam.NewRole(newStack(app, "Reader"), jsii.String("Role"), &awsiam.RoleProps{AssumedBy: awsiam.NewAccountRootPrincipal()})
		if _, err := p.GrantRead(role); err != nil {
			t.Fatal(err)
		}
		if got := granted(t, synth(t, app)["Reader"]); !slices.Contains(got, want) {
			t.Errorf("granted\n%s\nwant\n%s", strings.Join(got, "\n"), want)
		}
	}
}

func TestGrantPut(t *testing.T) {
	put := func(p *constructs.IngestionPipeline, role awsiam.Role) {
		grant, err := p.GrantPut(role)
		if err != nil || !*grant.Success() {
			t.Errorf("not granted, error %v", err)
		}
	}
	for name, test := range map[string]struct {
		props constructs.StoreProps
		want  []string
	}{
		"keys of AWS": {constructs.StoreProps{}, []string{`[s3:AbortMultipartUpload s3:PutObject] [SourceBucket/incoming/*]null`}},
		"a key": {constructs.StoreProps{Key: constructs.NewKey()}, []string{
			`[kms:Decrypt kms:GenerateDataKey] [Key]null`, `[s3:AbortMultipartUpload s3:PutObject] [SourceBucket/incoming/*]null`,
		}},
	} {
		without, with := grantees(t, test.props, nil), grantees(t, test.props, put)
		if got := granted(t, with["Reader"]); !slices.Equal(got, test.want) {
			t.Errorf("%s: granted\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
		for _, stack := range []string{"Store", "Feed-returns"} {
			if without[stack].text != with[stack].text {
				t.Errorf("%s: the template of %s changes", name, stack)
			}
		}
		for id, r := range without["Feed-orders"].Resources {
			if text(r) != text(with["Feed-orders"].Resources[id]) {
				t.Errorf("%s: resource %s of the feed changes", name, id)
			}
		}
	}
}

func TestGrantPutNeedsABucketOfTheFeed(t *testing.T) {
	app := newApp(t)
	props := minimal("orders")
	props.Source = constructs.ExistingBucket("deliveries")
	p := newFeed(t, app, props)
	role := awsiam.NewRole(newStack(app, "Writer"), jsii.String("Role"), &awsiam.RoleProps{AssumedBy: awsiam.NewAccountRootPrincipal()})
	_, err := p.GrantPut(role)
	want := `feed "orders": GrantPut: the feed has no bucket of its own: grant s3:PutObject on the bucket that its source names, or give it NewBucket()`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
