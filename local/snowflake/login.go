package snowflake

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/ingestion/snowflake/client"
)

type loginRequest struct {
	Data struct {
		Account       string `json:"ACCOUNT_NAME"`
		User          string `json:"LOGIN_NAME"`
		Password      string `json:"PASSWORD"`
		Authenticator string `json:"AUTHENTICATOR"`
		Token         string `json:"TOKEN"`
		Provider      string `json:"PROVIDER"`
	} `json:"data"`
}

type parameter struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// sessionParameters are the parameters that the driver uses.
var sessionParameters = []parameter{
	{"CLIENT_TELEMETRY_ENABLED", false},
	{"CLIENT_SESSION_KEEP_ALIVE", false},
	{"TIMEZONE", "UTC"},
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var request loginRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		refuse(w, "390100", "the login request is invalid: "+err.Error())
		return
	}
	user, code, err := s.tokenStore.authenticate(request)
	if err != nil {
		refuse(w, code, err.Error())
		return
	}
	query := r.URL.Query()
	role := strings.ToUpper(query.Get("roleName"))
	if role == "" && len(user.roles) > 0 {
		role = user.roles[0]
	}
	if !s.engine.mayUse(user.roles, role) {
		refuse(w, "390189", fmt.Sprintf("Role '%s' specified in the connect string does not exist or not authorized. "+
			"Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC.", role))
		return
	}
	session, err := s.engine.newSession(s.queries.background, user.name, role)
	if err != nil {
		refuse(w, "390100", err.Error())
		return
	}
	session.roles, session.noDefaultWarehouse = user.roles, user.noDefaultWarehouse
	if err := s.engine.start(session, query.Get("warehouse"), query.Get("databaseName"), query.Get("schemaName")); err != nil {
		session.close()
		refuse(w, "390201", err.Error())
		return
	}
	tokens := s.tokenStore.open(session)
	succeed(w, map[string]any{
		"token": tokens.session, "validityInSeconds": sessionValidity.Seconds(),
		"masterToken": tokens.master, "masterValidityInSeconds": masterValidity.Seconds(),
		"sessionId": session.id, "displayUserName": user.name, "serverVersion": version,
		"parameters": sessionParameters,
		"sessionInfo": map[string]string{
			"databaseName": session.database, "schemaName": session.schema,
			"warehouseName": session.warehouse, "roleName": session.role,
		},
	})
}

// authenticate returns the user of a login request, or the code and the reason with
// which it is rejected.
func (l *tokenStore) authenticate(request loginRequest) (*user, string, error) {
	switch request.Data.Authenticator {
	case "", "SNOWFLAKE":
		u := l.user(request.Data.User)
		if u == nil || u.password == "" || !l.accountMatches(request.Data.Account) ||
			subtle.ConstantTimeCompare([]byte(u.password), []byte(request.Data.Password)) != 1 {
			return nil, "390100", errors.New("Incorrect username or password was specified.") //nolint:staticcheck // Snowflake's message
		}
		return u, "", nil
	case "SNOWFLAKE_JWT":
		u, err := l.checkJWT(request.Data.Account, request.Data.Token)
		if err != nil {
			return nil, "390144", fmt.Errorf("JWT token is invalid. [%w]", err)
		}
		return u, "", nil
	}
	return nil, "390101", fmt.Errorf("the local Snowflake does not support authenticator %q: log in with a password or a key pair", request.Data.Authenticator)
}

func (l *tokenStore) accountMatches(account string) bool {
	return l.account == "" || strings.EqualFold(account, l.account)
}

// maxTokenAge is how long after its issue Snowflake accepts a token.
const maxTokenAge = time.Hour

// checkJWT verifies the token of a key-pair login: RS256, sub=<ACCOUNT>.<USER>,
// iss=<sub>.SHA256:<fingerprint of the public key>.
// https://docs.snowflake.com/en/developer-guide/sql-api/authenticating
func (l *tokenStore) checkJWT(account, token string) (*user, error) {
	var u *user
	claims := &jwt.RegisteredClaims{}
	key := func(*jwt.Token) (any, error) {
		tokenAccount, name, found := strings.Cut(claims.Subject, ".")
		if !found || !strings.EqualFold(tokenAccount, account) || !l.accountMatches(tokenAccount) {
			return nil, fmt.Errorf("subject %q is not of account %q", claims.Subject, account)
		}
		if u = l.user(name); u == nil || u.key == nil {
			return nil, fmt.Errorf("user %q does not exist or has no key", name)
		}
		fingerprint, err := client.Fingerprint(u.key)
		if err == nil && claims.Issuer != claims.Subject+"."+fingerprint {
			err = errors.New("the public key's fingerprint does not match")
		}
		return u.key, err
	}
	_, err := jwt.ParseWithClaims(token, claims, key, jwt.WithValidMethods([]string{"RS256"}),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(time.Minute))
	switch {
	case err != nil:
		return nil, err
	case claims.IssuedAt == nil || time.Since(claims.IssuedAt.Time) > maxTokenAge:
		return nil, fmt.Errorf("the token is older than %s", maxTokenAge)
	}
	return u, nil
}
