package snowflake

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
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

// sessionParameters are those that the driver acts on.
var sessionParameters = []parameter{
	{"CLIENT_TELEMETRY_ENABLED", false},
	{"CLIENT_SESSION_KEEP_ALIVE", false},
	{"TIMEZONE", "UTC"},
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var request loginRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		refuse(w, "390100", "the login request cannot be read: "+err.Error())
		return
	}
	user, code, err := s.logins.authenticate(request)
	if err != nil {
		refuse(w, code, err.Error())
		return
	}
	query := r.URL.Query()
	role := strings.ToUpper(query.Get("roleName"))
	if role == "" && len(user.roles) > 0 {
		role = user.roles[0]
	}
	if !s.engine.mayAssume(user.roles, role) {
		refuse(w, "390189", fmt.Sprintf("Role '%s' specified in the connect string does not exist or not authorized. "+
			"Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC.", role))
		return
	}
	session, err := s.engine.newSession(s.queries.background, user.name, role)
	if err != nil {
		refuse(w, "390100", err.Error())
		return
	}
	session.roles = user.roles
	session.warehouse = strings.ToUpper(query.Get("warehouse"))
	if err := s.engine.start(session, query.Get("databaseName"), query.Get("schemaName")); err != nil {
		session.close()
		refuse(w, "390201", err.Error())
		return
	}
	tokens := s.logins.open(session)
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

// authenticate finds the user of a request, or says by which code it is refused.
func (l *logins) authenticate(request loginRequest) (*user, string, error) {
	switch request.Data.Authenticator {
	case "", "SNOWFLAKE":
		u := l.user(request.Data.User)
		if u == nil || u.password == "" || !l.accountMatches(request.Data.Account) ||
			subtle.ConstantTimeCompare([]byte(u.password), []byte(request.Data.Password)) != 1 {
			return nil, "390100", errors.New("Incorrect username or password was specified.") //nolint:staticcheck // Snowflake's words
		}
		return u, "", nil
	case "SNOWFLAKE_JWT":
		u, err := l.checkJWT(request.Data.Account, request.Data.Token)
		if err != nil {
			return nil, "390144", fmt.Errorf("JWT token is invalid. [%w]", err)
		}
		return u, "", nil
	}
	return nil, "390101", fmt.Errorf("the local Snowflake knows no authenticator %q: log in with a password or a key pair", request.Data.Authenticator)
}

func (l *logins) accountMatches(account string) bool {
	return l.account == "" || strings.EqualFold(account, l.account)
}

type claims struct {
	Issuer  string `json:"iss"`
	Subject string `json:"sub"`
	Issued  int64  `json:"iat"`
	Expires int64  `json:"exp"`
}

// maxTokenAge is the longest that Snowflake accepts a token after it was issued.
const maxTokenAge = time.Hour

// checkJWT verifies a key-pair login: RS256, sub=<ACCOUNT>.<USER>,
// iss=<sub>.SHA256:<fingerprint of the public key>.
func (l *logins) checkJWT(account, token string) (*user, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("a token has three parts")
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	var c claims
	if err := errors.Join(decodePart(parts[0], &header), decodePart(parts[1], &c)); err != nil {
		return nil, err
	}
	if header.Algorithm != "RS256" {
		return nil, fmt.Errorf("algorithm %q is not RS256", header.Algorithm)
	}
	tokenAccount, name, found := strings.Cut(c.Subject, ".")
	if !found || !strings.EqualFold(tokenAccount, account) || !l.accountMatches(tokenAccount) {
		return nil, fmt.Errorf("subject %q is not of account %q", c.Subject, account)
	}
	u := l.user(name)
	if u == nil || u.key == nil {
		return nil, fmt.Errorf("user %q does not exist or has no key", name)
	}
	print, err := fingerprint(u.key)
	if err != nil {
		return nil, err
	}
	if c.Issuer != c.Subject+"."+print {
		return nil, errors.New("the public key's fingerprint does not match")
	}
	now := time.Now().Unix()
	if now >= c.Expires || c.Issued < now-int64(maxTokenAge.Seconds()) || c.Issued > now+60 {
		return nil, errors.New("the token has expired or is not valid yet")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(u.key, crypto.SHA256, digest[:], signature); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	return u, nil
}

func decodePart(part string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

func fingerprint(key *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return "SHA256:" + base64.StdEncoding.EncodeToString(sum[:]), nil
}
