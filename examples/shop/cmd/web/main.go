// Command web is the shop's pages.
package main

import (
	"crypto/rand"
	"embed"
	"flag"
	"fmt"
	"html/template"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"shop/internal/shop"
)

//go:embed page
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{"price": shop.Price, "thousands": thousands, "art": art, "times": func(a, b int) int { return a * b }}).ParseFS(files, "page/*.html"))

var kinds = []string{"lamp", "chair", "mug", "vase", "clock", "stool", "basket", "notebook", "blanket", "tray"}

const perPage = 24

func main() {
	host := flag.String("host", "", "the address to listen at (default: every one)")
	flag.Parse()
	s, err := shop.Open()
	if err != nil {
		log.Fatal(err)
	}
	w := web{s}
	http.HandleFunc("GET /{$}", w.catalogue)
	http.HandleFunc("GET /product/{id}", w.product)
	http.HandleFunc("GET /basket", w.basket)
	http.HandleFunc("POST /basket", w.put)
	http.HandleFunc("POST /order", w.buy)
	http.HandleFunc("GET /order/{id}", w.order)
	http.HandleFunc("GET /style.css", func(out http.ResponseWriter, r *http.Request) { http.ServeFileFS(out, r, files, "page/style.css") })
	http.HandleFunc("GET /up", func(out http.ResponseWriter, _ *http.Request) {
		if err := s.Ping(); err != nil {
			http.Error(out, err.Error(), http.StatusServiceUnavailable)
		}
	})
	log.Fatal(http.ListenAndServe(net.JoinHostPort(*host, os.Getenv("PORT")), nil))
}

type web struct{ shop *shop.Shop }

// view is what every page shows.
type view struct {
	Title, Branch string
	InBasket      int
	Body          any
}

func (w web) show(out http.ResponseWriter, r *http.Request, page, title string, body any) {
	branch := os.Getenv("BRANCH_NAME")
	if branch == "" {
		branch = "local"
	}
	err := pages.ExecuteTemplate(out, page, view{Title: title, Branch: branch, InBasket: w.shop.Count(session(out, r)), Body: body})
	if err != nil {
		log.Print(err)
	}
}

// session is who asks: a random name in a cookie.
func session(out http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie("session"); err == nil && len(c.Value) == 26 {
		return c.Value
	}
	c := &http.Cookie{Name: "session", Value: rand.Text(), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int((30 * 24 * time.Hour).Seconds())}
	http.SetCookie(out, c)
	r.AddCookie(c)
	return c.Value
}

func failed(out http.ResponseWriter, err error) {
	log.Print(err)
	http.Error(out, "Something went wrong on our side.", http.StatusInternalServerError)
}

func (w web) catalogue(out http.ResponseWriter, r *http.Request) {
	kind, page := r.FormValue("kind"), max(number(r.FormValue("page")), 1)
	if !slices.Contains(kinds, kind) {
		kind = ""
	}
	list, total, err := w.shop.Page(kind, page, perPage)
	if err != nil {
		failed(out, err)
		return
	}
	w.show(out, r, "catalogue.html", "Fieldhouse", map[string]any{"Kinds": kinds, "Kind": kind, "Products": list, "Total": total,
		"Page": page, "Earlier": page - 1, "Later": page + 1, "Last": (total + perPage - 1) / perPage})
}

func (w web) product(out http.ResponseWriter, r *http.Request) {
	p, err := w.shop.Product(number(r.PathValue("id")))
	if err != nil {
		http.NotFound(out, r)
		return
	}
	w.show(out, r, "product.html", p.Name, p)
}

func (w web) basket(out http.ResponseWriter, r *http.Request) {
	lines, cents, err := w.shop.Basket(session(out, r))
	if err != nil {
		failed(out, err)
		return
	}
	w.show(out, r, "basket.html", "Your basket", map[string]any{"Lines": lines, "Cents": cents})
}

func (w web) put(out http.ResponseWriter, r *http.Request) {
	p, err := w.shop.Product(number(r.FormValue("product")))
	if err != nil {
		http.NotFound(out, r)
		return
	}
	quantity := 1
	if r.FormValue("less") != "" {
		quantity = -1
	}
	if err := w.shop.Put(session(out, r), p.ID, quantity); err != nil {
		failed(out, err)
		return
	}
	http.Redirect(out, r, "/basket", http.StatusSeeOther)
}

func (w web) buy(out http.ResponseWriter, r *http.Request) {
	id, err := w.shop.Buy(session(out, r))
	if err != nil {
		failed(out, err)
		return
	}
	if id == 0 {
		http.Redirect(out, r, "/basket", http.StatusSeeOther)
		return
	}
	http.Redirect(out, r, "/order/"+strconv.FormatInt(id, 10), http.StatusSeeOther)
}

func (w web) order(out http.ResponseWriter, r *http.Request) {
	o, err := w.shop.Order(session(out, r), int64(number(r.PathValue("id"))))
	if err != nil {
		http.NotFound(out, r)
		return
	}
	if o.State != "shipped" {
		out.Header().Set("Refresh", "1")
	}
	w.show(out, r, "order.html", "Order "+r.PathValue("id"), o)
}

// thousands is a number below a million as people read it.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
