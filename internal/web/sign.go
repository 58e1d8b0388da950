package web

import (
	"net/http"
	"strings"

	"offshoot/internal/auth"
)

// Where the connection is encrypted the cookie's name binds it to this very
// host (RFC 6265bis, 4.1.3.2): environments on sibling hosts cannot set it.
const (
	plainCookie  = "offshoot"
	secureCookie = "__Host-offshoot"
)

func cookieName(r *http.Request) string {
	if r.TLS != nil {
		return secureCookie
	}
	return plainCookie
}

// Session is the value of the request's cookie, "" for none.
func (p *Page) Session(r *http.Request) string {
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return ""
	}
	return c.Value
}

func cookie(r *http.Request, value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: cookieName(r), Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode}
}

// SignIn answers a browser that is not signed in.
func (p *Page) SignIn(w http.ResponseWriter, r *http.Request) {
	p.render(w, r, http.StatusUnauthorized, "sign-in.html", frame{Title: "Sign in"})
}

func (p *Page) signIn(w http.ResponseWriter, r *http.Request) {
	who, err := p.c.Keeper.Token(r.Context(), strings.TrimSpace(r.PostFormValue("token")))
	if err != nil {
		p.render(w, r, http.StatusUnauthorized, "sign-in.html", frame{Title: "Sign in", Body: err.Error()})
		return
	}
	p.enter(w, r, who)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// signInByLink takes a link that `offshoot open --dashboard` made. It goes on
// by a page of its own: a browser that comes from elsewhere sends no cookie of
// ours along a redirect.
func (p *Page) signInByLink(w http.ResponseWriter, r *http.Request) {
	code := r.URL.Query().Get("code")
	if code == "" {
		p.SignIn(w, r)
		return
	}
	who, err := p.c.Keeper.TakeLink(r.Context(), code)
	if err != nil {
		p.render(w, r, http.StatusUnauthorized, "sign-in.html", frame{Title: "Sign in", Body: "The link was used already, or is too old."})
		return
	}
	p.enter(w, r, who)
	p.render(w, r, http.StatusOK, "entered.html", frame{Title: "Signed in", Body: who.Name})
}

func (p *Page) enter(w http.ResponseWriter, r *http.Request, who auth.Principal) {
	http.SetCookie(w, cookie(r, p.c.Keeper.Session(who), int(auth.SessionLife.Seconds())))
}

func (p *Page) signOut(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, cookie(r, "", -1))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
