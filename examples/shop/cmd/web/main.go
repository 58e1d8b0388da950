// Command web is the shop.
package main

import (
	"database/sql"
	"embed"
	"html/template"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/gomodule/redigo/redis"
	_ "github.com/lib/pq"
)

//go:embed page.html
var files embed.FS

var page = template.Must(template.ParseFS(files, "page.html"))

type product struct {
	ID    int
	Name  string
	Cents int
	Stock int
}

// Euros is the price as people read it.
func (p product) Euros() float64 { return float64(p.Cents) / 100 }

func main() {
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	pool := &redis.Pool{MaxIdle: 4, IdleTimeout: time.Minute, Dial: func() (redis.Conn, error) { return redis.DialURL(os.Getenv("REDIS_URL")) }}
	http.HandleFunc("GET /up", func(w http.ResponseWriter, r *http.Request) {
		if err := db.PingContext(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("POST /order", func(w http.ResponseWriter, r *http.Request) {
		var id string
		if err := db.QueryRow("INSERT INTO job (product) VALUES ($1) RETURNING id", r.FormValue("product")).Scan(&id); err != nil {
			http.Error(w, "no such product", http.StatusBadRequest)
			return
		}
		c := pool.Get()
		defer c.Close()
		_, _ = c.Do("RPUSH", "jobs", id)
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		c := pool.Get()
		defer c.Close()
		visits, _ := redis.Int(c.Do("INCR", "visits"))
		var v struct {
			Branch                string
			Count, Visits, Packed int
			Products              []product
		}
		v.Branch, v.Visits = os.Getenv("BRANCH_NAME"), visits
		_ = db.QueryRow("SELECT (SELECT count(*) FROM product), (SELECT count(*) FROM job WHERE packed_at IS NOT NULL)").Scan(&v.Count, &v.Packed)
		rows, err := db.Query("SELECT id, name, cents, stock FROM product ORDER BY id LIMIT 24")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var p product
			if err := rows.Scan(&p.ID, &p.Name, &p.Cents, &p.Stock); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			v.Products = append(v.Products, p)
		}
		if err := page.Execute(w, v); err != nil {
			log.Print(err)
		}
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
