// Command migrate runs each migration once, in order; with -seed it fills the
// shop with products.
package main

import (
	"database/sql"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sort"

	_ "github.com/lib/pq"
)

func main() {
	seed := flag.Bool("seed", false, "fill the shop with products")
	flag.Parse()
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	if *seed {
		fill(db)
		return
	}
	exec(db, "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY)")
	files, _ := filepath.Glob("migrations/*.sql")
	sort.Strings(files)
	for _, f := range files {
		var done bool
		if err := db.QueryRow("SELECT EXISTS (SELECT FROM migration WHERE name = $1)", f).Scan(&done); err != nil {
			log.Fatal(err)
		}
		if done {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			log.Fatal(err)
		}
		tx, err := db.Begin()
		if err != nil {
			log.Fatal(err)
		}
		if _, err := tx.Exec(string(text)); err != nil {
			log.Fatalf("%s: %v", f, err)
		}
		if _, err := tx.Exec("INSERT INTO migration VALUES ($1)", f); err != nil {
			log.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			log.Fatal(err)
		}
		fmt.Println("migrated", f)
	}
}

func fill(db *sql.DB) {
	exec(db, `INSERT INTO product (name, cents, stock)
		SELECT (ARRAY['Linen','Oak','Copper','Wool','Clay','Paper','Glass','Cork'])[1 + i % 8] || ' ' ||
		       (ARRAY['lamp','chair','mug','blanket','notebook','vase','clock','stool','tray','basket'])[1 + (i / 8) % 10] || ' No. ' || i,
		       900 + (i * 137) % 9000, (i * 7) % 40 FROM generate_series(1, 5000) i`)
	fmt.Println("seeded 5000 products")
}

func exec(db *sql.DB, statement string) {
	if _, err := db.Exec(statement); err != nil {
		log.Fatal(err)
	}
}
