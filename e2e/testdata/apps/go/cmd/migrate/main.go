// Command migrate brings the database to what the server expects.
package main

import (
	"database/sql"
	"fmt"
	"log"
	"os"

	_ "github.com/lib/pq"
)

func main() {
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec("create table if not exists note (id serial primary key, text text not null)"); err != nil {
		log.Fatal(err)
	}
	fmt.Println("migrated")
}
