package ui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/operator/warehouse"
	"example.com/ingestion/internal/retry"
	"example.com/ingestion/internal/store/ledger"
)

const (
	// recent is how many uploads of a feed the page shows.
	recent = 8
	// warehouseEvery is how often Snowflake is asked, and rejoinAfter how long
	// after a failed login: neither needs a warehouse, both take their time.
	warehouseEvery = 15 * time.Second
	rejoinAfter    = 5 * time.Minute
)

// Live is the state of the feeds of an account and region.
type Live struct {
	account operator.Account
	getenv  func(string) string
	look    overview.Looker
	dynamo  *dynamodb.Client

	// Snowflake is asked beside the looks, which do not wait for it.
	mu   sync.Mutex
	rows map[string]*Rows // by the feed's String
}

// NewLive returns the state that account reaches. With snowflake it logs in to
// each feed's Snowflake too, as warehouse.Open does with getenv, for the number
// of rows. The sessions end with the context of the first Look.
func NewLive(account operator.Account, getenv func(string) string, snowflake bool) *Live {
	db := dynamodb.NewFromConfig(account.Config)
	l := &Live{
		account: account, dynamo: db,
		look: overview.Looker{Ledgers: db, Queues: sqs.NewFromConfig(account.Config), Now: time.Now},
	}
	if snowflake {
		l.getenv, l.rows = getenv, map[string]*Rows{}
	}
	return l
}

// Look implements Source.
func (l *Live) Look(ctx context.Context) State {
	s := State{Account: "AWS region " + l.account.Config.Region, At: time.Now().UTC(), Feeds: []Feed{}}
	if endpoint := l.account.Config.BaseEndpoint; endpoint != nil {
		s.Account += " at " + *endpoint
	}
	found, err := operator.Feeds(ctx, l.account.Stacks)
	if err != nil {
		s.Error = err.Error()
		return s
	}
	feeds, err := l.look.All(ctx, found)
	errs := []error{err}
	for i, f := range feeds {
		shown := Feed{Feed: f, Advice: advice(f), Recent: []overview.Upload{}, Reasons: []overview.Reason{}}
		if f.Error == "" {
			errs = append(errs, l.detail(ctx, found[i], &shown))
		}
		shown.Snowflake = l.snowflake(ctx, found[i])
		s.Feeds = append(s.Feeds, shown)
	}
	if err := errors.Join(errs...); err != nil {
		s.Error = err.Error()
	}
	return s
}

// advice says what to do about a feed.
func advice(f overview.Feed) string {
	switch f.State {
	case overview.Failing:
		return fmt.Sprintf("%d failed: `ingest doctor %s` says what is wrong; once it is mended, `ingest replay %s` sends them again.", f.Failed, f.Feed, f.Feed)
	case overview.Waiting:
		return fmt.Sprintf("Nothing has moved for %s: `ingest doctor %s` says what is wrong.", overview.StillAfter, f.Feed)
	case overview.Unknown:
		return f.Error
	}
	return ""
}

// detail adds the newest uploads and the reasons.
func (l *Live) detail(ctx context.Context, f operator.Feed, shown *Feed) error {
	book := ledger.New(l.dynamo, f.Output("Table"))
	var err error
	if shown.Recent, err = overview.Uploads(ctx, book, f.Name, overview.Filter{Limit: recent}); err != nil || shown.Quarantined == 0 {
		return err
	}
	counts := map[string]*overview.Reason{}
	err = book.Uploads(ctx, f.Name, func(u ledger.Upload) bool {
		for reason, n := range u.Reasons {
			if counts[reason] == nil {
				counts[reason] = &overview.Reason{Reason: reason}
			}
			counts[reason].Records += n
			counts[reason].Uploads++
		}
		return true
	})
	for _, r := range counts {
		shown.Reasons = append(shown.Reasons, *r)
	}
	slices.SortFunc(shown.Reasons, func(a, b overview.Reason) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), strings.Compare(a.Reason, b.Reason))
	})
	return err
}

// snowflake returns what is known of the feed's rows, nil for a feed that has
// none to know of, and begins to ask where nobody has yet.
func (l *Live) snowflake(ctx context.Context, f operator.Feed) *Rows {
	table := f.Output("SnowflakeTable")
	if table == "" || l.rows == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.rows[f.String()]
	if r == nil {
		r = &Rows{Table: table, Error: "not asked yet"}
		l.rows[f.String()] = r
		go l.ask(ctx, f)
	}
	if r.Table == "" {
		return nil
	}
	known := *r
	return &known
}

// ask asks Snowflake for the feed's rows, again and again until ctx ends.
func (l *Live) ask(ctx context.Context, f operator.Feed) {
	for ctx.Err() == nil {
		err := l.askWhile(ctx, f)
		rest := rejoinAfter
		if errors.Is(err, warehouse.ErrNoConnection) {
			rest = 100 * rejoinAfter // it takes another deployment
		}
		l.set(f, nil, err)
		_ = retry.Wait(ctx, rest) // the loop looks whether it was the end
	}
}

func (l *Live) askWhile(ctx context.Context, f operator.Feed) (err error) {
	live, err := operator.OpenFeed(ctx, l.account, f)
	if err != nil {
		return err
	}
	w, err := warehouse.Open(ctx, live, l.getenv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if w.Plan.Table == nil {
		// An external table: its rows are counted by a query only.
		l.mu.Lock()
		l.rows[f.String()] = &Rows{}
		l.mu.Unlock()
		<-ctx.Done()
		return ctx.Err()
	}
	for ctx.Err() == nil {
		// SHOW knows the number without a warehouse.
		found, err := w.Query(ctx, w.Plan.Table.Describe())
		if err != nil {
			return err
		}
		for _, row := range found {
			if row.Text("name") != w.Plan.Table.StoredName() {
				continue
			}
			n, err := strconv.ParseInt(row.Text("rows"), 10, 64)
			if err != nil {
				return fmt.Errorf("rows of %s: %w", w.Plan.Table.Name(), err)
			}
			l.set(f, &n, nil)
		}
		_ = retry.Wait(ctx, warehouseEvery)
	}
	return ctx.Err()
}

func (l *Live) set(f operator.Feed, rows *int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &Rows{Table: f.Output("SnowflakeTable"), Rows: rows}
	if err != nil {
		r.Error = err.Error()
	}
	l.rows[f.String()] = r
}
