// The application that the benchmark deploys: a web service that asks Postgres
// and Redis, a migration, and a way to fill the database.
package main

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	_ "github.com/lib/pq"
)

// change is what every branch changes, so that each has to be built.
const change = "main"

func main() {
	mode := "web"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	switch mode {
	case "migrate":
		err = migrate(db)
	case "fill":
		err = fill(db)
	default:
		err = serve(db)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func migrate(db *sql.DB) error {
	_, err := db.Exec(`CREATE TABLE IF NOT EXISTS item (id bigint PRIMARY KEY, text text NOT NULL);
		CREATE TABLE IF NOT EXISTS visit (at timestamptz NOT NULL DEFAULT now())`)
	return err
}

// fill writes about as many megabytes as FILL_MB says.
func fill(db *sql.DB) error {
	mb, err := strconv.Atoi(os.Getenv("FILL_MB"))
	if err != nil {
		return err
	}
	_, err = db.Exec(`INSERT INTO item SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, $1) n ON CONFLICT DO NOTHING`, mb*1000)
	return err
}

func serve(db *sql.DB) error {
	http.HandleFunc("/up", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		var one int
		if err := db.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		if err := ping(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "up", change)
	})
	http.HandleFunc("/visit", func(w http.ResponseWriter, r *http.Request) {
		if _, err := db.ExecContext(r.Context(), "INSERT INTO visit DEFAULT VALUES"); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return http.ListenAndServe(net.JoinHostPort("127.0.0.1", os.Getenv("PORT")), nil)
}

// ping asks Redis, with the password of its URL.
func ping(ctx context.Context) error {
	u, err := url.Parse(os.Getenv("REDIS_URL"))
	if err != nil {
		return err
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	defer c.Close()
	if password, ok := u.User.Password(); ok {
		fmt.Fprintf(c, "AUTH %s\r\n", password)
	}
	fmt.Fprint(c, "PING\r\n")
	for lines := bufio.NewScanner(c); lines.Scan(); {
		if lines.Text() == "+PONG" {
			return nil
		}
	}
	return fmt.Errorf("redis does not answer")
}
