package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"sync"
	"time"
)

// SessionLife is how long a browser stays signed in.
const SessionLife = 7 * 24 * time.Hour

// Session is a value for a cookie that says who signed in: the token's id and
// an end, signed. It holds no secret, outlives a restart of the server, and is
// worth nothing once its token is revoked.
func (k *Keeper) Session(p Principal) string {
	body := p.Token + "|" + strconv.FormatInt(k.now().Add(SessionLife).Unix(), 10)
	return base64.RawURLEncoding.EncodeToString([]byte(body)) + "." + base64.RawURLEncoding.EncodeToString(k.sign(body))
}

// InSession is who a cookie's value stands for.
func (k *Keeper) InSession(ctx context.Context, value string) (Principal, error) {
	first, second, _ := strings.Cut(value, ".")
	body, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		return Principal{}, errUnknown()
	}
	mac, err := base64.RawURLEncoding.DecodeString(second)
	if err != nil || !hmac.Equal(mac, k.sign(string(body))) {
		return Principal{}, errUnknown()
	}
	id, end, _ := strings.Cut(string(body), "|")
	seconds, err := strconv.ParseInt(end, 10, 64)
	if err != nil || !k.now().Before(time.Unix(seconds, 0)) {
		return Principal{}, errUnknown()
	}
	return k.byID(ctx, id)
}

func (k *Keeper) sign(body string) []byte {
	mac := hmac.New(sha256.New, k.key)
	mac.Write(k.admin[:]) // another admin-token signs everyone out
	mac.Write([]byte(body))
	return mac.Sum(nil)
}

// LinkLife is how long a sign-in link works, once.
const LinkLife = 5 * time.Minute

// maxLinks bounds the links that wait to be opened.
const maxLinks = 1000

// links are sign-ins that wait for a browser. They are kept in memory alone: a
// restart forgets them.
type links struct {
	mu   sync.Mutex
	open map[string]link
}

type link struct {
	token string
	end   time.Time
}

// NewLink is a code that signs a browser in as p, once, within minutes.
func (k *Keeper) NewLink(p Principal) string {
	k.links.mu.Lock()
	defer k.links.mu.Unlock()
	for code, l := range k.links.open {
		if !k.now().Before(l.end) || len(k.links.open) >= maxLinks {
			delete(k.links.open, code)
		}
	}
	code := NewSecret()
	k.links.open[Hash(code)] = link{p.Token, k.now().Add(LinkLife)}
	return code
}

// TakeLink is who a code signs in; it works once.
func (k *Keeper) TakeLink(ctx context.Context, code string) (Principal, error) {
	k.links.mu.Lock()
	l, ok := k.links.open[Hash(code)]
	delete(k.links.open, Hash(code))
	k.links.mu.Unlock()
	if !ok || !k.now().Before(l.end) {
		return Principal{}, errUnknown()
	}
	return k.byID(ctx, l.token)
}
