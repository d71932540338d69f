package snowflake

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Validity of tokens. The token of a session is renewed with the master token.
const (
	sessionValidity = time.Hour
	masterValidity  = 4 * time.Hour
)

type user struct {
	name     string
	key      *rsa.PublicKey
	password string
	roles    []string
	// noDefaultWarehouse is set if the user has no DEFAULT_WAREHOUSE.
	noDefaultWarehouse bool
}

type tokenPair struct {
	session, master string
	expires         time.Time
	of              *session
}

// tokenStore has the users and the tokens of open sessions.
type tokenStore struct {
	account string

	mu       sync.Mutex
	users    map[string]*user
	byToken  map[string]*tokenPair
	byMaster map[string]*tokenPair
}

func newTokenStore(account string) *tokenStore {
	return &tokenStore{account: account, users: map[string]*user{}, byToken: map[string]*tokenPair{}, byMaster: map[string]*tokenPair{}}
}

func (l *tokenStore) add(u *user) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users[u.name] = u
}

func (l *tokenStore) user(name string) *user {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.users[strings.ToUpper(name)]
}

func (l *tokenStore) open(s *session) tokenPair {
	l.mu.Lock()
	defer l.mu.Unlock()
	pair := &tokenPair{session: rand.Text(), master: rand.Text(), expires: time.Now().Add(sessionValidity), of: s}
	l.byToken[pair.session], l.byMaster[pair.master] = pair, pair
	return *pair
}

// session returns the session of a token, or the code and message of the error.
func (l *tokenStore) session(token string) (open *session, code, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	pair := l.byToken[token]
	if pair == nil {
		return nil, codeNoSession, "Must specify authentication token"
	}
	if time.Now().After(pair.expires) {
		return nil, codeExpired, "Your session has expired. Please login again."
	}
	return pair.of, "", ""
}

func (l *tokenStore) forget(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for token, pair := range l.byToken {
		if pair.of == s {
			delete(l.byToken, token)
			delete(l.byMaster, pair.master)
		}
	}
}

// expire expires all session tokens, so that the next request has to renew its token.
func (l *tokenStore) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, pair := range l.byToken {
		pair.expires = time.Time{}
	}
}

func (s *Server) renew(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Old string `json:"oldSessionToken"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		refuse(w, codeNoMaster, "the request is invalid: "+err.Error())
		return
	}
	l := s.tokenStore
	l.mu.Lock()
	defer l.mu.Unlock()
	pair := l.byMaster[bearer(r)]
	if pair == nil || pair.session != request.Old {
		refuse(w, codeNoMaster, "Authentication token has expired. The user must authenticate again.")
		return
	}
	delete(l.byToken, pair.session)
	pair.session, pair.expires = rand.Text(), time.Now().Add(sessionValidity)
	l.byToken[pair.session] = pair
	succeed(w, map[string]any{
		"sessionToken": pair.session, "validityInSecondsST": sessionValidity.Seconds(),
		"masterToken": pair.master, "validityInSecondsMT": masterValidity.Seconds(), "sessionId": pair.of.id,
	})
}
