// Command migrate runs each migration once, in order; with -seed it fills an
// empty shop with products.
package main

import (
	"database/sql"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	_ "github.com/lib/pq"
)

// assortment is 5,000 products: each thing in each material, by many makers.
const assortment = `
INSERT INTO product (kind, material, name, cents, stock)
SELECT kind, material,
       initcap(material) || ' ' || kind || ' ' || maker,
       900 + (i * 137) % 9000, (i * 7) % 40
FROM generate_series(0, 4999) i,
     LATERAL (SELECT (ARRAY['lamp','chair','mug','vase','clock','stool','basket','notebook','blanket','tray'])[1 + i % 10] AS kind,
                     (ARRAY['oak','clay','linen','copper','glass','wool','cork','paper'])[1 + (i / 3) % 8] AS material,
                     (ARRAY['Aske','Brun','Corin','Dale','Ebba','Fjord','Gren','Holm','Isla','Juno','Kell','Lund','Mora','Noor','Orla','Pell'])[1 + (i / 7) % 16]
                       || ' ' || (1 + i / 80) AS maker) x`

func main() {
	seed := flag.Bool("seed", false, "fill an empty shop with products")
	flag.Parse()
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	if *seed {
		fill(db)
		return
	}
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, ran_at timestamptz NOT NULL DEFAULT now())"); err != nil {
		log.Fatal(err)
	}
	files, _ := filepath.Glob("migrations/*.sql")
	slices.Sort(files)
	for _, file := range files {
		if err := migrate(db, file); err != nil {
			log.Fatalf("%s: %v", file, err)
		}
	}
}

// migrate runs a file in one transaction with the note that it ran.
func migrate(db *sql.DB, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	done, err := tx.Exec("INSERT INTO migration (name) VALUES ($1) ON CONFLICT DO NOTHING", filepath.Base(file))
	if err != nil {
		return err
	}
	if n, _ := done.RowsAffected(); n == 0 {
		return nil
	}
	if _, err := tx.Exec(string(text)); err != nil {
		return err
	}
	fmt.Println("migrated", filepath.Base(file))
	return tx.Commit()
}

func fill(db *sql.DB) {
	var n int
	if err := db.QueryRow("SELECT count(*) FROM product").Scan(&n); err != nil {
		log.Fatal(err)
	}
	if n > 0 {
		fmt.Println("the shop has", n, "products")
		return
	}
	if _, err := db.Exec(assortment); err != nil {
		log.Fatal(err)
	}
	fmt.Println("seeded 5000 products")
}
