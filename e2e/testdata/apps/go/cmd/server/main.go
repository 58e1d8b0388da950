// Command server keeps notes.
package main

import (
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"os"

	_ "github.com/lib/pq"
)

var version string

func main() {
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	title, err := os.ReadFile("/title.txt")
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		var notes int
		if err := db.QueryRow("select count(*) from note").Scan(&notes); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "notes: %d %sversion %s\n", notes, title, version)
	})
	http.HandleFunc("POST /notes", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := db.Exec("insert into note (text) values ('a note')"); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
