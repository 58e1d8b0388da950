// Command migrate brings the schema up to date.
package main

import (
	"database/sql"
	"log"
	"os"

	_ "github.com/lib/pq"
)

func main() {
	db, err := sql.Open("postgres", os.Getenv("DSN"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec("create table if not exists note (id serial primary key, text text not null)"); err != nil {
		log.Fatal(err)
	}
	log.Print("migrated")
}
