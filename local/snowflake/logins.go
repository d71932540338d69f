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

// How long tokens hold. A session's is renewed with the master token.
const (
	sessionValidity = time.Hour
	masterValidity  = 4 * time.Hour
)

type user struct {
	name     string
	key      *rsa.PublicKey
	password string
	roles    []string
}

type tokenPair struct {
	session, master string
	expires         time.Time
	of              *session
}

// logins knows the users and the sessions that are open.
type logins struct {
	account string

	mu       sync.Mutex
	users    map[string]*user
	byToken  map[string]*tokenPair
	byMaster map[string]*tokenPair
}

func newLogins(account string) *logins {
	return &logins{account: account, users: map[string]*user{}, byToken: map[string]*tokenPair{}, byMaster: map[string]*tokenPair{}}
}

func (l *logins) add(u *user) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users[u.name] = u
}

func (l *logins) user(name string) *user {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.users[strings.ToUpper(name)]
}

func (l *logins) open(s *session) tokenPair {
	l.mu.Lock()
	defer l.mu.Unlock()
	pair := &tokenPair{session: rand.Text(), master: rand.Text(), expires: time.Now().Add(sessionValidity), of: s}
	l.byToken[pair.session], l.byMaster[pair.master] = pair, pair
	return *pair
}

// session is the one of a token; without one, the code and message to answer with.
func (l *logins) session(token string) (open *session, code, message string) {
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

func (l *logins) forget(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for token, pair := range l.byToken {
		if pair.of == s {
			delete(l.byToken, token)
			delete(l.byMaster, pair.master)
		}
	}
}

// expire ends every session token, so that the next request has to renew its own.
func (l *logins) expire() {
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
		refuse(w, codeNoMaster, "the request cannot be read: "+err.Error())
		return
	}
	l := s.logins
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
